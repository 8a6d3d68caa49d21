//! Plans by template: compiled once, found again in the next chunk. It compiles nothing itself.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::input::bytes::{array_at, offset_at, slice_at};
use crate::input::layout::Place;

use super::plan::{NameRef, Plan};

/// Bytes of a template definition before its body: the next one's offset, its GUID, its size.
pub(super) const TEMPLATE_HEADER_SIZE: usize = 24;
/// How many hints tell where a chunk's plans are: a few times as many as a chunk has templates.
const HINTS: usize = 64;
/// Most that the plans weigh that are kept over chunks; a log has some dozens, of some kilobytes each.
const MAX_KEPT: usize = 8 << 20;
/// What a plan weighs beside its bytes.
const PLAN_WEIGHT: usize = 1 << 10;
/// Bytes of a name reference: the offset of the name.
const NAME_REF_SIZE: usize = 4;
/// Bytes from a name reference's end to what is the same in every chunk: the offset of the next name in the string table.
const NAME_NEXT_SIZE: usize = 4;

/// The plans of one chunk's templates, and of those of the chunks before it.
#[derive(Debug)]
pub(super) struct PlanCache {
    /// Of this chunk, by the definition's offset; `None` for one that has no plan.
    here: Vec<(usize, Place, Option<Arc<Plan>>)>,
    /// Where in `here` a definition probably stands, by some bits of its offset.
    hints: [u8; HINTS],
    /// Of all chunks, by GUID. The same template differs between chunks only in where its names stand.
    kept: HashMap<[u8; 16], Vec<Kept>>,
    kept_weight: usize,
    /// The number of the last plan.
    last_id: u32,
}

#[derive(Debug)]
struct Kept {
    top: Place,
    body: Vec<u8>,
    /// Per byte of the body 255, or 0 where chunks differ: in where a name stands, and in where the one after it does.
    same: Vec<u8>,
    plan: Arc<Plan>,
}

impl Default for PlanCache {
    fn default() -> Self {
        Self { here: Vec::new(), hints: [0; HINTS], kept: HashMap::new(), kept_weight: 0, last_id: 0 }
    }
}

impl PlanCache {
    /// Forgets what is true of one chunk only.
    pub(super) fn enter_chunk(&mut self) {
        self.here.clear();
    }

    /// The plan of the template defined at `offset` of `chunk`, for use in `top`.
    pub(super) fn get(&mut self, chunk: &[u8], offset: usize, top: Place) -> Option<Arc<Plan>> {
        let is_it = |(at, place, _): &(usize, Place, _)| *at == offset && *place == top;
        // No two definitions stand within eight bytes of each other.
        let hint = self.hints.get_mut(offset / 8 % HINTS)?;
        if let Some(known) = self.here.get(usize::from(*hint)).filter(|known| is_it(known)) {
            return known.2.clone();
        }
        let place = self.here.iter().position(is_it);
        *hint = u8::try_from(place.unwrap_or(self.here.len())).unwrap_or_default();
        if let Some((_, _, plan)) = place.and_then(|place| self.here.get(place)) {
            return plan.clone();
        }
        let plan = self.find_or_compile(chunk, offset, top);
        self.here.push((offset, top, plan.clone()));
        plan
    }

    fn find_or_compile(&mut self, chunk: &[u8], offset: usize, top: Place) -> Option<Arc<Plan>> {
        let guid: [u8; 16] = array_at(chunk, offset.checked_add(4)?)?;
        let start = offset.checked_add(TEMPLATE_HEADER_SIZE)?;
        let size = offset_at(chunk, start.checked_sub(4)?)?;
        let range = start..start.checked_add(size)?;
        let body = chunk.get(range.clone())?;
        let kept = self.kept.get(&guid).map(Vec::as_slice).unwrap_or_default();
        if let Some(kept) = kept.iter().find(|kept| kept.top == top && kept.is_at(chunk, &range)) {
            return Some(Arc::clone(&kept.plan));
        }
        let mut plan = Plan::of_template(chunk, range, top)?;
        self.last_id = self.last_id.checked_add(1)?;
        plan.id = self.last_id;
        let plan = Arc::new(plan);
        self.keep(guid, Kept::new(top, body.to_vec(), Arc::clone(&plan)));
        Some(plan)
    }

    /// Keeps one plan more, alone when it would be too much with the others.
    fn keep(&mut self, guid: [u8; 16], kept: Kept) {
        let weight = kept.weight();
        if self.kept_weight.saturating_add(weight) > MAX_KEPT {
            self.kept.clear();
            self.kept_weight = 0;
        }
        self.kept_weight = self.kept_weight.saturating_add(weight);
        self.kept.entry(guid).or_default().push(kept);
    }
}

impl Kept {
    fn new(top: Place, body: Vec<u8>, plan: Arc<Plan>) -> Self {
        let mut same = vec![u8::MAX; body.len()];
        for name in &plan.names {
            let differs =
                if name.inline { NAME_REF_SIZE.saturating_add(NAME_NEXT_SIZE) } else { NAME_REF_SIZE };
            let bytes = name.at..name.at.saturating_add(differs);
            same.get_mut(bytes).into_iter().flatten().for_each(|byte| *byte = 0);
        }
        Self { top, body, same, plan }
    }

    /// About how many bytes it takes. Many names may be references to one that is long.
    fn weight(&self) -> usize {
        let names = self.plan.names.iter().map(|name| name.entry.len());
        let own = self.body.len().saturating_add(self.same.len()).saturating_add(PLAN_WEIGHT);
        names.fold(own, usize::saturating_add)
    }

    /// Whether the template whose body is at `range` of `chunk` is this one.
    fn is_at(&self, chunk: &[u8], range: &Range<usize>) -> bool {
        range.len() == self.body.len() && self.compare(chunk, range.start) == Some(true)
    }

    fn compare(&self, chunk: &[u8], start: usize) -> Option<bool> {
        let here = slice_at(chunk, start, self.body.len())?;
        // All bytes and no early end, so that many are compared at once.
        let bytes = here.iter().zip(&self.body).zip(&self.same);
        if bytes.fold(0, |differences, ((here, body), same)| differences | (here ^ body) & same) != 0 {
            return Some(false);
        }
        for name in &self.plan.names {
            let entry_at = offset_at(here, name.at)?;
            let follows = start.checked_add(name.at)?.checked_add(NAME_REF_SIZE)?;
            if (entry_at == follows) != name.inline {
                return Some(false);
            }
            if !name.inline && !is_name_at(chunk, entry_at, name)? {
                return Some(false);
            }
        }
        Some(true)
    }
}

fn is_name_at(chunk: &[u8], entry_at: usize, name: &NameRef) -> Option<bool> {
    let at = entry_at.checked_add(6)?;
    let closed = at.checked_add(name.entry.len())?.checked_add(2)? <= chunk.len();
    Some(closed && slice_at(chunk, at, name.entry.len())? == name.entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_by_its_weight() {
        let mut cache = PlanCache::default();
        for number in 0..1_000_u32 {
            let mut plan = Plan::default();
            plan.names.extend((0..400).map(|at| NameRef { at, inline: false, entry: vec![0; 512] }));
            let mut guid = [0; 16];
            guid[..4].copy_from_slice(&number.to_le_bytes());
            cache.keep(guid, Kept::new(Place::Top, vec![0; 60_000], Arc::new(plan)));
            let kept: usize = cache.kept.values().flatten().map(Kept::weight).sum();
            assert_eq!(kept, cache.kept_weight);
            assert!(kept <= MAX_KEPT && cache.kept.contains_key(&guid), "{number}: {kept}");
        }
    }
}
