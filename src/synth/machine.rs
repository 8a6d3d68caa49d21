//! A computer over time: it starts processes and logs what they do, one record after the other. What happens is told by stories and the load generator.

use super::record::SynthRecord;
use super::rng::Rng;
use super::sysmon::{Host, Moment, Process, later_ticks, text};
use super::value::TypedValue;
use crate::sysmon::schema::event_spec;
use crate::time::{TICKS_PER_MILLI, Timestamp};

/// From an event to its record in the log, in 100 ns ticks: 12 ms, what real logs show for most events.
const LOGGING_DELAY: i64 = 12 * TICKS_PER_MILLI;

/// A host with a clock, a record counter and running processes.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) host: Host,
    pub(super) rng: Rng,
    /// TimeCreated of the next record.
    pub(super) now: Timestamp,
    /// EventRecordID of the next record.
    pub(super) next_record: u64,
    serial: u64,
    /// What runs, for ordinary events to happen to.
    pub(super) processes: Vec<Process>,
}

impl Machine {
    /// A machine whose first record will be `first_record`, created at `start`.
    pub fn new(host: Host, start: Timestamp, first_record: u64, seed: u64) -> Self {
        let mut machine = Self {
            host,
            rng: Rng::new(seed),
            now: start,
            next_record: first_record,
            serial: 0x0001_5f90,
            processes: Vec::new(),
        };
        let services = machine.process(
            r"C:\Windows\System32\services.exe",
            "services.exe",
            r"NT AUTHORITY\SYSTEM",
            None,
        );
        let svchost = machine.process(
            r"C:\Windows\System32\svchost.exe",
            r"C:\Windows\system32\svchost.exe -k netsvcs -p",
            r"NT AUTHORITY\SYSTEM",
            Some(&services),
        );
        let explorer =
            machine.process(r"C:\Windows\explorer.exe", r"C:\Windows\Explorer.EXE", r"EXAMPLE\alice", None);
        machine.processes = vec![services, svchost, explorer];
        machine
    }

    /// Lets `milliseconds` pass.
    pub fn wait(&mut self, milliseconds: i64) {
        self.now = later_ticks(self.now, milliseconds * TICKS_PER_MILLI);
    }

    /// The user's shell.
    pub fn explorer(&self) -> Process {
        self.processes[2].clone()
    }

    /// The service host.
    pub fn svchost(&self) -> Process {
        self.processes[1].clone()
    }

    /// A new process, of which nothing is logged yet.
    pub fn process(
        &mut self,
        image: &'static str,
        command_line: &'static str,
        user: &'static str,
        parent: Option<&Process>,
    ) -> Process {
        self.serial += 0x1b3;
        Process {
            guid: self.host.process_guid(self.now, self.serial),
            pid: 1000 + (self.serial.wrapping_mul(0x9e37) >> 4) as u32 % 15_000 * 4,
            image: image.into(),
            command_line: command_line.into(),
            user: user.into(),
            original_name: None,
            parent: parent.map(|parent| Box::new(parent.as_parent())),
        }
    }

    /// Event 1 for `process`.
    pub fn start(&mut self, process: &Process) -> SynthRecord {
        self.log(1, &|name| process.start_field(name))
    }

    /// Event 5 for `process`.
    pub fn end(&mut self, process: &Process) -> SynthRecord {
        self.log(5, &|name| process.field(name))
    }

    /// Event 3: `process` connects to `address` (IPv6 uncompressed, as Sysmon writes it).
    pub fn connect(&mut self, process: &Process, address: &str, port: u16) -> SynthRecord {
        let ipv6 = address.contains(':');
        let source = if ipv6 { "2001:db8:0:0:0:0:0:99".to_owned() } else { self.host.address.clone() };
        let source_port = 49_152 + self.rng.below(16_000) as u16;
        let computer = self.host.computer.clone();
        self.log(3, &|name| {
            Some(match name {
                "Protocol" => text("tcp"),
                "Initiated" => TypedValue::Boolean(true),
                "SourceIsIpv6" | "DestinationIsIpv6" => TypedValue::Boolean(ipv6),
                "SourceIp" => text(source.as_str()),
                "SourceHostname" => text(computer.as_ref()),
                "SourcePort" => TypedValue::UInt16(source_port),
                "DestinationIp" => text(address),
                "DestinationPort" => TypedValue::UInt16(port),
                "DestinationPortName" => match port {
                    80 => text("http"),
                    443 => text("https"),
                    _ => return None,
                },
                _ => return process.field(name),
            })
        })
    }

    /// Event 22: `process` asks for `question`; `answers` in Sysmon's form, empty when the name is not known.
    pub fn query(&mut self, process: &Process, question: &str, answers: &str) -> SynthRecord {
        self.log(22, &|name| {
            Some(match name {
                "QueryName" => text(question),
                "QueryStatus" if answers.is_empty() => text("9003"),
                "QueryStatus" => text("0"),
                "QueryResults" if answers.is_empty() => text("-"),
                "QueryResults" => text(answers),
                _ => return process.field(name),
            })
        })
    }

    /// The next record, of any event in the table.
    pub fn log(&mut self, event: u32, fill: &dyn Fn(&str) -> Option<TypedValue>) -> SynthRecord {
        let moment = Moment {
            created: self.now,
            utc: later_ticks(self.now, -LOGGING_DELAY),
            record_id: self.next_record,
        };
        self.next_record += 1;
        let spec = event_spec(event).expect("the table holds every event that is synthesised");
        self.host.record(spec, moment, fill)
    }
}
