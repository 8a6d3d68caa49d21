//! `evql explain-finding`: why something is a finding, from a scan's outputs, or why a process is none, from evidence. It judges nothing itself.

mod text;

use std::path::Path;

use evql::eql;
use evql::error::{Error, Result};
use evql::scan::{Explanation, ScanOptions, explain, inquire};
use serde_json::{Map, Value, json};

use super::args::ExplainFindingArgs;
use super::rules::load;
use super::run_folder::{self, text};
use super::setup::{Evidence, clock, interrupt};
use super::terminal::{Terminal, fit, write_stdout};
use super::{Answer, Exit};

/// Ids named when several begin alike.
const NAMED: usize = 5;

/// Runs `evql explain-finding`.
pub fn run(args: &ExplainFindingArgs, terminal: Terminal) -> Answer {
    match (&args.guid, args.evidence.paths.as_slice()) {
        (Some(guid), _) => of_process(guid, args, terminal),
        (None, [id, folder]) => of_run(&id.to_string_lossy(), folder, args.json),
        (None, _) => Err(Error::Usage(
            "give the id of a finding and the folder of its scan, or --guid and the evidence".into(),
        )),
    }
}

fn of_run(id: &str, folder: &Path, as_json: bool) -> Answer {
    let finding = find(id, folder)?;
    let record = run_folder::record(folder)?;
    let rule = rule_of(&finding, &record)?;
    let explanation = explained(&finding, rule)?;
    if as_json {
        let mut object = finding;
        object["explanation"] = serde_json::to_value(&explanation)
            .map_err(|error| Error::Usage(format!("the explanation is no JSON: {error}")))?;
        write_stdout(&format!("{object}\n"))?;
    } else {
        write_stdout(&text::finding(&finding, rule, &explanation))?;
    }
    Ok(Exit::Success)
}

/// The id of a finding, set aside or not, or of a near miss.
fn id_of(object: &Value) -> &str {
    let ids = ["finding_id", "near_miss_id"].map(|key| text(object, key));
    ids.into_iter().find(|id| !id.is_empty()).unwrap_or_default()
}

/// The one object whose id is `id` or begins with it.
fn find(id: &str, folder: &Path) -> Result<Value> {
    let (mut found, mut ids): (Option<Value>, Vec<String>) = (None, Vec::new());
    run_folder::findings(folder, &mut |object| {
        let own = id_of(&object);
        if own.is_empty() || !own.starts_with(id) || found.as_ref().is_some_and(|found| id_of(found) == id) {
            return Ok(());
        }
        ids.push(own.to_owned());
        found = Some(object);
        Ok(())
    })?;
    let exact = found.as_ref().is_some_and(|found| id_of(found) == id);
    match (found, ids.len()) {
        (Some(found), 1) => Ok(found),
        (Some(found), _) if exact => Ok(found),
        (None, _) => {
            Err(Error::Usage(format!("no finding in {} has an id that begins with {id}", folder.display())))
        }
        (Some(_), many) => Err(Error::Usage(format!(
            "{many} ids begin with {id:?}: {}{}",
            ids.iter().take(NAMED).map(|id| fit(id, 40)).collect::<Vec<_>>().join(", "),
            if many > NAMED { " …" } else { "" }
        ))),
    }
}

/// The rule of `finding` as `record`, the run's, has it.
fn rule_of<'a>(finding: &Value, record: &'a Value) -> Result<&'a Value> {
    let own = &finding["rule"];
    let same = |rule: &&Value| {
        rule["id"] == own["id"] && rule["sha256"] == own["sha256"] && rule["origin"] == own["origin"]
    };
    let rules = record["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    rules.iter().find(same).filter(|rule| rule["query"].is_string()).ok_or_else(|| {
        Error::Usage(format!(
            "run.json holds no query of the rule {}; scan again to have it",
            fit(text(own, "id"), 60)
        ))
    })
}

fn explained(finding: &Value, rule: &Value) -> Result<Explanation> {
    let events = finding["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let events: Vec<Option<&Map<String, Value>>> = events.iter().map(Value::as_object).collect();
    let query = text(rule, "query");
    explain(query, rule["category_field"].as_str(), &events).map_err(|diagnostics| {
        let rendered = eql::render(&diagnostics, "run.json", query, eql::Origin::default());
        Error::Rule(format!("the rule in run.json is wrong\n{rendered}"))
    })
}

fn of_process(guid: &str, args: &ExplainFindingArgs, terminal: Terminal) -> Answer {
    let mut evidence = Evidence::gather(&args.evidence, false)?;
    let rules = load(&args.rules, &evidence.options.mapping, terminal)?;
    let interrupt = interrupt();
    let progress = evidence.progress(terminal);
    let options = ScanOptions {
        clock: clock(args.clock),
        pass: evidence.options.clone(),
        near_misses: false,
        stories: false,
    };
    let inquired = inquire(&evidence.sources, guid, &rules, &options, &progress, &interrupt);
    progress.finish();
    let (inquiry, read) = inquired?;
    let damages = evidence.damages.iter().chain(&read.damages);
    damages.for_each(|damage| {
        terminal.note(format!("{}: {}", fit(&damage.source, 80), fit(&damage.reason, 160)))
    });
    let text = if args.json { format!("{}\n", json!(inquiry)) } else { text::inquiry(&inquiry) };
    write_stdout(&text)?;
    let lost = evidence.damages.iter().chain(&read.damages).any(|damage| damage.lost);
    Ok(match (read.interrupted, inquiry.events, lost) {
        (true, ..) => Exit::Interrupted,
        (_, _, true) => Exit::Partial,
        (_, 0, _) => Exit::Nothing,
        _ => Exit::Success,
    })
}
