//! A scan whose hits do not lie in memory: map, sort and reduce in one process, with the hits set aside on disk when they outgrow what they may take. It joins
//! nothing itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::finding::{Damage, Outcome};
use crate::input::Source;
use crate::scan::again::Again;
use crate::scan::findings::Findings;
use crate::scan::observer::Observer;
use crate::scan::rule_set::RuleSet;
use crate::scan::story::{Stories, Traces};
use crate::scan::{Frame, ScanOptions, conclude, in_order};

use super::lines::Lines;
use super::map::{MapOptions, hit_lines};
use super::names;
use super::reduce::found;
use super::sort::Sorter;

/// Where hits lie.
#[derive(Debug, Clone)]
pub struct Aside {
    /// Bytes of them that may lie in memory at once.
    pub memory: usize,
    /// The folder in which the others get a file without a name.
    pub folder: PathBuf,
}

/// What [`scan`](crate::scan::scan) gives, near misses apart: these are looked for among all events that satisfy anything, side by side. And how many bytes
/// of hits had to be set aside.
///
/// # Errors
/// As [`scan`](crate::scan::scan); [`Error::Usage`] when near misses are asked for, [`Error::Rule`] when two rules cannot be told apart, [`Error::Output`] when the hits cannot be set aside.
pub fn scan_aside(
    sources: &[Source],
    damages: Vec<Damage>,
    rules: &RuleSet,
    options: &ScanOptions,
    aside: &Aside,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
) -> Result<(Outcome, u64)> {
    if options.near_misses {
        return Err(Error::Usage("near misses cannot be looked for when hits are set aside".to_owned()));
    }
    let names = names(rules)?;
    let failed = |error| Error::output(&aside.folder, error);
    let mut sorter = Sorter::new(aside.memory);
    let map = MapOptions { clock: options.clock, pass: options.pass.clone() };
    let mut read = hit_lines(sources, (rules, &names), &map, observer, interrupt, &mut |lines| {
        sorter.take(&lines, &aside.folder).map_err(failed)
    })?;
    let set_aside = sorter.spilled();
    let mut sorted = sorter.finish(&aside.folder).map_err(failed)?;
    let mut lines = Lines::new(&mut sorted);
    let first = lines.next()?;
    // What was read before an interruption counts, as in any scan.
    let before = interrupt.load(Ordering::Relaxed);
    let mut cut_short = false;
    let go_on = &mut || {
        cut_short = !before && interrupt.load(Ordering::Relaxed);
        !cut_short
    };
    let (found, clock) =
        found(&mut lines, first, (rules, &names), &read.sources, Some(options.clock), go_on)?;
    drop(sorted);
    let mut findings = in_order(found);
    if options.stories {
        let again =
            Again { files: sources, sources: &read.sources, options: &options.pass, observer, interrupt };
        let makes = Findings { candidates: &[], sources: &read.sources, clock };
        let (holdings, traces) = (read.holdings.as_slice(), Traces::unnoted());
        let told = Stories { again, holdings, traces, rules, makes }.tell(&mut findings)?;
        cut_short |= !told;
    }
    read.damages.extend(damages);
    read.interrupted |= cut_short;
    let frame = Frame { clock, mapping: options.pass.mapping, selected: options.pass.selected.clone() };
    Ok((conclude(findings, read, rules, frame), set_aside))
}
