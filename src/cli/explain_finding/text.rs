//! The words of `evql explain-finding`. Everything from a log or a rule is made fit for a terminal here.

use evql::scan::{
    ClauseView, Condition, EventView, Explanation, Inquiry, RuleInquiry, StageInquiry, StageView, Verdict,
};
use serde_json::Value;

use super::id_of;
use crate::cli::run_folder::text;
use crate::cli::terminal::fit;

/// Characters of a clause or a value.
const WIDE: usize = 160;
/// Values of a field that are shown.
const VALUES: usize = 5;
/// Failing clauses of a stage that are shown.
const CLAUSES: usize = 6;

/// Why `finding` is one, or nearly.
pub fn finding(finding: &Value, rule: &Value, explanation: &Explanation) -> String {
    let shown = |object: &Value, key: &str| fit(text(object, key), WIDE);
    let mut out = format!("{} {}\n", shown(finding, "type").replace('_', " "), fit(id_of(finding), 80));
    out.push_str(&format!("{} on {}\n", shown(&finding["process"], "name"), shown(&finding["host"], "name")));
    let command = shown(&finding["process"], "command_line");
    if !command.is_empty() {
        out.push_str(&format!("  {command}\n"));
    }
    out.push_str(&format!("Rule: {} ({})\n", shown(rule, "name"), shown(rule, "id")));
    if let Some(kind) = finding["kind"].as_str() {
        out.push_str(&format!("Near, but no finding: {}: {}\n", fit(kind, 40), shown(finding, "detail")));
    }
    if finding["allow"].is_object() {
        let allow = &finding["allow"];
        let (id, author, expires) = (shown(allow, "id"), shown(allow, "author"), shown(allow, "expires"));
        out.push_str(&format!("Set aside by {id} ({author}, until {expires}): {}\n", shown(allow, "reason")));
    }
    explanation.stages.iter().for_each(|view| out.push_str(&stage(view)));
    out.push_str(&together(finding, explanation));
    out.push_str(&severity(finding));
    for note in finding["notes"].as_array().into_iter().flatten() {
        out.push_str(&format!("Caveat: {}\n", fit(note.as_str().unwrap_or_default(), 400)));
    }
    out
}

fn stage(view: &StageView) -> String {
    let Some(event) = &view.event else {
        let why = match view.role {
            "event" => "none of its events is there",
            "until" => "none of its events ended the sequence",
            _ => "no such event may be there, and none is",
        };
        return format!("\nStage {}, {}: {why}\n", view.number, view.role);
    };
    let mut out = format!("\nStage {}, {}: {}\n", view.number, view.role, event_words(event));
    match &view.condition {
        Some(Condition::All(items)) => items.iter().for_each(|item| out.push_str(&condition_words(item, 1))),
        Some(other) => out.push_str(&condition_words(other, 1)),
        None => {}
    }
    out
}

fn event_words(event: &EventView) -> String {
    let EventView { event_id, record_id, created, host } = event;
    let record = if record_id.is_empty() { "without a record id" } else { &format!("record {record_id}") };
    fit(&format!("event {event_id}, {record}, {created} on {host}"), WIDE)
}

fn condition_words(condition: &Condition, depth: usize) -> String {
    let (words, items) = match condition {
        Condition::Clause(clause) => return clause_words(clause, depth),
        Condition::All(items) => ("all of", items),
        Condition::Any(items) => ("one of", items),
    };
    let mut out = format!("{}{} {words}\n", "  ".repeat(depth), mark(condition.holds()));
    items.iter().for_each(|item| out.push_str(&condition_words(item, depth + 1)));
    out
}

/// The clause, and under it the values it met.
fn clause_words(clause: &ClauseView, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let met: Vec<String> = clause.met.iter().map(|(field, values)| value_words(field, values)).collect();
    let met = if met.is_empty() { String::new() } else { format!("\n{indent}    {}", met.join(", ")) };
    format!("{indent}{} {}{met}\n", mark(clause.holds), fit(&clause.text, WIDE))
}

fn mark(holds: bool) -> char {
    if holds { '✓' } else { '✗' }
}

