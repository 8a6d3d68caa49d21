//! Findings that a rule would not have made if a connection carried the name it was resolved from. It removes none; it says so.

use std::net::IpAddr;
use std::sync::Arc;

use crate::eql::Clauses;
use crate::finding::story::ExcludedName;
use crate::finding::{Clock, EvidenceEvent, Finding};
use crate::scan::hits::Candidate;
use crate::scan::rule_set::RuleSet;

use crate::sysmon::Facts;

use super::lookup::Lookup;

/// The field that exclusions by name read.
const NAME: &str = "dns.question.name";

/// Looks for excluded names behind findings.
pub struct Exclusions<'a> {
    /// The rules of the findings.
    pub rules: &'a RuleSet,
    /// Reads addresses.
    pub lookup: &'a Lookup<'a>,
    /// The clock that ordered the findings.
    pub clock: Clock,
}

impl Exclusions<'_> {
    /// Marks `finding` when one of the `queries` of its process, before the connection that completes it, asked for a name that the last stage excludes, and was
    /// answered with the connection's address.
    pub fn mark(&self, finding: &mut Finding, queries: &[&Candidate]) {
        let (Some((stage, connection)), Some(address)) = (last(finding), address(finding)) else { return };
        let time = connection.time(self.clock);
        let before = |query: &&&Candidate| query.order.time <= time;
        let answered = |query: &&&Candidate| self.lookup.keys().resolved(&query.event).contains(&address);
        let mut queries = queries.iter().filter(before).filter(answered).peekable();
        if queries.peek().is_none() {
            return;
        }
        let Some(clauses) = self.clauses(finding, stage) else { return };
        let found = queries.find_map(|query| excluded(clauses, query, address));
        if let Some(name) = &found {
            finding.notes.push(format!(
                "The process had asked for {}, a name that the rule excludes, and was answered with {address}; the connection carries no name, so the rule \
                 could not see it",
                name.name
            ));
        }
        finding.excluded_name = found;
    }

    fn clauses(&self, finding: &Finding, stage: usize) -> Option<&Clauses> {
        let mut rules = self.rules.rules().iter();
        let own = rules.find(|compiled| Arc::ptr_eq(&compiled.rule.info, &finding.rule))?;
        own.clauses.get(stage)
    }
}

/// The last event that is there, and its stage.
fn last(finding: &Finding) -> Option<(usize, &EvidenceEvent)> {
    let events = finding.events.iter().enumerate().rev();
    events.filter_map(|(stage, event)| Some((stage, event.as_ref()?))).next()
}

/// The address by which `finding` came about: that of the connection which is its last event.
pub fn address(finding: &Finding) -> Option<IpAddr> {
    let (_, event) = last(finding)?;
    let address = event.text("destination.ip").parse::<IpAddr>().ok()?;
    event.get(NAME).is_none().then(|| address.to_canonical())
}

/// The name that `query` asked for, if a clause on names alone keeps it from satisfying the stage.
fn excluded(clauses: &Clauses, query: &Candidate, address: IpAddr) -> Option<ExcludedName> {
    let excluders = clauses.excluders(&query.event)?;
    let clause = excluders.first()?;
    let names = |fields: Vec<(String, Vec<String>)>| {
        fields.into_iter().find(|(field, _)| field == NAME).and_then(|(_, names)| names.into_iter().next())
    };
    // Any other clause would keep the query out whatever it asks for.
    let all = excluders.iter().all(|clause| clause.met(&query.event).iter().any(|(field, _)| field == NAME));
    let name = names(clause.met(&query.event)).filter(|_| all)?;
    Some(ExcludedName {
        name,
        clause: clause.text.clone(),
        address: address.to_string(),
        record_id: query.event.record_id(),
    })
}
