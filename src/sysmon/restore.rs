//! An ECS document's fields back to Sysmon's data, by the same table that made them fields. It invents nothing: what the document does not hold, or
//! holds in parts from which the whole cannot be told, stays absent.

use crate::input::RawRecord;
use crate::time::Timestamp;

use super::derive::dns;
use super::derive::{Joint, Part};
use super::schema::{DataField, EventSpec};

/// The order in which Sysmon writes hashes.
const ALGORITHMS: [&str; 4] = ["sha1", "md5", "sha256", "imphash"];

/// Adds to the data of `raw`, an event of the kind `spec`, what its document holds of them under ECS paths. Data that are there already stay as they are.
pub(super) fn restore(raw: &mut RawRecord, spec: &EventSpec) {
    let document = Document(std::mem::take(&mut raw.document));
    for field in spec.fields {
        let known = |name: &str| raw.data.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if known(field.name) {
            continue;
        }
        if let Some(text) = document.text_of(field) {
            raw.data.push((field.name.to_owned(), text));
        }
    }
    // A rendered message has several lines; one line is the data that the pipeline put in its place.
    let is_data = raw.message.as_ref().is_some_and(|message| !message.contains('\n'));
    let field = spec.fields.iter().find(|field| field.supplies.contains(&("message", Part::Text)));
    if let Some(field) = field.filter(|_| is_data)
        && let Some(message) = raw.message.take()
    {
        raw.data.push((field.name.to_owned(), message));
    }
}

/// The leaves of a document, by dotted path.
struct Document(Vec<(String, String)>);

impl Document {
    /// The first value at `path`.
    fn get(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str())
    }

    fn all<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == path).map(|(_, text)| text.as_str())
    }

    /// The text that `field` had, as far as what it supplies tells.
    fn text_of(&self, field: &DataField) -> Option<String> {
        let hashes = self.hashes(field);
        hashes.or_else(|| field.supplies.iter().find_map(|(path, part)| self.undo(field.name, path, *part)))
    }

    /// The text of the data `name` whose `part` stands at `path`; `None` when the part does not tell the whole.
    fn undo(&self, name: &str, path: &str, part: Part) -> Option<String> {
        let value = self.get(path);
        match part {
            Part::Text | Part::Number | Part::Address | Part::TrueOrFalse => value.map(str::to_owned),
            Part::Timestamp => Timestamp::parse(value?).map(Timestamp::to_sysmon),
            Part::Direction | Part::NetworkType => match value? {
                "egress" | "outbound" | "ipv6" => Some("true".to_owned()),
                "ingress" | "inbound" | "ipv4" => Some("false".to_owned()),
                _ => None,
            },
            Part::UserName => {
                let domain = self.get("user.domain").unwrap_or_default();
                value.map(|user| format!("{domain}\\{user}"))
            }
            Part::RegistryData => Some(self.registry_data(path)).filter(|text| !text.is_empty()),
            Part::DnsStatus => value.map(|status| dns::status_number(status).to_owned()),
            Part::AnswerData => self.dns_results(),
            Part::Joint(Joint::PortName) if name.starts_with("Destination") => value.map(str::to_owned),
            _ => None,
        }
    }

    /// `ALG=HEX,…` from the fields that hold one algorithm each; where there is none, from the values under `related.hash`, whose lengths tell the
    /// algorithms, and whose order tells the two of 32 digits apart.
    fn hashes(&self, field: &DataField) -> Option<String> {
        let one = |algorithm: &str| {
            let of = |part: &Part| matches!(part, Part::Hash(known) if *known == algorithm);
            field.supplies.iter().filter(|(_, part)| of(part)).find_map(|(path, _)| self.get(path))
        };
        let mut values: Vec<(&str, &str)> =
            ALGORITHMS.iter().filter_map(|algorithm| Some((*algorithm, one(algorithm)?))).collect();
        let alone = field.supplies.iter().all(|(_, part)| *part == Part::Hashes);
        if values.is_empty() && alone && !field.supplies.is_empty() {
            let mut short = ["md5", "imphash"].into_iter();
            values.extend(self.all("related.hash").filter_map(|value| {
                let algorithm = match value.len() {
                    32 => short.next()?,
                    40 => "sha1",
                    64 => "sha256",
                    _ => return None,
                };
                Some((algorithm, value))
            }));
        }
        let items =
            values.iter().map(|(name, value)| format!("{}={}", name.to_uppercase(), value.to_uppercase()));
        let text = items.collect::<Vec<_>>().join(",");
        Some(text).filter(|text| !text.is_empty())
    }

    /// Details from its data and type. Of a QWORD the smallest high half is taken that gives the number: the mapping adds the halves up.
    fn registry_data(&self, path: &str) -> String {
        let text = self.all(path).collect::<Vec<_>>().join("\n");
        let number = text.parse::<u64>().ok();
        match (self.get("registry.data.type"), number) {
            (Some("SZ_DWORD" | "REG_DWORD"), Some(number)) => format!("DWORD (0x{number:08x})"),
            (Some("SZ_QWORD" | "REG_QWORD"), Some(number)) => {
                let high = number.saturating_sub(u64::from(u32::MAX)).div_ceil(256);
                let low = number.saturating_sub(high.saturating_mul(256));
                format!("QWORD (0x{high:08x}-0x{low:08x})")
            }
            _ => text,
        }
    }

    /// QueryResults from the answers: addresses bare, other records with their types.
    fn dns_results(&self) -> Option<String> {
        let mut results = String::new();
        let mut answers: Vec<(&str, Option<&str>, Option<&str>)> = Vec::new();
        for (path, text) in &self.0 {
            let Some((number, member)) =
                path.strip_prefix("dns.answers.").and_then(|rest| rest.split_once('.'))
            else {
                continue;
            };
            if answers.last().is_none_or(|(last, ..)| *last != number) {
                answers.push((number, None, None));
            }
            match (member, answers.last_mut()) {
                ("type", Some((_, kind, _))) => *kind = Some(text),
                ("data", Some((.., data))) => *data = Some(text),
                _ => {}
            }
        }
        for (_, kind, data) in answers {
            match (kind.and_then(dns::record_type_number), data) {
                (Some(1 | 28), Some(address)) if address.parse::<std::net::IpAddr>().is_ok() => {
                    results.push_str(address);
                }
                (Some(number), data) => {
                    results.push_str(&format!("type: {number:>2} {}", data.unwrap_or_default()));
                }
                (None, _) => continue,
            }
            results.push(';');
        }
        Some(results).filter(|results| !results.is_empty())
    }
}
