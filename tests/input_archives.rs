//! Evidence in archives: the same findings as from the folder, names and hashes of every member, and nothing lost without a word.

mod common;
mod input_support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use common::{evql, samples, tree};
use evql::hash::sha256;
use evql::input::archive::{ArchiveOptions, Passwords};
use evql::input::{Block, End, IntakeOptions, Sink, Source, take_in};
use serde_json::Value;
use sevenz_rust2::encoder_options::AesEncoderOptions;
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod, Password};
use zip::unstable::write::FileOptionsExt;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{AesMode, CompressionMethod};

/// Names and what stands behind them, in the order in which they are packed.
type Files = Vec<(String, Vec<u8>)>;

const LOG: &str = "mshta/ws01.corp.example/Microsoft-Windows-Sysmon%4Operational.evtx";

/// The samples' files.
fn sample_files() -> Files {
    tree(&samples()).into_iter().collect()
}

/// One log, and its name in a collection.
fn one_log(name: &str) -> Files {
    vec![(name.to_owned(), fs::read(samples().join(LOG)).expect("a sample"))]
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn zip(files: &Files, options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).expect("a member");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("a zip").into_inner()
}

/// A zip as one that is sent while it is made: sizes stand behind the members.
fn streamed_zip(files: &Files, options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new_stream(Vec::new());
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).expect("a member");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("a zip").into_inner()
}

fn tar(files: &Files) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mtime(1_709_542_800);
        tar.append_data(&mut header, name, bytes.as_slice()).expect("a member");
    }
    tar.into_inner().expect("a tar")
}

fn gz(bytes: &[u8], name: Option<&str>) -> Vec<u8> {
    let mut builder = flate2::GzBuilder::new();
    if let Some(name) = name {
        builder = builder.filename(name);
    }
    let mut gz = builder.write(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).expect("written");
    gz.finish().expect("a gz")
}

fn sevenz(files: &Files, password: Option<&str>) -> Vec<u8> {
    let mut sevenz = ArchiveWriter::new(Cursor::new(Vec::new())).expect("a 7z");
    if let Some(password) = password {
        let mut aes = AesEncoderOptions::new(Password::new(password));
        aes.num_cycles_power = 8;
        let methods: Vec<EncoderConfiguration> = vec![aes.into(), EncoderMethod::LZMA2.into()];
        sevenz.set_content_methods(methods);
        sevenz.set_encrypt_header(false);
    }
    for (name, bytes) in files {
        sevenz.push_archive_entry(ArchiveEntry::new_file(name), Some(bytes.as_slice())).expect("a member");
    }
    sevenz.finish().expect("a 7z").into_inner()
}

/// A folder with one file of evidence in it.
struct Case {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Case {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        Self { folder, path }
    }

    /// What is read of it, with the archive's name short.
    fn read(&self, archives: ArchiveOptions) -> Told {
        let name = self.path.file_name().expect("a name").to_string_lossy().into_owned();
        let source = Source { path: self.path.clone(), name, ordinal: 0, named: true };
        let mut told = Told::default();
        take_in(
            &[source],
            IntakeOptions { hash: true, archives, ..IntakeOptions::default() },
            &|_| (),
            &mut told,
        );
        assert_eq!(tree(self.folder.path()).len(), 1, "nothing is written beside the evidence");
        told
    }

    /// A scan of it, quiet, into a folder of its own; what it says and the outputs.
    fn scan(&self, more: &[&str], code: i32) -> BTreeMap<String, Vec<u8>> {
        let out = tempfile::tempdir().expect("a temporary folder");
        let mut arguments: Vec<&std::ffi::OsStr> = vec!["scan".as_ref(), "-q".as_ref(), "--force".as_ref()];
        arguments.extend(["-o".as_ref(), out.path().as_os_str(), self.path.as_os_str()]);
        arguments.extend(more.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
        evql(arguments).expect(code);
        tree(out.path())
    }
}

/// How each source ended, in the order of their ordinals.
#[derive(Default)]
struct Told {
    ends: BTreeMap<u32, (String, End)>,
    pieces: usize,
}

impl Sink for Told {
    fn room(&self) -> usize {
        4
    }
    fn block(&mut self, _: &Arc<Source>, block: Block) -> ControlFlow<()> {
        self.pieces += block.len();
        ControlFlow::Continue(())
    }
    fn end(&mut self, source: &Arc<Source>, end: End) -> ControlFlow<()> {
        let known = self.ends.insert(source.ordinal, (source.name.clone(), end));
        assert!(known.is_none(), "every source ends once");
        ControlFlow::Continue(())
    }
}

impl Told {
    fn names(&self) -> Vec<&str> {
        self.ends.values().map(|(name, _)| name.as_str()).collect()
    }

