//! What each stage of the path costs by itself: chunk → records → events → evaluation → sequence. Over the same dense Sysmon log, made by `evql synth`'s
//! generator; `cargo bench` runs it.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use evql::finding::Damage;
use evql::input::evtx::Chunk;
use evql::input::{Piece, PieceReader, RawRecord, ReaderKind, Seen, Undecoded, Visitor};
use evql::scan::{RuleSet, compile};
use evql::sequence::{Hit, join_keys, run_all};
use evql::synth::{LoadOptions, generate};
use evql::sysmon::schema::Layout;
use evql::sysmon::{self, Event, Facts, LazyEvents};

const FILE_HEADER: usize = 4096;
const CHUNK: usize = 65_536;

fn main() {
    divan::main();
}

/// The chunks of a log of 20,000 events of one host.
fn log() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let options = LoadOptions {
        hosts: 1,
        events: 20_000,
        seed: 1,
        attacks: 40,
        layout: Layout::Sysmon15,
        mixed: false,
        files: None,
    };
    generate(&options, folder.path()).expect("a log");
    let logs: Vec<_> = walkdir::WalkDir::new(folder.path())
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension() == Some("evtx".as_ref()))
        .collect();
    let [log] = logs.as_slice() else { panic!("{} logs", logs.len()) };
    std::fs::read(log.path()).expect("the log").split_off(FILE_HEADER)
}

fn read(log: &[u8], kind: ReaderKind, visitor: &mut dyn Visitor) {
    let mut reader = PieceReader::new(kind);
    for (number, bytes) in (0..).zip(log.chunks_exact(CHUNK)) {
        reader.read("log", Piece::Chunk(Chunk { number, bytes, stored: CHUNK, carved: false }), visitor);
    }
}

/// Which records are asked for, and how far they are read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Depth {
    /// Every record is seen, none is asked for.
    Seen,
    /// The process of each is asked for, before it is decoded.
    Looked,
    /// Each is decoded, as a Sysmon event.
    Decoded,
}

struct Reading {
    depth: Depth,
    lazy: LazyEvents,
    records: usize,
    events: Vec<Event>,
    keep: bool,
}

impl Reading {
    fn new(depth: Depth, keep: bool) -> Self {
        Self { depth, lazy: LazyEvents::default(), records: 0, events: Vec::new(), keep }
    }
}

impl Visitor for Reading {
    fn seen(&mut self, _: &Seen<'_>) -> bool {
        self.records += 1;
        self.depth != Depth::Seen
    }

    fn undecoded(&mut self, seen: &Seen<'_>, record: &Undecoded<'_>) -> bool {
        if self.depth == Depth::Looked {
            let mapping = sysmon::Options::default();
            let event = self.lazy.event(seen, record, &mapping);
            divan::black_box(event.and_then(|event| event.named("ProcessGuid").map(str::len)));
        }
        self.depth == Depth::Decoded
    }

    fn record(&mut self, record: &mut RawRecord) {
        let event = Event::from_raw(std::mem::take(record), &sysmon::Options::default()).expect("Sysmon's");
        match self.keep {
            true => self.events.push(event),
            false => *record = event.into_raw(),
        }
    }

    fn damage(&mut self, damage: Damage) {
        panic!("{damage:?}");
    }
}

fn events() -> Vec<Event> {
    let mut reading = Reading::new(Depth::Decoded, true);
    read(&log(), ReaderKind::Fast, &mut reading);
    reading.events
}

#[divan::bench(args = [Depth::Seen, Depth::Looked, Depth::Decoded], sample_count = 20)]
fn records(bencher: Bencher<'_, '_>, depth: Depth) {
    let log = log();
    bencher.counter(BytesCount::new(log.len())).bench_local(|| {
        let mut reading = Reading::new(depth, false);
        read(&log, ReaderKind::Fast, &mut reading);
        reading.records
    });
}

#[divan::bench(sample_count = 3)]
fn records_through_xml(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher.counter(BytesCount::new(log.len())).bench_local(|| {
        let mut reading = Reading::new(Depth::Decoded, false);
        read(&log, ReaderKind::Xml, &mut reading);
        reading.records
    });
}

/// The built-in rule, and so many others that match nothing.
fn rules(others: usize) -> RuleSet {
    let builtin = evql::rules::builtin();
    let model = builtin.first().expect("the built-in rule").clone();
    let more = (0..others).map(|number| {
        let mut rule = model.clone();
        let mut info = (*rule.info).clone();
        info.id = format!("rule-{number}");
        info.query = format!(
            r#"process where process.name : "tool{number}.exe" and process.args : "*--job{number}*" or process.command_line like~ "*x{number}y*""#
        );
        rule.info = info.into();
        rule
    });
    let compiled = builtin.into_iter().chain(more).map(|rule| {
        let program = compile(&rule.info.query, None).expect("the rule compiles");
        (rule, program)
    });
    RuleSet::new(compiled.collect(), &sysmon::Options::default())
}

#[divan::bench(args = [0, 300], sample_count = 20)]
fn evaluation(bencher: Bencher<'_, '_>, others: usize) {
    let (events, rules) = (events(), rules(others));
    bencher.counter(ItemsCount::new(events.len())).bench_local(|| {
        let mut scratches = Default::default();
        let matching =
            |event: &Event| rules.filters().matching(event.event_id(), event, &mut scratches).len();
        events.iter().map(matching).sum::<usize>()
    });
}

#[divan::bench(sample_count = 20)]
fn sequence(bencher: Bencher<'_, '_>) {
    let (events, rules) = (events(), rules(0));
    let program = &rules.rules().first().expect("the built-in rule").program;
    let mut scratches = Default::default();
    let mut hits = Vec::new();
    for (order, event) in events.iter().enumerate() {
        for stage in rules.filters().matching(event.event_id(), event, &mut scratches) {
            let hit = Hit { stage: *stage, order, time: event.created(), payload: order };
            let keys =
                program.stages().get(*stage).map(|stage| join_keys(&stage.keys, event)).unwrap_or_default();
            hits.extend(keys.into_iter().map(|key| (key, hit.clone())));
        }
    }
    bencher
        .counter(ItemsCount::new(hits.len()))
        .with_inputs(|| hits.clone())
        .bench_local_values(|hits| run_all(program, hits).len());
}