fn value_words(field: &str, values: &[String]) -> String {
    if values.is_empty() {
        return format!("{} has no value", fit(field, 80));
    }
    let shown: Vec<String> = values.iter().take(VALUES).map(|value| fit(value, WIDE)).collect();
    let more = values.len().saturating_sub(VALUES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} is {}{more}", fit(field, 80), shown.join(", "))
}

/// What holds the events together: the join key and the time.
fn together(finding: &Value, explanation: &Explanation) -> String {
    let mut out = String::from("\n");
    for (field, values) in &explanation.join_key {
        out.push_str(&format!("The same in all events: {}\n", value_words(field, values)));
    }
    if let Some(delta) = finding["delta_ms"].as_i64() {
        let clock = fit(text(finding, "clock"), 20);
        let limit = match explanation.maxspan_ms {
            Some(maxspan) => format!("the rule allows {maxspan} ms"),
            None => "the rule sets no limit".to_owned(),
        };
        out.push_str(&format!(
            "From the first event to the last: {delta} ms by the clock `{clock}`; {limit}\n"
        ));
    }
    out
}

/// A near miss has none.
fn severity(finding: &Value) -> String {
    let Some(severity) = finding["severity"].as_str() else { return String::new() };
    let number = |object: &Value, key: &str| object[key].as_i64().unwrap_or_default();
    let mut out = format!(
        "Severity: {}, risk {}; the rule says {}, risk {}\n",
        fit(severity, 20),
        number(finding, "risk_score"),
        fit(text(finding, "base_severity"), 20),
        number(finding, "base_risk")
    );
    for reason in finding["why"].as_array().into_iter().flatten() {
        out.push_str(&format!("  {:+4}  {}\n", number(reason, "weight"), fit(text(reason, "words"), 400)));
    }
    out.push_str(&format!("Hosts that show this pattern: {}\n", number(&finding["prevalence"], "pattern")));
    out
}

/// What every rule says of one process.
pub fn inquiry(inquiry: &Inquiry) -> String {
    let Inquiry { guid, hosts, events, more, rules } = inquiry;
    let more = if *more { ", of more: only these were looked at" } else { "" };
    let mut out = format!("Process {guid} on {}: {events} events{more}\n", fit(&hosts.join(", "), 200));
    if *events == 0 {
        return format!(
            "No event in the evidence is of process {guid}: its log may not reach back that far, or the host is another.\n"
        );
    }
    out.push_str("Only this process's own events take part here.\n");
    rules.iter().for_each(|rule| out.push_str(&of_rule(rule)));
    out
}

fn of_rule(rule: &RuleInquiry) -> String {
    let verdict = match rule.verdict {
        Verdict::Flagged => format!("flagged: {}", rule.findings.join(", ")),
        Verdict::NoEvent => "not flagged: a stage has no event".to_owned(),
        Verdict::BeforeStart => format!(
            "not flagged: its last event lies {} ms before its first stage's",
            rule.off_by_ms.unwrap_or_default()
        ),
        Verdict::OutsideMaxspan => format!(
            "not flagged: {} ms beyond the {} ms that the rule allows",
            rule.off_by_ms.unwrap_or_default(),
            rule.maxspan_ms.unwrap_or_default()
        ),
        Verdict::NotInOrder => {
            "not flagged: the events are there, but not in order, or one lies there that must not".to_owned()
        }
    };
    let mut out = format!("\n{} ({})\n  {}\n", fit(&rule.name, WIDE), fit(&rule.id, 60), fit(&verdict, 400));
    rule.stages.iter().for_each(|stage| out.push_str(&of_stage(stage)));
    out
}

fn of_stage(stage: &StageInquiry) -> String {
    let nearest = stage.nearest.as_ref().map(event_words).unwrap_or_default();
    if stage.satisfied_by > 0 {
        return format!(
            "  stage {}, {}: satisfied by {}, first by {nearest}\n",
            stage.number, stage.role, stage.satisfied_by
        );
    }
    let mut out =
        format!("  stage {}, {}: satisfied by none; nearest is {nearest}\n", stage.number, stage.role);
    stage.failing.iter().take(CLAUSES).for_each(|clause| {
        out.push_str(&clause_words(clause, 3));
    });
    if stage.failing.len() > CLAUSES {
        out.push_str(&format!("      and {} more clauses\n", stage.failing.len() - CLAUSES));
    }
    out
}
