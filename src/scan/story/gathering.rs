//! All events of the processes with findings, and the starts and ends of their kin, brought together into stories. It reads nothing itself.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use crate::finding::story::Process;
use crate::finding::{Clock, EvidenceEvent, Listed, Story};
use crate::input::Seen;
use crate::scan::findings::Findings;
use crate::scan::hits::Candidate;
use crate::scan::order::Identity;
use crate::scan::pass::{At, Look, Worker};
use crate::sysmon::{Event, Facts, LazyEvent};
use crate::time::Timestamp;

use super::kin::{Family, Reached, Role};
use super::lookup::{Key, Lookup};
use super::teller::{Names, Teller, clipped, note};

/// What an event has to be to be collected.
#[derive(Debug)]
pub struct Frame<'a> {
    lookup: Lookup<'a>,
    family: Family,
    reached: Reached,
}

impl Frame<'_> {
    fn takes(&self, event: &impl Facts) -> bool {
        let Some(host) = self.lookup.host(event.computer()) else { return false };
        let parts =
            self.lookup.keys().process(event).map(|process| self.family.parts(process)).unwrap_or_default();
        let own = parts.iter().any(|part| part.role == Role::Own);
        let kin = !parts.is_empty() && matches!(event.event_id(), 1 | 5);
        own || kin || (event.event_id() == 22 && self.named(host, event).next().is_some())
    }

    /// The addresses that a query was answered with and that some process with a finding connected to.
    fn named(&self, host: usize, event: &impl Facts) -> impl Iterator<Item = IpAddr> {
        let resolved = self.lookup.keys().resolved(event).into_iter();
        resolved.filter(move |address| self.reached.contains(&(host, *address)))
    }
}

/// Collects the events.
pub struct Collector<'a> {
    /// Which.
    pub frame: Arc<Frame<'a>>,
    /// The clock that orders them.
    pub clock: Clock,
}

impl Worker for Collector<'_> {
    type Scratch = ();
    type Out = Candidate;

    fn scratch(&self) {}

    fn wants(&self, _scratch: &mut (), seen: &Seen<'_>) -> bool {
        self.frame.lookup.host(seen.computer).is_some()
    }

    fn look(&self, _scratch: &mut (), event: &LazyEvent<'_>, _at: At<'_>) -> Look<Candidate> {
        if self.frame.takes(event) { Look::Decode } else { Look::Done(None) }
    }

    fn event(&self, _scratch: &mut (), event: &Event, at: At<'_>) -> Option<Candidate> {
        let taken = self.frame.takes(event);
        taken.then(|| Candidate::new(event.clone(), Vec::new(), at.place, self.clock))
    }
}

/// Brings together what was collected.
pub struct Gathering<'a> {
    frame: Arc<Frame<'a>>,
    tellers: Vec<Teller>,
    /// Hashes of the records that were told of.
    seen: HashSet<u64>,
    state: RandomState,
    /// Recovered records: a live copy comes before them wherever it stands.
    recovered: Vec<Candidate>,
    ancestors: HashMap<Key, Candidate>,
    ends: HashMap<Key, Timestamp>,
    names: BTreeMap<(usize, IpAddr), Names>,
}

impl<'a> Gathering<'a> {
    /// Stories of the processes of `lookup`, with `listed` whole events in each list. `completing` are the addresses by which findings came about, per story.
    pub fn new(
        lookup: Lookup<'a>,
        family: Family,
        reached: Reached,
        completing: Vec<BTreeSet<IpAddr>>,
        listed: usize,
    ) -> Self {
        Self {
            frame: Arc::new(Frame { lookup, family, reached }),
            tellers: completing.into_iter().map(|addresses| Teller::new(listed, addresses)).collect(),
            seen: HashSet::new(),
            state: RandomState::new(),
            recovered: Vec::new(),
            ancestors: HashMap::new(),
            ends: HashMap::new(),
            names: BTreeMap::new(),
        }
    }

