//! Records of other providers, as they fill most of a real collection. They give a reader work and a rule nothing.

use super::machine::Machine;
use super::record::SynthRecord;
use super::sysmon::{later_ticks, text};
use super::value::{Guid, Sid, TypedValue};

/// A log that is not Sysmon's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ForeignLog {
    /// `Security`: audit records.
    Security,
    /// `Microsoft-Windows-PowerShell/Operational`: script blocks.
    PowerShell,
    /// `System`: services.
    System,
}

/// What every record of a log has in common, and its event: provider, GUID, channel, event id, task, keywords.
struct Kind(&'static str, u128, &'static str, u16, u16, u64);

const LOGON: Kind = Kind(
    "Microsoft-Windows-Security-Auditing",
    0x5484_9625_5478_4994_a5ba_3e3b_0328_c30d,
    "Security",
    4624,
    12544,
    0x8020_0000_0000_0000,
);
const PROCESS: Kind = Kind(LOGON.0, LOGON.1, LOGON.2, 4688, 13312, LOGON.5);
const SCRIPT: Kind = Kind(
    "Microsoft-Windows-PowerShell",
    0xa0c1_853b_5c40_4b15_8766_3cf1_c58f_985a,
    "Microsoft-Windows-PowerShell/Operational",
    4104,
    2,
    0,
);
const SERVICE: Kind = Kind(
    "Service Control Manager",
    0x5559_08d1_a6d7_4695_8e1e_2693_1d20_12f4,
    "System",
    7036,
    0,
    0x8080_0000_0000_0000,
);

impl Machine {
    /// One more record of `log`, a moment later.
    pub(super) fn foreign(&mut self, log: ForeignLog) -> SynthRecord {
        let ticks = 10_000 + self.rng.below(9_000_000) as i64;
        self.now = later_ticks(self.now, ticks);
        let serial = self.rng.next();
        let data = match log {
            ForeignLog::Security if serial.is_multiple_of(3) => {
                return self.foreign_record(&LOGON, logon(serial));
            }
            ForeignLog::Security => return self.foreign_record(&PROCESS, process_created(serial)),
            ForeignLog::PowerShell => script_block(serial),
            ForeignLog::System => {
                vec![
                    ("param1", text("Windows Update")),
                    ("param2", text("running")),
                    ("Binary", text(format!("{serial:016X}"))),
                ]
            }
        };
        self.foreign_record(if log == ForeignLog::System { &SERVICE } else { &SCRIPT }, data)
    }

    fn foreign_record(&mut self, kind: &Kind, data: Vec<(&'static str, TypedValue)>) -> SynthRecord {
        let Kind(provider, guid, channel, event_id, task, keywords) = *kind;
        let record_id = self.next_record;
        self.next_record += 1;
        SynthRecord {
            provider: provider.into(),
            provider_guid: Some(Guid(guid)),
            event_id,
            version: 2,
            level: 4,
            task,
            opcode: 0,
            keywords,
            time_created: self.now,
            record_id,
            process_id: 724,
            thread_id: 1_160,
            channel: channel.into(),
            computer: self.host.computer.clone(),
            user_sid: None,
            data: data.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        }
    }
}

fn logon(serial: u64) -> Vec<(&'static str, TypedValue)> {
    vec![
        ("SubjectUserSid", TypedValue::Sid(Sid::local_system())),
        ("SubjectUserName", text("WS$")),
        ("SubjectDomainName", text("EXAMPLE")),
        ("SubjectLogonId", TypedValue::HexInt64(0x3e7)),
        ("TargetUserSid", TypedValue::Sid(Sid::local_system())),
        ("TargetUserName", text("SYSTEM")),
        ("TargetDomainName", text("NT AUTHORITY")),
        ("TargetLogonId", TypedValue::HexInt64(serial & 0xff_ffff)),
        ("LogonType", TypedValue::UInt32(5)),
        ("LogonProcessName", text("Advapi  ")),
        ("AuthenticationPackageName", text("Negotiate")),
        ("WorkstationName", text("-")),
        ("LogonGuid", TypedValue::Guid(Guid::default())),
        ("ProcessId", TypedValue::HexInt64(0x2d4)),
        ("ProcessName", text(r"C:\Windows\System32\services.exe")),
        ("IpAddress", text("-")),
        ("IpPort", text("-")),
    ]
}

fn process_created(serial: u64) -> Vec<(&'static str, TypedValue)> {
    vec![
        ("SubjectUserSid", TypedValue::Sid(Sid::local_system())),
        ("SubjectUserName", text("WS$")),
        ("SubjectDomainName", text("EXAMPLE")),
        ("SubjectLogonId", TypedValue::HexInt64(0x3e7)),
        ("NewProcessId", TypedValue::HexInt64(serial & 0xfffc)),
        ("NewProcessName", text(r"C:\Windows\System32\taskhostw.exe")),
        ("TokenElevationType", text("%%1936")),
        ("ProcessId", TypedValue::HexInt64(0x4a8)),
        ("CommandLine", text(format!("taskhostw.exe -id {serial:x}"))),
        ("ParentProcessName", text(r"C:\Windows\System32\svchost.exe")),
    ]
}

fn script_block(serial: u64) -> Vec<(&'static str, TypedValue)> {
    let line = "Get-CimInstance -ClassName Win32_LogicalDisk | Select-Object DeviceID, Size, FreeSpace | ConvertTo-Json\n";
    vec![
        ("MessageNumber", TypedValue::UInt32(1)),
        ("MessageTotal", TypedValue::UInt32(1)),
        ("ScriptBlockText", text(line.repeat(1 + (serial % 20) as usize))),
        ("ScriptBlockId", text(format!("{serial:016x}"))),
        ("Path", text(r"C:\ProgramData\Example\inventory.ps1")),
    ]
}
