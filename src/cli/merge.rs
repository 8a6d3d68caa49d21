//! `evql merge`: the outputs of many runs, each over a part of the evidence, as one run over all of it writes them. It reads no evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use evql::error::Result;
use evql::finding::{Case, Merged, MergedRun};
use evql::report::ReadBack;
use evql::scan::{Joined, Part, merge_runs};
use evql::time::Timestamp;

use super::args::MergeArgs;
use super::output::{Output, case};
use super::outputs::{exit, record};
use super::report::{said, whole};
use super::terminal::{Terminal, fit};
use super::{Answer, Exit};

/// Characters of a doubt.
const DOUBT: usize = 400;

/// Runs `evql merge`.
pub fn run(args: &MergeArgs, terminal: Terminal) -> Answer {
    let started = Timestamp::now();
    let (runs, repeats) = read(args, terminal)?;
    let limit = runs.iter().map(|(_, run)| run.html_findings).max().unwrap_or_default();
    let output = Output::of(&args.output, started, limit)?;
    let case = said(case(&args.output.case), common(&runs));
    let mut doubts = versions(&runs);
    let mut leaves: Vec<MergedRun> = Vec::new();
    let mut in_several = 0;
    let mut parts = Vec::new();
    for (name, read) in runs {
        leaves.extend(described(&name, &read));
        if let Some(merged) = read.run.merged {
            let rebuilt = read.run.rebuilt.iter().flat_map(|rebuilt| &rebuilt.doubts);
            doubts.extend(read.doubts.iter().chain(rebuilt).map(|doubt| format!("{name}: {doubt}")));
            doubts.extend(merged.doubts);
            in_several += merged.findings_in_several;
        }
        parts.push(Part { name, outcome: read.outcome });
    }
    let Joined { outcome, in_several: own, doubts: told } = merge_runs(parts)?;
    in_several += own;
    doubts.extend(told);
    let mut known = BTreeSet::new();
    doubts.retain(|doubt| known.insert(doubt.clone()));
    let given = leaves.len();
    leaves.sort_by(|a, b| (&a.name, &a.run_sha256).cmp(&(&b.name, &b.run_sha256)));
    let mut known = BTreeSet::new();
    leaves.retain(|leaf| known.insert(leaf.run_sha256.clone()));
    output.prepare()?;
    let exit = match exit(&outcome) {
        Exit::Success if args.exit_code && !outcome.findings.is_empty() => Exit::Findings,
        exit => exit,
    };
    doubts.iter().for_each(|doubt| terminal.warning(fit(doubt, DOUBT)));
    terminal.note(format!(
        "{} runs merged{}; {in_several} findings are in more than one of them and count once",
        leaves.len(),
        match given - leaves.len() + repeats {
            0 => String::new(),
            repeats => format!(" ({repeats} more were given twice)"),
        }
    ));
    let mut run = record(started, 1, exit, case, &output);
    run.merged = Some(Merged { runs: leaves, findings_in_several: in_several, doubts });
    output.write(&outcome, &run, terminal)?;
    Ok(exit)
}

/// The runs by their names, in the order of these, each once; and how many were given once more.
fn read(args: &MergeArgs, terminal: Terminal) -> Result<(Vec<(String, ReadBack)>, usize)> {
    let mut paths: Vec<&Path> = args.runs.iter().map(AsRef::as_ref).collect();
    paths.sort();
    let mut runs: BTreeMap<String, (&Path, ReadBack)> = BTreeMap::new();
    let mut repeats = 0;
    for path in paths {
        let read = whole(path, terminal)?;
        // The same record is the same run, wherever its folder was copied.
        match runs.get(&read.run_sha256) {
            Some(_) => repeats += 1,
            None => {
                runs.insert(read.run_sha256.clone(), (path, read));
            }
        }
    }
    let folders: Vec<String> = runs.values().map(|(path, _)| folder(path)).collect();
    let named = runs.into_values().map(|(path, read)| {
        let folder = folder(path);
        let alone = folders.iter().filter(|other| **other == folder).count() == 1;
        let name = if alone { folder } else { path.to_string_lossy().replace('\\', "/") };
        (name, read)
    });
    let mut named: Vec<(String, ReadBack)> = named.collect();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok((named, repeats))
}

/// The folder's own name.
fn folder(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    absolute.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The runs over evidence that `read`, called `name`, is or was merged from.
fn described(name: &str, read: &ReadBack) -> Vec<MergedRun> {
    let (run, outcome) = (&read.run, &read.outcome);
    if let Some(merged) = &run.merged {
        return merged.runs.clone();
    }
    vec![MergedRun {
        name: name.to_owned(),
        version: run.version.clone(),
        arguments: run.arguments.clone(),
        started: run.started,
        ended: run.ended,
        exit_code: run.exit_code,
        case: run.case.clone(),
        inputs: outcome.sources.len() as u64,
        findings: (outcome.findings.len() + outcome.suppressed.len()) as u64,
        findings_sha256: read.findings_sha256.clone(),
        run_sha256: read.run_sha256.clone(),
        doubts: read.doubts.iter().map(String::as_str).chain(run.doubts()).map(str::to_owned).collect(),
    }]
}

/// What the runs say alike of their case, all pieces of evidence, and the strictest marking.
fn common(runs: &[(String, ReadBack)]) -> Case {
    let cases = || runs.iter().map(|(_, read)| &read.run.case);
    let alike = |of: fn(&Case) -> &String| {
        let mut texts = cases().map(of);
        let first = texts.next().cloned().unwrap_or_default();
        if texts.all(|text| *text == first) { first } else { String::new() }
    };
    let mut evidence_ids: Vec<String> = Vec::new();
    for id in cases().flat_map(|case| &case.evidence_ids) {
        if !evidence_ids.contains(id) {
            evidence_ids.push(id.clone());
        }
    }
    Case {
        id: alike(|case| &case.id),
        examiner: alike(|case| &case.examiner),
        organization: alike(|case| &case.organization),
        evidence_ids,
        tlp: cases().filter_map(|case| case.tlp).max(),
    }
}

/// That the runs were not made by one version, if so.
fn versions(runs: &[(String, ReadBack)]) -> Vec<String> {
    let versions: BTreeSet<&str> = runs.iter().map(|(_, read)| read.run.version.as_str()).collect();
    match versions.len() {
        0 | 1 => Vec::new(),
        _ => {
            let versions: Vec<&str> = versions.into_iter().collect();
            vec![format!("The runs were made by several versions of evql: {}", versions.join(", "))]
        }
    }
}
