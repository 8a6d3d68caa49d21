//! A finding in the words every format shares: its user, its ancestry, its events' kinds and times, why it matters. It does not escape or lay out anything.

pub use crate::finding::subject::{Subject, finding_target, is_network, joined, target};
use crate::finding::{EvidenceEvent, Finding};
pub use crate::time::span;
use crate::time::{TICKS_PER_MILLI, Timestamp};

impl Subject<'_> {
    /// `DOMAIN\name`, or the name alone, or nothing.
    pub fn user(self) -> String {
        joined(&self.text("user.domain"), "\\", &self.text("user.name"))
    }

    /// `explorer.exe(1372) > mshta.exe(4242)`: parent and process, as far as the events name them.
    pub fn ancestry(self) -> String {
        let parent = with_pid(&self.text("process.parent.name"), &self.text("process.parent.pid"));
        let process = with_pid(&self.process(), &self.text("process.pid"));
        joined(&parent, " > ", &process)
    }
}

/// The time of a finding's first event by its clock; the epoch of FILETIME when it has no event.
pub fn finding_time(finding: &Finding) -> Timestamp {
    finding.present().next().map(|event| event.time(finding.clock)).unwrap_or_default()
}

/// Whole milliseconds from the finding's first event to `event` by its clock; `None` when the finding is a single event.
pub fn delta_ms(finding: &Finding, event: &EvidenceEvent) -> Option<i64> {
    finding.delta_ticks?;
    let ticks = event.time(finding.clock).ticks_since(finding_time(finding));
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

/// Why the finding stands where it does: each fact with its points, then the caveats.
pub fn why(finding: &Finding) -> impl Iterator<Item = String> {
    let reasons = finding.why.iter().map(|reason| format!("{} ({}).", reason.words, reason.points()));
    reasons.chain(finding.notes.iter().cloned())
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

fn with_pid(name: &str, pid: &str) -> String {
    if name.is_empty() || pid.is_empty() { name.to_owned() } else { format!("{name}({pid})") }
}
