//! The filters of many rules, made ready apart for each kind of event: of a process start no filter of connections is ever asked, and none asks for what its
//! event id says already. It decides no answer.

use std::sync::OnceLock;

use crate::eql::{FieldId, Filter, FilterSet, Foreknown, Outline, Record, Scratch};
use crate::sysmon::fields::{EVENT_DATA, field_of};
use crate::sysmon::{self, EventOutline};

/// Filters, numbered in the order given.
#[derive(Debug, Default)]
pub struct Filters {
    filters: Vec<Filter>,
    mapping: sysmon::Options,
    /// By event id, each made when the first such event comes.
    kinds: Vec<(u32, OnceLock<FilterSet>)>,
    /// For ids that the schema does not know.
    others: OnceLock<FilterSet>,
}

/// The working memory of one thread, for each kind of event.
#[derive(Debug, Default)]
pub struct Scratches(Vec<Scratch>);

/// What is certain of an event: a record may carry data that the manifests do not give its event.
struct Certain(EventOutline);

impl Outline for Certain {
    fn foreknown(&self, field: FieldId) -> Foreknown {
        match self.0.foreknown(field) {
            Foreknown::Never if field_of(field).is_some_and(|field| field.path.starts_with(EVENT_DATA)) => {
                Foreknown::Unknown
            }
            known => known,
        }
    }
}

impl Filters {
    /// These filters, for events mapped by `mapping`.
    pub fn new<'f>(filters: impl IntoIterator<Item = &'f Filter>, mapping: &sysmon::Options) -> Self {
        Self {
            filters: filters.into_iter().cloned().collect(),
            mapping: *mapping,
            kinds: sysmon::event_ids().map(|id| (id, OnceLock::new())).collect(),
            others: OnceLock::new(),
        }
    }

    /// How many filters there are.
    pub fn len(&self) -> usize {
        self.filters.len()
    }

    /// The numbers of the filters that `record`, an event `event_id`, satisfies, ascending.
    pub fn matching<'s>(
        &self,
        event_id: u32,
        record: &dyn Record,
        scratches: &'s mut Scratches,
    ) -> &'s [usize] {
        let place = self.kinds.iter().position(|(id, _)| *id == event_id);
        let kind = place.and_then(|place| self.kinds.get(place));
        let set = match kind {
            Some((id, set)) => set.get_or_init(|| self.set(*id)),
            None => self.others.get_or_init(|| FilterSet::new(&self.filters)),
        };
        let own = place.map_or(0, |place| place + 1);
        if scratches.0.len() <= own {
            scratches.0.resize_with(own + 1, Scratch::default);
        }
        scratches.0.get_mut(own).map_or(&[], |scratch| set.matching(record, scratch))
    }

    fn set(&self, event_id: u32) -> FilterSet {
        let outline = Certain(EventOutline::new(event_id, &self.mapping));
        let foreseen: Vec<Filter> = self.filters.iter().map(|filter| filter.foreseen(&outline)).collect();
        FilterSet::new(&foreseen)
    }
}