    #[track_caller]
    fn end(&self, name: &str) -> &End {
        let found = self.ends.values().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("{name} is not among {:?}", self.names())).1
    }

    /// The SHA-256 of a source that was read.
    #[track_caller]
    fn hash(&self, name: &str) -> &str {
        let End::Read(finished) = self.end(name) else { panic!("{name}: {:?}", self.end(name)) };
        finished.sha256.as_deref().expect("hashed")
    }

    /// The damages that are losses, as source and reason.
    fn losses(&self) -> Vec<(&str, &str)> {
        let mut losses = Vec::new();
        for (_, end) in self.ends.values() {
            let damages = match end {
                End::Read(finished) => finished.damages.as_slice(),
                End::Failed { damage, .. } => std::slice::from_ref(damage),
                _ => &[],
            };
            let damages = damages.iter().filter(|damage| damage.lost);
            losses.extend(damages.map(|damage| (damage.source.as_str(), damage.reason.as_str())));
        }
        losses
    }

    /// The reason of the only loss, and that it is of `source` and says `words`.
    #[track_caller]
    fn lost(&self, source: &str, words: &str) {
        let losses = self.losses();
        let [(of, reason)] = losses.as_slice() else { panic!("not one loss: {losses:?}") };
        assert_eq!(*of, source);
        assert!(reason.contains(words), "{reason}");
    }
}

/// Findings without what tells of names: what must be the same wherever the events were read.
fn bare(output: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("source");
                map.remove("other_sources");
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut findings = common::found(common::json_lines(&String::from_utf8_lossy(&output["findings.jsonl"])));
    findings.iter_mut().for_each(strip);
    findings
}

#[test]
fn an_archive_gives_the_findings_of_its_folder_and_the_hashes_of_its_files() {
    let files = sample_files();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = Case { path: samples(), folder };
    let expected = bare(&folder.scan(&[], 2));
    assert!(expected.len() > 10);
    let bzip2 = SimpleFileOptions::default().compression_method(CompressionMethod::Bzip2);
    let zstd = SimpleFileOptions::default().compression_method(CompressionMethod::Zstd);
    let inner =
        vec![("in/a.zip".to_owned(), zip(&files, deflated())), ("b.txt".to_owned(), b"note".to_vec())];
    for (name, bytes, prefix) in [
        ("a.zip", zip(&files, stored()), "a.zip!/"),
        ("b.zip", streamed_zip(&files, deflated()), "b.zip!/"),
        ("c.zip", zip(&files, bzip2), "c.zip!/"),
        ("d.zip", zip(&files, zstd.large_file(true)), "d.zip!/"),
        ("e.tar", tar(&files), "e.tar!/"),
        ("f.tar.gz", gz(&tar(&files), None), "f.tar.gz!/f.tar!/"),
        ("g.tgz", gz(&tar(&files), None), "g.tgz!/g.tar!/"),
        ("h.7z", sevenz(&files, None), "h.7z!/"),
        ("i.zip", zip(&inner, stored()), "i.zip!/in/a.zip!/"),
        ("j.tar.gz", gz(&tar(&inner), None), "j.tar.gz!/j.tar!/in/a.zip!/"),
    ] {
        let case = Case::new(name, &bytes);
        assert_eq!(bare(&case.scan(&["-j", "2"], 2)), expected, "{name}");
        let told = case.read(ArchiveOptions::default());
        assert_eq!(told.hash(name), sha256(&bytes), "{name}");
        for (file, content) in files.iter().filter(|(file, _)| file.ends_with(".evtx")) {
            assert_eq!(told.hash(&format!("{prefix}{file}")), sha256(content), "{name}: {file}");
        }
        let End::Skipped(size) = told.end(&format!("{prefix}README.md")) else { panic!("{name}: a README") };
        assert!(*size > 0);
    }
}

