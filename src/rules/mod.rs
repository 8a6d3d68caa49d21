//! Rule files → rules: Elastic's TOML layout, plain `.eql` files and the rules built in; allow-lists → their entries. It compiles no query; whoever has a schema does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::eql::{Diagnostic, Origin, render};
use crate::finding::{RuleInfo, Severity, Technique};

mod allow;
mod builtin;
mod files;
mod plain;
mod toml;

pub use allow::{AllowList, Condition, Entry, read as read_allow_list};
pub use builtin::builtin;
pub use files::{RuleFiles, Skipped, load};

/// A rule: its query and what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What findings of it carry.
    pub info: Arc<RuleInfo>,
    /// Where the query stands in the rule's file.
    pub query_origin: Origin,
    /// ATT&CK techniques of a single program, by its file name in lower case; empty for rules without such a table.
    pub programs: BTreeMap<String, Vec<Technique>>,
    /// `timestamp_override`: the field by which Elastic's rule runs are cut, which an offline run is not.
    pub timestamp_override: Option<String>,
    /// `tiebreaker_field`: the field that orders events of one millisecond.
    pub tiebreaker_field: Option<String>,
}

impl Rule {
    /// The text for an analyst of what is wrong with the rule's query, with lines and columns of the rule's file.
    pub fn render(&self, diagnostics: &[Diagnostic]) -> String {
        render(diagnostics, &self.info.origin, &self.info.query, self.query_origin)
    }
}

/// The risk score that Elastic pairs with a severity, for rules that state none.
fn usual_risk(severity: Severity) -> u32 {
    match severity {
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}
