//! Sysmon's records in any layout, filled from what a story knows and plausible defaults, in the table's order and types. It tells no story itself.

use std::borrow::Cow;

use super::record::SynthRecord;
use super::value::{Guid, Sid, TypedValue};
use crate::sysmon::schema::{DataField, EventSpec, InType, Layout};
use crate::time::Timestamp;

/// Provider/@Name of every Sysmon record.
pub const PROVIDER: &str = "Microsoft-Windows-Sysmon";
/// Channel of every Sysmon record, also in a file of forwarded events.
pub const CHANNEL: &str = "Microsoft-Windows-Sysmon/Operational";
/// Provider/@Guid of every Sysmon record.
const PROVIDER_GUID: Guid = Guid(0x5770_385f_c22a_43e0_bf4c_06f5_698f_fbd9);

/// A computer that runs Sysmon.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// System/Computer.
    pub computer: Cow<'static, str>,
    /// The first group of its process GUIDs, which Sysmon takes from the machine's identifier.
    pub machine: u32,
    /// Its address.
    pub address: String,
    /// What its Sysmon logs.
    pub layout: Layout,
}

impl Host {
    /// A host whose machine part and address follow from `number`.
    pub fn new(computer: impl Into<Cow<'static, str>>, number: u32, layout: Layout) -> Self {
        let machine = 0x3a5e_1000_u32.wrapping_add(number.wrapping_mul(0x0001_0601));
        Self { computer: computer.into(), machine, address: format!("192.0.2.{}", 10 + number % 240), layout }
    }

    /// The GUID Sysmon gives the `serial`th process, started at `time`: machine, start in Unix seconds, a token that never repeats.
    pub fn process_guid(&self, time: Timestamp, serial: u64) -> Guid {
        let seconds = u128::from(time.unix_millis().div_euclid(1000) as u32);
        let halves = (seconds & 0xffff) << 80 | (seconds >> 16) << 64;
        Guid(u128::from(self.machine) << 96 | halves | u128::from(serial.swap_bytes()))
    }

    /// A Sysmon record of `event` at `moment`. Each of the layout's fields is asked of `fill` first; what that leaves out gets a plausible value.
    pub fn record(
        &self,
        event: &EventSpec,
        moment: Moment,
        fill: &dyn Fn(&str) -> Option<TypedValue>,
    ) -> SynthRecord {
        let value = |field: &DataField| match field.name {
            "UtcTime" => fill("UtcTime").unwrap_or_else(|| TypedValue::Text(sysmon_time(moment.utc))),
            name => fill(name).unwrap_or_else(|| self.default_value(field)),
        };
        SynthRecord {
            provider: PROVIDER.into(),
            provider_guid: Some(PROVIDER_GUID),
            event_id: event.id as u16,
            version: event.version_in(self.layout),
            level: if event.id == 255 { 2 } else { 4 },
            task: event.id as u16,
            opcode: 0,
            keywords: 0x8000_0000_0000_0000,
            time_created: moment.created,
            record_id: moment.record_id,
            process_id: 2640,
            thread_id: 3476,
            channel: CHANNEL.into(),
            computer: self.computer.clone(),
            user_sid: Some(Sid::local_system()),
            data: event.layout(self.layout).map(|field| (Cow::Borrowed(field.name), value(field))).collect(),
        }
    }

    /// Text that is unknown is `-` since Sysmon 11, empty before.
    fn default_value(&self, field: &DataField) -> TypedValue {
        match field.in_type {
            InType::UnicodeString if self.layout < Layout::Sysmon11 => text(""),
            InType::UnicodeString => text("-"),
            InType::Guid => TypedValue::Guid(Guid::default()),
            InType::UInt32 => TypedValue::UInt32(0),
            InType::UInt16 => TypedValue::UInt16(0),
            InType::HexInt64 => TypedValue::HexInt64(0),
            InType::HexInt32 => TypedValue::HexInt32(0),
            InType::Boolean => TypedValue::Boolean(false),
        }
    }
}

/// When and as what number a record is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// System/TimeCreated.
    pub created: Timestamp,
    /// EventData/UtcTime, of which milliseconds are kept.
    pub utc: Timestamp,
    /// EventRecordID.
    pub record_id: u64,
}

/// A string value.
pub fn text(value: impl Into<String>) -> TypedValue {
    TypedValue::Text(value.into())
}

/// A time as Sysmon writes it into a record's data: `yyyy-MM-dd HH:mm:ss.SSS`.
pub fn sysmon_time(time: Timestamp) -> String {
    time.to_iso_millis().replace('T', " ").trim_end_matches('Z').to_owned()
}