#[test]
fn a_compressed_log_is_a_member_of_its_own() {
    let [(_, log)] = one_log("x").try_into().expect("one");
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&log).expect("written");
    let xz_options = lzma_rust2::XzOptions::with_preset(1);
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), xz_options).expect("an xz");
    xz.write_all(&log).expect("written");
    for (name, bytes, member) in [
        ("Sysmon.evtx.gz", gz(&log, None), "Sysmon.evtx"),
        ("Sysmon.evtx.gz", gz(&log, Some("WS01.evtx")), "WS01.evtx"),
        ("Sysmon.evtx.gz", [gz(&log[..5_000], None), gz(&log[5_000..], None)].concat(), "Sysmon.evtx"),
        ("Sysmon.evtx.bz2", bzip2.finish().expect("a bz2"), "Sysmon.evtx"),
        ("Sysmon.evtx.xz", xz.finish().expect("an xz"), "Sysmon.evtx"),
        ("Sysmon.evtx.zst", zstd::encode_all(log.as_slice(), 1).expect("a zst"), "Sysmon.evtx"),
    ] {
        let told = Case::new(name, &bytes).read(ArchiveOptions::default());
        let member = format!("{name}!/{member}");
        assert_eq!(told.names(), [name, member.as_str()]);
        assert_eq!((told.hash(name), told.hash(&member)), (&*sha256(&bytes), &*sha256(&log)));
        assert_eq!(told.losses(), []);
    }
}

/// The shapes are those of the collectors' own code and documents, and of programs that read them; none was taken from a collection.
#[test]
fn what_collectors_write_is_read() {
    for (layout, name) in [
        (
            "KAPE",
            "2024-03-04T0912_WS01/C/Windows/System32/winevt/logs/Microsoft-Windows-Sysmon%4Operational.evtx",
        ),
        (
            "KAPE on Windows",
            "WS01\\C\\Windows\\System32\\winevt\\logs\\Microsoft-Windows-Sysmon%4Operational.evtx",
        ),
        (
            "Velociraptor",
            "uploads/auto/C%3A/Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%254Operational.evtx",
        ),
        (
            "Velociraptor, a shadow copy",
            "uploads/ntfs/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy1/Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%254Operational.evtx",
        ),
        ("CyLR", "C/Windows/System32/winevt/logs/Microsoft-Windows-Sysmon%4Operational.evtx"),
    ] {
        let told = Case::new("c.zip", &zip(&one_log(name), deflated())).read(ArchiveOptions::default());
        assert_eq!(told.names(), ["c.zip", &format!("c.zip!/{}", name.replace('\\', "/"))], "{layout}");
        assert_eq!((told.losses(), told.pieces > 0), (vec![], true), "{layout}");
        // In each of these places something that is no log is a loss.
        let text = vec![(name.to_owned(), b"a text".to_vec())];
        let told = Case::new("c.zip", &zip(&text, deflated())).read(ArchiveOptions::default());
        told.lost(told.names()[1], "no event log");
    }
    let orc = "evtx/36DA2C_100_0_Microsoft-Windows-Sysmon%4Operational.evtx_{00000000-0000-0000-0000-000000000000}.data";
    let told = Case::new("Event.7z", &sevenz(&one_log(orc), None)).read(ArchiveOptions::default());
    assert_eq!(told.names(), ["Event.7z", &format!("Event.7z!/{orc}")]);
    assert_eq!((told.losses(), told.pieces > 0), (vec![], true));
}

fn with_passwords(known: &[&str]) -> ArchiveOptions {
    let known = known.iter().map(|password| (*password).to_owned()).collect();
    ArchiveOptions { passwords: Passwords::new(known, None), ..ArchiveOptions::default() }
}

