//! What to watch for besides the stages of rules: events that come near one. It is asked on any thread and keeps nothing of what it sees but [`Note`]s.

use std::collections::{BTreeSet, HashMap};

use crate::eql::{Clauses, Filter, Form, KeyField, Role};
use crate::finding::Clock;
use crate::sequence::join_keys;
use crate::sysmon::{self, EventOutline, Facts};

use super::notes::{Note, hash_of};
use crate::scan::filters::Filters;
use crate::scan::hits::Candidate;
use crate::scan::order::{Place, time_by};
use crate::scan::rule_set::{CompiledRule, RuleSet};

/// Keys under which one event is noted, at most.
const KEYS_PER_EVENT: usize = 8;

/// The watches of all rules, among the filters of their stages.
#[derive(Debug)]
pub struct Lookout {
    filters: Filters,
    /// The filters before this number are the stages'.
    stages: usize,
    watches: Vec<Watch>,
    /// The watches of each rule.
    rules: Vec<RuleWatches>,
    /// Every list of join keys that matters, each once.
    keys: Vec<Vec<KeyField>>,
    /// For each filter of a stage that begins or goes on with a sequence, its list of join keys.
    open: HashMap<usize, usize>,
}

/// The numbers of one rule's watches, by stage.
#[derive(Debug, Clone, Default)]
pub struct RuleWatches {
    /// For events that would satisfy the stage were it not for what it excludes.
    pub excluded: Vec<Option<u32>>,
    /// For events of the stage's category.
    pub category: Vec<Option<u32>>,
}

/// Events that are noted.
#[derive(Debug, PartialEq)]
struct Watch {
    filter: Filter,
    /// The filter of the stage itself: an event that satisfies it is not near but there.
    unless: Option<usize>,
    /// The number of the join keys under which an event is noted; `None` where it is near without any other.
    keys: Option<usize>,
    /// Ids of events that can satisfy the stage at all. No other is near it, whichever other rules run.
    event_ids: BTreeSet<u32>,
}

impl Lookout {
    /// The watches for `rules`, whose events are mapped by `mapping`.
    pub fn new(rules: &RuleSet, mapping: &sysmon::Options) -> Self {
        let stages = rules.filters().len();
        let mut lookout = Self {
            filters: Filters::default(),
            stages,
            watches: Vec::new(),
            rules: Vec::new(),
            keys: Vec::new(),
            open: HashMap::new(),
        };
        let outlines: Vec<(u32, EventOutline)> =
            sysmon::event_ids().map(|id| (id, EventOutline::new(id, mapping))).collect();
        for compiled in rules.rules() {
            let watches = lookout.rule(compiled, &outlines);
            lookout.rules.push(watches);
        }
        let own = rules.rules().iter().flat_map(|rule| rule.program.stages()).map(|stage| &stage.filter);
        lookout.filters = Filters::new(own.chain(lookout.watches.iter().map(|watch| &watch.filter)), mapping);
        lookout
    }

    fn rule(&mut self, compiled: &CompiledRule, outlines: &[(u32, EventOutline)]) -> RuleWatches {
        let program = &compiled.program;
        let mut watches = RuleWatches::default();
        // A sample has no order to come near to, and a pipe drops what is found.
        if program.form() == Form::Sample || !program.pipes().is_empty() {
            return watches;
        }
        let first = program.stages().iter().position(|stage| stage.role == Role::Positive);
        let last = program.stages().iter().rposition(|stage| stage.role == Role::Positive);
        for (number, (stage, clauses)) in program.stages().iter().zip(&compiled.clauses).enumerate() {
            let (mut excluded, mut category) = (None, None);
            if stage.role == Role::Positive {
                let own = compiled.first_filter + number;
                let possible = outlines.iter().filter(|(_, outline)| stage.filter.could_match(outline));
                let event_ids: BTreeSet<u32> = possible.map(|(id, _)| *id).collect();
                let keys = (Some(number) != first).then(|| self.keys_of(&stage.keys));
                if let Some(filter) = clauses.relaxed().filter(|_| keys.is_some() || says(clauses)) {
                    let event_ids = event_ids.clone();
                    excluded = self.watch(Watch { filter, unless: Some(own), keys, event_ids });
                }
                if let Some(filter) = clauses.category().map(|clause| clause.filter().clone())
                    && keys.is_some()
                    && names_a_process(&stage.keys)
                {
                    category = self.watch(Watch { filter, unless: None, keys, event_ids });
                }
                if Some(number) != last {
                    let keys = self.keys_of(&stage.keys);
                    self.open.insert(own, keys);
                }
            }
            watches.excluded.push(excluded);
            watches.category.push(category);
        }
        watches
    }

