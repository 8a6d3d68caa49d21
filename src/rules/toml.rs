//! Elastic's rule layout in TOML, as elastic/detection-rules keeps it, and evql's one table of its own. What serves other engines is passed over; the
//! query's syntax is not checked.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::{Rule, usual_risk};
use crate::eql::span::Span;
use crate::eql::{Diagnostic, Origin, render};
use crate::finding::{RuleInfo, Severity, Technique, Threat};
use crate::hash::sha256;

/// What a rule file turned out to be.
pub(super) enum Outcome {
    /// A rule.
    Rule(Box<Rule>),
    /// Nothing for this engine, and why.
    Skipped(String),
    /// Wrong, with its place: a text for the analyst.
    Broken(String),
}

/// Enough of a file to know whether it is for this engine.
#[derive(Deserialize)]
struct Envelope {
    rule: Option<Purpose>,
}

#[derive(Deserialize)]
struct Purpose {
    #[serde(rename = "type")]
    kind: Option<String>,
    language: Option<String>,
}

#[derive(Deserialize)]
struct RuleFile {
    rule: RuleTable,
    #[serde(default)]
    evql: EvqlTable,
}

#[derive(Deserialize)]
struct RuleTable {
    rule_id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    description: String,
    version: Option<u64>,
    severity: Option<Severity>,
    risk_score: Option<u32>,
    #[serde(default)]
    tags: Vec<String>,
    query: Option<Spanned<String>>,
    #[serde(default)]
    threat: Vec<ThreatTable>,
    timestamp_override: Option<String>,
    tiebreaker_field: Option<String>,
    event_category_override: Option<String>,
}

#[derive(Deserialize)]
struct ThreatTable {
    #[serde(default)]
    tactic: Named,
    #[serde(default)]
    technique: Vec<TechniqueTable>,
}

#[derive(Deserialize, Default)]
struct Named {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct TechniqueTable {
    #[serde(flatten)]
    named: Named,
    #[serde(default)]
    subtechnique: Vec<Named>,
}

/// evql's own table: techniques per program, by id. Their names are those in the rule's `threat`.
#[derive(Deserialize, Default)]
struct EvqlTable {
    #[serde(default)]
    techniques: BTreeMap<String, Vec<String>>,
}

/// Reads `text`, the file called `origin`, whose name without extension is `stem`.
pub(super) fn read(origin: &str, stem: &str, text: &str) -> Outcome {
    let envelope: Envelope = match toml::from_str(text) {
        Ok(envelope) => envelope,
        Err(error) => return broken(origin, text, &error),
    };
    let Some(purpose) = envelope.rule else {
        return Outcome::Skipped("it has no [rule] table".to_owned());
    };
    match (purpose.kind.as_deref(), purpose.language.as_deref()) {
        (Some("eql"), _) | (None, None | Some("eql")) => {}
        (Some(other), _) => return Outcome::Skipped(format!("its type is {other}, not eql")),
        (None, Some(other)) => return Outcome::Skipped(format!("its language is {other}, not eql")),
    }
    let file: RuleFile = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => return broken(origin, text, &error),
    };
    match file.into_rule(origin, stem, text) {
        Some(rule) => Outcome::Rule(Box::new(rule)),
        None => {
            let at = text.find("[rule]").unwrap_or(0);
            let diagnostic =
                Diagnostic::new(Span::new(at, at + "[rule]".len()), "this EQL rule has no query")
                    .with_help("add `query = '''…'''`");
            Outcome::Broken(render(&[diagnostic], origin, text, Origin::default()))
        }
    }
}

fn broken(origin: &str, text: &str, error: &toml::de::Error) -> Outcome {
    Outcome::Broken(problem(origin, text, error))
}

/// What is wrong with the TOML `text` of the file called `origin`, for the analyst.
pub(super) fn problem(origin: &str, text: &str, error: &toml::de::Error) -> String {
    let span = error.span().unwrap_or(0..0);
    let diagnostic = Diagnostic::new(Span::new(span.start, span.end), error.message().trim_end());
    render(&[diagnostic], origin, text, Origin::default())
}

impl RuleFile {
    fn into_rule(self, origin: &str, stem: &str, text: &str) -> Option<Rule> {
        let table = self.rule;
        let threats: Vec<Threat> = table.threat.into_iter().map(ThreatTable::into_threat).collect();
        let programs = self.evql.into_programs(&threats);
        let query = table.query?;
        let query_origin = origin_of(text, query.span(), query.get_ref());
        let severity = table.severity.unwrap_or(Severity::Medium);
        let info = RuleInfo {
            id: table.rule_id.unwrap_or_else(|| stem.to_owned()),
            name: table.name.unwrap_or_else(|| stem.to_owned()),
            description: table.description.trim().to_owned(),
            version: table.version,
            severity,
            risk_score: table.risk_score.unwrap_or_else(|| usual_risk(severity)),
            tags: table.tags,
            threats,
            query: query.into_inner(),
            category_field: table.event_category_override,
            sha256: sha256(text.as_bytes()),
            origin: origin.to_owned(),
        };
        Some(Rule {
            info: Arc::new(info),
            query_origin,
            programs,
            timestamp_override: table.timestamp_override,
            tiebreaker_field: table.tiebreaker_field,
        })
    }
}

impl ThreatTable {
    fn into_threat(self) -> Threat {
        let mut techniques = Vec::new();
        for technique in self.technique {
            techniques.push(technique.named.into_technique());
            techniques.extend(technique.subtechnique.into_iter().map(Named::into_technique));
        }
        Threat { tactic_id: self.tactic.id, tactic_name: self.tactic.name, techniques }
    }
}

impl Named {
    fn into_technique(self) -> Technique {
        Technique { id: self.id, name: self.name }
    }
}

impl EvqlTable {
    fn into_programs(self, threats: &[Threat]) -> BTreeMap<String, Vec<Technique>> {
        let known = || threats.iter().flat_map(|threat| &threat.techniques);
        let named = |id: String| match known().find(|technique| technique.id == id) {
            Some(technique) => technique.clone(),
            None => Technique { id, name: String::new() },
        };
        let entry = |(program, ids): (String, Vec<String>)| {
            (program.to_lowercase(), ids.into_iter().map(named).collect())
        };
        self.techniques.into_iter().map(entry).collect()
    }
}

/// Where in `text` the string `query` stands that was read from the bytes `span`: verbatim when nothing between its quotes is escaped.
pub(super) fn origin_of(text: &str, span: Range<usize>, query: &str) -> Origin {
    let raw = text.get(span.clone()).unwrap_or("");
    let body = raw.trim_start_matches(['"', '\'']);
    let body = body.strip_prefix("\r\n").or_else(|| body.strip_prefix('\n')).unwrap_or(body);
    let start = span.start + raw.len() - body.len();
    let before = text.get(..start).unwrap_or("");
    let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
    if !body.replace("\r\n", "\n").starts_with(&query.replace("\r\n", "\n")) {
        return Origin::Line(line);
    }
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or("").chars().count();
    Origin::Verbatim { line, column }
}