#[test]
fn encrypted_members_are_read_with_the_right_password_and_lost_without() {
    let files = one_log("logs/Sysmon.evtx");
    let zip_crypto = |options: SimpleFileOptions| {
        zip(&files, options.with_deprecated_encryption(b"infected").expect("a password"))
    };
    let aes = |mode| deflated().with_aes_encryption(mode, "infected");
    for (name, bytes) in [
        ("a.zip", zip(&files, aes(AesMode::Aes128))),
        ("b.zip", zip(&files, aes(AesMode::Aes256))),
        ("c.zip", zip_crypto(deflated())),
        ("d.zip", zip_crypto(stored())),
        ("e.7z", sevenz(&files, Some("infected"))),
    ] {
        let case = Case::new(name, &bytes);
        let member = format!("{name}!/logs/Sysmon.evtx");
        let told = case.read(with_passwords(&["wrong", "infected", "also wrong"]));
        assert_eq!(told.losses(), [], "{name}");
        assert_eq!(told.hash(&member), sha256(&files[0].1), "{name}");
        assert_eq!(told.hash(name), sha256(&bytes), "{name}");
        case.read(ArchiveOptions::default()).lost(&member, "no password is known");
        case.read(ArchiveOptions::default()).lost(&member, "--archive-password-file");
        let told = case.read(with_passwords(&["wrong"]));
        assert!(!told.losses().is_empty() && told.pieces == 0, "{name}: {:?}", told.losses());
    }
}

#[test]
fn a_person_is_asked_once_for_each_archive() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let files: Files = (0..3).flat_map(|number| one_log(&format!("{number}.evtx"))).collect();
    let options = deflated().with_aes_encryption(AesMode::Aes256, "right");
    let inner = vec![("in.zip".to_owned(), zip(&files, options)), ("z.zip".to_owned(), zip(&files, options))];
    let case = Case::new("a.zip", &zip(&inner, stored()));
    for (answer, losses) in [(Some("right"), 0), (Some("no"), 6), (None, 6)] {
        let questions = Arc::clone(&asked);
        let ask = move |archive: &str| {
            questions.lock().expect("no panic").push(archive.to_owned());
            answer.map(str::to_owned)
        };
        let passwords = Passwords::new(Vec::new(), Some(Arc::new(ask)));
        // Read once more, as a scan does for stories, nobody is asked again.
        for _ in 0..2 {
            let passwords = passwords.clone();
            let told = case.read(ArchiveOptions { passwords, ..ArchiveOptions::default() });
            assert_eq!(told.losses().len(), losses, "{answer:?}");
        }
        let asked = std::mem::take(&mut *asked.lock().expect("no panic"));
        // A right answer opens the next archive too.
        let expected: &[&str] =
            if losses == 0 { &["a.zip!/in.zip"] } else { &["a.zip!/in.zip", "a.zip!/z.zip"] };
        assert_eq!(asked, expected, "{answer:?}");
    }
}

#[test]
fn passwords_come_from_a_file_and_are_in_no_output() {
    let options = deflated().with_aes_encryption(AesMode::Aes256, "s3cr3t-word");
    let case = Case::new("a.zip", &zip(&one_log("Sysmon.evtx"), options));
    let passwords = Case::new("passwords.txt", b"\xEF\xBB\xBFother\r\n\r\ns3cr3t-word\r\n");
    let file = passwords.path.to_string_lossy();
    let output = case.scan(&["--archive-password-file", &file], 0);
    for (name, bytes) in &output {
        assert!(!String::from_utf8_lossy(bytes).contains("s3cr3t"), "{name} tells a password");
    }
    assert_eq!(bare(&output).len(), 1);
    case.scan(&[], 4);
    evql(["scan", "--archive-password-file", "nowhere.txt", "x"]).expect(3);
    evql(["scan", "--archive-password-env", "EVQL_TEST_NOT_SET", "x"]).expect(3);
}

#[test]
fn a_sealed_collection_is_opened_with_its_password_or_sent_back_to_velociraptor() {
    let inner = zip(&one_log("uploads/auto/C%3A/Windows/Sysmon.evtx"), deflated());
    let sealed = |metadata: &str| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = deflated().with_aes_encryption(AesMode::Aes256, "pass");
        for (name, bytes, options) in
            [("data.zip", inner.as_slice(), options), ("metadata.json", metadata.as_bytes(), deflated())]
        {
            zip.start_file(name, options).expect("a member");
            zip.write_all(bytes).expect("written");
        }
        zip.finish().expect("a zip").into_inner()
    };
    let case = Case::new("C.zip", &sealed("{}"));
    let told = case.read(with_passwords(&["pass"]));
    assert_eq!((told.losses(), told.pieces > 0), (vec![], true));
    assert_eq!(told.names()[2], "C.zip!/data.zip!/uploads/auto/C%3A/Windows/Sysmon.evtx");
    case.read(ArchiveOptions::default()).lost("C.zip!/data.zip", "--archive-password-file");
    let case = Case::new("C.zip", &sealed("[{\"EncryptedPass\":\"AAAA\",\"Scheme\":\"X509\"}]"));
    case.read(ArchiveOptions::default()).lost("C.zip!/data.zip", "`velociraptor`");
}

