//! How what is found stands in JSON where a derive cannot say it: enums by their words, an event as its ECS document, a histogram as one text. Whatever is
//! written so is read back the same.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::histogram::Histogram;
use super::{
    Clock, DamageKind, Evidence, EvidenceEvent, Listed, NearKind, Relation, SourceKind, Status, Technique,
    Threat, Tlp, Untold, Vouched,
};
use crate::time::Timestamp;

/// An enum is written as the word of its `as_str`, and read by it.
macro_rules! by_word {
    ($kind:ident: $($variant:ident)+) => {
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Does not compile when the list lacks a variant.
                match self { $(Self::$variant)|+ => serializer.serialize_str(self.as_str()) }
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                let known = [$(Self::$variant),+].into_iter().find(|known| known.as_str() == word);
                known.ok_or_else(|| D::Error::custom(format_args!("{word:?} is none of the words known here")))
            }
        }
    };
}

by_word!(Clock: Created Utc);
by_word!(DamageKind: Unreadable NotEvidence Truncated FileHeader Chunk Checksum Record Field);
by_word!(SourceKind: Evtx Carved Xml Json Archive);
by_word!(Status: Read Partial Unreadable Skipped NotReached);
by_word!(Vouched: Not Size Sha1 Hash Differs);
by_word!(Relation: Newest Restarted RolledOver Overlaps Unknown);
by_word!(NearKind: Excluded OtherCondition OutsideMaxspan BeforeStart NoStart Incomplete Refused StartUsed);
by_word!(Untold: NoProcess TooMany Interrupted NearMiss NotRead Lost);
by_word!(Tlp: Clear Green Amber AmberStrict Red);

impl EvidenceEvent {
    /// Its whole ECS document, keys sorted, with what identifies it put in whether or not the document has it.
    pub fn whole(&self) -> Map<String, Value> {
        let mut document = self.document.clone();
        document.insert("@timestamp".to_owned(), Value::from(self.timestamp.to_string()));
        let known = [
            ("event", "code", Some(self.event_id.to_string())),
            ("event", "created", Some(self.created.to_string())),
            ("winlog", "record_id", self.record_id.map(|id| id.to_string())),
            ("winlog", "channel", Some(self.channel.clone())),
            ("winlog", "computer_name", Some(self.computer.clone())),
        ];
        for (object, key, text) in known {
            if let Some(text) = text {
                put(&mut document, object, key, Value::from(text));
            }
        }
        sort(&mut document);
        document
    }
}

fn put(document: &mut Map<String, Value>, object: &str, key: &str, value: Value) {
    let slot = document.entry(object).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Some(map) = slot.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn sort(document: &mut Map<String, Value>) {
    document.sort_keys();
    document.values_mut().for_each(Value::sort_all_objects);
}

/// Both times of an event to the 100 ns that a FILETIME has; the document's are cut to microseconds.
#[derive(Serialize, Deserialize)]
struct Filetimes {
    #[serde(with = "filetime")]
    timestamp: Timestamp,
    #[serde(with = "filetime")]
    created: Timestamp,
}

/// The document, and under `evidence` where the event was read.
impl Serialize for EvidenceEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = self.whole();
        let mut evidence = json!(self.evidence);
        evidence["filetime"] = json!(Filetimes { timestamp: self.timestamp, created: self.created });
        document.insert("evidence".to_owned(), evidence);
        sort(&mut document);
        document.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EvidenceEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Read {
            #[serde(flatten)]
            evidence: Evidence,
            filetime: Filetimes,
        }
        let mut document = Map::deserialize(deserializer)?;
        let read = document.shift_remove("evidence").ok_or_else(|| D::Error::missing_field("evidence"))?;
        let Read { evidence, filetime } = serde_json::from_value(read).map_err(D::Error::custom)?;
        let text = |object: &str, key: &str| document.get(object)?.get(key)?.as_str();
        let event_id = text("event", "code").and_then(|code| code.parse().ok());
        Ok(Self {
            timestamp: filetime.timestamp,
            created: filetime.created,
            event_id: event_id.ok_or_else(|| D::Error::custom("an event's event.code is no number"))?,
            record_id: text("winlog", "record_id").and_then(|id| id.parse().ok()),
            channel: text("winlog", "channel").unwrap_or_default().to_owned(),
            computer: text("winlog", "computer_name").unwrap_or_default().to_owned(),
            evidence,
            document,
        })
    }
}

