//! The values of one record: where they stand, which plan places them, and the event's parts that are nested in them. It interprets none.

use std::ops::Range;
use std::sync::Arc;

use crate::input::bytes::{offset_at, slice_at, u32_at};
use crate::input::layout::{Field, Place};

use super::cache::{PlanCache, TEMPLATE_HEADER_SIZE};
use super::plan::{Origin, Plan, Shape, Site, Step, Target};
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

/// No instance.
const NOTHING: u16 = u16::MAX;

/// Where a value stands in the chunk, in few bytes: every record has dozens.
#[derive(Debug, Clone, Copy)]
struct Value {
    kind: u8,
    /// The number of the instance that it holds, or [`NOTHING`].
    nested: u16,
    start: u32,
    end: u32,
}

impl Value {
    /// Whether it is one that leaves out the elements that depend on it.
    fn is_null(self) -> bool {
        self.kind == value::NULL || self.kind == value::BINXML && self.start == self.end
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
        let (values, special) = self.find_values(chunk, at, stream.end)?;
        let plan = self.plans.get(chunk, definition, top)?;
        for index in special..values.end {
            let value = *self.values.get(index)?;
            if value::traits(value.kind) & value::SPECIAL == 0 {
                continue;
            }
            let site = index.checked_sub(values.start).and_then(|site| plan.sites.get(site));
            let site = site.copied().unwrap_or(Site::Unused);
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

    /// Reads the descriptors at `at` and lays the values that follow them against `end`. Which values they are, and where the first special one stands.
    fn find_values(&mut self, chunk: &[u8], at: usize, end: usize) -> Option<(Range<usize>, usize)> {
        let count = offset_at(chunk, at)?;
        if count > MAX_VALUES {
            return None;
        }
        let descriptors = slice_at(chunk, at.checked_add(4)?, count.checked_mul(4)?)?;
        // In 32 bits, which 512 values of 64 KiB do not exceed, nor does a chunk.
        let mut at = u32::try_from(at.checked_add(4)?.checked_add(descriptors.len())?).ok()?;
        let first = self.values.len();
        let mut special = usize::MAX;
        let mut usual = true;
        let descriptors = descriptors.as_chunks::<4>().0;
        self.values.extend(descriptors.iter().enumerate().map(|(index, &[low, high, kind, _])| {
            let (start, len) = (at, u16::from_le_bytes([low, high]));
            at = start.saturating_add(u32::from(len));
            let traits = value::traits(kind);
            usual &= value::has_length(traits, len);
            if traits & value::SPECIAL != 0 {
                special = special.min(index);
            }
            Value { kind, nested: NOTHING, start, end: at }
        }));
        let special = special.saturating_add(first);
        // The values follow each other, so none ends behind the last. Behind that nothing may stand but the end of the stream.
        let rest = chunk.get(usize::try_from(at).ok()?..end)?;
        (usual && matches!(rest, [] | [0, ..])).then_some((first..self.values.len(), special))
    }

    /// Whether `value` may stand at `site`; the number of the instance in it, or [`NOTHING`].
    fn check(
        &mut self,
        chunk: &[u8],
        value: Value,
        site: Site,
        depth: usize,
        complete: &mut bool,
    ) -> Option<u16> {
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
                u16::try_from(nested).ok().filter(|nested| *nested != NOTHING)
            }
            value::SID | value::STRING_ARRAY if !value::is_usual(value.kind, chunk.get(bytes.clone())?) => {
                None
            }
            // An array repeats the element that it stands in.
            value::STRING_ARRAY => match site {
                Site::Unused => Some(NOTHING),
                Site::Data | Site::In(Place::EventData | Place::UserData | Place::UserElement) => {
                    *complete = false;
                    Some(NOTHING)
                }
                Site::Text | Site::In(_) => None,
            },
            _ => Some(NOTHING),
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
        let values = self.values.get(instance.values.clone())?;
        let value = |number: u16| values.get(usize::from(number)).copied();
        if step.depends.iter().any(|&number| value(number).is_some_and(Value::is_null)) {
            return None;
        }
        Some(match &step.origin {
            Origin::Literal(text) => Text::Literal(text),
            Origin::Substitution(number) => value(*number)
                .and_then(|value| Some(Text::Value(value.kind, chunk.get(value.range()?)?)))
                .unwrap_or(Text::Literal("")),
        })
    }

    fn nested(&self, chunk: &[u8], instance: &Instance, step: &Step) -> Option<usize> {
        let Origin::Substitution(number) = step.origin else { return None };
        self.text(chunk, instance, step)?;
        let value = self.values.get(instance.values.clone())?.get(usize::from(number))?;
        (value.nested != NOTHING).then(|| usize::from(value.nested))
    }
}
