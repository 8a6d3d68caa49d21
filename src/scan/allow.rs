//! What allow-lists set aside: findings that an entry describes are moved, whole and judged, out of the findings. It drops nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::eql::span::Span;
use crate::eql::wildcard::Wildcard;
use crate::eql::{self, Diagnostic, Filter, Form};
use crate::finding::{AllowEntry, AllowFile, Finding, Outcome, RuleInfo, Suppressed};
use crate::rules::{AllowList, Condition, Entry};

use super::document::DocumentRecord;
use super::prevalence::groups;
use super::rule_set::compile;

/// Allow-lists, compiled.
#[derive(Debug, Default)]
pub struct AllowSet {
    files: Vec<AllowFile>,
    entries: Vec<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    info: Arc<AllowEntry>,
    rule: Option<Wildcard>,
    when: Vec<Filter>,
}

impl AllowSet {
    /// The entries of `lists`, in order.
    ///
    /// # Errors
    /// A text for each condition that is wrong or no event query, with its place, and for each id that two lists have.
    pub fn new(lists: &[AllowList]) -> Result<Self, Vec<String>> {
        let mut set = Self::default();
        let mut wrong = Vec::new();
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for list in lists {
            for entry in &list.entries {
                if let Some(other) = owners.insert(&entry.info.id, &list.path) {
                    let id = &entry.info.id;
                    wrong.push(format!("{}: error: the id {id} is in {other} too\n", list.path));
                }
                match Compiled::new(entry, list) {
                    Ok(entry) => set.entries.push(entry),
                    Err(problems) => wrong.extend(problems),
                }
            }
            let entries = list.entries.iter().map(|entry| Arc::clone(&entry.info)).collect();
            set.files.push(AllowFile { path: list.path.clone(), sha256: list.sha256.clone(), entries });
        }
        if wrong.is_empty() { Ok(set) } else { Err(wrong) }
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<AllowEntry>> {
        self.entries.iter().map(|entry| &entry.info)
    }

    /// The entries that describe a finding of the rule with this `id` and `name` on these `documents`, whether or not they have expired.
    pub fn describing<'a>(
        &'a self,
        id: &'a str,
        name: &'a str,
        documents: &'a [&'a Map<String, Value>],
    ) -> impl Iterator<Item = &'a Arc<AllowEntry>> {
        let describes = move |entry: &&Compiled| entry.describes(id, name, documents);
        self.entries.iter().filter(describes).map(|entry| &entry.info)
    }

    fn first(&self, finding: &Finding) -> Option<Arc<AllowEntry>> {
        let documents: Vec<_> = finding.present().map(|event| &event.document).collect();
        let RuleInfo { id, name, .. } = finding.rule.as_ref();
        self.describing(id, name, &documents).find(|entry| !entry.expired).cloned()
    }
}

/// Moves the findings that an entry of `allow` describes, and that has not expired, to the outcome's suppressed ones. The others stay as they are; their
/// groups are made anew.
pub fn suppress(outcome: &mut Outcome, allow: &AllowSet) {
    outcome.allow_lists.clone_from(&allow.files);
    let (mut kept, mut moved) = (Vec::new(), Vec::new());
    for finding in std::mem::take(&mut outcome.findings) {
        match allow.first(&finding) {
            Some(entry) => moved.push(Suppressed { finding, entry }),
            None => kept.push(finding),
        }
    }
    if !moved.is_empty() {
        outcome.groups = groups(&kept);
    }
    outcome.findings = kept;
    outcome.suppressed = moved;
}

impl Compiled {
    fn new(entry: &Entry, list: &AllowList) -> Result<Self, Vec<String>> {
        let (mut when, mut wrong) = (Vec::new(), Vec::new());
        for condition in &entry.when {
            match filter(condition) {
                Ok(filter) => when.push(filter),
                Err(diagnostics) => {
                    wrong.push(eql::render(&diagnostics, &list.path, &condition.query, condition.origin));
                }
            }
        }
        let rule = entry.info.rule.as_deref().map(|pattern| Wildcard::new(pattern, true));
        if wrong.is_empty() { Ok(Self { info: Arc::clone(&entry.info), rule, when }) } else { Err(wrong) }
    }

    fn describes(&self, id: &str, name: &str, documents: &[&Map<String, Value>]) -> bool {
        let any =
            |filter: &Filter| documents.iter().any(|document| filter.matches(&DocumentRecord(document)));
        self.rule.as_ref().is_none_or(|rule| rule.matches(id) || rule.matches(name))
            && self.when.iter().all(any)
    }
}

fn filter(condition: &Condition) -> Result<Filter, Vec<Diagnostic>> {
    let program = compile(&condition.query, None)?;
    match (program.form(), program.pipes(), program.stages()) {
        (Form::Event, [], [stage]) => Ok(stage.filter.clone()),
        _ => {
            let all = Span::new(0, condition.query.len());
            Err(vec![
                Diagnostic::new(all, "an allow-list asks one event at a time, without pipes")
                    .with_help("give several event queries as a list: every one has to hold for some event"),
            ])
        }
    }
}
