//! Real Sysmon records, where they are at hand: none is lost, and what EQL reads of a field is what the document shows. It commits no real record.

mod input_support;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use evql::eql::{FieldId, Record, Scalar};
use evql::finding::Damage;
use evql::input::{self, IntakeOptions, RawRecord, ReaderKind, Seen, Visitor, WalkOptions};
use evql::sysmon::fields::fields;
use evql::sysmon::{Event, Facts, Options, PROVIDER, document};
use input_support::visit;
use serde_json::{Map, Value};

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let path = std::env::var_os("EVQL_CORPUS").map_or(beside, PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no corpus at {} (set EVQL_CORPUS)", path.display());
    None
}

#[derive(Default)]
struct Collect(Vec<Event>);

impl Visitor for Collect {
    fn seen(&mut self, seen: &Seen<'_>) -> bool {
        seen.provider == PROVIDER
    }

    fn record(&mut self, record: &mut RawRecord) {
        self.0.extend(Event::from_raw(std::mem::take(record), &Options::default()));
    }

    fn damage(&mut self, _: Damage) {}
}

fn events_under(path: &Path) -> Vec<Event> {
    let mut collect = Collect::default();
    let files = input::walk(&[path.to_owned()], WalkOptions::default()).sources;
    visit(&files, IntakeOptions::default(), ReaderKind::default(), &mut collect);
    collect.0
}

/// The values at a dotted path; through arrays of objects too, as Elasticsearch flattens them.
fn at<'a>(document: &'a Map<String, Value>, path: &str) -> Vec<&'a Value> {
    if let Some(name) = path.strip_prefix("winlog.event_data.") {
        let data = document.get("winlog").and_then(|winlog| winlog.get("event_data"));
        return data.and_then(|data| data.get(name)).into_iter().collect();
    }
    let mut names = path.split('.');
    let mut values: Vec<&Value> =
        names.next().and_then(|name| document.get(name)).map(flat).unwrap_or_default();
    for name in names {
        values = values.into_iter().filter_map(|value| value.get(name)).flat_map(flat).collect();
    }
    values
}

fn flat(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

fn shown(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Str(text) => Value::from(text.as_ref()),
        Scalar::Int(number) => Value::from(*number),
        Scalar::Float(number) => Value::from(*number),
        Scalar::Bool(value) => Value::from(*value),
        Scalar::Ip(address) => Value::from(address.to_string()),
        Scalar::Date(time) => Value::from(time.to_iso_millis()),
    }
}

#[test]
fn fields_and_documents_agree_on_every_record() {
    let Some(corpus) = corpus() else { return };
    let events = events_under(&corpus.join("evtx"));
    assert!(!events.is_empty());
    for event in &events {
        let document = document(event);
        for (place, field) in fields().iter().enumerate() {
            let id = FieldId(u32::try_from(place).expect("few fields"));
            let read: Vec<Value> = event.field(id).as_slice().iter().map(shown).collect();
            let mut written: Vec<Value> = at(&document, &field.path).into_iter().cloned().collect();
            if field.ecs_type == "ip" {
                for value in &mut written {
                    let address: IpAddr = value.as_str().expect("text").parse().expect("an address");
                    *value = Value::from(address.to_canonical().to_string());
                }
            }
            assert_eq!(
                read,
                written,
                "{} of event {} record {}",
                field.path,
                event.event_id(),
                event.record_id().unwrap_or_default()
            );
        }
    }
}

#[test]
fn no_record_is_lost_and_all_look_sound() {
    let Some(corpus) = corpus() else { return };
    let manifest = std::fs::read_to_string(corpus.join("manifest.json")).expect("the corpus has a manifest");
    let manifest: Vec<Value> = serde_json::from_str(&manifest).expect("JSON");
    for entry in manifest {
        let file = entry["file"].as_str().expect("a name");
        let events = events_under(&corpus.join(file));
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for event in &events {
            *counts.entry(event.event_id().to_string()).or_default() += 1;
            assert_eq!(
                event.problems(),
                Vec::<String>::new(),
                "{file} record {}",
                event.record_id().unwrap_or_default()
            );
            assert!(event.utc_time().is_some(), "{file} record {}", event.record_id().unwrap_or_default());
        }
        for (id, expected) in entry["sysmon_1_3_22"].as_object().expect("counts") {
            assert_eq!(
                counts.get(id).copied().unwrap_or(0),
                expected.as_u64().expect("a count"),
                "{file} event {id}"
            );
        }
    }
}
