//! A sorted stream → findings, one join key at a time: memory is bounded by what was found and by the events of one millisecond of one key. It opens no evidence.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use crate::error::Result;
use crate::finding::{Clock, Evidence, EvidenceEvent, Finding, Outcome, SourceReport};
use crate::scan::findings::{Shown, finding, is_forwarded};
use crate::scan::hits::{Reading, merge};
use crate::scan::ledger::Read;
use crate::scan::order::Identity;
use crate::scan::rule_set::RuleSet;
use crate::scan::{Frame, conclude, in_order};
use crate::sequence::{Hit, Match, Reduction};
use crate::time::Timestamp;

use super::account::Account;
use super::form;
use super::line::{Head, HitLine, Kind, MapRun, RuleName, SCHEMA};
use super::lines::{Line, Lines};
use super::names;

/// Readings of one millisecond of one key that are looked through for copies at once. Only a log that is made for it has more.
const WINDOW: usize = 65_536;

/// Makes of the sorted stream `input`, in either form, what a scan makes of evidence, near misses and stories apart. When `interrupt` is raised it ends early and the outcome
/// says so.
///
/// # Errors
/// [`Usage`](crate::error::Error::Usage) with the number of the line when the stream cannot be read, is not sorted, or was not mapped with these `rules`; [`Rule`](crate::error::Error::Rule) when two rules
/// cannot be told apart.
pub fn reduce(input: &mut dyn BufRead, rules: &RuleSet, interrupt: &AtomicBool) -> Result<Outcome> {
    let names = names(rules)?;
    let mut input = form::lines(input)?;
    let mut lines = Lines::new(&mut *input);
    let mut account = Account::default();
    let first_hit = loop {
        match lines.next()? {
            Some(line) if line.is_hit() => break Some(line),
            Some(line) => told(&line, &mut account, &names)?,
            None => break None,
        }
    };
    let run = account.map_run().cloned();
    let read = account.into_read();
    let clock = run.as_ref().map(|run| run.clock);
    let mut interrupted = false;
    let go_on = &mut || {
        interrupted = interrupt.load(Ordering::Relaxed);
        !interrupted
    };
    let (found, clock) = found(&mut lines, first_hit, (rules, &names), &read.sources, clock, go_on)?;
    let frame = match run {
        Some(MapRun { clock, mapping, selected, .. }) => Frame { clock, mapping, selected },
        None => Frame { clock, ..Frame::default() },
    };
    let read = Read { interrupted: read.interrupted || interrupted, ..read };
    Ok(conclude(in_order(found), read, rules, frame))
}