/// A tactic with its techniques, nested as ECS nests `threat.*`.
#[derive(Serialize, Deserialize)]
struct Nested {
    framework: String,
    tactic: Technique,
    technique: Vec<Technique>,
}

impl Serialize for Threat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tactic = Technique { id: self.tactic_id.clone(), name: self.tactic_name.clone() };
        let framework = "MITRE ATT&CK".to_owned();
        Nested { framework, tactic, technique: self.techniques.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Threat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Nested { tactic, technique, .. } = Nested::deserialize(deserializer)?;
        Ok(Self { tactic_id: tactic.id, tactic_name: tactic.name, techniques: technique })
    }
}

/// How many there are, how many of them are not listed, and those that are.
impl<T: Serialize> Serialize for Listed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a, T> {
            total: u64,
            more: u64,
            listed: &'a [T],
        }
        Written { total: self.total, more: self.left_out(), listed: &self.shown }.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Read<T> {
            total: u64,
            listed: Vec<T>,
        }
        let Read { total, listed } = Read::deserialize(deserializer)?;
        Ok(Self { shown: listed, total })
    }
}

/// See [`Histogram::to_text`].
impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| D::Error::custom("a histogram cannot be read"))
    }
}

/// A time as the decimal text of its FILETIME: 100 ns since 1601. As a number, programs that count in doubles would round it.
pub mod filetime {
    use super::*;

    /// Writes it.
    ///
    /// # Errors
    /// What `serializer` says.
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.ticks())
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is no whole number as text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let ticks = text.parse().map_err(|_| D::Error::custom(format_args!("{text:?} is no FILETIME")))?;
        Ok(Timestamp::from_ticks(ticks))
    }
}

/// A port: a number where the text is one, `null` where it is empty, else the text.
pub mod port {
    use super::*;

    /// Writes it.
    ///
    /// # Errors
    /// What `serializer` says.
    pub fn serialize<S: Serializer>(port: &str, serializer: S) -> Result<S::Ok, S::Error> {
        match port.parse::<u16>() {
            Ok(number) if number.to_string() == port => number.serialize(serializer),
            _ if port.is_empty() => serializer.serialize_none(),
            _ => port.serialize(serializer),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// What `deserializer` says.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        Ok(super::super::plain(&Value::deserialize(deserializer)?))
    }
}

/// A record's number as text, or `null`.
pub mod number_as_text {
    use super::*;

    /// Writes it.
    ///
    /// # Errors
    /// What `serializer` says.
    pub fn serialize<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(|number| number.to_string()).serialize(serializer)
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::story::Destination;

    #[track_caller]
    fn reads_back<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
        let text = serde_json::to_string(value).expect("JSON");
        assert_eq!(&serde_json::from_str::<T>(&text).expect("read"), value, "{text}");
    }

    #[test]
    fn an_event_reads_back_to_100_ns() {
        let event = EvidenceEvent {
            timestamp: Timestamp::from_ticks(133_540_000_000_000_001),
            created: Timestamp::from_ticks(133_540_000_000_000_019),
            event_id: 3,
            record_id: None,
            channel: "c".to_owned(),
            computer: "h".to_owned(),
            document: Map::from_iter([("b".to_owned(), json!({"z": 1, "a": [{"y": 1, "x": "\u{0}"}]}))]),
            evidence: Evidence { copies: 2, other_sources: vec!["o".to_owned()], ..Evidence::default() },
        };
        let event = EvidenceEvent { document: event.whole(), ..event };
        reads_back(&event);
        reads_back(&EvidenceEvent { record_id: Some(7), ..event.clone() }.settled());
        for text in [r#"{"event":{"code":"1"}}"#, r#"{"evidence":1}"#, "[]"] {
            assert!(serde_json::from_str::<EvidenceEvent>(text).is_err(), "{text}");
        }
    }

    impl EvidenceEvent {
        fn settled(self) -> Self {
            Self { document: self.whole(), ..self }
        }
    }

    #[test]
    fn ports_that_are_none_stay_as_they_were_logged() {
        for port in ["443", "0443", "", "65536", "<b>"] {
            reads_back(&Destination { port: port.to_owned(), ..Destination::default() });
        }
    }

    #[test]
    fn words_no_version_knows_are_refused() {
        reads_back(&[Vouched::Not, Vouched::Hash]);
        reads_back(&NearKind::ALL);
        reads_back(&Threat { tactic_id: "TA0005".to_owned(), ..Threat::default() });
        assert!(serde_json::from_str::<Status>("\"lost\"").is_err());
    }
}
