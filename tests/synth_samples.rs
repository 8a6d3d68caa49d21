//! `samples/` is what the stories say, byte for byte, and the `evtx` crate reads from it what the writer was asked to write. Findings are another test's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use evql::synth::{self, Harm};

fn samples_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Every file below `dir`, its path relative and `/`-separated.
fn files_below(dir: &Path) -> Vec<String> {
    let mut paths: Vec<String> = walkdir::WalkDir::new(dir)
        .into_iter()
        .map(|entry| entry.expect("samples/ can be read"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(dir).expect("below it").to_string_lossy().replace('\\', "/"))
        .collect();
    paths.sort();
    paths
}

/// With `EVQL_BLESS=1` the folder is rewritten instead.
#[test]
fn the_committed_samples_are_the_generated_ones() {
    let generated = synth::samples().expect("every story's records fit a chunk");
    if std::env::var_os("EVQL_BLESS").is_some() {
        for sample in &generated {
            let path = samples_dir().join(&sample.path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders can be made");
            std::fs::write(path, &sample.bytes).expect("samples can be written");
        }
    }
    let mut names: Vec<String> = generated.iter().map(|sample| sample.path.clone()).collect();
    names.sort();
    assert_eq!(names, files_below(&samples_dir()));
    for sample in &generated {
        let committed = std::fs::read(samples_dir().join(&sample.path)).expect("listed above");
        assert!(
            committed == sample.bytes,
            "{} differs: run `EVQL_BLESS=1 cargo test --test synth_samples`",
            sample.path
        );
    }
    let total: usize = generated.iter().map(|sample| sample.bytes.len()).sum();
    assert!(total < 3 * 1024 * 1024, "samples are {total} bytes");
}

/// EventRecordID and data, as the `evtx` crate reads them.
fn records_of(bytes: Vec<u8>) -> Vec<(u64, BTreeMap<String, String>)> {
    let settings = evtx::ParserSettings::new().validate_checksums(true).num_threads(1);
    let mut parser =
        evtx::EvtxParser::from_buffer(bytes).expect("a file header").with_configuration(settings);
    parser
        .records_json_value()
        .map(|record| {
            let record = record.expect("a healthy record").data;
            let id = record["Event"]["System"]["EventRecordID"].as_u64().expect("an id");
            let data = record["Event"]["EventData"].as_object().expect("data");
            let text =
                |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (id, data.iter().map(|(name, value)| (name.clone(), text(value))).collect())
        })
        .collect()
}

/// What writers and readers may render differently: GUIDs by braces and case, hexadecimal numbers by padding.
fn normal(text: &str) -> String {
    let bare = text.trim_start_matches('{').trim_end_matches('}');
    if synth::Guid::parse(bare).is_some() {
        return bare.to_lowercase();
    }
    match bare
        .strip_prefix("0x")
        .filter(|digits| digits.len() < 17)
        .map(|digits| u64::from_str_radix(digits, 16))
    {
        Some(Ok(number)) => number.to_string(),
        _ if bare == "null" => String::new(),
        _ => text.to_owned(),
    }
}

#[test]
fn the_evtx_crate_reads_every_value_back() {
    for file in synth::stories().iter().flat_map(|story| &story.files).filter(|file| file.harm == Harm::None)
    {
        if file.path.starts_with("foreign-provider/") {
            continue;
        }
        let read = records_of(synth::to_evtx(&file.records, file.options).expect("it fits"));
        assert_eq!(read.len(), file.records.len(), "{}", file.path);
        for (record, (id, data)) in file.records.iter().zip(read) {
            assert_eq!(id, record.record_id, "{}", file.path);
            assert_eq!(data.len(), record.data.len(), "{} record {id}", file.path);
            for (name, value) in &record.data {
                let found = data.get(name.as_ref()).map(|text| normal(text));
                assert_eq!(found, Some(normal(&value.to_string())), "{} record {id}, {name}", file.path);
            }
        }
    }
}

#[test]
fn a_damaged_sample_is_damaged_where_its_story_says() {
    let stories = synth::stories();
    let file = |name: &str| {
        let story = stories.iter().find(|story| story.name == name).expect("the story exists");
        (&story.files[0], &story.findings)
    };
    let chunk_of = |bytes: &[u8], id: u64| {
        let chunks = bytes[0x1000..].chunks(0x1_0000).enumerate();
        let id_at =
            |chunk: &[u8], at: usize| u64::from_le_bytes(chunk[at..at + 8].try_into().expect("eight bytes"));
        chunks
            .filter(|(_, chunk)| chunk.starts_with(b"ElfChnk\0"))
            .find(|(_, chunk)| (id_at(chunk, 24)..=id_at(chunk, 32)).contains(&id))
            .map(|(number, _)| number)
    };
    let (smashed, findings) = file("damaged/smashed-chunk");
    let whole = synth::to_evtx(&smashed.records, smashed.options).expect("it fits");
    let is_attack = |record: &&synth::SynthRecord| {
        record.event_id == 3
            && record.get("Image").is_some_and(|image| image.to_string().ends_with("mshta.exe"))
    };
    let attacks = smashed.records.iter().filter(is_attack).map(|record| record.record_id);
    let chunks: Vec<Option<usize>> = attacks.map(|id| chunk_of(&whole, id)).collect();
    assert_eq!(chunks, [Some(0), Some(1), Some(2)], "one attack per chunk");
    assert_eq!(findings.len(), 2);

    let (truncated, findings) = file("damaged/truncated");
    let whole = synth::to_evtx(&truncated.records, truncated.options).expect("it fits");
    assert_eq!(whole.len(), 0x1000 + 2 * 0x1_0000);
    assert_eq!(chunk_of(&whole, findings[0].network_record_id), Some(0));

    let (dirty, findings) = file("damaged/dirty-log");
    let whole = synth::to_evtx(&dirty.records, dirty.options).expect("it fits");
    assert!(chunk_of(&whole, findings[0].start_record_id) > Some(0), "past the one chunk the header admits");
    assert_eq!((whole[42], whole[120]), (1, 1));
}

#[test]
fn values_have_the_types_of_the_table() {
    use evql::sysmon::schema::{InType, event_spec};
    use synth::TypedValue;
    let stories = synth::stories();
    let records = stories.iter().flat_map(|story| &story.files).flat_map(|file| &file.records);
    for record in records.filter(|record| record.provider == synth::sysmon::PROVIDER) {
        let spec = event_spec(record.event_id.into()).expect("the table has it");
        for (name, value) in &record.data {
            let field = spec.fields.iter().find(|field| field.name == name).expect("the table has it");
            let same = matches!(
                (field.in_type, value),
                (InType::UnicodeString, TypedValue::Text(_))
                    | (InType::Guid, TypedValue::Guid(_))
                    | (InType::UInt32, TypedValue::UInt32(_))
                    | (InType::UInt16, TypedValue::UInt16(_))
                    | (InType::HexInt64, TypedValue::HexInt64(_))
                    | (InType::HexInt32, TypedValue::HexInt32(_))
                    | (InType::Boolean, TypedValue::Boolean(_))
            );
            assert!(same, "event {}, {name}: {value:?}", record.event_id);
        }
    }
}

#[test]
fn one_sample_holds_every_event_with_every_field() {
    let stories = synth::stories();
    let story = stories.iter().find(|story| story.name == "every-event").expect("the story exists");
    let records = &story.files[0].records;
    let held: Vec<u32> = records.iter().map(|record| record.event_id.into()).collect();
    let known: Vec<u32> = evql::sysmon::schema::events().iter().map(|spec| spec.id).collect();
    assert_eq!(held, known);
    for record in records {
        let spec = evql::sysmon::schema::event_spec(record.event_id.into()).expect("listed above");
        assert_eq!(record.data.len(), spec.fields.len(), "event {}", record.event_id);
        for (name, value) in &record.data {
            // A client connection has no name for its own port, and an unsigned library no signer.
            let may_lack =
                matches!((record.event_id, name.as_ref()), (3, "SourcePortName") | (7, "Signature"));
            assert!(
                may_lack || !["", "-"].contains(&value.to_string().as_str()),
                "event {}, {name}",
                record.event_id
            );
        }
    }
}
