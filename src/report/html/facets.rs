//! What the findings can be narrowed to without a script: one host, one rule. Hosts and rules go by numbers here, so no text of a log reaches the style.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::detail::Card;
use crate::finding::{Finding, Outcome};

/// Hosts that can be chosen one by one.
const HOSTS: usize = 60;
/// Rules that can be chosen one by one.
const RULES: usize = 60;

/// The choices.
pub struct Facets<'a> {
    /// Hosts with findings.
    pub hosts: Facet<'a>,
    /// Rules with findings.
    pub rules: Facet<'a>,
}

/// The choices of one kind.
pub struct Facet<'a> {
    /// By name: what it is called, its number of findings; its mark is its place.
    pub choices: Vec<Choice<'a>>,
    /// The findings of all that cannot be chosen alone.
    pub others: usize,
    /// Marks by key.
    marks: BTreeMap<&'a str, usize>,
}

/// Something that can be chosen.
pub struct Choice<'a> {
    /// What a reader sees.
    pub name: &'a str,
    /// How many findings.
    pub count: usize,
}

impl<'a> Facets<'a> {
    /// The choices among `outcome`'s findings.
    pub fn of(outcome: &'a Outcome) -> Self {
        let findings = || outcome.findings.iter();
        Self {
            hosts: Facet::of(findings().map(|finding| (&*finding.host, &*finding.host)), HOSTS),
            rules: Facet::of(findings().map(|finding| (&*finding.rule.id, &*finding.rule.name)), RULES),
        }
    }

    /// The marks of a finding's host and rule.
    pub fn marks(&self, finding: &Finding) -> (String, String) {
        (self.hosts.mark(&finding.host), self.rules.mark(&finding.rule.id))
    }

    /// The style rules that hide what was not chosen. `:has` asks the small group of choices, not the page: a browser would search all of it, for each choice,
    /// again and again while it loads.
    pub fn style(&self) -> String {
        let mut style = String::new();
        for (facet, name) in [(&self.hosts, "host"), (&self.rules, "rule")] {
            let marks = (0..facet.choices.len()).map(|at| at.to_string());
            let others = (facet.others > 0).then(|| OTHER.to_owned());
            for mark in marks.chain(others).filter(|_| facet.is_choice()) {
                let chosen = format!(".filters:has(#only-{name} option[value=\"{mark}\"]:checked)~.chunk");
                // A String takes every write.
                let _ = writeln!(
                    style,
                    "{chosen} [data-{name}]:not([data-{name}=\"{mark}\"]),{chosen}:not([data-{name}s~=\"{mark}\"]){{display:none}}"
                );
            }
        }
        style
    }
}

/// What a section's findings have: for each kind its marks, each once, with spaces between.
pub struct Held {
    /// Severities.
    pub severities: String,
    /// Marks of hosts.
    pub hosts: String,
    /// Marks of rules.
    pub rules: String,
}

/// What the findings of `section` have.
pub fn held(section: &[Card<'_>]) -> Held {
    let words = |of: fn(&Card<'_>) -> String| {
        let all: BTreeSet<String> = section.iter().map(of).collect();
        all.into_iter().collect::<Vec<_>>().join(" ")
    };
    Held {
        severities: words(|card| card.severity().to_owned()),
        hosts: words(|card| card.host_mark.clone()),
        rules: words(|card| card.rule_mark.clone()),
    }
}

/// The mark of all that cannot be chosen alone.
const OTHER: &str = "other";

impl<'a> Facet<'a> {
    /// The choices among keys with names, the `limit` most frequent.
    fn of(keys: impl Iterator<Item = (&'a str, &'a str)>, limit: usize) -> Self {
        let mut seen: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        for (key, name) in keys {
            seen.entry(key).or_insert((name, 0)).1 += 1;
        }
        let mut all: Vec<(&str, &str, usize)> =
            seen.into_iter().map(|(key, (name, count))| (key, name, count)).collect();
        // Stable: by key among equals.
        all.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        let others = all.iter().skip(limit).map(|(_, _, count)| count).sum();
        all.truncate(limit);
        all.sort_by_key(|(key, name, _)| (*name, *key));
        let marks = all.iter().enumerate().map(|(mark, (key, ..))| (*key, mark)).collect();
        let choices = all.iter().map(|(_, name, count)| Choice { name, count: *count }).collect();
        Self { choices, others, marks }
    }

    /// Whether there is anything to choose.
    pub fn is_choice(&self) -> bool {
        self.choices.len() > 1
    }

    fn mark(&self, key: &str) -> String {
        self.marks.get(key).map_or_else(|| OTHER.to_owned(), usize::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_can_be_chosen_by_name_and_the_rest_together() {
        let keys = ["c", "b", "b", "a", "a", "d"].map(|key| (key, key));
        let facet = Facet::of(keys.into_iter(), 3);
        let names: Vec<(&str, usize)> =
            facet.choices.iter().map(|choice| (choice.name, choice.count)).collect();
        assert_eq!(names, [("a", 2), ("b", 2), ("c", 1)]);
        assert_eq!((facet.mark("b"), facet.mark("d"), facet.others), ("1".to_owned(), OTHER.to_owned(), 1));
    }

    #[test]
    fn a_host_s_name_never_reaches_the_style() {
        let name = "</style><script>";
        let hosts = Facet::of([(name, name), ("b", "b")].into_iter(), 9);
        let rules = Facet::of([("r", "r")].into_iter(), 9);
        let style = Facets { hosts, rules }.style();
        assert!(style.contains("#only-host option[value=\"1\"]") && !style.contains('<'), "{style}");
        assert!(!style.contains("#only-rule"), "one rule is no choice");
    }
}
