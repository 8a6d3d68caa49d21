//! Stories about how evidence is kept: rotated, copied, forwarded, foreign, old and new, damaged. The programs in them are plain.

use crate::synth::file::{FileOptions, Origin};
use crate::synth::record::SynthRecord;
use crate::synth::story::{Clocks, Expected, Harm, LIVE_LOG, Scene, Story, StoryFile};
use crate::synth::sysmon::{later_ticks, sysmon_time, text};
use crate::synth::value::{Guid, TypedValue};
use crate::sysmon::schema::Layout;
use crate::time::TICKS_PER_MILLI;

const MSHTA: &str = r"C:\Windows\System32\mshta.exe";
const MSHTA_LINE: &str = "mshta.exe https://example.net/a.hta";

/// mshta.exe starts and connects.
fn attack(scene: &mut Scene, address: &str) -> Expected {
    let actor = scene.start(MSHTA, MSHTA_LINE);
    scene.wait(1_250);
    scene.connect(&actor, address, 443)
}

fn exported(path: impl Into<String>, records: Vec<SynthRecord>) -> StoryFile {
    StoryFile { path: path.into(), records, options: FileOptions::default(), harm: Harm::None }
}

pub(super) fn rotated() -> Story {
    let mut scene = Scene::new("ws07.corp.example", 7, Layout::Sysmon13, "2024-03-07T10:14:40Z", 199_990);
    scene.noise(6);
    let actor = scene.start(
        r"C:\Windows\System32\xwizard.exe",
        "xwizard.exe RunWizard {00000001-0000-0000-0000-0000FEEDACDC}",
    );
    let archived = std::mem::take(&mut scene.records);
    scene.wait(45_000);
    scene.noise(4);
    let finding = scene.connect(&actor, "198.51.100.77", 8080);
    scene.noise(5);
    let archive = "rotated/ws07.corp.example/Archive-Microsoft-Windows-Sysmon%4Operational-2024-03-07-10-15-00-000.evtx";
    let options = FileOptions { origin: Origin::Live, ..FileOptions::default() };
    let archive = StoryFile { path: archive.to_owned(), records: archived, options, harm: Harm::None };
    Story {
        name: "rotated",
        tells: "The log rolled over between xwizard.exe's start, the last record of the archive, and its connection in the live log. Found across \
                the two files.",
        files: vec![archive, scene.live_log("rotated/ws07.corp.example")],
        findings: vec![finding],
    }
}

pub(super) fn rolled_over() -> Story {
    let mut scene = Scene::new("ws19.corp.example", 19, Layout::Sysmon13, "2024-03-07T15:00:00Z", 844_000);
    let actor = scene.start(MSHTA, MSHTA_LINE);
    scene.records.clear();
    scene.wait(2_000);
    scene.connect(&actor, "203.0.113.19", 443);
    scene.noise(8);
    Story {
        name: "rolled-over",
        tells: "mshta.exe connects in the log's oldest record; its start was overwritten. Nothing is found: a near miss.",
        files: vec![scene.live_log("rolled-over/ws19.corp.example")],
        findings: Vec::new(),
    }
}

pub(super) fn duplicates() -> Story {
    let mut scene = Scene::new("ws08.corp.example", 8, Layout::Sysmon13, "2024-03-08T09:00:00Z", 33_000);
    scene.noise(6);
    let finding = attack(&mut scene, "203.0.113.88");
    let copied = scene.records.clone();
    scene.noise(8);
    Story {
        name: "duplicates",
        tells: "The live log, and an export of a shadow copy that holds its first records again under other header numbers. Found once, each of its \
                two records in two copies.",
        files: vec![
            scene.live_log("duplicates/ws08.corp.example"),
            exported(format!("duplicates/ws08.corp.example-vss1/{LIVE_LOG}"), copied),
        ],
        findings: vec![finding],
    }
}

pub(super) fn inverted() -> Story {
    let mut scene = Scene::new("ws09.corp.example", 9, Layout::Sysmon10, "2024-03-08T12:00:00Z", 71_400);
    scene.noise(6);
    let mut finding = attack(&mut scene, "203.0.113.99");
    finding.clocks = Clocks::CreatedOnly;
    if let Some(record) = scene.records.last_mut() {
        // 1.25 s after the start by TimeCreated, 0.8 s before it by UtcTime.
        let utc = later_ticks(record.time_created, -(1_250 + 12 + 800) * TICKS_PER_MILLI);
        record.set("UtcTime", text(sysmon_time(utc)));
    }
    scene.noise(5);
    Story {
        name: "inverted-utc",
        tells: "The connection's UtcTime lies 0.8 s before the start's, as Sysmon's network events often have it; TimeCreated has them in order. \
                Found by the clock `created`, with a note; not by `utc`, nor by Elastic.",
        files: vec![scene.live_log("inverted-utc/ws09.corp.example")],
        findings: vec![finding],
    }
}

