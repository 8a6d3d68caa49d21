//! What a finding is about, in the words every format shares: its process, its destination, its events' times. It does not escape or lay out anything.

use serde_json::Value;

use crate::finding::{Clock, EvidenceEvent, Finding, plain};
use crate::time::{TICKS_PER_MILLI, Timestamp};

/// The process behind an event, as far as one finding knows it: the event's own fields first, then those of the finding's other events of the same
/// process (`process.entity_id` on the same host). A sequence over several processes never mixes them.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    finding: &'a Finding,
    event: &'a EvidenceEvent,
}

impl<'a> Subject<'a> {
    /// The process of `event`, one of `finding`'s.
    pub fn of(finding: &'a Finding, event: &'a EvidenceEvent) -> Self {
        Self { finding, event }
    }

    /// The process of the first event that names one, else of the first event; `None` when every event is missing.
    pub fn main(finding: &'a Finding) -> Option<Self> {
        let named = finding.present().find(|event| event.get("process.entity_id").is_some());
        Some(Self { finding, event: named.or_else(|| finding.present().next())? })
    }

    /// The value at the dotted ECS `path`, as the finding's events of this process hold it.
    pub fn get(self, path: &str) -> Option<&'a Value> {
        self.event.get(path).or_else(|| {
            let entity = self.event.get("process.entity_id")?;
            let same = |event: &&EvidenceEvent| {
                event.computer == self.event.computer && event.get("process.entity_id") == Some(entity)
            };
            self.finding.present().filter(same).find_map(|event| event.get(path))
        })
    }

    /// [`Subject::get`] as text, empty when absent.
    pub fn text(self, path: &str) -> String {
        self.get(path).map(plain).unwrap_or_default()
    }

    /// `DOMAIN\name`, or the name alone, or nothing.
    pub fn user(self) -> String {
        joined(&self.text("user.domain"), "\\", &self.text("user.name"))
    }

    /// The process's name, or its path where it has no name (`System`).
    pub fn process(self) -> String {
        let name = self.text("process.name");
        if name.is_empty() { self.text("process.executable") } else { name }
    }

    /// `explorer.exe(1372) > mshta.exe(4242)`: parent and process, as far as the events name them.
    pub fn ancestry(self) -> String {
        let parent = with_pid(&self.text("process.parent.name"), &self.text("process.parent.pid"));
        let process = with_pid(&self.process(), &self.text("process.pid"));
        joined(&parent, " > ", &process)
    }
}

/// What an event's action reached: `203.0.113.7:443`, a DNS question, a file, a registry path; empty when none.
pub fn target(event: &EvidenceEvent) -> String {
    let host = joined_first(event, &["dns.question.name", "destination.ip", "destination.domain"]);
    if host.is_empty() {
        return joined_first(event, &["file.path", "registry.path", "dll.path"]);
    }
    match event.text("destination.port") {
        port if port.is_empty() => host,
        port if host.contains(':') => format!("[{host}]:{port}"),
        port => format!("{host}:{port}"),
    }
}

/// The [`target`] of the first event after the start that has one, else of any.
pub fn finding_target(finding: &Finding) -> String {
    let network = finding.present().find(|event| is_network(event));
    let any = || finding.present().map(target).find(|text| !text.is_empty());
    network.map(target).or_else(any).unwrap_or_default()
}

/// Whether `event` names a host it talked to or asked for.
pub fn is_network(event: &EvidenceEvent) -> bool {
    ["destination.ip", "destination.domain", "dns.question.name"].iter().any(|path| event.get(path).is_some())
}

/// The time of `event` by the clock that ordered the finding.
pub fn clock_time(event: &EvidenceEvent, clock: Clock) -> Timestamp {
    match clock {
        Clock::Created => event.created,
        Clock::Utc => event.timestamp,
    }
}

/// The time of a finding's first event by its clock; the epoch of FILETIME when it has no event.
pub fn finding_time(finding: &Finding) -> Timestamp {
    finding.present().next().map(|event| clock_time(event, finding.clock)).unwrap_or_default()
}

/// Whole milliseconds from the finding's first event to `event` by its clock; `None` when the finding is a single event.
pub fn delta_ms(finding: &Finding, event: &EvidenceEvent) -> Option<i64> {
    finding.delta_ticks?;
    let ticks = clock_time(event, finding.clock).ticks_since(finding_time(finding));
    Some(ticks.div_euclid(TICKS_PER_MILLI))
}

/// Ids of the ATT&CK techniques a finding carries (a tactic's where it names no technique), in order, each once.
pub fn attack_ids(finding: &Finding) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for threat in &finding.threats {
        let techniques = threat.techniques.iter().map(|technique| technique.id.as_str());
        let tactic = threat.techniques.is_empty().then_some(threat.tactic_id.as_str());
        for id in techniques.chain(tactic) {
            if !id.is_empty() && !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
    }
    ids
}

/// What an event is, in two words.
pub fn kind(event: &EvidenceEvent) -> String {
    let known = match event.event_id {
        1 => "Process start",
        3 => "Network connection",
        5 => "Process end",
        22 => "DNS query",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let action = event.text("event.action");
    if action.is_empty() { format!("Sysmon event {}", event.event_id) } else { action }
}

/// `1.406 s`, `2 min 3.000 s`: a span of 100 ns ticks for a reader.
pub fn span(ticks: i64) -> String {
    let millis = ticks.div_euclid(TICKS_PER_MILLI);
    let (minutes, rest) = (millis.div_euclid(60_000), millis.rem_euclid(60_000));
    let seconds = format!("{}.{:03} s", rest / 1000, rest % 1000);
    if minutes == 0 { seconds } else { format!("{minutes} min {seconds}") }
}

/// `left`, `separator`, `right`; one alone when the other is empty.
pub fn joined(left: &str, separator: &str, right: &str) -> String {
    match (left.is_empty(), right.is_empty()) {
        (false, false) => format!("{left}{separator}{right}"),
        _ => format!("{left}{right}"),
    }
}

fn with_pid(name: &str, pid: &str) -> String {
    if name.is_empty() || pid.is_empty() { name.to_owned() } else { format!("{name}({pid})") }
}

fn joined_first(event: &EvidenceEvent, paths: &[&str]) -> String {
    paths.iter().map(|path| event.text(path)).find(|text| !text.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_a_person_says_them() {
        assert_eq!(span(14_062_500), "1.406 s");
        assert_eq!(span(3_000_000_000), "5 min 0.000 s");
        assert_eq!(span(0), "0.000 s");
    }

    #[test]
    fn a_missing_half_leaves_no_separator() {
        assert_eq!(joined("", "\\", "anna"), "anna");
        assert_eq!(joined("CORP", "\\", "anna"), "CORP\\anna");
        assert_eq!(joined("", "\\", ""), "");
    }
}
