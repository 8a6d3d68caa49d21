//! Plain `.eql` files: a query and nothing else. It checks no syntax.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Rule, usual_risk};
use crate::eql::Origin;
use crate::finding::{RuleInfo, Severity};
use crate::hash::sha256;

/// The rule in the text of the `.eql` file called `origin`, with the file's stem as its id. Its name is the first line when that is a `//` comment, else the
/// stem; its severity is medium and its risk score 47, as Elastic pairs them.
pub(super) fn read(origin: &str, stem: &str, text: &str) -> Rule {
    let title = text.lines().next().and_then(|line| line.trim().strip_prefix("//")).map(str::trim);
    let severity = Severity::Medium;
    let info = RuleInfo {
        id: stem.to_owned(),
        name: title.filter(|title| !title.is_empty()).unwrap_or(stem).to_owned(),
        description: String::new(),
        version: None,
        severity,
        risk_score: usual_risk(severity),
        tags: Vec::new(),
        threats: Vec::new(),
        query: text.to_owned(),
        category_field: None,
        sha256: sha256(text.as_bytes()),
        origin: origin.to_owned(),
    };
    Rule {
        info: Arc::new(info),
        query_origin: Origin::default(),
        programs: BTreeMap::new(),
        timestamp_override: None,
        tiebreaker_field: None,
    }
}
