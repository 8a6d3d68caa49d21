//! The bounds of a run: what it was to look at, and how much it therefore left out. It decides nothing about a record.

use crate::time::Timestamp;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Window {
    /// The first moment in it; `None` is the beginning of all.
    #[serde(with = "crate::time::ticks::option")]
    pub from: Option<Timestamp>,
    /// The first moment behind it; `None` is no end.
    #[serde(with = "crate::time::ticks::option")]
    pub to: Option<Timestamp>,
}

/// What a run was to look at, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Selected {
    /// The time.
    #[serde(flatten)]
    pub window: Window,
    /// Patterns of hosts, one of which a record's must match; empty for all hosts.
    pub hosts: Vec<String>,
    /// Patterns of hosts that were left out.
    pub excluded_hosts: Vec<String>,
}

impl Selected {
    /// Whether everything was looked at.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// Records of any provider that were left out because the run was not to look at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Filtered {
    /// Before the window.
    pub before: u64,
    /// At its end or later.
    pub after: u64,
    /// Without a readable TimeCreated, when there is a window.
    pub without_time: u64,
    /// Of other hosts.
    pub other_hosts: u64,
}

impl Filtered {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.reasons().into_iter().map(|(_, count)| count).fold(0, u64::saturating_add)
    }

    /// Adds those of another part of the evidence.
    pub fn add(&mut self, other: Self) {
        self.before = self.before.saturating_add(other.before);
        self.after = self.after.saturating_add(other.after);
        self.without_time = self.without_time.saturating_add(other.without_time);
        self.other_hosts = self.other_hosts.saturating_add(other.other_hosts);
    }

    /// The reasons by the words used in outputs, with their counts; those without a record are left out.
    pub fn reasons(&self) -> Vec<(&'static str, u64)> {
        let all = [
            ("before", self.before),
            ("after", self.after),
            ("without_time", self.without_time),
            ("other_hosts", self.other_hosts),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