pub(super) fn foreign_provider() -> Story {
    let mut scene = Scene::new("ws10.corp.example", 10, Layout::Sysmon13, "2024-03-08T17:20:00Z", 4_400);
    attack(&mut scene, "203.0.113.110");
    let like = scene.records[0].clone();
    for record in &mut scene.records {
        record.provider = "Example-Endpoint-Agent".into();
        record.provider_guid = Guid::parse("{6a2b7c1e-8d34-4f0e-9b5a-2c7d1e8f9a01}");
        record.channel = "Example-Endpoint-Agent/Operational".into();
    }
    Story {
        name: "foreign-provider",
        tells: "A file with the Sysmon log's name whose events 1 and 3 come from another product, field for field like Sysmon's, and the events 3 and \
                1 of two Windows providers. Nothing is found: the provider decides, not the file's name.",
        files: vec![
            exported(format!("foreign-provider/ws10.corp.example/{LIVE_LOG}"), scene.records),
            exported(
                "foreign-provider/ws10.corp.example/System.evtx",
                vec![filter_loaded(&like), job_created(&like)],
            ),
        ],
        findings: Vec::new(),
    }
}

/// Event 3 of the background transfer service.
fn job_created(like: &SynthRecord) -> SynthRecord {
    SynthRecord {
        provider: "Microsoft-Windows-Bits-Client".into(),
        provider_guid: Guid::parse("{ef1cc15b-46c1-414e-bb95-e76b077bd51e}"),
        event_id: 3,
        version: 2,
        task: 0,
        keywords: 0x4000_0000_0000_0000,
        record_id: 10_260,
        channel: "Microsoft-Windows-Bits-Client/Operational".into(),
        data: vec![
            ("jobTitle".into(), text("Example update")),
            ("jobId".into(), TypedValue::Guid(Guid(0x5f28_63d6_e0ab_4470_8530_8f12_9b46_177a))),
            ("jobOwner".into(), text(r"EXAMPLE\alice")),
            ("processPath".into(), text(MSHTA)),
            ("processId".into(), TypedValue::UInt32(7_680)),
        ],
        ..like.clone()
    }
}

/// Event 1 of the file system's filter manager, about Sysmon's own driver.
fn filter_loaded(like: &SynthRecord) -> SynthRecord {
    SynthRecord {
        provider: "Microsoft-Windows-FilterManager".into(),
        provider_guid: Guid::parse("{f3c5e28e-63f6-49c7-a204-e48a1bc4b09d}"),
        event_id: 1,
        version: 0,
        task: 0,
        record_id: 2_216,
        channel: "System".into(),
        data: vec![
            ("FinalStatus".into(), TypedValue::HexInt32(0)),
            ("DeviceVersionMajor".into(), TypedValue::UInt32(0)),
            ("DeviceNameLength".into(), TypedValue::UInt16(9)),
            ("DeviceName".into(), text("SysmonDrv")),
            ("DeviceTime".into(), TypedValue::FileTime(like.time_created)),
        ],
        ..like.clone()
    }
}

pub(super) fn zero_guid() -> Story {
    let mut scene = Scene::new("ws11.corp.example", 11, Layout::Sysmon13, "2024-03-09T06:30:00Z", 1_210);
    scene.noise(5);
    let mut process = scene.machine.process(MSHTA, MSHTA_LINE, r"EXAMPLE\alice", None);
    process.guid = Guid::default();
    let actor = scene.start_process(process);
    scene.wait(900);
    scene.connect(&actor, "203.0.113.111", 443);
    scene.noise(4);
    Story {
        name: "zero-guid",
        tells: "mshta.exe starts and connects, but both records carry the zero GUID, which names no process: nothing is found.",
        files: vec![scene.live_log("zero-guid/ws11.corp.example")],
        findings: Vec::new(),
    }
}

pub(super) fn old_layout() -> Story {
    let mut scene = Scene::new("OLD12", 12, Layout::Sysmon6, "2017-12-26T13:10:00Z", 1_742);
    for _ in 0..4 {
        let tool = scene.start(r"C:\Windows\SysWOW64\PING.EXE", "ping  -n 6 127.0.0.1");
        scene.wait(4_000);
        let end = scene.machine.end(&tool.process);
        scene.records.push(end);
    }
    let finding = attack(&mut scene, "198.51.100.12");
    Story {
        name: "old-layout",
        tells: "Sysmon 6 of 2017: no RuleName, no version information. mshta.exe connects: found.",
        files: vec![scene.live_log("old-layout/OLD12")],
        findings: vec![finding],
    }
}

