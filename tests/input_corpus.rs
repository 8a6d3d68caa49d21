//! Real logs: every record that other parsers count is read, by both readers alike. It knows nothing of rules.

mod input_support;

use evql::finding::DamageKind;
use evql::input::ReaderKind;
use input_support::{corpus, read};

#[test]
fn every_file_holds_what_the_manifest_says() {
    let Some(corpus) = corpus() else { return };
    let manifest = std::fs::read_to_string(corpus.join("manifest.json")).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    for entry in manifest.as_array().expect("a list") {
        let file = entry["file"].as_str().expect("a name");
        for kind in [ReaderKind::Xml, ReaderKind::Fast] {
            let (told, finished) = read(&corpus.join(file), kind);
            assert_eq!(Some(told.records.len() as u64), entry["records"].as_u64(), "{file}");
            assert_eq!(told.seen.len(), told.records.len(), "{file}");
            assert_eq!(finished.sha256.as_deref(), entry["sha256"].as_str(), "{file}");
            // One log's preallocated space holds what the disk held before.
            let expected: &[DamageKind] =
                if file.ends_with("samples/sysmon.evtx") { &[DamageKind::Chunk] } else { &[] };
            assert_eq!(told.kinds(), expected, "{file}");
            assert!(told.damages.iter().all(|damage| !damage.lost), "{file}: {:?}", told.damages);
            for id in [1, 3, 22] {
                let expected = entry["sysmon_1_3_22"][id.to_string()].as_u64();
                assert_eq!(Some(told.sysmon(id) as u64), expected, "{file}: event {id}");
            }
        }
    }
}
