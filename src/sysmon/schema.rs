//! The one table: every Sysmon event, its data fields in manifest order, and the ECS fields they become. It decodes no value (that is `derive`).
//!
//! Names, types and order: the Sysmon manifests, schemas 4.30 to 4.90. Categories, types, actions and targets: Elastic's `windows` integration,
//! data stream `sysmon_operational`, 3.8.3 and newer. Adding a field is adding a row here and, for a new ECS path, a line in `ecs_fields.tsv`.

use self::table::EVENTS;
pub use super::derive::{Joint, Part};

mod table;

/// How a value is written in an EVTX record (the `InType` of the event manifest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InType {
    /// UTF-16 text.
    UnicodeString,
    /// 16 bytes.
    Guid,
    /// 32 bits, rendered in decimal.
    UInt32,
    /// 16 bits, rendered in decimal.
    UInt16,
    /// 64 bits, rendered as `0x…`.
    HexInt64,
    /// 32 bits, rendered as `0x…`.
    HexInt32,
    /// 32 bits, rendered as `true` or `false`.
    Boolean,
}

impl InType {
    /// The manifest's word without its `win:` prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnicodeString => "UnicodeString",
            Self::Guid => "GUID",
            Self::UInt32 => "UInt32",
            Self::UInt16 => "UInt16",
            Self::HexInt64 => "HexInt64",
            Self::HexInt32 => "HexInt32",
            Self::Boolean => "Boolean",
        }
    }
}

/// Sysmon generations that differ in what they log, oldest first. `System/Version` does not tell them apart: event 1 is Version 5 in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// 6.x (2017): neither RuleName nor version information.
    Sysmon6,
    /// 9.01, schema 4.20.
    Sysmon9,
    /// 10.x: OriginalFileName, event 22.
    Sysmon10,
    /// 11.10, schema 4.32: EventType on pipes, Contents on event 15, event 23.
    Sysmon11,
    /// 12, schema 4.40: event 24.
    Sysmon12,
    /// 13.30, schema 4.81: User on nearly every event, events 25 and 26.
    Sysmon13,
    /// 14.x: events 27 and 28.
    Sysmon14,
    /// 15.x, schema 4.90: event 29.
    Sysmon15,
}

/// An ECS path and the part of the data that goes there.
pub type Supply = (&'static str, Part);

/// One `EventData/Data` of an event.
#[derive(Debug, Clone, Copy)]
pub struct DataField {
    /// Data/@Name, as the newest manifest spells it.
    pub name: &'static str,
    /// How the record holds it.
    pub in_type: InType,
    /// The ECS fields it gives. Where several data give one path, the first with a value wins; `related.*` takes all.
    pub supplies: &'static [Supply],
    /// The name it keeps under `winlog.event_data`, if the mapping leaves it there.
    pub left_as: Option<&'static str>,
    /// The oldest layout that has it.
    pub since: Layout,
}

impl DataField {
    const fn typed(self, in_type: InType) -> Self {
        Self { in_type, ..self }
    }

    /// Moves the data to `supplies`: it leaves `winlog.event_data`.
    const fn gives(self, supplies: &'static [Supply]) -> Self {
        Self { supplies, left_as: None, ..self }
    }

    /// Undoes the move of [`DataField::gives`]: the data is copied.
    const fn kept(self) -> Self {
        self.left_as(self.name)
    }

    const fn left_as(self, name: &'static str) -> Self {
        Self { left_as: Some(name), ..self }
    }

    const fn since(self, since: Layout) -> Self {
        Self { since, ..self }
    }
}

/// One Sysmon event id.
#[derive(Debug, Clone, Copy)]
pub struct EventSpec {
    /// System/EventID.
    pub id: u32,
    /// System/Version in the newest manifest.
    pub version: u8,
    /// System/Version before [`Layout::Sysmon11`].
    pub earlier_version: u8,
    /// Its name, which is also the first `event.action`.
    pub name: &'static str,
    /// The task text that Windows renders, `winlog.task` on live documents and `event.action` before the integration's 1.26.0.
    pub task: &'static str,
    /// `event.category`.
    pub category: &'static [&'static str],
    /// `event.type`.
    pub kinds: &'static [&'static str],
    /// A second `event.action`.
    pub second_action: Option<&'static str>,
    /// `event.outcome`.
    pub outcome: Option<&'static str>,
    /// ECS fields that the id alone decides, besides those above.
    pub constants: &'static [(&'static str, &'static str)],
    /// Its data in manifest order.
    pub fields: &'static [DataField],
    /// The oldest layout that logs it.
    pub since: Layout,
}

impl EventSpec {
    /// The data that `layout` logs, in order; empty when it does not know the event.
    pub fn layout(&self, layout: Layout) -> impl Iterator<Item = &'static DataField> + use<> {
        let known = self.since <= layout;
        self.fields.iter().filter(move |field| known && field.since <= layout)
    }

    /// System/Version in `layout`.
    pub fn version_in(&self, layout: Layout) -> u8 {
        if layout < Layout::Sysmon11 { self.earlier_version } else { self.version }
    }

    const fn also_action(self, action: &'static str) -> Self {
        Self { second_action: Some(action), ..self }
    }

    const fn failed(self) -> Self {
        Self { outcome: Some("failure"), ..self }
    }

    const fn always(self, constants: &'static [(&'static str, &'static str)]) -> Self {
        Self { constants, ..self }
    }

    const fn was_version(self, earlier_version: u8) -> Self {
        Self { earlier_version, ..self }
    }

    const fn from(self, since: Layout) -> Self {
        Self { since, ..self }
    }
}

