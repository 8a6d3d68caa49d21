//! Where in an `<Event>` each fact stands: one table for the reader of XML and the reader of templates. It reads neither.

use crate::time::Timestamp;

use super::record::{RawRecord, System};

/// A place in an event's element tree, as far as evql cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Above the root element.
    Top,
    /// `Event`
    Event,
    /// `Event/System`
    System,
    /// `Event/System/Provider`
    Provider,
    /// `Event/System/TimeCreated`
    TimeCreated,
    /// `Event/System/Execution`
    Execution,
    /// `Event/System/Security`
    Security,
    /// An element of `System` whose text is a fact.
    SystemText(Field),
    /// `Event/EventData`
    EventData,
    /// `Event/EventData/Data`
    Data,
    /// `Event/UserData`
    UserData,
    /// An element somewhere in `UserData`
    UserElement,
    /// `Event/RenderingInfo`
    Rendering,
    /// `Event/RenderingInfo/Message`
    Message,
    /// Anywhere else.
    Other,
}

/// A fact of the `System` element (the event schema's SystemPropertiesType).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Provider,
    ProviderGuid,
    EventId,
    Version,
    Level,
    Task,
    Opcode,
    Keywords,
    TimeCreated,
    RecordId,
    ProcessId,
    ThreadId,
    Channel,
    Computer,
    UserId,
}

impl Place {
    /// The place of an element `name` in this one.
    pub(super) fn child(self, name: &str) -> Self {
        match (self, name) {
            (Self::Top, "Event") => Self::Event,
            (Self::Event, "System") => Self::System,
            (Self::Event, "EventData") => Self::EventData,
            (Self::Event, "UserData") => Self::UserData,
            (Self::UserData | Self::UserElement, _) => Self::UserElement,
            (Self::Event, "RenderingInfo") => Self::Rendering,
            (Self::System, _) => Self::in_system(name),
            (Self::EventData, "Data") => Self::Data,
            (Self::Rendering, "Message") => Self::Message,
            _ => Self::Other,
        }
    }

    fn in_system(name: &str) -> Self {
        match name {
            "Provider" => Self::Provider,
            "EventID" => Self::SystemText(Field::EventId),
            "Version" => Self::SystemText(Field::Version),
            "Level" => Self::SystemText(Field::Level),
            "Task" => Self::SystemText(Field::Task),
            "Opcode" => Self::SystemText(Field::Opcode),
            "Keywords" => Self::SystemText(Field::Keywords),
            "TimeCreated" => Self::TimeCreated,
            "EventRecordID" => Self::SystemText(Field::RecordId),
            "Execution" => Self::Execution,
            "Channel" => Self::SystemText(Field::Channel),
            "Computer" => Self::SystemText(Field::Computer),
            "Security" => Self::Security,
            _ => Self::Other,
        }
    }

    /// The fact that the attribute `name` of an element here holds.
    pub(super) fn attribute(self, name: &str) -> Option<Field> {
        match (self, name) {
            (Self::Provider, "Name") => Some(Field::Provider),
            (Self::Provider, "Guid") => Some(Field::ProviderGuid),
            (Self::TimeCreated, "SystemTime") => Some(Field::TimeCreated),
            (Self::Execution, "ProcessID") => Some(Field::ProcessId),
            (Self::Execution, "ThreadID") => Some(Field::ThreadId),
            (Self::Security, "UserID") => Some(Field::UserId),
            _ => None,
        }
    }
}

impl System {
    /// Takes `text` for `field`; empty text and text that is no value of the field's type change nothing.
    pub(super) fn set(&mut self, field: Field, text: &str) {
        if text.is_empty() {
            return;
        }
        match field {
            Field::Provider => text.clone_into(&mut self.provider),
            Field::ProviderGuid => {
                let mut text = text.to_owned();
                respell_guid(&mut text);
                self.provider_guid = Some(text);
            }
            Field::EventId => set_number(&mut self.event_id, text),
            Field::Version => set_option(&mut self.version, text),
            Field::Level => set_option(&mut self.level, text),
            Field::Task => set_option(&mut self.task, text),
            Field::Opcode => set_option(&mut self.opcode, text),
            Field::Keywords => self.keywords = Some(text.to_owned()),
            Field::TimeCreated => self.time_created = Timestamp::parse(text).or(self.time_created),
            Field::RecordId => set_option(&mut self.record_id, text),
            Field::ProcessId => set_option(&mut self.process_id, text),
            Field::ThreadId => set_option(&mut self.thread_id, text),
            Field::Channel => text.clone_into(&mut self.channel),
            Field::Computer => text.clone_into(&mut self.computer),
            Field::UserId => self.user_id = Some(text.to_owned()),
        }
    }