    fn keys_of(&mut self, keys: &[KeyField]) -> usize {
        self.keys.iter().position(|known| known == keys).unwrap_or_else(|| {
            self.keys.push(keys.to_vec());
            self.keys.len() - 1
        })
    }

    /// The number of `watch`, which may be there already.
    fn watch(&mut self, watch: Watch) -> Option<u32> {
        let known = self.watches.iter().position(|known| *known == watch);
        let number = known.unwrap_or(self.watches.len());
        if known.is_none() {
            self.watches.push(watch);
        }
        u32::try_from(number).ok()
    }

    /// The filters of all stages, in order, and those of the watches.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// The watches of the rule at `place` in the set.
    pub fn of_rule(&self, place: usize) -> RuleWatches {
        self.rules.get(place).cloned().unwrap_or_default()
    }

    /// Those of the filters `satisfied`, ascending, that are stages'.
    pub fn stages_among<'s>(&self, satisfied: &'s [usize]) -> &'s [usize] {
        satisfied.split_at(satisfied.partition_point(|number| *number < self.stages)).0
    }

    /// Whether events under `watch` matter only after another with the same join key.
    pub fn needs_start(&self, watch: u32) -> bool {
        self.watches.get(watch as usize).is_some_and(|watch| watch.keys.is_some())
    }

    /// The join keys, hashed, under which `candidate` begins a sequence or goes on with one.
    pub fn opened_by(&self, candidate: &Candidate) -> Vec<u64> {
        let lists = candidate.filters.iter().filter_map(|filter| self.open.get(filter));
        let lists: BTreeSet<usize> = lists.copied().collect();
        lists.into_iter().flat_map(|list| self.hashes(list, &candidate.event)).collect()
    }

    fn hashes(&self, list: usize, event: &impl Facts) -> Vec<u64> {
        let keys = self.keys.get(list).map_or(&[][..], Vec::as_slice);
        join_keys(keys, event).iter().take(KEYS_PER_EVENT).map(hash_of).collect()
    }

    /// Notes what `event` comes near to; `satisfied` are the numbers of all filters it satisfies.
    pub fn note(
        &self,
        event: &impl Facts,
        read: &ReadAs<'_>,
        clock: Clock,
        satisfied: &[usize],
        notes: &mut Vec<Note>,
    ) {
        let own = self.stages_among(satisfied);
        let numbers = satisfied.iter().filter_map(|number| number.checked_sub(self.stages));
        let mut facts = None;
        let mut hashed: Option<(usize, Vec<u64>)> = None;
        for number in numbers {
            let Some(watch) = self.watches.get(number) else { continue };
            let there = watch.unless.is_some_and(|unless| own.binary_search(&unless).is_ok());
            if there || !watch.event_ids.contains(&event.event_id()) {
                continue;
            }
            if let Some(list) = watch.keys
                && hashed.as_ref().is_none_or(|(known, _)| *known != list)
            {
                hashed = Some((list, self.hashes(list, event)));
            }
            let (time, identity) = *facts.get_or_insert_with(|| (time_by(clock, event), (read.identity)()));
            let keys = match (watch.keys, &hashed) {
                (Some(_), Some((_, keys))) => keys.as_slice(),
                _ => &[0],
            };
            let watch = u32::try_from(number).unwrap_or(u32::MAX);
            let ReadAs { place, recovered, .. } = *read;
            notes.extend(keys.iter().map(|key| Note::new(watch, *key, identity, time, place, recovered)));
        }
    }
}

/// How a record was read that is to be noted.
pub struct ReadAs<'a> {
    /// Where.
    pub place: Place,
    /// Whether it was recovered.
    pub recovered: bool,
    /// Gives its identity, hashed.
    pub identity: &'a dyn Fn() -> u64,
}

/// Whether the condition asks for anything but a kind of event: without that, everything that an exclusion leaves out would be near.
fn says(clauses: &Clauses) -> bool {
    let general =
        |name: &str| name == "category" || name.starts_with("event.") || name.starts_with("host.os.");
    match clauses {
        Clauses::One(clause) => {
            let uses = clause.filter().uses();
            // A join key asks for a value, not for a certain one.
            !clause.negated
                && !clause.text.ends_with("!= null")
                && uses.iter().any(|used| !general(&used.field.name))
        }
        Clauses::All(items) => items.iter().any(says),
        Clauses::Any(items) => items.iter().all(says),
    }
}

/// Whether events under the same `keys` are one process's: what else another process of a host did is near nothing.
fn names_a_process(keys: &[KeyField]) -> bool {
    let names = keys.iter().filter_map(|key| key.field.as_ref()).map(|field| &*field.name);
    names.into_iter().any(|name| name.ends_with("entity_id") || name.ends_with(".pid"))
}