#[test]
fn each_limit_says_which_flag_raises_it_and_keeps_what_was_read() {
    let files: Files = (0..4).flat_map(|number| one_log(&format!("{number}.evtx"))).collect();
    let size = files[0].1.len() as u64;
    let case = Case::new("a.zip", &zip(&files, deflated()));
    let of = |change: fn(&mut ArchiveOptions, u64)| {
        let mut options = ArchiveOptions::default();
        change(&mut options, size);
        case.read(options)
    };
    assert_eq!(of(|options, size| options.max_member = size).losses(), []);
    let told = of(|options, size| options.max_member = size - 1);
    assert_eq!(told.losses().len(), 4);
    assert!(told.losses().iter().all(|(_, reason)| reason.contains("--archive-max-member ")));
    assert!(told.pieces > 0);
    let told = of(|options, size| options.max_total = 2 * size);
    told.lost("a.zip", "--archive-max-total");
    assert_eq!(told.names().len(), 3);
    let told = of(|options, _| options.max_members = 3);
    told.lost("a.zip", "--archive-max-members");
    assert_eq!(told.names().len(), 4);
}

#[test]
fn archives_are_opened_only_so_deep() {
    let mut bytes = zip(&one_log("Sysmon.evtx"), deflated());
    for number in (1..=4).rev() {
        bytes = zip(&vec![(format!("{number}.zip"), bytes)], stored());
    }
    let case = Case::new("0.zip", &bytes);
    let deep = "0.zip!/1.zip!/2.zip!/3.zip!/4.zip";
    let told = case.read(ArchiveOptions::default());
    told.lost(deep, "--archive-max-depth");
    let told = case.read(ArchiveOptions { max_depth: 5, ..ArchiveOptions::default() });
    assert_eq!(told.losses(), []);
    assert!(told.names().contains(&format!("{deep}!/Sysmon.evtx").as_str()));
}

#[test]
fn a_bomb_is_stopped_by_its_ratio() {
    // 80 MiB of zeroes behind a log's beginning, as zstd packs them: some thousand bytes.
    let mut bomb = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    bomb.write_all(b"ElfFile\0").expect("written");
    let zeroes = vec![0; 1 << 20];
    for _ in 0..80 {
        bomb.write_all(&zeroes).expect("written");
    }
    let bomb = bomb.finish().expect("a bomb");
    assert!(bomb.len() < 10_000);
    let files = [one_log("Sysmon.evtx"), vec![("bomb.evtx.zst".to_owned(), bomb)]].concat();
    let told = Case::new("a.zip", &zip(&files, stored())).read(ArchiveOptions::default());
    assert!(told.losses().iter().any(|(source, reason)| {
        *source == "a.zip!/bomb.evtx.zst!/bomb.evtx" && reason.contains("--archive-max-ratio")
    }));
    assert_eq!(told.hash("a.zip!/Sysmon.evtx"), sha256(&files[0].1));
}

/// The bytes of a zip behind each of its members, by the directory that a second reader finds.
fn ends(zip: &[u8]) -> Vec<usize> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("a zip");
    let count = archive.len();
    let end = |index| {
        let member = archive.by_index(index).expect("a member");
        (member.data_start().expect("a place") + member.compressed_size()) as usize
    };
    (0..count).map(end).collect()
}

