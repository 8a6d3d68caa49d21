//! `evql report`: a run's outputs written again from what it left, without the evidence. It judges nothing anew.

use evql::error::Result;
use evql::finding::{Case, Rebuilt};
use evql::report::{ReadBack, read_folder};
use evql::scan::groups;
use evql::time::Timestamp;

use super::args::ReportArgs;
use super::output::{Output, arguments, case, working_directory};
use super::terminal::{Terminal, fit};
use super::{Answer, Exit};

/// Characters of a doubt.
const DOUBT: usize = 400;

/// Runs `evql report`.
pub fn run(args: &ReportArgs, terminal: Terminal) -> Answer {
    let now = Timestamp::now();
    let mut read = whole(&args.run, terminal)?;
    let output = Output::of(&args.output, now, read.html_findings)?;
    let run = &mut read.run;
    run.rebuilt.push(Rebuilt {
        time: now,
        version: env!("CARGO_PKG_VERSION").into(),
        arguments: arguments(),
        working_directory: working_directory(),
        findings_sha256: read.findings_sha256,
        run_sha256: read.run_sha256,
        case_before: run.case.clone(),
        doubts: read.doubts,
    });
    run.case = said(case(&args.output.case), run.case.clone());
    output.prepare()?;
    output.write(&read.outcome, run, terminal)?;
    Ok(Exit::Success)
}

/// The run in `folder`, with its groups; what is doubtful about it is told.
///
/// # Errors
/// What [`read_folder`] says.
pub fn whole(folder: &std::path::Path, terminal: Terminal) -> Result<ReadBack> {
    let mut read = read_folder(folder)?;
    read.outcome.groups = groups(&read.outcome.findings);
    for doubt in &read.doubts {
        terminal.warning(format!("{}: {}", folder.display(), fit(doubt, DOUBT)));
    }
    Ok(read)
}

/// `new`, where it says something, else what was said before.
pub fn said(new: Case, before: Case) -> Case {
    let or = |new: String, before| if new.is_empty() { before } else { new };
    Case {
        id: or(new.id, before.id),
        examiner: or(new.examiner, before.examiner),
        organization: or(new.organization, before.organization),
        tlp: new.tlp.or(before.tlp),
        evidence_ids: if new.evidence_ids.is_empty() { before.evidence_ids } else { new.evidence_ids },
    }
}
