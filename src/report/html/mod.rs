//! One self-contained page: what was found, how far the evidence reaches, and what could not be read. It asks the network for nothing and needs no script.
//!
//! Text from a log reaches the page only through the template, whose every expression is escaped by [`super::escape::Html`]; style and script are this
//! crate's own bytes, and the page's policy allows exactly their hashes.

mod axis;
mod chart;
mod coverage;
mod detail;
mod facets;
mod iocs;
mod near;
mod patterns;
mod story;
mod summary;

use std::io::{self, Write};

use askama::Template;
use sha2::{Digest, Sha256};

use super::{subject, words};
use crate::finding::{Damage, Outcome, RuleInfo, Run, Severity, SourceReport, Suppressed, Vouched};
use chart::{Lanes, Timeline};
use coverage::Coverage;
use detail::Card;
use facets::Facets;
use iocs::Iocs;
use near::Near;
use patterns::{Pattern, Technique};
pub use summary::{Files, not_covered, verdict};
use summary::{SeverityCount, Summary};

const STYLE: &str = include_str!("../templates/report.css");
const SCRIPT: &str = include_str!("../templates/report.js");

/// Rows of one table: browsers lay out and skip sections of this size quickly, and stall on a table of ten thousand.
const CHUNK: usize = 250;
/// Rows of the list of findings, at most.
const LIST_LIMIT: usize = 50_000;
/// Rows of the table of patterns, at most.
const PATTERN_LIMIT: usize = 500;
/// Rows of the tables of evidence and of problems, at most.
const INPUT_LIMIT: usize = 5_000;
/// Merged runs that are named, at most.
const MERGED: usize = 50;
/// Bytes of page that findings in full take, about and at most; their list has as many again.
const BYTES: usize = 20 << 20;
/// Findings that are printed in the list, at most: paper has to end. The style cuts other tables at [`PRINTED_OTHERS`].
const PRINTED_ROWS: usize = 200;
/// Findings that are printed in full, at most.
const PRINTED_CARDS: usize = 40;
/// Findings that are printed with their story, at most.
const PRINTED_STORIES: usize = 10;
/// Rows of any other table that the style lets be printed.
const PRINTED_OTHERS: usize = 100;

/// How the page is written.
#[derive(Debug, Clone)]
pub struct HtmlOptions {
    /// Findings shown with all their fields, at most; the page says how many it left to the other files.
    pub detail_limit: usize,
}

impl Default for HtmlOptions {
    fn default() -> Self {
        Self { detail_limit: 2_000 }
    }
}

/// Writes `report.html`. The same outcome gives the same bytes, the section `run` aside.
///
/// # Errors
/// What `out` says.
pub fn write_html(
    outcome: &Outcome,
    run: &Run,
    options: &HtmlOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    Page::of(outcome, run, options).write_into(out)?;
    out.write_all(b"\n")
}

#[derive(Template)]
#[template(path = "report.html", config = "src/report/templates/askama.toml")]
struct Page<'a> {
    outcome: &'a Outcome,
    run: &'a Run,
    policy: String,
    style: String,
    script: &'static str,
    summary: Summary,
    severities: Vec<SeverityCount>,
    top: Vec<Card<'a>>,
    coverage: Coverage<'a>,
    timeline: Option<Timeline>,
    lanes: Option<Lanes>,
    groups: Limited<Pattern<'a>>,
    suppressed: Limited<&'a Suppressed>,
    iocs: Iocs,
    techniques: Vec<Technique>,
    facets: Facets<'a>,
    list: Limited<Card<'a>>,
    cards: Limited<Card<'a>>,
    sources: Limited<&'a SourceReport>,
    damages: Limited<&'a Damage>,
    near: Near<'a>,
}

impl<'a> Page<'a> {
    fn of(outcome: &'a Outcome, run: &'a Run, options: &HtmlOptions) -> Self {
        let facets = Facets::of(outcome);
        let ranked = detail::ranked(outcome, &facets, options.detail_limit, BYTES);
        let full = ranked.iter().filter(|card| card.full).cloned().collect();
        let cards = Limited { shown: full, total: ranked.len() };
        let style = format!("{STYLE}{}{}", shapes(), facets.style());
        Self {
            outcome,
            run,
            policy: policy(&style),
            style,
            script: SCRIPT,
            summary: Summary::of(outcome),
            severities: summary::severities(outcome),
            top: ranked.iter().take(5).cloned().collect(),
            coverage: Coverage::of(outcome),
            timeline: Timeline::of(outcome, &ranked),
            lanes: Lanes::of(outcome, &ranked),
            groups: Limited::of(patterns::patterns(outcome, &cards.shown), PATTERN_LIMIT),
            suppressed: Limited::of(outcome.suppressed.iter().collect(), PATTERN_LIMIT),
            iocs: Iocs::of(outcome),
            techniques: patterns::techniques(outcome),
            cards,
            list: listed(ranked),
            facets,
            sources: Limited::of(outcome.sources.iter().collect(), INPUT_LIMIT),
            damages: Limited::of(outcome.damages.iter().collect(), INPUT_LIMIT),
            near: Near::of(outcome),
        }
    }

    fn rules(&self) -> impl Iterator<Item = &'a RuleInfo> {
        self.outcome.rules.iter().map(AsRef::as_ref)
    }

    fn duration(&self) -> String {
        subject::span(self.run.ended.ticks_since(self.run.started))
    }

    fn clock_name(&self) -> &'static str {
        words::clock_name(self.outcome.clock)
    }
}

/// The style rules that put its shape before a severity's word, so that no row needs an element for it. Where a browser knows how, the shape is not read out.
fn shapes() -> String {
    let all = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
    let rule = |severity: Severity| {
        let (name, shape) = (severity.as_str(), words::shape(severity));
        format!(".sev.{name}::before{{content:\"{shape} \";content:\"{shape} \"/\"\"}}\n")
    };
    all.map(rule).concat()
}

/// The first findings, at most [`LIST_LIMIT`], as far as their rows fit into [`BYTES`].
fn listed(ranked: Vec<Card<'_>>) -> Limited<Card<'_>> {
    let total = ranked.len();
    let mut left = BYTES;
    let fits = |card: &Card<'_>| left.checked_sub(card.row_weight()).map(|rest| left = rest).is_some();
    Limited { shown: ranked.into_iter().take(LIST_LIMIT).take_while(fits).collect(), total }
}

/// The first of many, and how many there are: nothing is cut without saying so.
struct Limited<T> {
    shown: Vec<T>,
    total: usize,
}

impl<T> Limited<T> {
    fn of(mut all: Vec<T>, limit: usize) -> Self {
        let total = all.len();
        all.truncate(limit);
        Self { shown: all, total }
    }

    fn chunks(&self) -> std::slice::Chunks<'_, T> {
        self.shown.chunks(CHUNK)
    }

    fn left_out(&self) -> usize {
        self.total.saturating_sub(self.shown.len())
    }

    fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

/// The page's content security policy: nothing at all, but this very style and this very script.
fn policy(style: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text.as_bytes())));
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(style),
        hash(SCRIPT)
    )
}

/// RFC 4648 base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits =
            (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or_default()));
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at)) as usize & 63;
            out.push(if at <= group.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_rfc_4648s() {
        for (text, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }
}