#[test]
fn what_precedes_the_end_of_a_broken_off_archive_is_read() {
    let files: Files = (0..3).flat_map(|number| one_log(&format!("{number}.evtx"))).collect();
    let whole = |told: &Told| {
        let logs = told.ends.values().filter(|(name, _)| name.ends_with(".evtx"));
        let same = |end: &End| matches!(end, End::Read(log) if log.sha256 == Some(sha256(&files[0].1)));
        logs.filter(|(_, end)| same(end)).count()
    };
    let padded = files[0].1.len().next_multiple_of(512) + 512;
    let tar_ends = (1..=3).map(|count| count * padded).collect();
    let seekable = zip(&files, deflated());
    let streamed = streamed_zip(&files, deflated());
    let plain = zip(&files, stored());
    for (name, bytes, ends) in [
        ("a.zip", &seekable, ends(&seekable)),
        // Of a member whose size stands behind it that must be there too: 16 bytes.
        ("b.zip", &streamed, ends(&streamed).into_iter().map(|end| end + 16).collect()),
        ("c.zip", &plain, ends(&plain)),
        ("d.tar", &tar(&files), tar_ends),
    ] {
        let step = bytes.len() / 23;
        let lengths = (4_200..bytes.len()).step_by(step).chain(ends.iter().copied()).chain([bytes.len() - 1]);
        for length in lengths {
            let told = Case::new(name, &bytes[..length]).read(ArchiveOptions::default());
            let expected = ends.iter().filter(|end| **end <= length).count();
            assert!(whole(&told) >= expected, "{name}, {length} bytes: {:?}", told.ends);
            // A tar may end behind any member.
            assert!(!told.losses().is_empty() || expected == 3 || name == "d.tar" && ends.contains(&length));
            assert_eq!(told.hash(name), sha256(&bytes[..length]));
        }
    }
    let inner = gz(&tar(&files), None);
    for length in (100..inner.len()).step_by(inner.len() / 23) {
        let told = Case::new("e.tar.gz", &inner[..length]).read(ArchiveOptions::default());
        assert!(!told.losses().is_empty(), "{length} bytes");
    }
    let told = Case::new("e.tar.gz", &inner[..inner.len() / 2]).read(ArchiveOptions::default());
    assert_eq!(whole(&told), 1, "one of three in the first half");
    let last = sevenz(&files, None);
    for length in (6..last.len()).step_by(last.len() / 23) {
        let told = Case::new("f.7z", &last[..length]).read(ArchiveOptions::default());
        told.lost("f.7z", "its list of members");
    }
}

#[test]
fn a_member_with_a_wrong_checksum_gives_what_it_has() {
    let files: Files = (0..2).flat_map(|number| one_log(&format!("{number}.evtx"))).collect();
    let mut bytes = zip(&files, stored());
    // In the space behind the first log's records.
    let place = ends(&bytes)[0] - 100;
    bytes[place] ^= 1;
    let told = Case::new("a.zip", &bytes).read(ArchiveOptions::default());
    told.lost("a.zip!/0.evtx", "checksum");
    assert_eq!(told.pieces, 2);
    assert_eq!(told.hash("a.zip"), sha256(&bytes));
}

#[test]
fn names_are_data() {
    let names =
        ["../../x.evtx", "/abs/x.evtx", "C:/x.evtx", "nul\0x.evtx", "\u{202E}\u{1B}[31m.evtx", "a//b.evtx"];
    let files: Files = names.iter().flat_map(|name| one_log(name)).collect();
    let mut entries = tar::Builder::new(Vec::new());
    for (name, bytes) in &files {
        let mut header = tar::Header::new_old();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        entries.append(&header, bytes.as_slice()).expect("a member");
    }
    let tar = entries.into_inner().expect("a tar");
    for (archive, bytes) in [("a.zip", zip(&files, stored())), ("b.tar", tar)] {
        let told = Case::new(archive, &bytes).read(ArchiveOptions::default());
        assert_eq!((told.losses(), told.pieces), (vec![], names.len()), "{archive}");
        // A tar's header ends a name at its first zero.
        let shown = |name: &&str| match archive {
            "b.tar" => format!("{archive}!/{}", name.split('\0').next().unwrap_or_default()),
            _ => format!("{archive}!/{name}"),
        };
        assert_eq!(told.names()[1..], names.iter().map(shown).collect::<Vec<_>>());
    }
}

