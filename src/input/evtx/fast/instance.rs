//! The values of one record: where they stand, which plan places them, and the event's parts that are nested in them. It interprets none.

use std::ops::Range;
use std::sync::Arc;

use crate::input::bytes::{offset_at, slice_at, u32_at};
use crate::input::layout::{Field, Place};

use super::cache::{PlanCache, TEMPLATE_HEADER_SIZE};
use super::plan::{Plan, Shape, Site, Step, Target};
use super::value;

/// Most values that an instance is read with; real ones have at most about 100.
const MAX_VALUES: usize = 512;
/// Deepest nesting of instances in instances; real records nest once.
const MAX_DEPTH: usize = 8;

/// A text that is not decoded yet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    Literal(&'a str),
    /// A value's type and bytes.
    Value(u8, &'a [u8]),
}

impl Text<'_> {
    pub(super) fn write(self, out: &mut String) {
        match self {
            Self::Literal(text) => out.push_str(text),
            Self::Value(kind, bytes) => value::write_text(kind, bytes, out),
        }
    }

    pub(super) fn into_string(self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::Literal(_) => None,
            Self::Value(kind, bytes) => value::number(kind, bytes),
        }
    }

    /// 100 ns ticks since 1601.
    pub(super) fn filetime(self) -> Option<u64> {
        match self {
            Self::Value(value::FILETIME, bytes) => crate::input::bytes::u64_at(bytes, 0),
            _ => None,
        }
    }
}

/// The instances of templates that make up one record; the plans of all of them.
#[derive(Debug, Default)]
pub(super) struct Instances {
    plans: PlanCache,
    /// The last is the record's own; what is nested in one stands before it.
    instances: Vec<Instance>,
    values: Vec<Value>,
}

/// A template and its values.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) plan: Arc<Plan>,
    values: Range<usize>,
}

/// Where a value stands in the chunk, in few bytes: every record has dozens.
#[derive(Debug, Clone, Copy)]
struct Value {
    kind: u8,
    /// The instance that it holds.
    nested: Option<u16>,
    start: u32,
    end: u32,
}

impl Value {
    fn new(kind: u8, bytes: &Range<usize>) -> Option<Self> {
        Some(Self {
            kind,
            nested: None,
            start: bytes.start.try_into().ok()?,
            end: bytes.end.try_into().ok()?,
        })
    }

    fn range(self) -> Option<Range<usize>> {
        Some(self.start.try_into().ok()?..self.end.try_into().ok()?)
    }
}

impl Instances {
    /// Forgets what is true of one chunk only.
    pub(super) fn enter_chunk(&mut self) {
        self.plans.enter_chunk();
    }

    /// Finds the values of the record whose BinXML is at `stream` of `chunk`, and says whether its plan gives all of it. `None` when anything about it
    /// is unusual.
    pub(super) fn read(&mut self, chunk: &[u8], stream: Range<usize>) -> Option<bool> {
        self.instances.clear();
        self.values.clear();
        let mut complete = true;
        self.stream(chunk, stream, Place::Top, 0, &mut complete)?;
        Some(complete)
    }

    /// Reads one BinXML stream and returns the number of its instance.
    fn stream(
        &mut self,
        chunk: &[u8],
        stream: Range<usize>,
        top: Place,
        depth: usize,
        complete: &mut bool,
    ) -> Option<usize> {
        let skip = match chunk.get(stream.clone())? {
            [0x0f, _, _, _, 0x0c, _, ..] => 5,
            [0x0c, ..] => 1,
            _ => {
                let plan = Arc::new(Plan::of_stream(chunk, stream, top)?);
                return Some(self.push(plan, 0..0, complete));
            }
        };
        // After the token: a byte, the template's id, the offset of its definition, which stands right here where it is first used.
        let at = stream.start.checked_add(skip)?;
        let definition = offset_at(chunk, at.checked_add(5)?)?;
        // The id is the first four bytes of the definition's GUID. In stale records another definition may have taken the place of theirs.
        if u32_at(chunk, at.checked_add(1)?)? != u32_at(chunk, definition.checked_add(4)?)? {
            return None;
        }
        let mut at = at.checked_add(9)?;
        if at == definition {
            let size = offset_at(chunk, at.checked_add(20)?)?;
            at = at.checked_add(TEMPLATE_HEADER_SIZE)?.checked_add(size)?;
        }
        let values = self.find_values(chunk, at, stream.end)?;
        let plan = self.plans.get(chunk, definition, top)?;
        for (site, index) in values.clone().enumerate() {
            let value = *self.values.get(index)?;
            if !matches!(value.kind, value::BINXML | value::STRING_ARRAY) {
                continue;
            }
            let site = plan.sites.get(site).copied().unwrap_or(Site::Unused);
            let nested = self.check(chunk, value, site, depth, complete)?;
            self.values.get_mut(index)?.nested = nested;
        }
        Some(self.push(plan, values, complete))
    }

    fn push(&mut self, plan: Arc<Plan>, values: Range<usize>, complete: &mut bool) -> usize {
        *complete &= plan.complete;
        self.instances.push(Instance { plan, values });
        self.instances.len().saturating_sub(1)
    }