/// What the `rules`, which have the `names`, find in the hits `first` and those behind it, and by which clock. It ends early when it may not `go_on`.
///
/// # Errors
/// As [`reduce`].
pub fn found(
    lines: &mut Lines<'_>,
    first: Option<Line>,
    (rules, names): (&RuleSet, &[RuleName]),
    sources: &[SourceReport],
    clock: Option<Clock>,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<(Found, Clock)> {
    let mut hits = Hits::new(rules, names, sources, clock);
    let mut next = first;
    while let Some(line) = next {
        hits.take(&line)?;
        next = if go_on() { lines.next()? } else { None };
    }
    Ok(hits.finish())
}

/// Takes a line that is no hit.
fn told(line: &Line, account: &mut Account, names: &[RuleName]) -> Result<()> {
    let Head { kind, schema, .. } =
        serde_json::from_slice(&line.text).map_err(|error| line.wrong(&error.to_string()))?;
    check_schema(line, schema)?;
    account.take(kind, &line.text).map_err(|reason| line.wrong(&reason))?;
    let mapped = account.map_run().filter(|_| kind == Kind::Map);
    mapped.map_or(Ok(()), |run| same_rules(line, &run.rules, names))
}

fn check_schema(line: &Line, schema: u32) -> Result<()> {
    match schema == SCHEMA {
        true => Ok(()),
        false => Err(line.wrong(&format!(
            "its schema is {schema}, and this version of evql reads {SCHEMA}: map and reduce with the same version"
        ))),
    }
}

/// Whether the stream was mapped with the rules that are loaded.
fn same_rules(line: &Line, mapped: &[RuleName], loaded: &[RuleName]) -> Result<()> {
    let missing = |these: &[RuleName], others: &[RuleName]| {
        these.iter().find(|name| !others.contains(name)).map(|name| name.id.clone())
    };
    let reason = match (missing(mapped, loaded), missing(loaded, mapped)) {
        (Some(id), _) => {
            format!("the stream was mapped with the rule {id}, which is not loaded or has another text")
        }
        (None, Some(id)) => {
            format!("the rule {id} is loaded, and the stream was mapped without it or with another text")
        }
        (None, None) => return Ok(()),
    };
    Err(line.wrong(&format!("{reason}: give map and reduce the same --rules and --no-builtin")))
}

/// One reading of a record that satisfies a stage.
#[derive(Debug)]
struct Sighting {
    line: HitLine,
    order: Rc<str>,
    identity: Identity,
    /// The sources of its copies.
    copies: Vec<String>,
}

impl Reading for Sighting {
    type Order = Rc<str>;

    fn order(&self) -> &Rc<str> {
        &self.order
    }

    fn is_recovered(&self) -> bool {
        self.line.recovered
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn take_copy(&mut self, copy: Self) {
        self.copies.push(copy.line.source);
    }
}

/// A reading, each record once.
type Event = Rc<Sighting>;

/// What is found, with where its last event stands and the number of its rule.
pub type Found = Vec<(Option<Rc<str>>, usize, Finding)>;

/// Hits on their way to findings.
pub(super) struct Hits<'a> {
    rules: &'a RuleSet,
    /// The numbers of the rules.
    numbers: HashMap<&'a RuleName, usize>,
    sources: Sources<'a>,
    clock: Option<Clock>,
    /// The number of the rule in hand, and what comes of it.
    current: Option<(usize, Reduction<'a, Rc<str>, Event>)>,
    /// The readings of one key and one millisecond.
    window: Vec<Sighting>,
    /// What their sort keys begin with.
    group: String,
    found: Found,
}

impl<'a> Hits<'a> {
    /// None is taken yet. `sources` are for the findings to tell of.
    pub(super) fn new(
        rules: &'a RuleSet,
        names: &'a [RuleName],
        sources: &'a [SourceReport],
        clock: Option<Clock>,
    ) -> Self {
        Self {
            rules,
            numbers: (0..).zip(names).map(|(number, name)| (name, number)).collect(),
            sources: Sources::new(sources),
            clock,
            current: None,
            window: Vec::new(),
            group: String::new(),
            found: Vec::new(),
        }
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// [`Usage`](crate::error::Error::Usage) with its number when it is no hit of these rules or not what its sort key says.
    pub(super) fn take(&mut self, line: &Line) -> Result<()> {
        let hit: HitLine =
            serde_json::from_slice(&line.text).map_err(|error| line.wrong(&error.to_string()))?;
        check_schema(line, hit.schema)?;
        if hit.kind != Kind::Hit {
            return Err(line.wrong("its sort key is that of a hit, and it is none"));
        }
        let clock = *self.clock.get_or_insert(hit.clock);
        if hit.clock != clock {
            return Err(line.wrong(
                "it is sorted by another clock than the lines above: map all evidence with one --clock",
            ));
        }
        let (group, order) = (hit.group(), hit.order());
        if hit.k.strip_prefix(&group) != Some(&order) {
            return Err(line
                .wrong("its sort key does not say what the line says: lines are to be sorted, not changed"));
        }
        let number = self.number(line, &hit)?;
        let identity =
            Identity::known(&hit.host, &hit.channel, hit.record_id, hit.created, hit.data_sha256.as_deref())
                .ok_or_else(|| line.wrong("data_sha256 is no SHA-256"))?;
        self.turn_to(number, group, hit.time());
        self.window.push(Sighting { line: hit, order: order.into(), identity, copies: Vec::new() });
        Ok(())
    }

    fn number(&self, line: &Line, hit: &HitLine) -> Result<usize> {
        let number = self.numbers.get(&hit.rule).copied().ok_or_else(|| {
            let id = &hit.rule.id;
            line.wrong(&format!(
                "the rule {id} is not loaded or has another text: give map and reduce the same --rules"
            ))
        })?;
        let stages = self.rules.rules().get(number).map_or(0, |compiled| compiled.program.stages().len());
        match hit.stages.iter().all(|stage| *stage < stages) {
            true => Ok(number),
            false => Err(line.wrong(&format!("its rule has {stages} stages, and it names others"))),
        }
    }

    /// Ends what does not go on with a hit of the rule `number`, whose sort key begins with `group`, at `time`.
    fn turn_to(&mut self, number: usize, group: String, time: Timestamp) {
        let millisecond = time.truncated_to_millis();
        let goes_on = self.window.len() < WINDOW
            && self.window.last().is_some_and(|last| last.line.time().truncated_to_millis() == millisecond);
        if group != self.group || !goes_on {
            self.end_window();
        }
        self.group = group;
        if self.current.as_ref().is_none_or(|(current, _)| *current != number) {
            self.end_rule();
            let compiled = self.rules.rules().get(number);
            self.current = compiled.map(|compiled| (number, Reduction::new(&compiled.program)));
        }
    }

    /// Hands the readings of the window on, each record once.
    fn end_window(&mut self) {
        let Some((_, reduction)) = &mut self.current else { return };
        for sighting in merge(std::mem::take(&mut self.window)) {
            let sighting = Rc::new(sighting);
            for stage in &sighting.line.stages {
                let (order, time) = (Rc::clone(&sighting.order), sighting.line.time());
                let hit = Hit { stage: *stage, order, time, payload: Rc::clone(&sighting) };
                reduction.push(&sighting.line.key, hit);
            }
        }
    }

    /// Whether something is found in what was taken since the last [`drop_group`](Self::drop_group), whatever comes.
    pub(super) fn has_found(&self) -> bool {
        self.current.as_ref().is_some_and(|(_, reduction)| reduction.has_found())
    }

    /// Ends the rule and join key in hand and makes no findings of them: whether there are any, before pipes.
    pub(super) fn drop_group(&mut self) -> bool {
        self.end_window();
        self.current.take().is_some_and(|(_, reduction)| !reduction.finish().is_empty())
    }

    /// Makes findings of what the rule in hand found.
    fn end_rule(&mut self) {
        let Some((number, reduction)) = self.current.take() else { return };
        let Some(compiled) = self.rules.rules().get(number) else { return };
        let (clock, sources) = (self.clock.unwrap_or_default(), &self.sources);
        for (key, matched) in compiled.program.limit(reduction.finish()) {
            let last = last(&matched);
            let show = |sighting: &Event| Some(sources.shown(sighting));
            self.found.push((last, number, finding(compiled, clock, &key, &matched, &show)));
        }
    }

    /// What was found, and by which clock.
    fn finish(mut self) -> (Found, Clock) {
        self.end_window();
        self.end_rule();
        (self.found, self.clock.unwrap_or_default())
    }
}

fn last(matched: &Match<Rc<str>, Event>) -> Option<Rc<str>> {
    matched.present().map(|event| &event.order).max().cloned()
}

/// What is known of the sources, by name. Where several of one name do not agree, nothing is.
struct Sources<'a>(BTreeMap<&'a str, Vec<&'a SourceReport>>);

impl<'a> Sources<'a> {
    fn new(sources: &'a [SourceReport]) -> Self {
        let mut known: BTreeMap<&str, Vec<&SourceReport>> = BTreeMap::new();
        sources.iter().for_each(|report| known.entry(&report.source).or_default().push(report));
        Self(known)
    }

    fn agreed<T: PartialEq>(&self, source: &str, of: impl Fn(&SourceReport) -> T) -> Option<T> {
        let (first, rest) = self.0.get(source)?.split_first()?;
        let value = of(first);
        rest.iter().all(|report| of(report) == value).then_some(value)
    }

    fn shown(&self, sighting: &Sighting) -> Shown {
        let line = &sighting.line;
        let others: BTreeSet<&String> = sighting.copies.iter().filter(|copy| **copy != line.source).collect();
        let kind = self.agreed(&line.source, |report| report.kind).flatten();
        let event = EvidenceEvent {
            timestamp: line.utc,
            created: line.created,
            event_id: line.event_id,
            record_id: line.record_id,
            channel: line.channel.clone(),
            computer: line.host.clone(),
            // That it is JSON was seen when the line was read; what is no object has no fields.
            document: serde_json::from_str::<Map<String, Value>>(line.document.get()).unwrap_or_default(),
            evidence: Evidence {
                source: line.source.clone(),
                sha256: self.agreed(&line.source, |report| report.sha256.clone()).flatten(),
                copies: u32::try_from(sighting.copies.len()).unwrap_or(u32::MAX).saturating_add(1),
                other_sources: others.into_iter().cloned().collect(),
                recovered: line.recovered,
                fields_shifted: line.fields_shifted,
                forwarded: is_forwarded(line.rendered, kind),
            },
        };
        Shown { event, identity: sighting.identity.clone() }
    }
}
