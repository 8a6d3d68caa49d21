//! What all maps of a stream tell of the evidence, brought together into one account as a scan keeps it. It takes no hit.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::finding::{Damage, SourceReport, Status, earliest};
use crate::scan::coverage::Hosts;
use crate::scan::ledger::Read;
use crate::scan::overlap::{Overlaps, Runs};

use super::line::{Coverage, FileStatus, Interrupted, Kind, MapRun, Problem};

/// What was told so far.
#[derive(Debug, Default)]
pub struct Account {
    run: Option<MapRun>,
    interrupted: bool,
    /// By name, number under that name, and the map that read it; chunks of one file that several maps read stand together.
    files: BTreeMap<(String, usize, String), Vec<FileStatus>>,
    hosts: Hosts,
    damages: Vec<Damage>,
}

impl Account {
    /// Takes the text of a line of the kind `kind`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, kind: Kind, line: &[u8]) -> Result<(), String> {
        match kind {
            Kind::Map => self.run(parsed(line)?)?,
            Kind::Interrupted => {
                let Interrupted { .. } = parsed(line)?;
                self.interrupted = true;
            }
            Kind::FileStatus => {
                let status: FileStatus = parsed(line)?;
                let part = if status.chunks_read.is_none() { status.part.clone() } else { String::new() };
                let key = (status.report.source.clone(), status.number, part);
                self.files.entry(key).or_default().push(status);
            }
            Kind::Coverage => {
                let Coverage { coverage, other_hosts, .. } = parsed(line)?;
                self.hosts.add_others(other_hosts);
                if let Some(host) = coverage {
                    self.hosts.add_host(host);
                }
            }
            Kind::Problem => {
                let Problem { damage, .. } = parsed(line)?;
                self.damages.push(damage);
            }
            Kind::Hit => return Err("a hit's sort key is none of a hit".to_owned()),
        }
        Ok(())
    }

    fn run(&mut self, run: MapRun) -> Result<(), String> {
        match &self.run {
            None => self.run = Some(run),
            Some(known) => {
                let differs = [
                    ("--clock", known.clock != run.clock),
                    ("mapping", known.mapping != run.mapping),
                    ("bounds of time or host", known.selected != run.selected),
                    ("rules", known.rules != run.rules),
                ];
                if let Some((what, _)) = differs.iter().find(|(_, differs)| *differs) {
                    return Err(format!(
                        "the maps of this stream did not have the same {what}: map all evidence alike"
                    ));
                }
            }
        }
        Ok(())
    }

    /// How the maps ran, if any said.
    pub fn map_run(&self) -> Option<&MapRun> {
        self.run.as_ref()
    }

    /// Everything that was told, as what one pass read.
    pub fn into_read(self) -> Read {
        let mut sources = Vec::new();
        let mut logs = Overlaps::default();
        for (ordinal, statuses) in (0..).zip(self.files.into_values()) {
            if let Some((report, runs)) = whole(statuses) {
                sources.push(report);
                logs.close(ordinal, runs);
            }
        }
        for (ordinal, overlap) in logs.finish() {
            if let Some(report) = sources.get_mut(ordinal as usize) {
                report.overlap = overlap;
            }
        }
        let (hosts, other_hosts) = self.hosts.finish();
        let (damages, interrupted) = (self.damages, self.interrupted);
        Read { sources, logs, hosts, other_hosts, damages, interrupted, ..Read::default() }
    }
}

fn parsed<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// What the `statuses` of the parts of one source say of all of it; `None` when there are none.
fn whole(mut statuses: Vec<FileStatus>) -> Option<(SourceReport, Runs)> {
    statuses.sort_by_key(|status| status.chunks_read);
    let mut rest = statuses.into_iter();
    let FileStatus { mut report, mut logs, .. } = rest.next()?;
    for status in rest {
        logs.add(status.logs);
        add(&mut report, status.report);
    }
    Some((report, logs))
}

/// Adds what is known of another part of the same source.
fn add(sum: &mut SourceReport, part: SourceReport) {
    let records = |report: &SourceReport| report.records.saturating_add(report.filtered.total());
    sum.status = match (sum.status, part.status) {
        (own, other) if own == other => own,
        (Status::Read, Status::Unreadable) if records(sum) == 0 => Status::Unreadable,
        (Status::Unreadable, Status::Read) if records(&part) == 0 => Status::Unreadable,
        _ => Status::Partial,
    };
    sum.kind = sum.kind.or(part.kind);
    sum.size = sum.size.max(part.size);
    sum.modified = sum.modified.max(part.modified);
    sum.sha256 = sum.sha256.take().or(part.sha256);
    sum.changed |= part.changed;
    sum.chunks = sum.chunks.saturating_add(part.chunks);
    sum.records = sum.records.saturating_add(part.records);
    sum.sysmon_records = sum.sysmon_records.saturating_add(part.sysmon_records);
    sum.recovered = sum.recovered.saturating_add(part.recovered);
    sum.filtered.add(part.filtered);
    sum.first = earliest(sum.first, part.first);
    sum.last = sum.last.max(part.last);
    sum.problems = sum.problems.saturating_add(part.problems);
}