#[test]
fn the_same_bytes_may_be_many_members() {
    let one = zip(&one_log("Sysmon.evtx"), stored());
    let directory = ends(&one)[0];
    let end = one.len() - 22;
    let mut many = one[..directory].to_vec();
    for _ in 0..500 {
        many.extend_from_slice(&one[directory..end]);
    }
    let size = many.len() - directory;
    many.extend_from_slice(&one[end..]);
    let last = many.len() - 22;
    for at in [8, 10] {
        many[last + at..last + at + 2].copy_from_slice(&500_u16.to_le_bytes());
    }
    many[last + 12..last + 16].copy_from_slice(&(size as u32).to_le_bytes());
    let told = Case::new("a.zip", &many).read(ArchiveOptions::default());
    assert_eq!((told.losses(), told.names().len()), (vec![], 501));
    assert_eq!(told.hash("a.zip"), sha256(&many));
}

#[test]
fn no_change_of_an_archive_breaks_its_reader() {
    let files: Files =
        vec![("0.evtx".to_owned(), one_log("x")[0].1[..9_000].to_vec()), one_log("1.evtx").remove(0)];
    let password = ["infected"];
    let aes = deflated().with_aes_encryption(AesMode::Aes256, "infected");
    let old = deflated().with_deprecated_encryption(b"infected").expect("a password");
    let mut random = input_support::Random(0x5EED);
    for (name, whole, times) in [
        ("a.zip", zip(&files, deflated()), 60),
        ("b.zip", streamed_zip(&files, stored()), 60),
        ("c.zip", zip(&files, old), 60),
        // Its keys are slow to derive.
        ("d.zip", zip(&files, aes), 6),
        ("e.tar", tar(&files), 60),
        ("f.tar.gz", gz(&tar(&files), Some("f.tar")), 60),
        ("g.7z", sevenz(&files, None), 60),
    ] {
        for _ in 0..times {
            let mut bytes = whole.clone();
            for _ in 0..1 + random.below(8) {
                // Most of what matters stands at both ends.
                let at = match random.below(3) {
                    0 => 4 + random.below(300),
                    1 => bytes.len() - 1 - random.below(300),
                    _ => 4 + random.below(bytes.len() - 4),
                };
                bytes[at] = [0, 0xFF, 0x7F, random.below(256) as u8][random.below(4)];
            }
            let options = ArchiveOptions { max_total: 1 << 24, ..with_passwords(&password) };
            let told = Case::new(name, &bytes).read(options);
            assert!(!told.ends.is_empty(), "{name}");
        }
    }
}

/// Breaks off at the first block.
#[derive(Default)]
struct Impatient(Told);

impl Sink for Impatient {
    fn room(&self) -> usize {
        1
    }
    fn block(&mut self, _: &Arc<Source>, _: Block) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
    fn end(&mut self, source: &Arc<Source>, end: End) -> ControlFlow<()> {
        Sink::end(&mut self.0, source, end)
    }
}

#[test]
fn an_interrupted_archive_ends_with_all_it_lies_in() {
    let inner = zip(&one_log("Sysmon.evtx"), deflated());
    let outer = gz(&tar(&vec![("in.zip".to_owned(), inner), one_log("later.evtx").remove(0)]), None);
    let case = Case::new("a.tar.gz", &outer);
    let source = Source { path: case.path.clone(), name: "a.tar.gz".to_owned(), ordinal: 0, named: true };
    let mut sink = Impatient::default();
    let taken =
        take_in(&[source], IntakeOptions { hash: true, ..IntakeOptions::default() }, &|_| (), &mut sink);
    assert_eq!(taken.begun, 1);
    let names = sink.0.names();
    let inner = "a.tar.gz!/a.tar!/in.zip";
    assert_eq!(names, ["a.tar.gz", "a.tar.gz!/a.tar", inner, &format!("{inner}!/Sysmon.evtx")]);
    assert!(sink.0.ends.values().all(|(_, end)| matches!(end, End::Unread(_))));
}

#[test]
fn documents_that_are_zips_are_left_closed_unless_named() {
    let files = vec![("[Content_Types].xml".to_owned(), b"<Types/>".to_vec())];
    let document = vec![("letter.docx".to_owned(), zip(&files, deflated()))];
    let told = Case::new("a.zip", &zip(&document, deflated())).read(ArchiveOptions::default());
    assert_eq!((told.names(), told.losses()), (vec!["a.zip", "a.zip!/letter.docx"], vec![]));
    let told = Case::new("letter.docx", &document[0].1).read(ArchiveOptions::default());
    assert_eq!(told.names().len(), 2);
}

