//! A scan in two halves, for any number of machines: a map turns evidence into lines, a sort brings the lines together, a reduce makes findings of them. What a
//! scan does in one process is the same: picking, ordering, reducing. The format is documented in `docs/SCALING.md`.
//! Lines are one form of it, rows of Arrow (`arrow`) the other.

mod account;
#[cfg(feature = "parquet")]
mod arrow;
mod aside;
mod form;
mod key;
mod line;
mod lines;
mod map;
mod pass_on;
mod reduce;
mod sort;

use std::collections::BTreeMap;

use crate::error::{Error, Result};

use super::rule_set::RuleSet;
use line::RuleName;

#[cfg(feature = "parquet")]
pub use arrow::ArrowWriter;
pub use aside::{Aside, scan_aside};
pub use line::SCHEMA as STREAM_SCHEMA;
pub use map::{MapOptions, Mapped, map};
pub use pass_on::{PassedOn, pass_on};
pub use reduce::reduce;

/// The names of `rules`, in their order.
///
/// # Errors
/// [`Error::Rule`] when two have the same: a stream could not tell them apart.
fn names(rules: &RuleSet) -> Result<Vec<RuleName>> {
    let names: Vec<RuleName> = rules.rules().iter().map(|compiled| RuleName::of(&compiled.rule)).collect();
    let mut origins: BTreeMap<&RuleName, &str> = BTreeMap::new();
    for (name, compiled) in names.iter().zip(rules.rules()) {
        let origin = &compiled.rule.info.origin;
        if let Some(other) = origins.insert(name, origin) {
            return Err(Error::Rule(format!(
                "the rule {} is loaded twice, from {other} and from {origin}: leave one out",
                name.id
            )));
        }
    }
    Ok(names)
}
