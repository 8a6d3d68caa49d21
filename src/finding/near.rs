//! What a scan nearly found, and why it did not: counted always, listed up to a bound. It decides nothing.

use std::sync::Arc;

use super::{EvidenceEvent, Finding, RuleInfo};

/// Near misses of one rule that are listed, at most.
pub const LISTED_PER_RULE: usize = 200;
/// Near misses of all rules that are listed, at most.
pub const LISTED: usize = 2_000;

/// Why an event is no finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NearKind {
    /// What a stage asks for is there, and so is what it excludes.
    Excluded,
    /// A start that nothing completed; its process then did something of the next stage's category that the stage does not ask for.
    OtherCondition,
    /// The last stage's event came too late.
    OutsideMaxspan,
    /// The last stage's event stands before its start.
    BeforeStart,
    /// The evidence holds no start for the last stage's event.
    NoStart,
    /// The start is there, a stage between is not.
    Incomplete,
    /// All events are there, and so is one that must not be or that ends the sequence.
    Refused,
    /// The start completed with an earlier event. Counted only: the finding's own process did it again.
    StartUsed,
}

impl NearKind {
    /// Every kind, in the order of the outputs.
    pub const ALL: [Self; 8] = [
        Self::Excluded,
        Self::OtherCondition,
        Self::OutsideMaxspan,
        Self::BeforeStart,
        Self::NoStart,
        Self::Incomplete,
        Self::Refused,
        Self::StartUsed,
    ];

    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::OtherCondition => "other_condition",
            Self::OutsideMaxspan => "outside_maxspan",
            Self::BeforeStart => "before_start",
            Self::NoStart => "no_start",
            Self::Incomplete => "incomplete",
            Self::Refused => "refused",
            Self::StartUsed => "start_used",
        }
    }

    /// What it means, for a reader.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Excluded => "an exclusion of the rule holds",
            Self::OtherCondition => "the process started as the rule asks and then did something else",
            Self::OutsideMaxspan => "too late after the start",
            Self::BeforeStart => "before the start",
            Self::NoStart => "no start in the evidence",
            Self::Incomplete => "a stage between is not there",
            Self::Refused => "an event lies there that must not, or that ends the sequence",
            Self::StartUsed => "the start completed with an earlier event (counted, not listed)",
        }
    }

    /// Whether such near misses are listed.
    pub fn is_listed(self) -> bool {
        self != Self::StartUsed
    }
}

/// One near miss.
#[derive(Debug, Clone, PartialEq)]
pub struct NearMiss {
    /// Why it is no finding.
    pub kind: NearKind,
    /// The same in words, with the clause and the value, or by how much.
    pub detail: String,
    /// The finding it nearly is: its rule, and the events that are there, in order. The rule's ATT&CK mapping is not claimed for it.
    pub nearly: Finding,
}

impl NearMiss {
    /// The event that is near, in whose place the reason lies.
    pub fn event(&self) -> Option<&EvidenceEvent> {
        match self.kind {
            NearKind::BeforeStart => self.nearly.present().next(),
            _ => self.nearly.present().last(),
        }
    }

    /// The event it is measured against: its start, or that of an earlier stage; `None` where there is none.
    pub fn other(&self) -> Option<&EvidenceEvent> {
        let event = self.event()?;
        self.nearly.present().find(|other| !std::ptr::eq(*other, event))
    }
}

/// How many near misses of one kind a rule has; copies of a record count once.
#[derive(Debug, Clone, PartialEq)]
pub struct NearCount {
    /// The rule.
    pub rule: Arc<RuleInfo>,
    /// The kind.
    pub kind: NearKind,
    /// How many.
    pub count: u64,
    /// How many of them are listed.
    pub listed: u64,
}

/// The near misses of a scan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NearMisses {
    /// Whether they were looked for.
    pub looked_for: bool,
    /// By rule and kind, those that are there, in the order of the rules.
    pub counts: Vec<NearCount>,
    /// Those listed, in the order of their last events.
    pub listed: Vec<NearMiss>,
    /// Whether more events came near than could be kept, so that there may be more near misses than are counted.
    pub more: bool,
}

impl NearMisses {
    /// How many there are, of each kind that is there.
    pub fn by_kind(&self) -> Vec<(NearKind, u64)> {
        let sum = |kind: NearKind| {
            let own = self.counts.iter().filter(|count| count.kind == kind);
            own.fold(0_u64, |sum, count| sum.saturating_add(count.count))
        };
        let sums = NearKind::ALL.into_iter().map(|kind| (kind, sum(kind)));
        sums.filter(|(_, count)| *count > 0).collect()
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.by_kind().iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// How many of those that would be listed are not, for want of room or because their records could not be read a second time.
    pub fn left_out(&self) -> u64 {
        let own = self.counts.iter().filter(|count| count.kind.is_listed());
        own.fold(0_u64, |sum, count| sum.saturating_add(count.count.saturating_sub(count.listed)))
    }
}
