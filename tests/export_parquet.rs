//! `evql export --format parquet` through the program: the folder it makes, when it refuses to, and how its files are laid out. The values of cells are
//! judged by DuckDB (`tests/oracle/duckdb_check.py`). Builds without the feature `parquet` say how to get it.

mod common;

#[cfg(not(feature = "parquet"))]
use common::{evql, samples};

#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_it_says_how_to_get_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("events");
    let (samples, out) = (samples().to_string_lossy().into_owned(), output.to_string_lossy().into_owned());
    let refused = evql(["export", &samples, "--format", "parquet", "-o", &out]).expect(3);
    assert!(refused.stderr.contains("--features parquet"), "{}", refused.stderr);
    assert!(!output.exists());
}

#[cfg(feature = "parquet")]
mod with_parquet {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::statistics::Statistics;
    use parquet::record::Field;

    use super::common::{Ran, evql, samples};

    fn export(output: &Path, more: &[&str]) -> Ran {
        let (samples, output) =
            (samples().to_string_lossy().into_owned(), output.to_string_lossy().into_owned());
        let arguments = ["export", &samples, "--format", "parquet", "-o", &output];
        evql(arguments.iter().chain(more))
    }

    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("an entry"));
        let files = entries.filter(|entry| entry.file_type().is_file());
        let inner = |path: &Path| path.strip_prefix(folder).expect("inside").to_owned();
        files.map(|file| (inner(file.path()), fs::read(file.path()).expect("a file"))).collect()
    }

    fn readers(folder: &Path) -> Vec<(PathBuf, SerializedFileReader<File>)> {
        let open = |path| SerializedFileReader::new(File::open(folder.join(path)).expect("a file"));
        let names = files(folder).into_keys();
        names.map(|path| (path.clone(), open(path).expect("a Parquet file"))).collect()
    }

    #[test]
    fn the_same_evidence_gives_the_same_bytes_at_any_thread_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let exported = ["1", "3"].map(|threads| {
            let output = folder.path().join(threads);
            export(&output, &["-j", threads]).expect(2);
            files(&output)
        });
        assert!(!exported[0].is_empty());
        assert!(exported[0] == exported[1], "-j 3 differs from -j 1");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2, "something was left behind");
    }

    #[test]
    fn each_file_lies_under_its_day_and_bucket_and_is_sorted_by_host_and_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("events");
        export(&output, &[]).expect(2);
        let (mut rows, mut hosts_of_bucket) = (0, BTreeMap::<String, BTreeSet<String>>::new());
        for (path, reader) in readers(&output) {
            let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            assert_eq!(parts.len(), 3, "{}", path.display());
            assert_eq!(parts[2], "part-00000.parquet");
            let date = parts[0].strip_prefix("date=").expect("a day");
            let bucket = parts[1].strip_prefix("host_bucket=").expect("a bucket");
            let mut before = None;
            for row in reader.get_row_iter(None).expect("rows") {
                let row = row.expect("a row");
                let cell = |name: &str| {
                    row.get_column_iter().find(|(column, _)| *column == name).map(|(_, cell)| cell)
                };
                let host = match cell("host.id") {
                    Some(Field::Str(host)) => host.clone(),
                    other => panic!("host.id is {other:?}"),
                };
                let time = match cell("@timestamp") {
                    Some(Field::TimestampMicros(time)) => *time,
                    other => panic!("@timestamp is {other:?}"),
                };
                let day = evql::time::Timestamp::from_unix_millis(time / 1_000).to_iso_millis();
                assert_eq!(&day[..10], date);
                hosts_of_bucket.entry(bucket.to_owned()).or_default().insert(host.clone());
                let key = Some((host, time));
                assert!(before <= key, "{}: {before:?} stands before {key:?}", path.display());
                before = key;
                rows += 1;
            }
        }
        let documents = evql([Path::new("export"), &samples()]).expect(2).stdout.lines().count();
        assert_eq!(rows, documents);
        let hosts: usize = hosts_of_bucket.values().map(BTreeSet::len).sum();
        let distinct: BTreeSet<&String> = hosts_of_bucket.values().flatten().collect();
        assert_eq!(hosts, distinct.len(), "a host is in two buckets: {hosts_of_bucket:?}");
        assert!(
            hosts_of_bucket
                .keys()
                .all(|bucket| bucket.len() == 2 && bucket.parse::<u8>().is_ok_and(|n| n < 16))
        );
    }

    #[test]
    fn a_reader_can_pass_over_row_groups_by_host() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("events");
        export(&output, &[]).expect(2);
        for (path, reader) in readers(&output) {
            for group in reader.metadata().row_groups() {
                let host = group.columns().iter().find(|column| column.column_path().parts() == ["host.id"]);
                let statistics = host.and_then(|column| column.statistics());
                let Some(Statistics::ByteArray(range)) = statistics else {
                    panic!("{}: no statistics of host.id", path.display());
                };
                assert!(range.min_opt().is_some() && range.min_opt() <= range.max_opt());
                let sorted: Vec<_> = group.sorting_columns().into_iter().flatten().collect();
                let names: Vec<_> = sorted
                    .iter()
                    .map(|sorted| {
                        group
                            .column(usize::try_from(sorted.column_idx).expect("a column"))
                            .column_path()
                            .string()
                    })
                    .collect();
                assert_eq!(names, ["host.id", "@timestamp"]);
            }
        }
    }

    /// The list for people is made of the same table by other code.
    #[test]
    fn there_is_a_column_for_every_field_that_an_event_supplies() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("events");
        export(&output, &[]).expect(2);
        let (_, reader) = readers(&output).into_iter().next().expect("a file");
        let schema = reader.metadata().file_metadata().schema();
        let columns: BTreeSet<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
        let own = |name: &&str| !name.starts_with("evidence.") && *name != "winlog.event_data";
        let listed = evql(["fields"]).expect(0).stdout;
        let supplied: BTreeSet<&str> = listed
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| words[2] != "never")
            .map(|words| words[0])
            .collect();
        assert_eq!(columns.into_iter().filter(own).collect::<BTreeSet<_>>(), supplied);
    }

    #[test]
    fn a_data_set_is_replaced_only_on_demand_and_nothing_else_ever_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("new").join("events");
        export(&output, &[]).expect(2);
        let first = files(&output);
        assert!(export(&output, &[]).expect(5).stderr.contains("--force"));
        fs::create_dir(output.join("date=1999-01-01")).expect("an old day");
        export(&output, &["--force"]).expect(2);
        assert!(files(&output) == first && !output.join("date=1999-01-01").exists());
        let mine = output.join("mine.txt");
        fs::write(&mine, "mine").expect("written");
        assert!(export(&output, &["--force"]).expect(3).stderr.contains("mine.txt"));
        assert!(export(&output, &[]).expect(5).stderr.contains("exists already"));
        assert_eq!(fs::read_to_string(&mine).expect("still there"), "mine");
        export(&mine, &["--force"]).expect(5);
        assert_eq!(
            fs::read_dir(folder.path().join("new")).expect("the folder").count(),
            1,
            "something was left behind"
        );
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).expect("a folder");
        export(&empty, &[]).expect(2);
        assert!(files(&empty) == first);
    }

    #[test]
    fn what_makes_no_sense_for_a_folder_is_refused() {
        assert!(export(Path::new("-"), &[]).expect(3).stderr.contains("-o DIR"));
        let folder = tempfile::tempdir().expect("a folder");
        assert!(export(&folder.path().join("events"), &["--bulk"]).expect(3).stderr.contains("--bulk"));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
    }
}
