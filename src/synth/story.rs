//! What a sample is made of: a story, the files it leaves, the findings it must give. The stories themselves are in [`super::stories`].

use super::file::{FileOptions, Origin};
use super::machine::Machine;
use super::record::SynthRecord;
use super::sysmon::{Host, Process, later_ticks};
use super::value::Guid;
use crate::sysmon::schema::Layout;
use crate::time::{TICKS_PER_MILLI, Timestamp};

/// A story told in event logs.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its folder's name.
    pub name: &'static str,
    /// What happens, and why it does or does not count.
    pub tells: &'static str,
    /// The logs it leaves.
    pub files: Vec<StoryFile>,
    /// What the built-in rule must find in it, in time order.
    pub findings: Vec<Expected>,
}

/// A log of a story.
#[derive(Debug, Clone)]
pub struct StoryFile {
    /// Its path below the samples' folder, `/`-separated.
    pub path: String,
    /// Its records in order.
    pub records: Vec<SynthRecord>,
    /// Facts of its header.
    pub options: FileOptions,
    /// What was done to its bytes afterwards.
    pub harm: Harm,
}

/// What is done to a finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Nothing.
    None,
    /// The chunk of this number, from 0, is overwritten with a pattern.
    Smashed(usize),
    /// Only this many bytes are kept.
    Truncated(usize),
}

impl Harm {
    /// Does it to `bytes`.
    pub(super) fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Smashed(chunk) => {
                let start = 0x1000 + chunk * super::chunk::CHUNK_SIZE;
                for (index, byte) in bytes.iter_mut().enumerate().skip(start).take(super::chunk::CHUNK_SIZE) {
                    *byte = (index % 251) as u8;
                }
            }
            Self::Truncated(length) => bytes.truncate(length),
        }
    }
}

/// The clocks by which a finding is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clocks {
    /// By System/TimeCreated as by EventData/UtcTime.
    Both,
    /// By System/TimeCreated only.
    CreatedOnly,
}

impl Clocks {
    /// The clocks' words.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["created", "utc"],
            Self::CreatedOnly => &["created"],
        }
    }
}

/// A finding of the built-in rule that must come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// System/Computer.
    pub host: String,
    /// The image's name.
    pub process_name: String,
    /// ProcessGuid.
    pub process_guid: Guid,
    /// EventRecordID of the start.
    pub start_record_id: u64,
    /// EventRecordID of the network event.
    pub network_record_id: u64,
    /// 3 or 22: the network event's id.
    pub event_id: u16,
    /// By which clocks.
    pub clocks: Clocks,
}

/// A machine and what it has logged: what stories are told with.
pub(super) struct Scene {
    pub(super) machine: Machine,
    pub(super) records: Vec<SynthRecord>,
}

/// A process whose start is in the log.
#[derive(Clone)]
pub(super) struct Actor {
    pub(super) process: Process,
    start: u64,
    began: Timestamp,
}

impl Scene {
    /// `number` makes the host's GUIDs, address and everyday noise its own; `time` is RFC 3339.
    pub(super) fn new(
        computer: &'static str,
        number: u32,
        layout: Layout,
        time: &str,
        first_record: u64,
    ) -> Self {
        let start = Timestamp::parse(time).expect("the stories' times are RFC 3339");
        // Real TimeCreated values have a fraction below the millisecond.
        let start = later_ticks(start, 4_567);
        let machine =
            Machine::new(Host::new(computer, number, layout), start, first_record, u64::from(number));
        Self { machine, records: Vec::new() }
    }

    /// Ordinary records.
    pub(super) fn noise(&mut self, count: usize) {
        for _ in 0..count {
            let record = self.machine.ordinary();
            self.records.push(record);
        }
    }

    pub(super) fn wait(&mut self, milliseconds: i64) {
        self.machine.wait(milliseconds);
    }

    /// The user's shell starts `image`.
    pub(super) fn start(&mut self, image: &'static str, command_line: &'static str) -> Actor {
        let shell = self.machine.explorer();
        self.start_under(&shell, image, command_line)
    }

    /// `parent` starts `image`.
    pub(super) fn start_under(
        &mut self,
        parent: &Process,
        image: &'static str,
        command_line: &'static str,
    ) -> Actor {
        let process = self.machine.process(image, command_line, r"EXAMPLE\alice", Some(parent));
        self.start_process(process)
    }

    pub(super) fn start_process(&mut self, process: Process) -> Actor {
        let record = self.machine.start(&process);
        let actor = Actor { process, start: record.record_id, began: record.time_created };
        self.records.push(record);
        actor
    }

    /// Sets the clock to `milliseconds` after `actor`'s start.
    pub(super) fn since_start(&mut self, actor: &Actor, milliseconds: i64) {
        self.machine.now = later_ticks(actor.began, milliseconds * TICKS_PER_MILLI);
    }

    /// `actor` connects; the answer is the finding this makes, if it makes one.
    pub(super) fn connect(&mut self, actor: &Actor, address: &str, port: u16) -> Expected {
        let record = self.machine.connect(&actor.process, address, port);
        self.finding(actor, record)
    }

    /// `actor` asks for `question`; the answer is the finding this makes, if it makes one.
    pub(super) fn query(&mut self, actor: &Actor, question: &str, answers: &str) -> Expected {
        let record = self.machine.query(&actor.process, question, answers);
        self.finding(actor, record)
    }

    fn finding(&mut self, actor: &Actor, record: SynthRecord) -> Expected {
        let expected = Expected {
            host: record.computer.to_string(),
            process_name: actor.process.name().to_owned(),
            process_guid: actor.process.guid,
            start_record_id: actor.start,
            network_record_id: record.record_id,
            event_id: record.event_id,
            clocks: Clocks::Both,
        };
        self.records.push(record);
        expected
    }

    /// The live Sysmon log of `folder`, record headers numbered as the records are.
    pub(super) fn live_log(self, folder: &str) -> StoryFile {
        StoryFile {
            path: format!("{folder}/{LIVE_LOG}"),
            records: self.records,
            options: FileOptions { origin: Origin::Live, ..FileOptions::default() },
            harm: Harm::None,
        }
    }
}

/// The name Windows gives the live Sysmon log.
pub(super) const LIVE_LOG: &str = "Microsoft-Windows-Sysmon%4Operational.evtx";
