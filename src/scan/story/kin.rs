//! Who started whom: two hashes for each process start, so that the starts of a whole log fit in memory. It keeps no event and no name.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use crate::input::Seen;
use crate::sysmon::{Event, Facts, LazyEvent};

use super::lookup::{Key, Lookup};
use super::traces::{STARTS, Start, Traces};
use crate::scan::again::Extents;
use crate::scan::pass::{At, Look, Worker};

/// Addresses that DNS answers are looked through for, at most.
const ADDRESSES: usize = 100_000;
/// Steps from a process to its farthest ancestor, at most: a log can claim a circle.
const ANCESTORS: usize = 64;
/// How deep children are followed.
const DEPTH: u32 = 3;

/// Addresses that processes with findings connected to, each with the number of the host.
pub type Reached = HashSet<(usize, IpAddr)>;

/// What an event tells of kin.
pub enum Sign {
    /// A process started, in the source with this ordinal.
    Start(u32, Start),
    /// A process with a finding connected.
    Reached(usize, IpAddr),
}

/// Picks the signs on the hosts in question.
pub struct KinPicker<'a> {
    /// What is in question.
    pub lookup: &'a Lookup<'a>,
    /// What is read, by source. Starts are told of sources that are read as a whole; of others they are known.
    pub extents: &'a Extents,
}

impl Worker for KinPicker<'_> {
    type Scratch = ();
    type Out = Sign;

    fn scratch(&self) {}

    fn wants(&self, _scratch: &mut (), seen: &Seen<'_>) -> bool {
        matches!(seen.event_id, 1 | 3) && self.lookup.host(seen.computer).is_some()
    }

    fn look(&self, _scratch: &mut (), event: &LazyEvent<'_>, at: At<'_>) -> Look<Sign> {
        Look::Done(self.sign(event, at))
    }

    fn event(&self, _scratch: &mut (), event: &Event, at: At<'_>) -> Option<Sign> {
        self.sign(event, at)
    }
}

impl KinPicker<'_> {
    fn sign(&self, event: &impl Facts, at: At<'_>) -> Option<Sign> {
        let keys = self.lookup.keys();
        let host = keys.host(event.computer());
        let process = keys.process_on(host, event)?;
        if event.event_id() == 1 {
            let is_known = self.extents.of(&at.source.name).is_some();
            return (!is_known).then(|| Sign::Start(at.place.source, (process, keys.parent_on(host, event))));
        }
        let flagged = self.lookup.is_flagged(process);
        let host = self.lookup.host(event.computer()).filter(|_| flagged)?;
        Some(Sign::Reached(host, self.lookup.destination(event)?))
    }
}

/// Who started each process, and whether no start was left out.
pub struct Parents {
    parents: HashMap<Key, Option<Key>>,
    complete: bool,
}

impl Parents {
    /// The next start. Of two of one process the first counts.
    fn take(&mut self, (process, parent): Start) {
        let known = &mut self.parents;
        if known.len() < STARTS {
            known.entry(process).or_insert(parent);
        } else {
            self.complete &= known.contains_key(&process);
        }
    }
}

/// Collects signs.
#[derive(Default)]
pub struct Signs {
    /// By the source's ordinal.
    starts: BTreeMap<u32, Vec<Start>>,
    count: usize,
    reached: Reached,
}

impl Signs {
    /// Takes the next one.
    pub fn take(&mut self, sign: Sign) {
        match sign {
            // One more than counts shows that there are more.
            Sign::Start(source, start) if self.count <= STARTS => {
                self.count = self.count.saturating_add(1);
                self.starts.entry(source).or_default().push(start);
            }
            Sign::Reached(host, address) if self.reached.len() < ADDRESSES => {
                self.reached.insert((host, address));
            }
            Sign::Start(..) | Sign::Reached(..) => {}
        }
    }

    /// All of them, with the starts that `traces` have of the sources with these ordinals, in the order of the evidence.
    pub fn finish(mut self, traces: &Traces, sources: impl Iterator<Item = u32>) -> (Parents, Reached) {
        let mut parents = Parents { parents: HashMap::new(), complete: true };
        for source in sources {
            match self.starts.remove(&source) {
                Some(starts) => starts.into_iter().for_each(|start| parents.take(start)),
                None => traces.starts(source).for_each(|start| parents.take(start)),
            }
        }
        (parents, self.reached)
    }
}

/// What a process is in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The process itself.
    Own,
    /// One of its ancestors.
    Ancestor,
    /// One of its children and theirs, so many steps away.
    Child(u32),
}

/// The part of a process in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The story's number.
    pub story: usize,
    /// What it is there.
    pub role: Role,
}

