//! How much a finding matters here, beyond what its rule says: reasons, how common it is, and what it has in common with others. It weighs nothing.

use std::borrow::Cow;
use std::sync::Arc;

use super::{RuleInfo, Severity};

/// A stated fact that raises or lowers a finding.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reason {
    /// The fact's name: `public_destination`.
    pub code: Cow<'static, str>,
    /// The fact in words, with the value it rests on.
    pub words: String,
    /// Points of risk that it adds, negative when it lowers.
    pub weight: i32,
}

impl Reason {
    /// The weight with its sign: `+10`, `-60`.
    pub fn points(&self) -> String {
        format!("{:+}", self.weight)
    }
}

/// On how many hosts the findings of the run show the same; `None` where the finding has no such fact.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Prevalence {
    /// The same program, by name.
    pub process: Option<usize>,
    /// The same address or name reached or asked for, whatever the port.
    pub destination: Option<usize>,
    /// The same program reaching the same destination.
    pub process_and_destination: Option<usize>,
    /// The same shape of command line.
    pub command_line: Option<usize>,
    /// The same SHA-256 of the program.
    pub hash: Option<usize>,
    /// The same rule, program, shape of command line and destination: the hosts of the finding's group.
    pub pattern: usize,
    /// The command line with what differs from run to run taken out; empty when there is none.
    pub command_shape: String,
}

/// Findings of one rule with the same program, shape of command line and destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The rule.
    pub rule: Arc<RuleInfo>,
    /// The program's name, in lower case.
    pub process: String,
    /// The shape of the command lines.
    pub command_shape: String,
    /// The address or name reached or asked for, in lower case; empty when none was.
    pub destination: String,
    /// The worst severity among them.
    pub severity: Severity,
    /// The hosts, sorted.
    pub hosts: Vec<String>,
    /// The findings, by their place in the outcome, ascending.
    pub findings: Vec<usize>,
}
