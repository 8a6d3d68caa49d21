//! Near misses in words: the clause that failed and the value it met, or by how much. Reports escape what is quoted from a log.

use crate::eql::{Clause, Clauses, Record};
use crate::finding::NearKind;
use crate::scan::rule_set::CompiledRule;
use crate::scan::sentence::cut;
use crate::time::{Timestamp, span};

use super::judge::Near;

/// Longest text of a clause, in characters.
const CLAUSE: usize = 100;
/// Longest text of a value, in characters.
const VALUE: usize = 200;
/// Clauses and values told, at most.
const TOLD: usize = 4;

/// Why `near`, of the rule `compiled`, is no finding; `record` is its event, `host` that event's and `first` the host's first Sysmon record.
pub fn detail(
    compiled: &CompiledRule,
    near: &Near,
    record: &dyn Record,
    host: &str,
    first: Option<Timestamp>,
) -> String {
    let stage = near.stage + 1;
    match near.kind {
        NearKind::Excluded => excluded(compiled.clauses.get(near.stage), record),
        NearKind::OtherCondition => {
            let reason = unmet(compiled.clauses.get(near.stage), record, stage);
            match near.more {
                0 => reason,
                1 => format!("{reason}; nor is another event after this start"),
                more => format!("{reason}; nor are {more} other events after this start"),
            }
        }
        NearKind::OutsideMaxspan => outside(compiled, near.ticks),
        NearKind::BeforeStart => format!("{} before its start", span(near.ticks)),
        NearKind::NoStart => {
            let keys = keys(compiled, near.stage);
            let since = first.map(|first| format!("; the Sysmon records of {host} begin at {first}"));
            format!("no event of stage {stage}{keys} in the evidence{}", since.unwrap_or_default())
        }
        NearKind::Incomplete => {
            format!("no event of stage {stage} between the start and this, {} later", span(near.ticks))
        }
        NearKind::Refused => {
            "an event that must not be there, or one that ends the sequence, stood in the way".to_owned()
        }
        NearKind::StartUsed => "the start completed with an earlier event".to_owned(),
    }
}

fn keys(compiled: &CompiledRule, stage: usize) -> String {
    let keys = compiled.program.stages().get(stage).map_or(&[][..], |stage| stage.keys.as_slice());
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    if names.is_empty() { String::new() } else { format!(" with the same {}", names.join(", ")) }
}

fn outside(compiled: &CompiledRule, ticks: i64) -> String {
    let crate::eql::Form::Sequence { maxspan: Some(maxspan) } = compiled.program.form() else {
        return format!("{} after its start", span(ticks));
    };
    let surplus = ticks.saturating_sub(maxspan);
    format!("{} after its start, {} more than maxspan allows", span(ticks), span(surplus))
}

fn excluded(clauses: Option<&Clauses>, record: &dyn Record) -> String {
    let excluders = clauses.and_then(|clauses| clauses.excluders(record)).unwrap_or_default();
    let mut told: Vec<String> = Vec::new();
    for clause in &excluders {
        let text = format!("`{}`: {}", elided(&clause.text), values(&clause.met(record)));
        if !told.contains(&text) {
            told.push(text);
        }
    }
    let more = and_more(told.len());
    told.truncate(TOLD);
    format!("excluded by {}{more}", told.join(" and "))
}

/// Which clauses of the stage the event does not meet, besides those that exclude.
fn unmet(clauses: Option<&Clauses>, record: &dyn Record, stage: usize) -> String {
    let failing: Vec<&Clause> = clauses.map(|clauses| clauses.failing(record)).unwrap_or_default();
    let failing: Vec<&Clause> = failing.into_iter().filter(|clause| !clause.negated).collect();
    let mut met: Vec<Vec<(String, Vec<String>)>> = Vec::new();
    for clause in &failing {
        let values = clause.met(record);
        if !met.contains(&values) {
            met.push(values);
        }
    }
    if let [one] = met.as_slice()
        && one.len() == 1
    {
        return format!("{}, not among those of stage {stage}", values(one));
    }
    let texts: Vec<String> =
        failing.iter().take(TOLD).map(|clause| format!("`{}`", elided(&clause.text))).collect();
    let met: Vec<String> = met.iter().take(TOLD).map(|met| values(met)).collect();
    format!("stage {stage} asks for {}{}: {}", texts.join(", "), and_more(failing.len()), met.join("; "))
}

fn and_more(count: usize) -> String {
    if count > TOLD { format!(" and {} more", count - TOLD) } else { String::new() }
}

/// `dns.question.name is a.example, host.name has no value`
fn values(met: &[(String, Vec<String>)]) -> String {
    let told = met.iter().map(|(name, values)| match values.as_slice() {
        [] => format!("{name} has no value"),
        values => format!("{name} is {}", cut(&values.join(", "), VALUE)),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// A clause's text; a long list in it becomes `(…)`.
fn elided(text: &str) -> String {
    if text.chars().count() <= CLAUSE {
        return text.to_owned();
    }
    let list = text.find('(').zip(text.rfind(')')).filter(|(open, close)| open < close);
    let Some((before, after)) = list.and_then(|(open, close)| text.get(..open).zip(text.get(close..))) else {
        return cut(text, CLAUSE);
    };
    cut(&format!("{before}(…{after}"), CLAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_elided_and_short_clauses_are_not() {
        assert_eq!(elided(r#"not a : ("x", "y")"#), r#"not a : ("x", "y")"#);
        let long = format!("not a : ({})", vec![r#""name.example""#; 20].join(", "));
        assert_eq!(elided(&long), "not a : (…)");
        assert_eq!(elided(&"ä".repeat(200)), format!("{}…", "ä".repeat(100)));
    }
}