/// Who plays a part in which story.
#[derive(Debug)]
pub struct Family {
    parts: HashMap<Key, Vec<Part>>,
    /// Per story the ancestors whose start is in the evidence, nearest first.
    chains: Vec<Vec<Key>>,
    /// Per story how many children there are.
    children: Vec<u64>,
    complete: bool,
}

impl Family {
    /// The kin of the `flagged` processes, whose numbers are those of their stories.
    pub fn of(starts: &Parents, flagged: &[Key]) -> Self {
        let mut family = Self {
            parts: HashMap::new(),
            chains: Vec::new(),
            children: vec![0; flagged.len()],
            complete: starts.complete,
        };
        for (story, process) in flagged.iter().enumerate() {
            family.add(*process, story, Role::Own);
            let chain = ancestors(starts, *process);
            chain.iter().for_each(|ancestor| family.add(*ancestor, story, Role::Ancestor));
            family.chains.push(chain);
        }
        let mut level: HashMap<Key, Vec<usize>> = HashMap::new();
        for (story, process) in flagged.iter().enumerate() {
            level.entry(*process).or_default().push(story);
        }
        for depth in 1..=DEPTH {
            level = family.children(starts, &level, depth);
        }
        family
    }

    /// The parts of `process`; none for a stranger.
    pub fn parts(&self, process: Key) -> &[Part] {
        self.parts.get(&process).map(Vec::as_slice).unwrap_or_default()
    }

    /// All that play a part.
    pub fn members(&self) -> impl Iterator<Item = Key> {
        self.parts.keys().copied()
    }

    /// The ancestors in `story` whose start is in the evidence, nearest first.
    pub fn chain(&self, story: usize) -> &[Key] {
        self.chains.get(story).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many children `story` has, to depth 3.
    pub fn child_count(&self, story: usize) -> u64 {
        self.children.get(story).copied().unwrap_or_default()
    }

    /// Whether no start was left out.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    fn add(&mut self, process: Key, story: usize, role: Role) {
        self.parts.entry(process).or_default().push(Part { story, role });
    }

    /// Notes the processes that those of `level` started; these are the next level.
    fn children(
        &mut self,
        starts: &Parents,
        level: &HashMap<Key, Vec<usize>>,
        depth: u32,
    ) -> HashMap<Key, Vec<usize>> {
        let mut next: HashMap<Key, Vec<usize>> = HashMap::new();
        for (child, parent) in &starts.parents {
            let Some(stories) = parent.and_then(|parent| level.get(&parent)) else { continue };
            for story in stories {
                // Whoever has a part already closes a circle, which only a forged log can.
                if self.parts(*child).iter().any(|part| part.story == *story) {
                    continue;
                }
                self.add(*child, *story, Role::Child(depth));
                if let Some(count) = self.children.get_mut(*story) {
                    *count += 1;
                }
                next.entry(*child).or_default().push(*story);
            }
        }
        next
    }
}

/// The ancestors of `process` whose start is known, nearest first.
fn ancestors(starts: &Parents, process: Key) -> Vec<Key> {
    let mut chain = Vec::new();
    let mut current = process;
    while let Some(Some(parent)) = starts.parents.get(&current) {
        let circle = *parent == process || chain.contains(parent);
        if circle || chain.len() == ANCESTORS || !starts.parents.contains_key(parent) {
            break;
        }
        chain.push(*parent);
        current = *parent;
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(pairs: &[(Key, Key)]) -> Parents {
        let parents = pairs.iter().map(|(process, parent)| (*process, Some(*parent))).collect();
        Parents { parents, complete: true }
    }

    #[test]
    fn kin_are_found_up_to_the_first_gap_and_down_three_steps() {
        // 1 has no start; 2 > 3 > 4, which has the finding; 4 > 5 > 6 > 7 > 8, and 4 > 9.
        let starts = starts(&[(2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (7, 6), (8, 7), (9, 4)]);
        let family = Family::of(&starts, &[4, 6]);
        assert_eq!((family.chain(0), family.child_count(0)), ([3, 2].as_slice(), 4));
        assert_eq!((family.chain(1), family.child_count(1)), ([5, 4, 3, 2].as_slice(), 2));
        let role = |process, story| {
            family.parts(process).iter().find(|part| part.story == story).map(|part| part.role)
        };
        assert_eq!([5, 9, 6, 7, 8].map(|child| role(child, 0)), {
            let child = |depth| Some(Role::Child(depth));
            [child(1), child(1), child(2), child(3), None]
        });
        assert_eq!(family.parts(1), []);
    }

    #[test]
    fn a_circle_ends() {
        let family = Family::of(&starts(&[(1, 1), (2, 3), (3, 2)]), &[1, 2]);
        assert_eq!((family.chain(0), family.child_count(0)), ([].as_slice(), 0));
        assert_eq!((family.chain(1), family.child_count(1)), ([3].as_slice(), 0));
    }
}