    /// What has to be collected.
    pub fn frame(&self) -> Arc<Frame<'a>> {
        Arc::clone(&self.frame)
    }

    /// Takes what was collected, in the order of the evidence.
    pub fn take(&mut self, candidate: Candidate) {
        if candidate.order.is_recovered() {
            self.recovered.push(candidate);
        } else {
            self.tell(&candidate);
        }
    }

    /// Takes the recovered records, of which no copy is live unless it has been told of.
    pub fn end(&mut self) {
        std::mem::take(&mut self.recovered).iter().for_each(|candidate| self.tell(candidate));
    }

    fn tell(&mut self, candidate: &Candidate) {
        let copy = !self.seen.insert(self.state.hash_one(Identity::of(&candidate.event)));
        let frame = Arc::clone(&self.frame);
        let (event, event_id) = (&candidate.event, candidate.event.event_id());
        if let (22, false, Some(host)) = (event_id, copy, frame.lookup.host(event.computer())) {
            let name = event.named("QueryName").map(clipped).unwrap_or_default();
            for address in frame.named(host, event) {
                note(self.names.entry((host, address)).or_default(), &name, candidate.order.time);
            }
        }
        let Some(process) = frame.lookup.keys().process(event) else { return };
        let parts = frame.family.parts(process);
        for part in parts {
            let Some(teller) = self.tellers.get_mut(part.story) else { continue };
            match part.role {
                Role::Own => teller.take(candidate, copy, &frame.lookup),
                Role::Child(_) if event_id == 1 => teller.children.add(candidate),
                Role::Child(_) | Role::Ancestor => {}
            }
        }
        let ancestor = parts.iter().any(|part| part.role == Role::Ancestor);
        match event_id {
            1 if ancestor => self.ancestor(process, candidate, copy),
            5 if !parts.is_empty() && !copy => {
                self.ends.entry(process).or_insert(event.timestamp());
            }
            _ => {}
        }
    }

    fn ancestor(&mut self, process: Key, candidate: &Candidate, copy: bool) {
        match self.ancestors.entry(process) {
            Entry::Occupied(mut known) if copy => known.get_mut().copies.push(candidate.order.place()),
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => {
                place.insert(candidate.clone());
            }
        }
    }

    /// The queries of the process of `story` that were answered with an address by which a finding came about, in order of time.
    pub fn suspects(&self, story: usize) -> Vec<&Candidate> {
        self.tellers.get(story).map(|teller| teller.suspects.events().collect()).unwrap_or_default()
    }

    /// The stories, in order.
    pub fn finish(mut self, makes: &Findings<'_>) -> Vec<Story> {
        let starts: HashMap<Key, Arc<EvidenceEvent>> =
            self.ancestors.drain().map(|(key, candidate)| (key, Arc::new(makes.event(&candidate)))).collect();
        let tellers = std::mem::take(&mut self.tellers);
        tellers
            .into_iter()
            .enumerate()
            .map(|(story, teller)| self.story(story, teller, &starts, makes))
            .collect()
    }

    fn story(
        &self,
        story: usize,
        mut teller: Teller,
        starts: &HashMap<Key, Arc<EvidenceEvent>>,
        makes: &Findings<'_>,
    ) -> Story {
        let key = self.frame.lookup.flagged().get(story).copied().unwrap_or_default();
        let start = teller.start.as_ref().map(|start| Arc::new(makes.event(start)));
        let shown: Vec<EvidenceEvent> = teller.context.events().map(|event| makes.event(event)).collect();
        let mut process = match (&start, shown.first()) {
            (Some(start), _) => Process::started_by(Arc::clone(start)),
            (None, first) => first.map(Process::named_by).unwrap_or_default(),
        };
        (process.flagged, process.ended) = (true, self.ends.get(&key).copied());
        let host = shown.first().map(|event| event.computer.clone()).unwrap_or_default();
        let number = self.frame.lookup.host(&host).unwrap_or(usize::MAX);
        let (queries, query_count) = teller.queries();
        Story {
            ancestors: self.ancestry(story, start, starts),
            children: self.children(story, &teller, makes),
            kin_complete: self.frame.family.is_complete(),
            connections: teller.connections(|address| self.names.get(&(number, address)).cloned()),
            queries,
            query_count,
            activities: teller.activities(),
            context: Listed { total: teller.events, shown },
            host,
            process,
        }
    }

    /// The ancestors whose start is known, and the first whose start is not.
    fn ancestry(
        &self,
        story: usize,
        start: Option<Arc<EvidenceEvent>>,
        starts: &HashMap<Key, Arc<EvidenceEvent>>,
    ) -> Vec<Process> {
        let mut ancestors = Vec::new();
        let mut last = start;
        for (key, depth) in self.frame.family.chain(story).iter().zip(1..) {
            let Some(event) = starts.get(key) else { break };
            let known = Process::started_by(Arc::clone(event));
            let flagged = self.frame.lookup.is_flagged(*key);
            ancestors.push(Process { depth, flagged, ended: self.ends.get(key).copied(), ..known });
            last = Some(Arc::clone(event));
        }
        let unknown = last.and_then(|child| Process::parent_in(&child));
        // A parent that is there already closes a circle.
        let depth = u32::try_from(ancestors.len()).unwrap_or(u32::MAX).saturating_add(1);
        let is_new = |process: &Process| {
            process.entity_id.is_empty() || ancestors.iter().all(|known| known.entity_id != process.entity_id)
        };
        let unknown = unknown.filter(is_new).map(|process| Process { depth, ..process });
        ancestors.extend(unknown);
        ancestors
    }

    fn children(&self, story: usize, teller: &Teller, makes: &Findings<'_>) -> Listed<Process> {
        let family = &self.frame.family;
        let child = |candidate: &Candidate| {
            let key = self.frame.lookup.keys().process(&candidate.event)?;
            let depth = family.parts(key).iter().find_map(|part| match part.role {
                Role::Child(depth) if part.story == story => Some(depth),
                _ => None,
            })?;
            let known = Process::started_by(Arc::new(makes.event(candidate)));
            let ended = self.ends.get(&key).copied();
            Some(Process { depth, flagged: self.frame.lookup.is_flagged(key), ended, ..known })
        };
        let mut shown: Vec<Process> = teller.children.events().filter_map(child).collect();
        shown.sort_by_key(|process| process.depth);
        Listed { shown, total: family.child_count(story) }
    }
}