/// A time `ticks` × 100 ns after `time`.
pub(super) fn later_ticks(time: Timestamp, ticks: i64) -> Timestamp {
    Timestamp::from_filetime(time.ticks().saturating_add(ticks).max(0) as u64)
}

/// A process as Sysmon's events describe it.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// ProcessGuid.
    pub guid: Guid,
    /// ProcessId.
    pub pid: u32,
    /// Image.
    pub image: Cow<'static, str>,
    /// CommandLine.
    pub command_line: Cow<'static, str>,
    /// User.
    pub user: Cow<'static, str>,
    /// OriginalFileName; the image's name when `None`.
    pub original_name: Option<&'static str>,
    /// Its parent's GUID, id, image and command line; unknown when `None`.
    pub parent: Option<Box<Parent>>,
}

/// What a start event says of the parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Parent {
    /// ParentProcessGuid.
    pub guid: Guid,
    /// ParentProcessId.
    pub pid: u32,
    /// ParentImage.
    pub image: Cow<'static, str>,
    /// ParentCommandLine.
    pub command_line: Cow<'static, str>,
}

impl Process {
    /// What a child's start event says of this process.
    pub fn as_parent(&self) -> Parent {
        Parent {
            guid: self.guid,
            pid: self.pid,
            image: self.image.clone(),
            command_line: self.command_line.clone(),
        }
    }

    /// The image's name after the last backslash.
    pub fn name(&self) -> &str {
        self.image.rsplit('\\').next().unwrap_or_default()
    }

    fn is_system(&self) -> bool {
        self.user.starts_with("NT AUTHORITY")
    }

    /// The value of the data field `name`, where it is about the process itself.
    pub fn field(&self, name: &str) -> Option<TypedValue> {
        let value = match name {
            "ProcessGuid" | "SourceProcessGuid" | "SourceProcessGUID" => TypedValue::Guid(self.guid),
            "ProcessId" | "SourceProcessId" => TypedValue::UInt32(self.pid),
            "Image" | "SourceImage" => text(self.image.as_ref()),
            "User" | "SourceUser" => text(self.user.as_ref()),
            _ => return None,
        };
        Some(value)
    }

    /// The value of the data field `name` of its start event.
    pub fn start_field(&self, name: &str) -> Option<TypedValue> {
        let (session, integrity, logon) =
            if self.is_system() { (0, "System", 0x3e7) } else { (1, "Medium", 0x0004_e1f3) };
        let value = match name {
            "FileVersion" => text("10.0.19041.1 (WinBuild.160101.0800)"),
            "Description" => text(self.name().trim_end_matches(".exe")),
            "Product" => text("Microsoft® Windows® Operating System"),
            "Company" => text("Microsoft Corporation"),
            "OriginalFileName" => text(self.original_name.unwrap_or(self.name())),
            "CommandLine" => text(self.command_line.as_ref()),
            "CurrentDirectory" if self.is_system() => text(r"C:\Windows\system32\"),
            "CurrentDirectory" => text(r"C:\Users\alice\"),
            "LogonGuid" => {
                TypedValue::Guid(Guid((self.guid.0 >> 96) << 96 | 0x9e9d_61a6_0000_0020_0000_0000 | logon))
            }
            "LogonId" => TypedValue::HexInt64(logon as u64),
            "TerminalSessionId" => TypedValue::UInt32(session),
            "IntegrityLevel" => text(integrity),
            "Hashes" => text(hashes(&self.image)),
            _ => return self.parent_field(name).or_else(|| self.field(name)),
        };
        Some(value)
    }

    fn parent_field(&self, name: &str) -> Option<TypedValue> {
        let parent = self.parent.as_ref()?;
        let value = match name {
            "ParentProcessGuid" => TypedValue::Guid(parent.guid),
            "ParentProcessId" => TypedValue::UInt32(parent.pid),
            "ParentImage" => text(parent.image.as_ref()),
            "ParentCommandLine" => text(parent.command_line.as_ref()),
            "ParentUser" => text(self.user.as_ref()),
            _ => return None,
        };
        Some(value)
    }
}

/// Hashes in Sysmon's form that follow from a path: the same path has the same hashes everywhere.
pub fn hashes(path: &str) -> String {
    let mut state = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut hex = |words: usize| -> String {
        (0..words)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{:08X}", state >> 32)
            })
            .collect()
    };
    let (sha1, md5, sha256, imphash) = (hex(5), hex(4), hex(8), hex(4));
    format!("SHA1={sha1},MD5={md5},SHA256={sha256},IMPHASH={imphash}")
}