    /// Takes `number` for `field` as [`System::set`] takes its digits; `false` when the field is no number.
    pub(super) fn set_number(&mut self, field: Field, number: u64) -> bool {
        match field {
            Field::EventId => self.event_id = number.try_into().unwrap_or(self.event_id),
            Field::Version => self.version = number.try_into().ok().or(self.version),
            Field::Level => self.level = number.try_into().ok().or(self.level),
            Field::Task => self.task = number.try_into().ok().or(self.task),
            Field::Opcode => self.opcode = number.try_into().ok().or(self.opcode),
            Field::RecordId => self.record_id = Some(number),
            Field::ProcessId => self.process_id = number.try_into().ok().or(self.process_id),
            Field::ThreadId => self.thread_id = number.try_into().ok().or(self.thread_id),
            _ => return false,
        }
        true
    }
}

fn set_number<T: std::str::FromStr>(slot: &mut T, text: &str) {
    if let Ok(value) = text.trim().parse() {
        *slot = value;
    }
}

fn set_option<T: std::str::FromStr>(slot: &mut Option<T>, text: &str) {
    if let Ok(value) = text.trim().parse() {
        *slot = Some(value);
    }
}

impl RawRecord {
    /// Adds a named text of the event's data. A GUID in a field named for one is spelt `{lower-case}`, however the log spells it.
    pub(super) fn push_data(&mut self, name: String, mut text: String) {
        if name.ends_with("Guid") || name.ends_with("GUID") {
            respell_guid(&mut text);
        }
        self.data.push((name, text));
    }

    /// Empties the record for the next one, and hands the texts of its data to `spare`: their space serves again.
    pub(super) fn clear(&mut self, spare: &mut Vec<String>) {
        spare.extend(self.data.drain(..).flat_map(|(name, text)| [name, text]));
        self.message = None;
        self.document.clear();
        let old = std::mem::take(&mut self.system);
        let System { mut provider, mut channel, mut computer, .. } = old;
        for text in [&mut provider, &mut channel, &mut computer] {
            text.clear();
        }
        self.system = System { provider, channel, computer, ..System::default() };
    }
}

/// Makes `text` `{lower-case}` when it is a GUID, with or without braces.
fn respell_guid(text: &mut String) {
    if !is_guid(text) {
        return;
    }
    text.make_ascii_lowercase();
    if !text.starts_with('{') {
        text.insert(0, '{');
        text.push('}');
    }
}

/// Whether `text` is a GUID, with or without braces.
fn is_guid(text: &str) -> bool {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    bare.len() == 36
        && bare.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_have_one_spelling() {
        let respelt = |text: &str| {
            let mut text = text.to_owned();
            respell_guid(&mut text);
            text
        };
        let wanted = "{365abb72-0244-5cd8-0000-0010ec1b2c00}";
        assert_eq!(respelt("365ABB72-0244-5CD8-0000-0010EC1B2C00"), wanted);
        assert_eq!(respelt("{365ABB72-0244-5cd8-0000-0010EC1B2C00}"), wanted);
        for no in [
            "",
            "-",
            "{}",
            "365ABB72-0244-5CD8-0000-0010EC1B2C0",
            "365ABB72-0244-5CD8-0000-0010EC1B2C0G",
            "éééééééééééééééééé",
        ] {
            assert_eq!(respelt(no), no);
        }
    }

    #[test]
    fn only_fields_named_for_a_guid_are_respelt() {
        let mut record = RawRecord::default();
        for name in ["ProcessGuid", "LogonGUID", "CommandLine"] {
            record.push_data(name.to_owned(), "365ABB72-0244-5CD8-0000-0010EC1B2C00".to_owned());
        }
        let texts: Vec<&str> = record.data.iter().map(|(_, text)| text.as_str()).collect();
        let lower = "{365abb72-0244-5cd8-0000-0010ec1b2c00}";
        assert_eq!(texts, [lower, lower, "365ABB72-0244-5CD8-0000-0010EC1B2C00"]);
    }

    #[test]
    fn values_that_do_not_fit_change_nothing() {
        let mut system = System::default();
        system.set(Field::EventId, " 4294967295 ");
        system.set(Field::EventId, "4294967296");
        system.set(Field::Version, "256");
        system.set(Field::TimeCreated, "2020-01-01T00:00:00Z");
        system.set(Field::TimeCreated, "yesterday");
        assert_eq!(system.event_id, u32::MAX);
        assert_eq!(system.version, None);
        assert_eq!(system.time_created.map(Timestamp::unix_millis), Some(1_577_836_800_000));
    }
}
