//! The rules inside the binary. It reads no file at run time.

use super::Rule;
use super::toml::{self, Outcome};

/// Name and text of each, in the order they run.
const TEXTS: [(&str, &str); 1] =
    [("unusual-network-activity", include_str!("builtin/unusual-network-activity.toml"))];

/// The built-in rules. Their origin is `built-in`.
pub fn builtin() -> Vec<Rule> {
    TEXTS.iter().filter_map(|(name, text)| only_rule(name, text)).collect()
}

fn only_rule(name: &str, text: &str) -> Option<Rule> {
    match toml::read("built-in", name, text) {
        Outcome::Rule(rule) => Some(*rule),
        Outcome::Skipped(_) | Outcome::Broken(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eql::ast::{ExprKind, Literal, Query};
    use crate::eql::parse;
    use crate::finding::Severity;

    #[test]
    fn every_built_in_rule_is_read_and_parses() {
        let rules = builtin();
        assert_eq!(rules.len(), TEXTS.len());
        for rule in rules {
            assert!(parse(&rule.info.query).is_ok(), "{}", rule.info.name);
            assert!(rule.programs.values().flatten().all(|technique| !technique.name.is_empty()));
            assert!(rule.programs.keys().all(|program| *program == program.to_lowercase()));
        }
    }

    /// The facts of the rule as of May 2025: 21 programs start it, 20 of them complete it (wscript.exe does not).
    #[test]
    fn unusual_network_activity_has_the_facts() {
        let rules = builtin();
        let rule = &rules[0];
        assert_eq!(rule.info.id, "1fe3b299-fbb5-4657-a937-1d746f2c711a");
        assert_eq!((rule.info.severity, rule.info.risk_score), (Severity::Medium, 47));
        assert_eq!(rule.info.threats[0].tactic_id, "TA0005");
        assert_eq!(rule.programs.len(), 21);
        let statement = parse(&rule.info.query).expect("it parses");
        let Query::Sequence(sequence) = statement.query else { panic!("not a sequence") };
        assert_eq!(sequence.by[0].node.field, "process.entity_id");
        assert_eq!(sequence.maxspan.expect("a maxspan").node.ticks(), 5 * 60 * 10_000_000);
        let [start, network] = sequence.terms.as_slice() else { panic!("not two stages") };
        let started = names(&start.node.filter.condition);
        let completed = names(&network.node.filter.condition);
        assert_eq!(started.len(), 21);
        assert!(started.iter().all(|name| rule.programs.contains_key(name)));
        let never: Vec<_> = started.iter().filter(|name| !completed.contains(name)).collect();
        assert_eq!(never, ["wscript.exe"]);
        assert_eq!(completed.len(), 20);
    }

    /// The values that `process.name : …` is tested for, in lower case, wherever it stands.
    fn names(expression: &crate::eql::ast::Expr) -> Vec<String> {
        match &expression.node {
            ExprKind::And(operands) | ExprKind::Or(operands) => operands.iter().flat_map(names).collect(),
            ExprKind::Predicate { subject, values, .. } if matches!(&subject.node, ExprKind::Field { name, .. } if name == "process.name") => {
                values
                    .iter()
                    .filter_map(|value| match &value.node {
                        ExprKind::Literal(Literal::String(text)) => Some(text.to_lowercase()),
                        _ => None,
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}
