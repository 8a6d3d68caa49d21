//! `evql rules`: list, check and explain rules; and loading them for a scan. It runs none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use evql::eql::Program;
use evql::error::{Error, Result};
use evql::report::escape;
use evql::rules::{self, Rule};
use evql::scan::{Answerable, RuleCheck, RuleSet, StageCheck, check, compile};
use evql::sysmon;
use serde_json::{Value, json};

use super::args::{RuleArgs, RulesCommand};
use super::setup::mapping;
use super::terminal::{Terminal, fit, write_stdout};
use super::{Answer, Exit};

/// Runs `evql rules`.
pub fn run(command: &RulesCommand, terminal: Terminal) -> Answer {
    match command {
        RulesCommand::List { rules, json } => list(rules, *json, terminal),
        RulesCommand::Check { paths, json, mapping: chosen } => {
            check_all(paths, *json, &mapping(chosen), terminal)
        }
        RulesCommand::Explain { rule, rules } => explain(rule, rules, terminal),
    }
}

/// The rules that `args` ask for, compiled. Bad ones are reported and left out, unless `--strict`.
///
/// # Errors
/// [`Error::Rule`] under `--strict` when any rule is wrong, and always when no rule is left.
pub fn load(args: &RuleArgs, options: &sysmon::Options, terminal: Terminal) -> Result<RuleSet> {
    let read = Loaded::from(&args.rules, !args.no_builtin);
    read.warnings.iter().for_each(|warning| terminal.warning(warning));
    let mut problems = read.problems;
    let mut compiled = Vec::new();
    for rule in read.rules {
        match compile(&rule.info.query, rule.info.category_field.as_deref()) {
            Ok(program) => compiled.push((rule, program)),
            Err(diagnostics) => problems.push(rule.render(&diagnostics)),
        }
    }
    for problem in &problems {
        terminal.problem(problem);
    }
    if read.skipped > 0 {
        terminal.note(format!("{} rule files are for other engines and were skipped", read.skipped));
    }
    match (args.strict, problems.len(), compiled.is_empty()) {
        (true, count @ 1.., _) => {
            Err(Error::Rule(format!("{count} rule files are wrong and --strict was given")))
        }
        (_, _, true) => Err(Error::Rule("there is no rule to run".into())),
        _ => Ok(RuleSet::new(compiled, options)),
    }
}

#[derive(Default)]
struct Loaded {
    rules: Vec<Rule>,
    problems: Vec<String>,
    /// What is odd but stops nothing.
    warnings: Vec<String>,
    skipped: usize,
}

impl Loaded {
    fn from(paths: &[PathBuf], builtin: bool) -> Self {
        let mut loaded = Self::default();
        if builtin {
            loaded.rules.extend(rules::builtin());
        }
        for path in paths {
            let files = rules::load(path);
            loaded.rules.extend(files.rules);
            loaded.problems.extend(files.problems);
            loaded.skipped += files.skipped.len();
        }
        loaded.warnings = same_ids(&loaded.rules);
        loaded
    }
}

/// A line for each id that several rules have: all of them run, and their findings are told apart by the hash of their text alone.
fn same_ids(rules: &[Rule]) -> Vec<String> {
    let mut origins: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in rules {
        origins.entry(&rule.info.id).or_default().push(&rule.info.origin);
    }
    let several = origins.into_iter().filter(|(_, origins)| origins.len() > 1);
    several
        .map(|(id, origins)| {
            fit(&format!("the rule id {id} is in {}; all of them run", origins.join(" and in ")), 400)
        })
        .collect()
}

fn list(args: &RuleArgs, as_json: bool, terminal: Terminal) -> Answer {
    let loaded = Loaded::from(&args.rules, !args.no_builtin);
    loaded.warnings.iter().for_each(|warning| terminal.warning(warning));
    let mut text = String::new();
    for rule in &loaded.rules {
        let info = &rule.info;
        let row = if as_json {
            json!({"id": info.id, "name": info.name, "severity": info.severity, "risk_score": info.risk_score,
                   "version": info.version, "tags": info.tags, "sha256": info.sha256, "origin": info.origin})
            .to_string()
        } else {
            format!(
                "{}  {:8}  {}  ({})",
                fit(&info.id, 60),
                info.severity.as_str(),
                fit(&info.name, 120),
                fit(&info.origin, 200)
            )
        };
        text.push_str(&row);
        text.push('\n');
    }
    write_stdout(&text)?;
    loaded.problems.iter().for_each(|problem| terminal.problem(problem));
    Ok(if loaded.problems.is_empty() { Exit::Success } else { Exit::Usage })
}

