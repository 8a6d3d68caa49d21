//! Rules compiled against Sysmon's schema, ready to be asked of every event at once. It reads no rule file and no evidence.

use std::collections::BTreeSet;

use crate::eql::{self, Clauses, Diagnostic, FieldId, Program, Schema, Type};
use crate::rules::Rule;
use crate::sysmon::{self, EventOutline, SysmonSchema};

use super::filters::Filters;

/// A rule and its program.
#[derive(Debug)]
pub struct CompiledRule {
    /// The rule.
    pub rule: Rule,
    /// Its query, compiled.
    pub program: Program,
    /// The clauses of each stage of the program, to say why an event does not satisfy it.
    pub clauses: Vec<Clauses>,
    /// The number of its first stage among all filters of the set.
    pub first_filter: usize,
}

impl CompiledRule {
    /// The rule's stages among the `filters` of its set, which are ascending.
    pub fn stages_among<'a>(&'a self, filters: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        let stages = self.program.stages().len();
        let first = filters.partition_point(|filter| *filter < self.first_filter);
        let own = filters.get(first..).unwrap_or_default().iter().map(|filter| filter - self.first_filter);
        own.take_while(move |stage| *stage < stages)
    }
}

/// Many rules at once.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<CompiledRule>,
    filters: Filters,
    event_ids: BTreeSet<u32>,
}

/// Compiles `query`'s text against Sysmon's fields; `category` names another field for the event's category than `event.category`.
///
/// # Errors
/// All that is wrong with the query.
pub fn compile(query: &str, category: Option<&str>) -> Result<Program, Vec<Diagnostic>> {
    let statement = eql::parse(query)?;
    eql::compile(&statement, &CategorySchema { category })
}

/// The clauses of `rule`'s query; none when it does not compile, as a rule with a program does.
fn clauses(rule: &Rule) -> Vec<Clauses> {
    stage_clauses(&rule.info.query, rule.info.category_field.as_deref()).unwrap_or_default()
}

/// The clauses of every stage of `query`, parallel to those of the program that [`compile`] makes of it.
///
/// # Errors
/// All that is wrong with the query.
pub fn stage_clauses(query: &str, category: Option<&str>) -> Result<Vec<Clauses>, Vec<Diagnostic>> {
    eql::clauses(&eql::parse(query)?, &CategorySchema { category })
}

impl RuleSet {
    /// The set of these rules and programs, run under `options`.
    pub fn new(rules: Vec<(Rule, Program)>, options: &sysmon::Options) -> Self {
        let mut first_filter = 0;
        let rules: Vec<CompiledRule> = rules
            .into_iter()
            .map(|(rule, program)| {
                let clauses = clauses(&rule);
                let compiled = CompiledRule { rule, program, clauses, first_filter };
                first_filter += compiled.program.stages().len();
                compiled
            })
            .collect();
        let stages = || rules.iter().flat_map(|rule| rule.program.stages());
        let filters = Filters::new(stages().map(|stage| &stage.filter), options);
        let possible = |event_id: &u32| {
            let outline = EventOutline::new(*event_id, options);
            stages().any(|stage| stage.filter.could_match(&outline))
        };
        let event_ids = sysmon::event_ids().filter(possible).collect();
        Self { rules, filters, event_ids }
    }

    /// The rules, in the order given.
    pub fn rules(&self) -> &[CompiledRule] {
        &self.rules
    }

    /// The filters of all stages of all rules, in order.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// Whether an event with this id can satisfy any stage of any rule. Ids that the schema does not know cannot be ruled out.
    pub fn wants(&self, event_id: u32) -> bool {
        self.event_ids.contains(&event_id)
            || (!self.rules.is_empty() && !sysmon::event_ids().any(|known| known == event_id))
    }
}

/// Sysmon's schema, with the category taken from another field where a rule says so.
struct CategorySchema<'a> {
    category: Option<&'a str>,
}

impl Schema for CategorySchema<'_> {
    fn resolve(&self, path: &str) -> Option<(FieldId, Type)> {
        SysmonSchema.resolve(path)
    }

    fn nearest(&self, path: &str) -> Option<String> {
        SysmonSchema.nearest(path)
    }

    fn category_field(&self) -> FieldId {
        let named = self.category.and_then(|path| SysmonSchema.resolve(path));
        named.map_or_else(|| SysmonSchema.category_field(), |(field, _)| field)
    }
}
