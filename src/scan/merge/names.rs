//! The names of sources where several runs have the same: what is not the same source gets the name of its run before its own. It joins nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::finding::{EvidenceEvent, Finding, Outcome, Overlap, SourceReport, Story, Vouched};

use super::Part;

/// The files that are not the same in all runs that name them.
pub struct Names(BTreeSet<String>);

impl Names {
    /// Compares the files of `parts`. A file, with all that lies in it where it is an archive, is the same in two runs if they read the same of it: content,
    /// records, times. One that has no report, because it could not even be listed, is another in each run.
    pub fn of(parts: &[Part]) -> Self {
        let mut files: BTreeMap<&str, BTreeMap<usize, Vec<&SourceReport>>> = BTreeMap::new();
        for (number, part) in parts.iter().enumerate() {
            for report in &part.outcome.sources {
                let runs = files.entry(file_of(&report.source)).or_default();
                runs.entry(number).or_default().push(report);
            }
            for damage in &part.outcome.damages {
                files.entry(file_of(&damage.source)).or_default().entry(number).or_default();
            }
        }
        let differ = |runs: &BTreeMap<usize, Vec<&SourceReport>>| {
            let mut runs = runs.values();
            let first = runs.next();
            runs.any(|own| first.is_none_or(|first| own.is_empty() || !are_alike(first, own)))
        };
        let differing = files.into_iter().filter(|(_, runs)| differ(runs));
        Self(differing.map(|(file, _)| file.to_owned()).collect())
    }

    /// Gives the sources of `part` their names, wherever they stand.
    pub fn rename(&self, part: &mut Part) {
        if self.0.is_empty() {
            return;
        }
        let rename = |name: &mut String| {
            if self.0.contains(file_of(name)) {
                *name = format!("{}/{name}", part.name);
            }
        };
        let Outcome { sources, damages, findings, suppressed, near, .. } = &mut part.outcome;
        sources.iter_mut().for_each(|report| rename(&mut report.source));
        damages.iter_mut().for_each(|damage| rename(&mut damage.source));
        let near = near.listed.iter_mut().map(|miss| &mut miss.nearly);
        let found = findings.iter_mut().chain(suppressed.iter_mut().map(|one| &mut one.finding)).chain(near);
        let mut stories = Stories::default();
        for finding in found {
            in_finding(finding, &rename, &mut stories);
        }
    }
}

/// The stories that were given their names: as they were, by where they lie, and as they are now.
type Stories = HashMap<*const Story, (Arc<Story>, Arc<Story>)>;

fn in_finding(finding: &mut Finding, rename: &impl Fn(&mut String), stories: &mut Stories) {
    finding.events.iter_mut().flatten().for_each(|event| in_event(event, rename));
    let Ok(story) = &mut finding.story else { return };
    let (_, named) = stories
        .entry(Arc::as_ptr(story))
        .or_insert_with(|| (Arc::clone(story), Arc::new(in_story((**story).clone(), rename))));
    *story = Arc::clone(named);
}

fn in_story(mut story: Story, rename: &impl Fn(&mut String)) -> Story {
    story.context.shown.iter_mut().for_each(|event| in_event(event, rename));
    let own = std::iter::once(&mut story.process);
    let kin = own.chain(&mut story.ancestors).chain(&mut story.children.shown);
    for start in kin.filter_map(|process| process.start.as_mut()) {
        in_event(Arc::make_mut(start), rename);
    }
    story
}

fn in_event(event: &mut EvidenceEvent, rename: &impl Fn(&mut String)) {
    rename(&mut event.evidence.source);
    event.evidence.other_sources.iter_mut().for_each(rename);
    event.evidence.other_sources.sort();
}

/// The file in which the source lies: members of an archive are named `file!/member`.
fn file_of(source: &str) -> &str {
    source.split("!/").next().unwrap_or_default()
}

fn are_alike(these: &[&SourceReport], those: &[&SourceReport]) -> bool {
    // What depends on the other sources of its run is left out.
    let plain = |report: &SourceReport| SourceReport {
        overlap: Overlap::default(),
        vouched: Vouched::Not,
        problems: 0,
        ..report.clone()
    };
    these.len() == those.len() && these.iter().zip(those).all(|(a, b)| plain(a) == plain(b))
}
