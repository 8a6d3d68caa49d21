//! Near misses: what almost was a finding, counted for every rule, and a bounded choice of it told with the reason. It changes no finding.
//!
//! The one pass notes events that come near a stage ([`lookout`], [`notes`]); when all is read, notes, hits and matches give kinds and counts ([`judge`]);
//! the sources of the few that are listed are read a second time for their events ([`super::again`]).

mod judge;
mod lookout;
mod notes;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::finding::{
    Finding, HostCoverage, LISTED, LISTED_PER_RULE, NearCount, NearKind, NearMiss, NearMisses, Prevalence,
    Untold,
};
use crate::hash::hex;
use crate::input::{Position, Seen};
use crate::sysmon::{Event, Facts};

use super::again::{Again, Extents};
use super::findings::Findings;
use super::hits::Candidate;
use super::order::Identity;
use super::pass::{At, Worker};
use super::rule_set::{CompiledRule, RuleSet};

pub use lookout::{Lookout, ReadAs};
pub use notes::{Note, Notes, hash_of};

use judge::{Judge, Near, Which};
use notes::Noted;

/// All that near misses are made of.
pub struct Misses<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// Their watches.
    pub lookout: &'a Lookout,
    /// What makes events of candidates.
    pub makes: &'a Findings<'a>,
    /// Per host, how far its records reach.
    pub hosts: &'a [HostCoverage],
    /// What reads sources a second time.
    pub again: Again<'a>,
}

/// A near miss that is listed, and the place of its rule in the set.
type Chosen = (usize, Near);

impl Misses<'_> {
    /// The near misses; `used` are, per rule, the candidates in what it found.
    ///
    /// # Errors
    /// As [`Again::read`].
    pub fn find(&self, notes: Notes, used: Vec<HashSet<usize>>) -> Result<NearMisses> {
        let noted = notes.finish();
        let candidates = self.makes.candidates;
        let identities: Vec<u64> =
            candidates.iter().map(|candidate| hash_of(&Identity::of(&candidate.event))).collect();
        let judge = Judge { candidates, identities: &identities, noted: &noted };
        let mut counts = Vec::new();
        let mut chosen = Vec::new();
        for (place, (compiled, used)) in self.rules.rules().iter().zip(used).enumerate() {
            let near = judge.rule(compiled, &self.lookout.of_rule(place), used);
            let by_kind = by_kind(near);
            counts.extend(by_kind.iter().map(|(kind, near)| NearCount {
                rule: compiled.rule.info.clone(),
                kind: *kind,
                count: near.len() as u64,
                listed: 0,
            }));
            let listed = by_kind.into_iter().filter(|(kind, _)| kind.is_listed());
            let listed = in_turns(listed.map(|(_, near)| near).collect(), LISTED_PER_RULE);
            chosen.push(listed.into_iter().map(|near| (place, near)).collect());
        }
        let mut chosen: Vec<Chosen> = in_turns(chosen, LISTED);
        chosen.sort_by_key(|(rule, near)| (near.time, near.place, *rule, near.kind));
        let events = self.fetch(&noted, &chosen)?;
        let listed: Vec<NearMiss> =
            chosen.iter().filter_map(|(rule, near)| self.miss(*rule, near, &events)).collect();
        for count in &mut counts {
            let own = |miss: &&NearMiss| miss.kind == count.kind && miss.nearly.rule.id == count.rule.id;
            count.listed = listed.iter().filter(own).count() as u64;
        }
        Ok(NearMisses { looked_for: true, counts, listed, more: noted.more })
    }

    /// The events behind the notes that were chosen, by the notes' numbers, with their copies.
    fn fetch(&self, noted: &Noted, chosen: &[Chosen]) -> Result<HashMap<usize, Candidate>> {
        let name = |ordinal: u32| self.makes.sources.get(ordinal as usize).map(|source| &source.source);
        let mut wanted: BTreeMap<&String, BTreeMap<Position, usize>> = BTreeMap::new();
        for (_, near) in chosen {
            if let Which::Noted(number) = near.event
                && let Some(source) = name(near.place.source)
            {
                wanted.entry(source).or_default().insert(near.place.position, number);
            }
        }
        let fetcher = Fetcher {
            positions: wanted.values().flat_map(BTreeMap::keys).copied().collect(),
            wanted: wanted.iter().map(|(source, positions)| (source.as_str(), positions)).collect(),
        };
        let chunks =
            |positions: &BTreeMap<Position, usize>| positions.keys().map(|position| position.chunk).collect();
        let chunks = wanted.iter().map(|(source, positions)| ((*source).clone(), chunks(positions)));
        let extents = Extents::new(BTreeSet::new(), chunks.collect());
        let mut events = Vec::new();
        self.again.read(&extents, &fetcher, &mut |given| {
            events.extend(given);
            ControlFlow::Continue(())
        })?;
        let clock = self.makes.clock;
        let candidate = |(number, event): (usize, Event)| {
            let (note, copies) = noted.record(number)?;
            let mut candidate = Candidate::new(event, Vec::new(), note.place(), clock);
            candidate.copies = copies.iter().map(Note::place).collect();
            Some((number, candidate))
        };
        Ok(events.into_iter().filter_map(candidate).collect())
    }

    /// `None` when the event could not be read again.
    fn miss(&self, rule: usize, near: &Near, events: &HashMap<usize, Candidate>) -> Option<NearMiss> {
        let compiled = self.rules.rules().get(rule)?;
        let own = match near.event {
            Which::Candidate(index) => self.makes.candidates.get(index)?,
            Which::Noted(number) => events.get(&number)?,
        };
        let mut evidence = vec![own];
        evidence.extend(near.start.and_then(|start| self.makes.candidates.get(start)));
        evidence.sort_by(|a, b| a.order.cmp(&b.order));
        let host = own.event.computer();
        let known = self.hosts.iter().find(|known| known.host == host);
        let first = known.and_then(|known| known.first);
        let detail = words::detail(compiled, near, &own.event, host, first);
        Some(NearMiss { kind: near.kind, detail, nearly: self.nearly(compiled, near.kind, host, &evidence) })
    }

    fn nearly(
        &self,
        compiled: &CompiledRule,
        kind: NearKind,
        host: &str,
        evidence: &[&Candidate],
    ) -> Finding {
        let times: Vec<_> = evidence.iter().map(|candidate| candidate.order.time).collect();
        let delta_ticks = match times.as_slice() {
            [first, .., last] => Some(last.ticks_since(*first)),
            _ => None,
        };
        Finding {
            id: id(compiled, kind, evidence),
            rule: compiled.rule.info.clone(),
            severity: compiled.rule.info.severity,
            risk_score: compiled.rule.info.risk_score,
            why: Vec::new(),
            prevalence: Prevalence::default(),
            excluded_name: None,
            story: Err(Untold::NearMiss),
            host: host.to_owned(),
            clock: self.makes.clock,
            delta_ticks,
            threats: Vec::new(),
            notes: Vec::new(),
            events: evidence.iter().map(|candidate| Some(self.makes.event(candidate))).collect(),
        }
    }
}

