//! What was set aside on purpose, and by whose word. It decides nothing.

use std::sync::Arc;

use super::Finding;

/// One entry of an allow-list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct AllowEntry {
    /// Its id, unique among all lists of a run.
    pub id: String,
    /// Why such findings need no look.
    pub reason: String,
    /// Who says so.
    pub author: String,
    /// The last day, in UTC, on which it applies: `2026-12-31`.
    pub expires: String,
    /// The rules it is for, by id or name, `*` and `?` as wildcards; `None` for all.
    pub rule: Option<String>,
    /// Whether it had expired when the run began, so that it applied to nothing.
    #[serde(default)]
    pub expired: bool,
}

/// A file of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowFile {
    /// Its path, as given.
    pub path: String,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// Its entries, in order.
    pub entries: Vec<Arc<AllowEntry>>,
}

/// A finding that an entry set aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppressed {
    /// The finding, as it was judged.
    pub finding: Finding,
    /// The first entry that applies to it.
    pub entry: Arc<AllowEntry>,
}