fn check_all(paths: &[PathBuf], as_json: bool, options: &sysmon::Options, terminal: Terminal) -> Answer {
    let loaded = Loaded::from(paths, paths.is_empty());
    loaded.warnings.iter().for_each(|warning| terminal.warning(warning));
    let mut problems = loaded.problems;
    let mut counts: BTreeMap<Answerable, usize> = BTreeMap::new();
    let mut text = String::new();
    let mut objects = Vec::new();
    for rule in &loaded.rules {
        match compile(&rule.info.query, rule.info.category_field.as_deref()) {
            Ok(program) => {
                let found = check(&program, options);
                *counts.entry(found.answerable).or_default() += 1;
                text.push_str(&verdict(rule, &found));
                objects.push(object(rule, &found));
            }
            Err(diagnostics) => {
                let problem = rule.render(&diagnostics);
                objects.push(json!({"id": rule.info.id, "name": rule.info.name, "origin": rule.info.origin, "error": problem}));
                problems.push(problem);
            }
        }
    }
    let count = |answerable| counts.get(&answerable).copied().unwrap_or(0);
    let (fully, partly, never) =
        (count(Answerable::Fully), count(Answerable::Partly), count(Answerable::Never));
    if as_json {
        let summary = json!({"fully": fully, "partly": partly, "never": never, "wrong": problems.len(), "skipped": loaded.skipped});
        write_stdout(&format!("{}\n", json!({"summary": summary, "rules": objects, "problems": problems})))?;
    } else {
        text.push_str(&format!(
            "{fully} rules fully, {partly} partly, {never} never; {} wrong, {} files for other engines skipped\n",
            problems.len(),
            loaded.skipped
        ));
        write_stdout(&text)?;
        problems.iter().for_each(|problem| terminal.problem(problem));
    }
    Ok(if problems.is_empty() { Exit::Success } else { Exit::Usage })
}

fn verdict(rule: &Rule, found: &RuleCheck) -> String {
    let word = match found.answerable {
        Answerable::Fully => "fully ",
        Answerable::Partly => "partly",
        Answerable::Never => "never ",
    };
    let mut text = format!("{word}  {}\n", fit(&rule.info.name, 120));
    for (number, stage) in found.stages.iter().enumerate() {
        if let Some(condition) = &stage.impossible {
            text.push_str(&impossible(number + 1, stage.role, condition));
        }
        for lack in &stage.lacking {
            let what = match (lack.loses_findings, lack.loses_exclusions) {
                (true, true) => "findings and exclusions on it are lost",
                (false, true) => "an exclusion by it cannot hold: there can be more findings",
                _ => "findings on it are lost",
            };
            let field = fit(&lack.field, 100);
            let who = match stage.best.filter(|_| !lack.by_no_event) {
                Some(event_id) => format!("event {event_id}, the nearest to it, lacks {field}"),
                None => format!("no Sysmon event supplies {field}"),
            };
            text.push_str(&format!("        stage {}: {who}; {what}\n", number + 1));
        }
    }
    for name in &found.unmapped {
        text.push_str(&format!("        ?{} is mapped nowhere\n", fit(name, 100)));
    }
    text
}

/// Why a stage can have no event, and what follows from that.
fn impossible(number: usize, role: &str, condition: &str) -> String {
    let loss = match role {
        "event" => "",
        _ => "; what it excludes is not excluded",
    };
    format!("        stage {number} ({role}): no Sysmon event can satisfy `{}`{loss}\n", fit(condition, 200))
}

fn object(rule: &Rule, found: &RuleCheck) -> Value {
    json!({"id": rule.info.id, "name": rule.info.name, "origin": rule.info.origin, "answerable": found.answerable,
           "stages": found.stages, "unmapped": found.unmapped})
}

fn explain(wanted: &str, args: &RuleArgs, terminal: Terminal) -> Answer {
    let path = Path::new(wanted);
    let loaded = if path.is_file() {
        Loaded::from(&[path.to_path_buf()], false)
    } else {
        let mut loaded = Loaded::from(&args.rules, !args.no_builtin);
        let same = |rule: &Rule| rule.info.id == wanted || rule.info.name.eq_ignore_ascii_case(wanted);
        loaded.rules.retain(same);
        loaded
    };
    loaded.problems.iter().for_each(|problem| terminal.problem(problem));
    let Some(rule) = loaded.rules.first() else {
        return Err(Error::Rule(format!(
            "no rule has the id or name {wanted:?}; `evql rules list` shows those there are"
        )));
    };
    let program = compile(&rule.info.query, rule.info.category_field.as_deref())
        .map_err(|diagnostics| Error::Rule(rule.render(&diagnostics)))?;
    write_stdout(&explanation(rule, &program))?;
    Ok(Exit::Success)
}

fn explanation(rule: &Rule, program: &Program) -> String {
    let found = check(program, &sysmon::Options::default());
    let info = &rule.info;
    let mut text = format!(
        "{}\n{}  {}, risk {}, from {}\nsha256 {}\n\n{}\n",
        fit(&info.name, 200),
        fit(&info.id, 100),
        info.severity.as_str(),
        info.risk_score,
        fit(&info.origin, 200),
        info.sha256,
        verdict(rule, &found)
    );
    for (number, stage) in found.stages.iter().enumerate() {
        let events: Vec<String> = stage.events.iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "stage {} ({})\n  Sysmon events that can satisfy it: {}\n  fields it reads: {}\n  asked only of events with: {}\n",
            number + 1,
            stage.role,
            if events.is_empty() { "none".to_owned() } else { events.join(", ") },
            stage.fields.join(", "),
            demands(stage)
        ));
    }
    text.push_str(
        "\nThe scan decodes only records of those events; of what a stage asks for it looks up first what the fewest rules share.\n\n",
    );
    for line in program.to_string().lines() {
        text.push_str(&escape::terminal(line));
        text.push('\n');
    }
    text
}

/// The strings by which a scan passes a stage over without evaluating it.
fn demands(stage: &StageCheck) -> String {
    let demand = |(field, count): &(String, usize)| match count {
        1 => format!("a certain {field}"),
        _ => format!("one of {count} values of {field}"),
    };
    let demands: Vec<String> = stage.demands.iter().map(demand).collect();
    if demands.is_empty() { "nothing in particular".to_owned() } else { demands.join(", ") }
}