/// All events, by id: 1 to 29 and 255.
pub fn events() -> &'static [EventSpec] {
    EVENTS
}

/// The event called `id`.
pub fn event_spec(id: u32) -> Option<&'static EventSpec> {
    EVENTS.iter().find(|spec| spec.id == id)
}

/// How an id that the table does not know is read: the data every Sysmon event shares.
pub(super) static UNKNOWN_EVENT: EventSpec =
    event(0, 0, "", "", &[], &[], &[RULE_NAME, UTC_TIME, PROCESS_GUID, PROCESS_ID, IMAGE, USER]);

const fn text(name: &'static str) -> DataField {
    DataField {
        name,
        in_type: InType::UnicodeString,
        supplies: &[],
        left_as: Some(name),
        since: Layout::Sysmon6,
    }
}

const fn event(
    id: u32,
    version: u8,
    name: &'static str,
    task: &'static str,
    category: &'static [&'static str],
    kinds: &'static [&'static str],
    fields: &'static [DataField],
) -> EventSpec {
    EventSpec {
        id,
        version,
        earlier_version: version,
        name,
        task,
        category,
        kinds,
        second_action: None,
        outcome: None,
        constants: &[],
        fields,
        since: Layout::Sysmon6,
    }
}

const FILE_PATH: &[Supply] = &[
    ("file.path", Part::Text),
    ("file.name", Part::PathName),
    ("file.directory", Part::PathDirectory),
    ("file.extension", Part::PathExtension),
];
const LIBRARY_PATH: &[Supply] = &[
    ("file.path", Part::Text),
    ("file.name", Part::PathName),
    ("file.directory", Part::PathDirectory),
    ("file.extension", Part::PathExtension),
    ("dll.path", Part::Text),
    ("dll.name", Part::PathName),
];
const FILE_HASHES: &[Supply] = &[
    ("file.hash.md5", Part::Hash("md5")),
    ("file.hash.sha1", Part::Hash("sha1")),
    ("file.hash.sha256", Part::Hash("sha256")),
    ("file.pe.imphash", Part::Hash("imphash")),
    ("related.hash", Part::Hashes),
];
const LIBRARY_HASHES: &[Supply] = &[
    ("file.hash.md5", Part::Hash("md5")),
    ("file.hash.sha1", Part::Hash("sha1")),
    ("file.hash.sha256", Part::Hash("sha256")),
    ("file.pe.imphash", Part::Hash("imphash")),
    ("dll.hash.md5", Part::Hash("md5")),
    ("dll.hash.sha1", Part::Hash("sha1")),
    ("dll.hash.sha256", Part::Hash("sha256")),
    ("dll.pe.imphash", Part::Hash("imphash")),
    ("related.hash", Part::Hashes),
];

const RULE_NAME: DataField = text("RuleName").gives(&[("rule.name", Part::Text)]).since(Layout::Sysmon9);
const UTC_TIME: DataField = text("UtcTime").gives(&[("@timestamp", Part::Timestamp)]);
const PROCESS_GUID: DataField =
    text("ProcessGuid").typed(InType::Guid).gives(&[("process.entity_id", Part::Text)]);
const PROCESS_ID: DataField = text("ProcessId").typed(InType::UInt32).gives(&[("process.pid", Part::Number)]);
const IMAGE: DataField =
    text("Image").gives(&[("process.executable", Part::Text), ("process.name", Part::PathName)]);
const USER: DataField = text("User").gives(&[
    ("user.domain", Part::UserDomain),
    ("user.name", Part::UserName),
    ("related.user", Part::UserName),
]);
const TARGET_FILENAME: DataField = text("TargetFilename").gives(FILE_PATH);
const TARGET_OBJECT: DataField = text("TargetObject").gives(&[
    ("registry.path", Part::Text),
    ("registry.hive", Part::RegistryHive),
    ("registry.key", Part::RegistryKey),
    ("registry.value", Part::RegistryValue),
]);
const PIPE_NAME: DataField = text("PipeName").gives(&[("file.name", Part::Text)]);
const IS_EXECUTABLE: DataField =
    text("IsExecutable").typed(InType::Boolean).gives(&[("sysmon.file.is_executable", Part::TrueOrFalse)]);
const ARCHIVED: DataField = text("Archived").gives(&[("sysmon.file.archived", Part::TrueOrFalse)]);
/// On events 23 and 24 too, although there the hash is that of the deleted file or of the clipboard's text: so the pipeline has it.
const PROCESS_HASHES: DataField = text("Hashes").gives(&[
    ("process.hash.md5", Part::Hash("md5")),
    ("process.hash.sha1", Part::Hash("sha1")),
    ("process.hash.sha256", Part::Hash("sha256")),
    ("process.pe.imphash", Part::Hash("imphash")),
    ("related.hash", Part::Hashes),
]);
