//! Plans by template: compiled once, found again in the next chunk. It compiles nothing itself.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::input::bytes::{array_at, offset_at, slice_at};
use crate::input::layout::Place;

use super::plan::{NameRef, Plan};

/// Bytes of a template definition before its body: the next one's offset, its GUID, its size.
pub(super) const TEMPLATE_HEADER_SIZE: usize = 24;
/// Most that the plans weigh that are kept over chunks; a log has some dozens, of some kilobytes each.
const MAX_KEPT: usize = 8 << 20;
/// What a plan weighs beside its bytes.
const PLAN_WEIGHT: usize = 1 << 10;
/// Bytes from a name reference's end to what is the same in every chunk: the offset of the next name in the string table.
const NAME_NEXT_SIZE: usize = 4;

/// The plans of one chunk's templates, and of those of the chunks before it.
#[derive(Debug, Default)]
pub(super) struct PlanCache {
    /// Of this chunk, by the definition's offset; `None` for one that has no plan.
    here: Vec<(usize, Place, Option<Arc<Plan>>)>,
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
    plan: Arc<Plan>,
}

impl PlanCache {
    /// Forgets what is true of one chunk only.
    pub(super) fn enter_chunk(&mut self) {
        self.here.clear();
    }

    /// The plan of the template defined at `offset` of `chunk`, for use in `top`.
    pub(super) fn get(&mut self, chunk: &[u8], offset: usize, top: Place) -> Option<Arc<Plan>> {
        let known = self.here.iter().find(|(at, place, _)| *at == offset && *place == top);
        if let Some((_, _, plan)) = known {
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
        self.keep(guid, Kept { top, body: body.to_vec(), plan: Arc::clone(&plan) });
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
    /// About how many bytes it takes. Many names may be references to one that is long.
    fn weight(&self) -> usize {
        let names = self.plan.names.iter().map(|name| name.entry.len());
        names.fold(self.body.len().saturating_add(PLAN_WEIGHT), usize::saturating_add)
    }

    /// Whether the template whose body is at `range` of `chunk` is this one.
    fn is_at(&self, chunk: &[u8], range: &Range<usize>) -> bool {
        range.len() == self.body.len() && self.compare(chunk, range.start) == Some(true)
    }

    fn compare(&self, chunk: &[u8], start: usize) -> Option<bool> {
        let mut done = 0_usize;
        for name in &self.plan.names {
            if !self.same(chunk, start, done..name.at)? {
                return Some(false);
            }
            let after = name.at.checked_add(4)?;
            let entry_at = offset_at(chunk, start.checked_add(name.at)?)?;
            if (entry_at == start.checked_add(after)?) != name.inline {
                return Some(false);
            }
            if name.inline {
                done = after.checked_add(NAME_NEXT_SIZE)?;
            } else {
                if !is_name_at(chunk, entry_at, name)? {
                    return Some(false);
                }
                done = after;
            }
        }
        self.same(chunk, start, done..self.body.len())
    }

    fn same(&self, chunk: &[u8], start: usize, part: Range<usize>) -> Option<bool> {
        let here = slice_at(chunk, start.checked_add(part.start)?, part.len())?;
        Some(self.body.get(part)? == here)
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
            cache.keep(guid, Kept { top: Place::Top, body: vec![0; 60_000], plan: Arc::new(plan) });
            let kept: usize = cache.kept.values().flatten().map(Kept::weight).sum();
            assert_eq!(kept, cache.kept_weight);
            assert!(kept <= MAX_KEPT && cache.kept.contains_key(&guid), "{number}: {kept}");
        }
    }
}
