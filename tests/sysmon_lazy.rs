//! An event that is not decoded tells what the decoded one tells: every field, every problem, the whole document. On the samples, on real logs, and on seeded
//! mutants of both. No expectation here comes from the look at the undecoded record.

mod input_support;

use std::path::{Path, PathBuf};

use evql::eql::FieldId;
use evql::finding::Damage;
use evql::input::evtx::Chunk;
use evql::input::{Piece, PieceReader, RawRecord, ReaderKind, Seen, Undecoded, Visitor};
use evql::sysmon::fields::fields;
use evql::sysmon::{
    Event, Facts, LazyEvent, LazyEvents, Options, PROVIDER, document, write_document, write_known,
};
use input_support::{Random, corpus};

const HEADER: usize = 4_096;
const CHUNK: usize = 65_536;

/// All that an event tells.
#[derive(Debug, PartialEq)]
struct Told {
    fields: Vec<String>,
    system: evql::input::System,
    times: [Option<evql::time::Timestamp>; 2],
    sound: bool,
    document: Option<String>,
}

impl Told {
    fn of(event: &impl Facts, sound: bool, document: Option<String>) -> Self {
        let ids = (0..fields().len()).map(|id| FieldId(u32::try_from(id).expect("few fields")));
        Self {
            fields: ids.map(|id| format!("{:?}", event.field(id))).collect(),
            system: event.system().clone(),
            times: [event.time_created(), event.utc_time()],
            sound,
            document,
        }
    }

    fn lazily(event: &LazyEvent<'_>) -> Self {
        let document = (!event.has_others()).then(|| {
            let mut text = Vec::new();
            write_known(event, "last", "7", &mut text);
            String::from_utf8(text).expect("JSON")
        });
        Self::of(event, event.is_sound(), document)
    }

    fn decoded(event: &Event) -> Self {
        let mut whole = document(event);
        whole.insert("last".to_owned(), 7.into());
        let whole = serde_json::to_string(&whole).expect("JSON");
        let mut written = Vec::new();
        write_document(event, "last", "7", &mut written);
        assert_eq!(String::from_utf8(written).expect("JSON"), whole);
        let document = (!event.has_others()).then_some(whole);
        Self::of(event, event.problems().is_empty(), document)
    }
}

/// Compares what is told of each record before and after it is decoded.
#[derive(Default)]
struct Comparing {
    options: Options,
    lazy: LazyEvents,
    before: Option<Told>,
    what: String,
    compared: usize,
    decoded_only: usize,
}

impl Visitor for Comparing {
    fn seen(&mut self, seen: &Seen<'_>) -> bool {
        seen.provider == PROVIDER
    }

    fn undecoded(&mut self, seen: &Seen<'_>, record: &Undecoded<'_>) -> bool {
        self.before = self.lazy.event(seen, record, &self.options).map(|event| Told::lazily(&event));
        true
    }

    fn record(&mut self, record: &mut RawRecord) {
        let event = Event::from_raw(std::mem::take(record), &self.options).expect("Sysmon's");
        match self.before.take() {
            Some(before) => {
                assert_eq!(before, Told::decoded(&event), "{}", self.what);
                self.compared += 1;
            }
            None => self.decoded_only += 1,
        }
    }

    fn damage(&mut self, _: Damage) {}
}

impl Comparing {
    /// Reads the chunks of `log`.
    fn read(&mut self, log: &[u8], what: &str) {
        self.what = what.to_owned();
        self.lazy = LazyEvents::default();
        let mut reader = PieceReader::new(ReaderKind::Fast);
        for (number, bytes) in (0..).zip(log.get(HEADER..).unwrap_or_default().chunks_exact(CHUNK)) {
            reader.read(what, Piece::Chunk(Chunk { number, bytes, stored: CHUNK, carved: false }), self);
        }
    }
}

fn logs() -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                below(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "evtx") {
                found.push(entry);
            }
        }
    }
    let mut found = Vec::new();
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"), &mut found);
    corpus().into_iter().for_each(|corpus| below(&corpus.join("evtx"), &mut found));
    found.sort();
    found
}

#[test]
fn undecoded_and_decoded_events_tell_the_same() {
    let options = Options { user_from_event: true, keyword_limit: true, ..Options::default() };
    for options in [Options::default(), options] {
        let mut comparing = Comparing { options, ..Comparing::default() };
        for path in logs() {
            comparing.read(&std::fs::read(&path).expect("a log"), &path.display().to_string());
        }
        let Comparing { compared, decoded_only, .. } = comparing;
        assert!(compared > 100 && decoded_only * 20 < compared, "{compared} and {decoded_only}");
    }
}

#[test]
fn mutants_tell_the_same_too() {
    let logs: Vec<Vec<u8>> = logs()
        .iter()
        .map(|path| {
            let mut log = std::fs::read(path).expect("a log");
            log.truncate(HEADER + CHUNK);
            log
        })
        .filter(|log| log.len() == HEADER + CHUNK)
        .collect();
    let mut random = Random(0x1A27);
    let mut comparing = Comparing::default();
    for number in 0..160 {
        let mut log = logs[number % logs.len()].clone();
        for _ in 0..=random.below(60) {
            let at = HEADER + 512 + random.below(CHUNK - 512);
            log[at] = match random.below(4) {
                0 => 0,
                1 => b'-',
                2 => log[at] ^ (1 << random.below(8)),
                _ => random.next() as u8,
            };
        }
        comparing.read(&log, &format!("mutant {number}"));
    }
    assert!(comparing.compared > 1_000, "{}", comparing.compared);
}
