//! Tests of one value against constants: the leaves of every condition. A test knows no field and no null; whoever asks has a value.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::ast::Comparison;
use super::number::Number;
use super::record::Scalar;
use super::regexp::Regexp;
use super::set::StringSet;
use super::value::{bool_of, date_of, ip_of, ip_order, number_of, text_of};
use super::wildcard::Wildcard;
use crate::time::Timestamp;

/// What a value must satisfy.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// To be one of the strings or to have one of the patterns.
    Text {
        /// The strings.
        exact: StringSet,
        /// The patterns.
        patterns: Vec<Wildcard>,
    },
    /// To have one of the regular expressions.
    Regex(Vec<Regexp>),
    /// To stand so to the string, by bytes.
    TextOrder(Comparison, Box<str>),
    /// To equal one of the numbers.
    Numbers(Vec<Number>),
    /// To stand so to the number.
    NumberOrder(Comparison, Number),
    /// To be this boolean.
    Bool(bool),
    /// To lie in one of the blocks.
    Addresses(Vec<IpNet>),
    /// To stand so to the address, IPv4 mapped into IPv6.
    AddressOrder(Comparison, IpAddr),
    /// To equal one of the times.
    Dates(Vec<Timestamp>),
    /// To stand so to the time.
    DateOrder(Comparison, Timestamp),
    /// Nothing: there is a value.
    Exists,
}

impl Test {
    /// The test for one exact string.
    pub fn text(text: &str, fold: bool) -> Self {
        Self::Text { exact: StringSet::new([text], fold), patterns: Vec::new() }
    }

    /// The test for one pattern.
    pub fn pattern(pattern: Wildcard) -> Self {
        Self::Text { exact: StringSet::default(), patterns: vec![pattern] }
    }

    /// Whether `value` satisfies the test. A value of another type is read as the test's type, as Elasticsearch does when it indexes.
    pub fn holds(&self, value: &Scalar<'_>) -> bool {
        match self {
            Self::Text { exact, patterns } => {
                let text = text_of(value);
                exact.contains(&text) || patterns.iter().any(|pattern| pattern.matches(&text))
            }
            Self::Regex(patterns) => {
                let text = text_of(value);
                patterns.iter().any(|pattern| pattern.matches(&text))
            }
            Self::TextOrder(operator, bound) => ordered(*operator, text_of(value).as_ref().cmp(bound)),
            Self::Numbers(numbers) => number_of(value).is_some_and(|value| {
                numbers.iter().any(|number| value.compare(*number) == Some(Ordering::Equal))
            }),
            Self::NumberOrder(operator, bound) => number_of(value)
                .and_then(|value| value.compare(*bound))
                .is_some_and(|ordering| ordered(*operator, ordering)),
            Self::Bool(wanted) => bool_of(value) == Some(*wanted),
            Self::Addresses(blocks) => {
                ip_of(value).is_some_and(|ip| blocks.iter().any(|block| block.contains(&ip)))
            }
            Self::AddressOrder(operator, bound) => {
                ip_of(value).is_some_and(|ip| ordered(*operator, ip_order(ip).cmp(&ip_order(*bound))))
            }
            Self::Dates(times) => date_of(value).is_some_and(|time| times.contains(&time)),
            Self::DateOrder(operator, bound) => {
                date_of(value).is_some_and(|time| ordered(*operator, time.cmp(bound)))
            }
            Self::Exists => true,
        }
    }
}

fn ordered(operator: Comparison, ordering: Ordering) -> bool {
    match operator {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }
}

/// The operator as EQL writes it.
pub fn symbol(operator: Comparison) -> &'static str {
    match operator {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// What stands right of the value in a dump: `is "cmd.exe" | "*.dll" (any case)`. Two tests with the same text are the same test.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { exact, patterns } => {
                let mut parts: Vec<String> = exact.sorted().iter().map(|text| format!("{text:?}")).collect();
                parts.extend(patterns.iter().map(|pattern| format!("wildcard {pattern}")));
                let fold = exact.folds() || patterns.iter().any(Wildcard::folds);
                write!(f, "is {}{}", parts.join(" | "), if fold { " (any case)" } else { "" })
            }
            Self::Regex(patterns) => {
                let fold = patterns.iter().any(Regexp::folds);
                write!(f, "matches {}{}", joined(patterns), if fold { " (any case)" } else { "" })
            }
            Self::TextOrder(operator, bound) => write!(f, "{} {bound:?}", symbol(*operator)),
            Self::Numbers(numbers) => write!(f, "== {}", joined(numbers)),
            Self::NumberOrder(operator, bound) => write!(f, "{} {bound}", symbol(*operator)),
            Self::Bool(wanted) => write!(f, "== {wanted}"),
            Self::Addresses(blocks) => write!(f, "in {}", joined(blocks)),
            Self::AddressOrder(operator, bound) => write!(f, "{} {bound}", symbol(*operator)),
            Self::Dates(times) => write!(f, "== {}", joined(times)),
            Self::DateOrder(operator, bound) => write!(f, "{} {bound}", symbol(*operator)),
            Self::Exists => f.write_str("has a value"),
        }
    }
}

fn joined<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}