/// Stable over runs: rule, kind and what identifies each event's record.
fn id(compiled: &CompiledRule, kind: NearKind, evidence: &[&Candidate]) -> String {
    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    field(b"near miss");
    field(compiled.rule.info.id.as_bytes());
    field(kind.as_str().as_bytes());
    evidence.iter().for_each(|candidate| Identity::of(&candidate.event).parts(&mut field));
    hex(hash.finalize().get(..16).unwrap_or_default())
}

/// The near misses of each kind that is there, by time.
fn by_kind(mut near: Vec<Near>) -> Vec<(NearKind, Vec<Near>)> {
    near.sort_by_key(|near| (near.kind, near.time, near.place, near.stage, near.start));
    near.chunk_by(|a, b| a.kind == b.kind)
        .filter_map(|group| Some((group.first()?.kind, group.to_vec())))
        .collect()
}

/// The first `limit` of the `lists`, taking one of each in turn, so that no list crowds out another.
pub fn in_turns<T>(lists: Vec<Vec<T>>, limit: usize) -> Vec<T> {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut taken = Vec::new();
    while taken.len() < limit {
        let before = taken.len();
        taken.extend(lists.iter_mut().filter_map(Iterator::next));
        if taken.len() == before {
            break;
        }
    }
    taken.truncate(limit);
    taken
}

/// Reads single records again.
struct Fetcher<'a> {
    /// Per source, the numbers of the notes at its positions.
    wanted: BTreeMap<&'a str, &'a BTreeMap<Position, usize>>,
    /// The positions of all sources: which source a record is of is known only when it is read.
    positions: BTreeSet<Position>,
}

impl Worker for Fetcher<'_> {
    type Scratch = ();
    type Out = (usize, Event);

    fn scratch(&self) {}

    fn wants(&self, _scratch: &mut (), seen: &Seen<'_>) -> bool {
        self.positions.contains(&seen.position)
    }

    fn event(&self, _scratch: &mut (), event: &Event, at: At<'_>) -> Option<(usize, Event)> {
        let positions = self.wanted.get(at.source.name.as_str())?;
        positions.get(&at.place.position).map(|number| (*number, event.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_crowds_out_another() {
        assert_eq!(in_turns(vec![vec![1, 2, 3, 4], vec![10], vec![20, 21]], 6), [1, 10, 20, 2, 21, 3]);
        assert_eq!(in_turns(vec![vec![1, 2], vec![10]], 2), [1, 10]);
        assert_eq!(in_turns(Vec::<Vec<u8>>::new(), 2), [] as [u8; 0]);
    }
}
