//! Matches → findings: what a rule's match on some events means for whoever reads it. It matches nothing and formats nothing.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::finding::{
    Clock, Evidence, EvidenceEvent, Finding, Prevalence, SourceKind, SourceReport, Technique, Threat, Untold,
};
use crate::hash::hex;
use crate::rules::Rule;
use crate::sequence::{JoinKey, Match};
use crate::sysmon::{self, Facts};
use crate::time::TICKS_PER_MILLI;

use super::hits::Candidate;
use super::order::Identity;
use super::rule_set::CompiledRule;

/// Turns matches into findings.
pub struct Findings<'a> {
    /// What the matches' indices mean.
    pub candidates: &'a [Candidate],
    /// The sources, by ordinal.
    pub sources: &'a [SourceReport],
    /// The clock that ordered the candidates.
    pub clock: Clock,
}

/// An event of a match as a report shows it, and what its record is known by.
pub struct Shown {
    /// The event.
    pub event: EvidenceEvent,
    /// Its identity.
    pub identity: Identity,
}

/// The finding that `found`, under `key`, by `clock`, is for `compiled`; `show` tells what the payloads of its events mean.
pub fn finding<O: Ord, T>(
    compiled: &CompiledRule,
    clock: Clock,
    key: &JoinKey,
    found: &Match<O, T>,
    show: &dyn Fn(&T) -> Option<Shown>,
) -> Finding {
    let rule = &compiled.rule;
    let shown: Vec<Option<Shown>> =
        found.events.iter().map(|event| event.as_ref().and_then(|event| show(&event.payload))).collect();
    let times: Vec<_> = found.present().map(|event| event.time).collect();
    let delta_ticks = match (times.as_slice(), found.events.len()) {
        ([first, .., last], 2..) => Some(last.ticks_since(*first)),
        _ => None,
    };
    let host = shown.iter().flatten().next().map(|shown| shown.event.computer.clone()).unwrap_or_default();
    let id = id(rule, &host, key, shown.iter().flatten().map(|shown| &shown.identity));
    let mut finding = Finding {
        id,
        rule: rule.info.clone(),
        severity: rule.info.severity,
        risk_score: rule.info.risk_score,
        why: Vec::new(),
        prevalence: Prevalence::default(),
        host,
        clock,
        delta_ticks,
        threats: Vec::new(),
        notes: Vec::new(),
        events: shown.into_iter().map(|shown| shown.map(|shown| shown.event)).collect(),
        story: Err(Untold::NotRead),
        excluded_name: None,
    };
    finding.threats = threats(rule, &finding);
    finding.notes = notes(compiled, &finding);
    finding.notes.extend(shifted(&finding));
    finding
}

impl Findings<'_> {
    /// The finding that `found`, under `key`, is for `compiled`.
    pub fn finding(&self, compiled: &CompiledRule, key: &JoinKey, found: &Match<usize, usize>) -> Finding {
        let show = |index: &usize| {
            let candidate = self.candidates.get(*index)?;
            Some(Shown { event: self.event(candidate), identity: Identity::of(&candidate.event) })
        };
        finding(compiled, self.clock, key, found, &show)
    }

    /// The event of `candidate`, and where it was read.
    pub fn event(&self, candidate: &Candidate) -> EvidenceEvent {
        let event = &candidate.event;
        let source = |ordinal: u32| self.sources.get(ordinal as usize);
        let own = candidate.order.place().source;
        let others: BTreeSet<&str> = candidate
            .copies
            .iter()
            .filter(|place| place.source != own)
            .filter_map(|place| source(place.source))
            .map(|source| source.source.as_str())
            .collect();
        EvidenceEvent {
            timestamp: event.timestamp(),
            created: event.created(),
            event_id: event.event_id(),
            record_id: event.system().record_id,
            channel: event.channel().to_owned(),
            computer: event.computer().to_owned(),
            document: sysmon::document(event),
            evidence: Evidence {
                source: source(own).map(|source| source.source.clone()).unwrap_or_default(),
                sha256: source(own).and_then(|source| source.sha256.clone()),
                copies: u32::try_from(candidate.copies.len()).unwrap_or(u32::MAX).saturating_add(1),
                recovered: event.is_recovered(),
                fields_shifted: event.fields_shifted(),
                forwarded: is_forwarded(event.is_rendered(), source(own).and_then(|source| source.kind)),
                other_sources: others.into_iter().map(str::to_owned).collect(),
            },
        }
    }
}

