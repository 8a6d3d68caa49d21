//! Which records a run looks at, by time and host. Every record it leaves out is counted with the reason; it reads none.

use crate::eql::wildcard::Wildcard;
use crate::finding::{Filtered, Selected, Window};
use crate::input::Seen;

/// The bounds of a run. The default leaves nothing out.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    window: Window,
    hosts: Vec<HostPattern>,
    excluded_hosts: Vec<HostPattern>,
}

/// A host by its name: `*` stands for any run of characters, `?` for one, and case does not matter. A pattern without a dot is asked of the name's first
/// label too.
#[derive(Debug, Clone)]
struct HostPattern {
    pattern: Wildcard,
    label_only: bool,
}

impl HostPattern {
    fn new(pattern: &str) -> Self {
        Self { pattern: Wildcard::new(pattern, true), label_only: !pattern.contains('.') }
    }

    fn matches(&self, computer: &str) -> bool {
        let label = computer.split('.').next().unwrap_or_default();
        self.pattern.matches(computer) || (self.label_only && self.pattern.matches(label))
    }
}

impl Selection {
    /// The selection that was asked for.
    pub fn new(selected: &Selected) -> Self {
        let patterns = |texts: &[String]| texts.iter().map(|text| HostPattern::new(text)).collect();
        Self {
            window: selected.window,
            hosts: patterns(&selected.hosts),
            excluded_hosts: patterns(&selected.excluded_hosts),
        }
    }

    /// Whether `seen` is looked at. When it is not, the first reason of these is counted in `filtered`: its host, no time, its time. The time is
    /// System/TimeCreated.
    pub fn takes(&self, seen: &Seen<'_>, filtered: &mut Filtered) -> bool {
        let any = |patterns: &[HostPattern]| patterns.iter().any(|pattern| pattern.matches(seen.computer));
        let other_host = (!self.hosts.is_empty() && !any(&self.hosts)) || any(&self.excluded_hosts);
        let Window { from, to } = self.window;
        let counter = match seen.time_created {
            _ if other_host => &mut filtered.other_hosts,
            None if from.is_some() || to.is_some() => &mut filtered.without_time,
            Some(time) if from.is_some_and(|from| time < from) => &mut filtered.before,
            Some(time) if to.is_some_and(|to| time >= to) => &mut filtered.after,
            _ => return true,
        };
        *counter = counter.saturating_add(1);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Position;
    use crate::time::Timestamp;

    fn seen<'a>(computer: &'a str, time: Option<&str>) -> Seen<'a> {
        Seen {
            provider: "p",
            event_id: 1,
            time_created: time.map(|time| Timestamp::parse(time).expect("a time")),
            record_id: Some(1),
            channel: "c",
            computer,
            position: Position::default(),
            recovered: false,
        }
    }

    #[track_caller]
    fn check(selection: &Selection, seen: Seen<'_>, reason: Option<&str>) {
        let mut filtered = Filtered::default();
        let taken = selection.takes(&seen, &mut filtered);
        let counted: Vec<&str> = filtered.reasons().into_iter().map(|(name, _)| name).collect();
        assert_eq!((taken, counted), (reason.is_none(), reason.into_iter().collect()), "{seen:?}");
    }

    #[test]
    fn the_first_bound_is_taken_in_and_the_second_is_not() {
        let at = |text| Timestamp::parse(text);
        let window = Window { from: at("2024-03-01T10:00:00Z"), to: at("2024-03-01T11:00:00Z") };
        let selection = Selection::new(&Selected { window, ..Selected::default() });
        check(&selection, seen("A", Some("2024-03-01T09:59:59.9999999Z")), Some("before"));
        check(&selection, seen("A", Some("2024-03-01T10:00:00Z")), None);
        check(&selection, seen("A", Some("2024-03-01T10:59:59.9999999Z")), None);
        check(&selection, seen("A", Some("2024-03-01T11:00:00Z")), Some("after"));
        check(&selection, seen("A", None), Some("without_time"));
        check(&Selection::default(), seen("A", None), None);
    }

    #[test]
    fn hosts_are_known_by_their_whole_name_or_its_first_label() {
        let on = |hosts: &[&str], excluded: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            let (hosts, excluded_hosts) = (owned(hosts), owned(excluded));
            Selection::new(&Selected { hosts, excluded_hosts, ..Selected::default() })
        };
        let some = on(&["ws0?", "*.lab.example"], &["WS03"]);
        check(&some, seen("WS01.corp.example", None), None);
        check(&some, seen("ws02", None), None);
        check(&some, seen("dc.LAB.example", None), None);
        check(&some, seen("ws03.corp.example", None), Some("other_hosts"));
        check(&some, seen("ws10", None), Some("other_hosts"));
        check(&some, seen("dc.lab.example.org", None), Some("other_hosts"));
        check(&on(&["a.b"], &[]), seen("a", None), Some("other_hosts"));
    }
}
