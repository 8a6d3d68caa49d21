//! The library run as the program runs it, in process: for tests that scan thousands of times.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use evql::finding::{Clock, Damage, Outcome};
use evql::input::{
    self, Opened, PieceReader, RawRecord, ReaderKind, Seen, SourceOptions, Visitor, WalkOptions,
};
use evql::scan::{PassOptions, RuleSet, ScanOptions, Unobserved, compile, scan};

/// The built-in rule, compiled.
pub fn builtin() -> RuleSet {
    let compiled = evql::rules::builtin().into_iter().map(|rule| {
        let program = compile(&rule.query, None).expect("the built-in rule compiles");
        (rule, program)
    });
    RuleSet::new(compiled.collect(), &evql::sysmon::Options::default())
}

/// Scans `path` with `rules`.
pub fn scan_path(path: &Path, rules: &RuleSet, clock: Clock) -> Outcome {
    let walked = input::walk(&[PathBuf::from(path)], WalkOptions::default());
    let mapping = evql::sysmon::Options::default();
    let pass = PassOptions { threads: 1, reader: ReaderKind::Fast, hash: false, mapping };
    let options = ScanOptions { clock, pass };
    scan(&walked.sources, walked.damages, rules, &options, &Unobserved, &AtomicBool::new(false))
        .expect("a scan")
}

/// What a file holds: each record's chunk and EventRecordID, and what is wrong with it.
#[derive(Default)]
pub struct Held {
    pub records: BTreeSet<(u64, Option<u64>)>,
    pub damages: Vec<Damage>,
}

impl Visitor for Held {
    fn seen(&mut self, seen: &Seen<'_>) -> bool {
        self.records.insert((seen.position.chunk, seen.record_id));
        true
    }

    fn record(&mut self, _record: &mut RawRecord) {}

    fn damage(&mut self, damage: Damage) {
        self.damages.push(damage);
    }
}

/// Reads all of the file at `path`.
pub fn hold(path: &Path) -> Held {
    let mut held = Held::default();
    let walked = input::walk(&[PathBuf::from(path)], WalkOptions::default());
    let mut reader = PieceReader::new(ReaderKind::Fast);
    for source in &walked.sources {
        match input::open(source, SourceOptions { hash: false }) {
            Opened::Log(mut file) => {
                while let Some(block) = file.next_block(64) {
                    block.pieces().for_each(|piece| reader.read(&source.name, piece, &mut held));
                }
                held.damages.extend(file.finish().damages);
            }
            Opened::Failed(damage) => held.damages.push(damage),
            Opened::Skipped(_) => {}
        }
    }
    held
}
