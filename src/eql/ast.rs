//! The syntax tree of a query: what was written, before any field is looked up. The parser makes it, `display` prints it, `compile` reads it.

use super::span::Spanned;

/// A whole query: what it selects and the pipes after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What the query selects.
    pub query: Query,
    /// `| head 10`, `| tail 5`, in order.
    pub pipes: Vec<Spanned<Pipe>>,
}

/// The three forms of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// `process where …`
    Event(EventFilter),
    /// `sequence by … with maxspan=… [ … ] [ … ] until [ … ]`
    Sequence(Sequence),
    /// `sample by … [ … ] [ … ]`
    Sample(Sample),
}

/// `category where condition`.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFilter {
    /// The category; `None` is `any`.
    pub category: Option<Spanned<String>>,
    /// The condition after `where`.
    pub condition: Expr,
}

/// An ordered sequence of events that share a join key.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// Keys of every term (`sequence by …`).
    pub by: Vec<Spanned<Key>>,
    /// `with maxspan=…`.
    pub maxspan: Option<Spanned<Duration>>,
    /// The bracketed terms, in order; at least one.
    pub terms: Vec<Spanned<Term>>,
    /// `until [ … ] by …`.
    pub until: Option<Spanned<Term>>,
}

/// Events that share a join key, in any order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Keys of every term.
    pub by: Vec<Spanned<Key>>,
    /// The bracketed terms.
    pub terms: Vec<Spanned<Term>>,
}

/// `[ filter ] by keys with runs=N`, or `![ … ]` for an event that must be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Whether it is written `![ … ]`.
    pub missing: bool,
    /// The filter between the brackets.
    pub filter: EventFilter,
    /// The term's own keys.
    pub by: Vec<Spanned<Key>>,
    /// `with runs=N`; 1 when not written.
    pub runs: Option<Spanned<u64>>,
}

/// A join key: a field, `?field` when null equals null.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Whether it is written with a leading `?`.
    pub optional: bool,
    /// The field's dotted name, backticks removed.
    pub field: String,
}

/// A number and its unit as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration {
    /// The count of units.
    pub value: u64,
    /// The unit.
    pub unit: Unit,
}

/// The units of `maxspan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `ms`
    Milliseconds,
    /// `s`
    Seconds,
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`
    Days,
}

impl Duration {
    /// The duration in 100 ns ticks, saturating.
    pub fn ticks(self) -> i64 {
        let millis: u64 = match self.unit {
            Unit::Milliseconds => 1,
            Unit::Seconds => 1_000,
            Unit::Minutes => 60_000,
            Unit::Hours => 3_600_000,
            Unit::Days => 86_400_000,
        };
        let ticks = self.value.saturating_mul(millis).saturating_mul(10_000);
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }
}

/// A pipe after the query. Elasticsearch knows more names; the parser refuses those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipe {
    /// `head N`: the first N results.
    Head(u64),
    /// `tail N`: the last N results.
    Tail(u64),
}

/// An expression and its place.
pub type Expr = Spanned<ExprKind>;

/// What an expression is. Long chains of `and`/`or` are flat lists, so their length costs no stack.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A literal.
    Literal(Literal),
    /// `process.name`, `?process.name`.
    Field {
        /// Whether it is written with a leading `?`.
        optional: bool,
        /// The dotted name, backticks removed.
        name: String,
    },
    /// `function(arguments)`, `function~(arguments)`.
    Call {
        /// The name as written.
        name: Spanned<String>,
        /// Whether a `~` follows the name.
        insensitive: bool,
        /// The arguments.
        arguments: Vec<Expr>,
    },
    /// `not e`.
    Not(Box<Expr>),
    /// `a and b and c`: two operands or more. A parenthesised chain on the right or left stays a node of its own.
    And(Vec<Expr>),
    /// `a or b or c`.
    Or(Vec<Expr>),
    /// `left operator right`.
    Compare {
        /// The operator.
        operator: Comparison,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `left operator right`.
    Arithmetic {
        /// The operator.
        operator: Arithmetic,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `-e`; `+e` leaves no trace in the tree.
    Negate(Box<Expr>),
    /// `subject in (…)`, `subject not in (…)`, `subject : (…)`, `subject like~ "…"`, ….
    Predicate {
        /// What is tested.
        subject: Box<Expr>,
        /// The test.
        operator: Predicate,
        /// Whether it is `not in` (only `in` and `in~` can be).
        negated: bool,
        /// The values on the right, one or more.
        values: Vec<Expr>,
    },
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A string, escapes resolved.
    String(String),
    /// A whole number that fits `i64`.
    Int(i64),
    /// A whole number above `i64::MAX` that fits `u64` (Elasticsearch's unsigned long).
    UnsignedLong(u64),
    /// Any other number.
    Float(f64),
    /// `true`, `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// `== != < <= > >=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// `+ - * / %`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// The tests that take one value or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predicate {
    /// `in`
    In,
    /// `in~`
    InInsensitive,
    /// `:`
    Colon,
    /// `like`
    Like,
    /// `like~`
    LikeInsensitive,
    /// `regex`
    Regex,
    /// `regex~`
    RegexInsensitive,
}
