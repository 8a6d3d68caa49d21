//! What every Sysmon document carries whatever its id: constants of the integration and what the `System` element tells. It reads no event data.

use std::borrow::Cow;

use super::derive::{cow, date, lower, string};
use super::event::PROVIDER;
use super::facts::Facts;
use crate::eql::{Scalar, Value};

/// Where a common field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Common {
    /// The same text in every event.
    Constant(&'static str),
    /// System/TimeCreated.
    Created,
    /// System/EventID as text.
    EventId,
    /// System/Level by name.
    Level,
    /// System/Provider/@Name.
    Provider,
    /// System/Provider/@Guid.
    ProviderGuid,
    /// System/Computer, or its short form.
    HostName,
    /// The first label of System/Computer.
    HostLabel,
    /// System/Computer in lower case: an EVTX does not hold the machine's GUID, and rules join by this field.
    HostId,
    /// System/Computer.
    Computer,
    /// System/Channel.
    Channel,
    /// System/EventRecordID as text.
    RecordId,
    /// System/Version.
    Version,
    /// System/Opcode by name.
    Opcode,
    /// System/Execution/@ProcessID: the process that logged.
    LoggingProcess,
    /// System/Execution/@ThreadID.
    LoggingThread,
    /// System/Security/@UserID.
    Account,
    /// `user.id`: the same, or the acting user's.
    UserId,
    /// The rendered message.
    Message,
}

/// The common fields. They come before what the event's own data give: `message` is the rendered one where there is one.
pub(super) const COMMON: [(&str, Common); 29] = [
    ("data_stream.dataset", Common::Constant("windows.sysmon_operational")),
    ("data_stream.namespace", Common::Constant("default")),
    ("data_stream.type", Common::Constant("logs")),
    ("ecs.version", Common::Constant("8.17.0")),
    ("event.code", Common::EventId),
    ("event.created", Common::Created),
    ("event.dataset", Common::Constant("windows.sysmon_operational")),
    ("event.kind", Common::Constant("event")),
    ("event.module", Common::Constant("windows")),
    ("event.provider", Common::Provider),
    ("host.hostname", Common::HostLabel),
    ("host.id", Common::HostId),
    ("host.name", Common::HostName),
    ("host.os.family", Common::Constant("windows")),
    ("host.os.type", Common::Constant("windows")),
    ("log.level", Common::Level),
    ("message", Common::Message),
    ("user.id", Common::UserId),
    ("winlog.channel", Common::Channel),
    ("winlog.computer_name", Common::Computer),
    ("winlog.event_id", Common::EventId),
    ("winlog.opcode", Common::Opcode),
    ("winlog.process.pid", Common::LoggingProcess),
    ("winlog.process.thread.id", Common::LoggingThread),
    ("winlog.provider_guid", Common::ProviderGuid),
    ("winlog.provider_name", Common::Provider),
    ("winlog.record_id", Common::RecordId),
    ("winlog.user.identifier", Common::Account),
    ("winlog.version", Common::Version),
];

/// What stands in for `@timestamp` when UtcTime is missing or unreadable.
pub(super) const LAST_RESORT: (&str, Common) = ("@timestamp", Common::Created);

impl Common {
    /// Where the value comes from, in a few words.
    pub(super) fn describe(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Constant(text) => return Cow::Owned(format!("always `{text}`")),
            Self::Created => "System/TimeCreated",
            Self::EventId => "System/EventID",
            Self::Level => "System/Level, by name",
            Self::Provider => "System/Provider/@Name",
            Self::ProviderGuid => "System/Provider/@Guid",
            Self::HostName | Self::Computer => "System/Computer",
            Self::HostLabel => "first label of System/Computer",
            Self::HostId => "System/Computer in lower case",
            Self::Channel => "System/Channel",
            Self::RecordId => "System/EventRecordID",
            Self::Version => "System/Version",
            Self::Opcode => "System/Opcode, by name",
            Self::LoggingProcess => "System/Execution/@ProcessID",
            Self::LoggingThread => "System/Execution/@ThreadID",
            Self::Account | Self::UserId => "System/Security/@UserID",
            Self::Message => "the rendered message, where the record carries it",
        })
    }

    /// The value in the event of `facts`. [`Common::Message`] and a user taken from the event's own data are not to be had from here.
    pub(super) fn value(self, facts: &impl Facts) -> Value<'_> {
        match self {
            Self::Constant(text) => string(Some(text)),
            Self::Created => date(facts.time_created()),
            Self::EventId => cow(Some(Cow::Owned(facts.event_id().to_string()))),
            Self::Level => string(level(facts.system().level)),
            Self::Provider => string(Some(PROVIDER)),
            Self::ProviderGuid => string(facts.system().provider_guid.as_deref()),
            Self::HostName if facts.options().host_name_short => {
                cow(present(label(facts.computer())).map(lower))
            }
            Self::HostName | Self::Computer => string(present(facts.computer())),
            Self::HostLabel => string(present(label(facts.computer()))),
            Self::HostId => cow(present(facts.computer()).map(lower)),
            Self::Channel => string(present(facts.channel())),
            Self::RecordId => cow(facts.record_id().map(|id| Cow::Owned(id.to_string()))),
            Self::Version => number(facts.system().version),
            Self::Opcode => string(opcode(facts.system().opcode)),
            Self::LoggingProcess => number(facts.system().process_id),
            Self::LoggingThread => number(facts.system().thread_id),
            Self::Account | Self::UserId => string(facts.system().user_id.as_deref()),
            Self::Message => Value::Missing,
        }
    }
}

/// The acting user's SID, by the logon session or the name of an account whose SID is the same on every machine (MS-DTYP 2.4.2.4).
pub(super) fn well_known_sid(logon_id: Option<&str>, user: Option<&str>) -> Option<&'static str> {
    const LOCAL_SYSTEM: &str = "S-1-5-18";
    const LOCAL_SERVICE: &str = "S-1-5-19";
    const NETWORK_SERVICE: &str = "S-1-5-20";
    match logon_id {
        Some("0x3e7") => return Some(LOCAL_SYSTEM),
        Some("0x3e5") => return Some(LOCAL_SERVICE),
        Some("0x3e4") => return Some(NETWORK_SERVICE),
        _ => {}
    }
    match user?.strip_prefix("NT AUTHORITY\\")? {
        "SYSTEM" => Some(LOCAL_SYSTEM),
        "LOCAL SERVICE" => Some(LOCAL_SERVICE),
        "NETWORK SERVICE" => Some(NETWORK_SERVICE),
        _ => None,
    }
}

fn number(number: Option<impl Into<i64>>) -> Value<'static> {
    number.map_or(Value::Missing, |number| Value::One(Scalar::Int(number.into())))
}

fn present(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn label(computer: &str) -> &str {
    computer.split_once('.').map_or(computer, |(label, _)| label)
}

/// The levels of the event manifest's `winmeta.xml`, lower-cased; 0 is shown as information, as Event Viewer does.
fn level(level: Option<u8>) -> Option<&'static str> {
    match level? {
        0 | 4 => Some("information"),
        1 => Some("critical"),
        2 => Some("error"),
        3 => Some("warning"),
        5 => Some("verbose"),
        _ => None,
    }
}

/// The opcodes of `winmeta.xml` that any Sysmon event can carry.
fn opcode(opcode: Option<u8>) -> Option<&'static str> {
    match opcode? {
        0 => Some("Info"),
        1 => Some("Start"),
        2 => Some("Stop"),
        _ => None,
    }
}