pub(super) fn new_layout() -> Story {
    let mut scene = Scene::new("ws13.corp.example", 13, Layout::Sysmon15, "2024-03-10T20:10:00Z", 9_000_001);
    scene.noise(5);
    let actor = scene.start(
        r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\InstallUtil.exe",
        r"InstallUtil.exe /logfile= /LogToConsole=false /U C:\Users\alice\tool.dll",
    );
    scene.wait(2_000);
    let finding = scene.connect(&actor, "2001:db8:0:0:0:0:0:10", 443);
    scene.noise(5);
    Story {
        name: "new-layout",
        tells: "Sysmon 15 with every field it logs. InstallUtil.exe connects over IPv6, the address written uncompressed as Sysmon does: found.",
        files: vec![scene.live_log("new-layout/ws13.corp.example")],
        findings: vec![finding],
    }
}

pub(super) fn forwarded() -> Story {
    let hosts = [
        "ws21.corp.example",
        "ws22.corp.example",
        "srv23.corp.example",
        "ws24.corp.example",
        "WS25",
        "srv26.corp.example",
    ];
    let mut records = Vec::new();
    let mut findings = Vec::new();
    for (index, host) in (21_u32..).zip(hosts) {
        // The counters of different hosts may coincide, and here they do.
        let mut scene = Scene::new(host, index, Layout::Sysmon13, "2024-03-11T08:00:00Z", 5_000);
        scene.wait(i64::from(index) * 7);
        scene.noise(4);
        match index {
            22 => findings.push(attack(&mut scene, "203.0.113.122")),
            24 => {
                let actor = scene.start(r"C:\Program Files (x86)\Example\fsi.exe", "fsi.exe --exec a.fsx");
                scene.wait(3_333);
                findings.push(scene.query(&actor, "paste.example.org", "::ffff:203.0.113.124;"));
            }
            _ => scene.noise(2),
        }
        scene.noise(3);
        records.append(&mut scene.records);
    }
    records.sort_by_key(|record| record.time_created);
    Story {
        name: "forwarded",
        tells: "A collector's ForwardedEvents log with the Sysmon records of six hosts, interleaved, their record ids alike. Found: mshta.exe on \
                ws22 and fsi.exe on ws24.",
        files: vec![exported("forwarded/collector/ForwardedEvents.evtx", records)],
        findings,
    }
}

pub(super) fn smashed_chunk() -> Story {
    let mut scene = Scene::new("ws14.corp.example", 14, Layout::Sysmon13, "2024-03-13T09:00:00Z", 20_000);
    let first = attack(&mut scene, "203.0.113.141");
    scene.noise(66);
    attack(&mut scene, "203.0.113.142");
    scene.noise(66);
    let third = attack(&mut scene, "203.0.113.143");
    let mut file = scene.live_log("damaged/smashed-chunk/ws14.corp.example");
    file.harm = Harm::Smashed(1);
    Story {
        name: "damaged/smashed-chunk",
        tells: "Three mshta.exe, one in each of the log's three chunks; the second chunk is overwritten. The first and the third are found, the loss \
                is reported.",
        files: vec![file],
        findings: vec![first, third],
    }
}

pub(super) fn truncated() -> Story {
    let mut scene = Scene::new("ws15.corp.example", 15, Layout::Sysmon13, "2024-03-13T11:00:00Z", 30_000);
    let finding = attack(&mut scene, "203.0.113.151");
    scene.noise(110);
    let mut file = scene.live_log("damaged/truncated/ws15.corp.example");
    file.harm = Harm::Truncated(0x1000 + 0x1_0000 + 0x5000);
    Story {
        name: "damaged/truncated",
        tells: "The file ends inside its second chunk. mshta.exe in the first is found, the loss is reported.",
        files: vec![file],
        findings: vec![finding],
    }
}

pub(super) fn dirty_log() -> Story {
    let mut scene = Scene::new("ws16.corp.example", 16, Layout::Sysmon13, "2024-03-13T13:00:00Z", 40_000);
    scene.noise(150);
    let finding = attack(&mut scene, "203.0.113.161");
    let mut file = scene.live_log("damaged/dirty-log/ws16.corp.example");
    file.options.dirty = true;
    file.options.stale_chunk_count = Some(1);
    Story {
        name: "damaged/dirty-log",
        tells: "A log that was not closed: the header is marked dirty and says one chunk where there are more. mshta.exe in the last chunk is found.",
        files: vec![file],
        findings: vec![finding],
    }
}