/// What a reader must know who compares with Elastic, which orders by UtcTime.
fn notes(compiled: &CompiledRule, finding: &Finding) -> Vec<String> {
    let crate::eql::Form::Sequence { maxspan } = compiled.program.form() else { return Vec::new() };
    if finding.clock == Clock::Utc {
        return Vec::new();
    }
    let times: Vec<_> = finding.present().map(|event| event.timestamp.truncated_to_millis()).collect();
    let mut notes = Vec::new();
    let back = times.windows(2).filter_map(|pair| match pair {
        [earlier, later] if later < earlier => Some(earlier.ticks_since(*later)),
        _ => None,
    });
    if let Some(ticks) = back.max() {
        let millis = ticks / TICKS_PER_MILLI;
        notes.push(format!(
                "By UtcTime these events stand in another order (a later one lies {millis} ms before the one it follows); \
                 Elastic orders by UtcTime and would have missed this"
            ));
    } else if let (Some(limit), [first, .., last]) = (maxspan, times.as_slice())
        && last.ticks_since(*first) > limit
    {
        notes.push(format!(
                "By UtcTime these events span {} ms, more than the rule's maxspan; Elastic measures by UtcTime and would have missed this",
                last.ticks_since(*first) / TICKS_PER_MILLI
            ));
    }
    notes
}

/// Whether a source of this kind says that an event, which carries the text `rendered` for it or does not, was forwarded. Only a subscription writes rendered texts into an event log; exports carry them of any record.
pub fn is_forwarded(rendered: bool, kind: Option<SourceKind>) -> bool {
    rendered && matches!(kind, Some(SourceKind::Evtx | SourceKind::Carved))
}

/// What a reader must know of values that stand under wrong names.
fn shifted(finding: &Finding) -> Option<String> {
    let shifted = finding.present().filter(|event| event.evidence.fields_shifted);
    let records: Vec<String> =
        shifted.map(|event| event.record_id.map_or_else(|| "?".to_owned(), |id| id.to_string())).collect();
    (!records.is_empty()).then(|| {
        format!(
            "Values of record {} stand under other names than their own, as when a forwarder drops empty ones: look at the record itself",
            records.join(" and ")
        )
    })
}

/// Stable over runs, options and forms of the evidence: rule, host, join key and what identifies each event's record.
fn id<'a>(rule: &Rule, host: &str, key: &JoinKey, events: impl Iterator<Item = &'a Identity>) -> String {
    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    field(rule.info.id.as_bytes());
    field(host.as_bytes());
    key.0.iter().for_each(|value| field(value.to_json().to_string().as_bytes()));
    events.for_each(|identity| identity.parts(&mut field));
    hex(hash.finalize().get(..16).unwrap_or_default())
}

/// The rule's techniques; where it has them per program, those of this finding's program.
fn threats(rule: &Rule, finding: &Finding) -> Vec<Threat> {
    let program = finding.text("process.name").to_lowercase();
    let Some(own) = rule.programs.get(&program) else { return rule.info.threats.clone() };
    let name = |technique: &Technique| {
        let known = rule
            .info
            .threats
            .iter()
            .flat_map(|threat| &threat.techniques)
            .find(|known| known.id == technique.id);
        known.cloned().unwrap_or_else(|| technique.clone())
    };
    let techniques: Vec<Technique> = own.iter().map(name).collect();
    match rule.info.threats.first() {
        Some(threat) => vec![Threat { techniques, ..threat.clone() }],
        None => vec![Threat { techniques, ..Threat::default() }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_event_log_tells_that_a_record_was_forwarded() {
        assert!(is_forwarded(true, Some(SourceKind::Evtx)));
        assert!(!is_forwarded(false, Some(SourceKind::Evtx)));
        for kind in [None, Some(SourceKind::Xml), Some(SourceKind::Json)] {
            assert!(!is_forwarded(true, kind));
        }
    }
}