    /// Reads the descriptors at `at` and lays the values that follow them against `end`.
    fn find_values(&mut self, chunk: &[u8], at: usize, end: usize) -> Option<Range<usize>> {
        let count = offset_at(chunk, at)?;
        if count > MAX_VALUES {
            return None;
        }
        let descriptors = slice_at(chunk, at.checked_add(4)?, count.checked_mul(4)?)?;
        let mut at = at.checked_add(4)?.checked_add(descriptors.len())?;
        let first = self.values.len();
        self.values.reserve(count);
        for &[low, high, kind, _] in descriptors.as_chunks::<4>().0 {
            let bytes = at..at.checked_add(usize::from(u16::from_le_bytes([low, high])))?;
            if bytes.end > end || !value::is_usual(kind, chunk.get(bytes.clone())?) {
                return None;
            }
            at = bytes.end;
            self.values.push(Value::new(kind, &bytes)?);
        }
        // Nothing may follow but the end of the stream.
        let ends = matches!(chunk.get(at..end)?, [] | [0, ..]);
        ends.then_some(first..self.values.len())
    }

    /// Whether `value` may stand at `site`; the instance in it, if it holds one.
    fn check(
        &mut self,
        chunk: &[u8],
        value: Value,
        site: Site,
        depth: usize,
        complete: &mut bool,
    ) -> Option<Option<u16>> {
        let bytes = value.range()?;
        match value.kind {
            value::BINXML if !bytes.is_empty() => {
                let top = match site {
                    Site::Unused => Place::Other,
                    Site::In(Place::Top | Place::System) | Site::Text | Site::Data => return None,
                    Site::In(place) => place,
                };
                let depth = depth.checked_add(1).filter(|&depth| depth <= MAX_DEPTH)?;
                let nested = self.stream(chunk, bytes, top, depth, complete)?;
                u16::try_from(nested).ok().map(Some)
            }
            // An array repeats the element that it stands in.
            value::STRING_ARRAY => match site {
                Site::Unused => Some(None),
                Site::Data | Site::In(Place::EventData | Place::UserData | Place::UserElement) => {
                    *complete = false;
                    Some(None)
                }
                Site::Text | Site::In(_) => None,
            },
            _ => Some(None),
        }
    }

    /// The text of `field`, one of those that every record is counted by; empty when the record has none.
    pub(super) fn essential<'a>(&'a self, chunk: &'a [u8], field: Field) -> Text<'a> {
        let text = self.instances.last().and_then(|root| {
            let step = root.plan.essential(field)?;
            self.text(chunk, root, step)
        });
        text.unwrap_or(Text::Literal(""))
    }

    /// The instance that all data of the record stand in; `None` when there is no single one.
    pub(super) fn of_data(&self, chunk: &[u8]) -> Option<&Instance> {
        let root = self.instances.last()?;
        let instance = match root.plan.shape {
            Shape::Own(_) => root,
            Shape::Nested(step) => {
                let step = root.plan.steps.get(usize::from(step))?;
                self.instances.get(self.nested(chunk, root, step)?)?
            }
            Shape::Mixed => return None,
        };
        (instance.plan.id != 0 && matches!(instance.plan.shape, Shape::Own(_))).then_some(instance)
    }

    /// Hands `take` every text of the record, in order.
    pub(super) fn each(&self, chunk: &[u8], take: &mut dyn FnMut(&Target, Text<'_>)) {
        if let Some(root) = self.instances.last() {
            self.walk(chunk, root, take);
        }
    }

    fn walk(&self, chunk: &[u8], instance: &Instance, take: &mut dyn FnMut(&Target, Text<'_>)) {
        for step in &instance.plan.steps {
            if step.target == Target::Nested {
                let nested = self.nested(chunk, instance, step).and_then(|nested| self.instances.get(nested));
                if let Some(nested) = nested {
                    self.walk(chunk, nested, take);
                }
            } else if let Some(text) = self.text(chunk, instance, step) {
                take(&step.target, text);
            }
        }
    }

    /// The text of `step`'s element; `None` when the element is left out.
    pub(super) fn text<'a>(
        &'a self,
        chunk: &'a [u8],
        instance: &Instance,
        step: &'a Step,
    ) -> Option<Text<'a>> {
        let value = |number| self.value(chunk, instance, number);
        let left_out = step
            .depends
            .iter()
            .any(|&number| value(number).is_some_and(|(kind, bytes)| value::is_null(kind, bytes)));
        (!left_out).then(|| Text::of(&step.origin, value))
    }

    fn nested(&self, chunk: &[u8], instance: &Instance, step: &Step) -> Option<usize> {
        let super::plan::Origin::Substitution(number) = step.origin else { return None };
        self.text(chunk, instance, step)?;
        self.values.get(instance.values.clone())?.get(usize::from(number))?.nested.map(usize::from)
    }

    fn value<'a>(&self, chunk: &'a [u8], instance: &Instance, number: u16) -> Option<(u8, &'a [u8])> {
        let value = self.values.get(instance.values.clone())?.get(usize::from(number))?;
        Some((value.kind, chunk.get(value.range()?)?))
    }
}