#[test]
fn disk_images_are_named_with_what_to_do() {
    let mut raw = vec![0; 100_000];
    raw[3..11].copy_from_slice(b"NTFS    ");
    let mut sparse = vec![0; 100_000];
    sparse[..8].copy_from_slice(b"vhdxfile");
    let images = vec![("c.raw".to_owned(), raw), ("d.VHDX".to_owned(), sparse)];
    let told = Case::new("a.zip", &zip(&images, deflated())).read(ArchiveOptions::default());
    let losses = told.losses();
    assert_eq!(
        losses.iter().map(|(source, _)| *source).collect::<Vec<_>>(),
        ["a.zip!/c.raw", "a.zip!/d.VHDX"]
    );
    assert!(losses[0].1.contains("--carve") && losses[1].1.contains("mount"), "{losses:?}");
    let aff4 = vec![("information.turtle".to_owned(), b"@prefix".to_vec())];
    Case::new("e.aff4", &zip(&aff4, stored())).read(ArchiveOptions::default()).lost("e.aff4", "AFF4");
}

#[test]
fn an_export_of_an_archive_names_the_member_and_claims_no_hash_it_does_not_have() {
    let case = Case::new("a.zip", &zip(&one_log("logs/Sysmon.evtx"), deflated()));
    let ran = evql(["export".as_ref(), case.path.as_os_str()]).expect(0);
    let documents = ran.json_lines();
    assert!(!documents.is_empty());
    for document in documents {
        let source = document["evidence"]["source"].as_str().expect("a source");
        assert!(source.ends_with("a.zip!/logs/Sysmon.evtx"), "{source}");
        assert_eq!(document["evidence"].get("sha256"), None);
    }
    let ran = evql(["query".as_ref(), "process where true".as_ref(), case.path.as_os_str()]).expect(0);
    assert!(!ran.json_lines().is_empty());
}

#[test]
fn ten_thousand_members_are_ten_thousand_sources() {
    let mut files: Files = (0..10_000).map(|number| (format!("n/{number}.txt"), b"note".to_vec())).collect();
    files.extend(one_log("Sysmon.evtx"));
    let told = Case::new("a.zip", &zip(&files, stored())).read(ArchiveOptions::default());
    assert_eq!((told.names().len(), told.losses()), (10_002, vec![]));
}

/// `GetThis.csv` as it is written unless the configuration asks for more: with MD5 and SHA-1, the column of SHA-256 empty.
#[test]
fn an_orc_list_with_sha_1_alone_is_compared() {
    use sha1::{Digest, Sha1};
    let sample =
        |name: &str| format!("evtx/36DA2C_100_0_{name}.evtx_{{00000000-0000-0000-0000-000000000000}}.data");
    let (good, bad) = (sample("Sysmon"), sample("Other"));
    let files = [one_log(&good), one_log(&bad)].concat();
    let sha1: String = Sha1::digest(&files[0].1).iter().map(|byte| format!("{byte:02X}")).collect();
    let row = |name: &str, sha1: &str| {
        format!("WS01,\"{}\",{},{},{sha1},\r\n", name.replace('/', "\\"), files[0].1.len(), "E".repeat(32))
    };
    let rows = row(&good, &sha1) + &row(&bad, &"0".repeat(40));
    let list = (
        "GetThis.csv".to_owned(),
        format!("ComputerName,SampleName,SizeInBytes,MD5,SHA1,SHA256\r\n{rows}").into_bytes(),
    );
    let output = Case::new("Event.7z", &sevenz(&[files.clone(), vec![list]].concat(), None)).scan(&[], 0);
    let run: Value = serde_json::from_slice(&output["run.json"]).expect("run.json");
    let vouched = |name: &str| {
        let inputs = run["inputs"].as_array().expect("inputs");
        let own = inputs.iter().find(|input| input["path"].as_str().is_some_and(|path| path.ends_with(name)));
        own.expect("an input")["vouched"].clone()
    };
    assert_eq!((vouched(&good), vouched(&bad)), ("sha1".into(), "differs".into()));
}
