//! `evql diff`: what differs between two runs, in words or as JSON. It compares nothing itself.

use evql::compare::{Comparison, Named, Part, RuleName, compare};
use evql::error::Error;
use evql::report::counted;

use super::args::DiffArgs;
use super::report::whole;
use super::terminal::{Terminal, fit, fit_end, width, wrapped, write_stdout};
use super::{Answer, Exit};

/// Lines of one list; `--json` has all.
const LISTED: usize = 50;
/// Characters of a name in a line.
const NAME: usize = 40;
/// Characters of an id: `explain-finding` takes its beginning.
const ID: usize = 12;
/// Characters of a value that changed.
const VALUE: usize = 60;

/// Runs `evql diff`.
pub fn run(args: &DiffArgs, terminal: Terminal) -> Answer {
    let before = whole(&args.before, terminal)?;
    let after = whole(&args.after, terminal)?;
    let comparison = compare(&before.outcome, &after.outcome);
    if args.json {
        let json = serde_json::to_string(&comparison)
            .map_err(|error| Error::Usage(format!("the comparison is no JSON: {error}")))?;
        write_stdout(&format!("{json}\n"))?;
    } else {
        write_stdout(&text(&comparison))?;
    }
    Ok(if comparison.same { Exit::Success } else { Exit::Findings })
}

fn text(comparison: &Comparison) -> String {
    let Comparison { findings, near_misses, inputs, coverage, rules, settings, same, .. } = comparison;
    if *same {
        return format!("The runs tell the same: {}, no difference\n", counted(findings.before, "finding"));
    }
    let mut out = Text(String::new());
    out.line(format_args!(
        "Findings: {} before, {} after; {} new, {} gone, {} changed",
        findings.before,
        findings.after,
        findings.new.len(),
        findings.gone.len(),
        findings.changed.len()
    ));
    out.list("+", &findings.new, named);
    out.list("-", &findings.gone, named);
    out.list("~", &findings.changed, |change| with_parts(&named(&change.finding), &change.parts));
    out.list("Near misses", near_misses, |change| {
        let kind = change.kind.as_str();
        format!("{} → {} {kind} of {}", change.before, change.after, fit(&change.rule_id, NAME))
    });
    let path = |path: &String| fit_end(path, usize::from(width()).saturating_sub(20).max(NAME));
    out.list("New input", &inputs.new, path);
    out.list("Input gone", &inputs.gone, path);
    out.list("Input under another name", &inputs.moved, |moved| {
        format!("{} → {}", fit_end(&moved.from, VALUE), fit_end(&moved.to, VALUE))
    });
    out.list("Input changed", &inputs.changed, |change| {
        with_parts(&fit_end(&change.path, VALUE), &change.parts)
    });
    out.list("New host", &coverage.new, |host| fit(host, VALUE));
    out.list("Host gone", &coverage.gone, |host| fit(host, VALUE));
    out.list("Logged otherwise", &coverage.changed, |sight| {
        with_parts(&format!("event {} on {}", sight.event_id, fit(&sight.host, VALUE)), &sight.parts)
    });
    out.list("New rule", &rules.new, rule);
    out.list("Rule gone", &rules.gone, rule);
    out.list("Rule changed", &rules.changed, |change| with_parts(&rule(&change.rule), &change.parts));
    out.list("Run otherwise", settings, part);
    out.0
}

/// `dc93db9c125e  high  mshta.exe → 203.0.113.10:443 on ws01, 2024-03-04 09:12:03`
fn named(finding: &Named) -> String {
    let target = match fit(&finding.target, NAME) {
        target if target.is_empty() => target,
        target => format!(" → {target}"),
    };
    let time = finding.time.map(|time| time.to_iso_millis()).unwrap_or_default();
    let time: String = time.chars().take("2024-03-04T09:12:03".len()).collect();
    let aside = if finding.set_aside { ", set aside" } else { "" };
    format!(
        "{}  {}  {}{target} on {}, {}{aside}",
        fit(&finding.finding_id.chars().take(ID).collect::<String>(), ID),
        finding.severity,
        fit(&finding.process, NAME),
        fit(&finding.host, NAME),
        time.replace('T', " ")
    )
}

fn rule(rule: &RuleName) -> String {
    format!("{} ({})", fit(&rule.name, VALUE), fit(&rule.id, NAME))
}

fn with_parts(what: &str, parts: &[Part]) -> String {
    let parts: Vec<String> = parts.iter().map(part).collect();
    format!("{what}: {}", parts.join("; "))
}

/// `severity medium → high`; without values only the name.
fn part(part: &Part) -> String {
    let value = |text: &str| if text.is_empty() { "none".to_owned() } else { fit(text, VALUE) };
    match (part.before.as_str(), part.after.as_str()) {
        ("", "") => part.part.to_owned(),
        (before, after) => format!("{} {} → {}", part.part, value(before), value(after)),
    }
}

/// Lines that fit the terminal.
struct Text(String);

impl Text {
    /// A line, broken at spaces where it is wider than the terminal; what goes on stands further in.
    fn line(&mut self, line: impl std::fmt::Display) {
        self.0 += &wrapped(&line.to_string(), usize::from(width()).max(NAME));
        self.0.push('\n');
    }

    /// What each of `items` is, under a word or a sign; nothing where there are none.
    fn list<T>(&mut self, what: &str, items: &[T], words: impl Fn(&T) -> String) {
        let sign = what.chars().count() == 1;
        let separator = if sign { " " } else { ": " };
        for item in items.iter().take(LISTED) {
            let indent = if sign { "  " } else { "" };
            self.line(format_args!("{indent}{what}{separator}{}", words(item)));
        }
        if items.len() > LISTED {
            self.line(format_args!("  and {} more, which --json lists", items.len() - LISTED));
        }
    }
}
