//! A compiled query: stages, how they hang together, and the pipes. It holds no text to look up any more; names are kept for dumps only.

use std::fmt;

use super::ast::Pipe;
use super::filter::Filter;
use super::script::Field;

/// A compiled query.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    form: Form,
    stages: Vec<Stage>,
    pipes: Vec<Pipe>,
    unmapped: Vec<String>,
}

/// How the stages hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Every event that satisfies the one stage is a result.
    Event,
    /// Events in order, one per stage.
    Sequence {
        /// The longest time from the first positive event to each later one, in 100 ns ticks, inclusive.
        maxspan: Option<i64>,
    },
    /// Events in any order, one per stage.
    Sample,
}

/// What a stage's events do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// They must be there: `[ … ]`.
    Positive,
    /// They must not be there: `![ … ]`.
    Missing,
    /// They end what has begun: `until [ … ]`.
    Until,
}

/// One bracket of a query, runs unrolled.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// What its events satisfy; mandatory join keys of a sequence's items included.
    pub filter: Filter,
    /// What must be equal in all stages, in order.
    pub keys: Vec<KeyField>,
    /// What its events do.
    pub role: Role,
}

/// One join key of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyField {
    /// The field; `None` for an optional key that nothing maps, which is always null.
    pub field: Option<Field>,
    /// Whether null is a value equal to null.
    pub optional: bool,
}

impl Program {
    /// A program of its parts. For a sequence the `until` stage, if any, stands last. `unmapped` names the optional fields that nothing maps.
    pub fn new(form: Form, stages: Vec<Stage>, pipes: Vec<Pipe>, unmapped: Vec<String>) -> Self {
        Self { form, stages, pipes, unmapped }
    }

    /// How the stages hang together.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The stages in order; an event query has one, an `until` stands last.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The pipes in order.
    pub fn pipes(&self) -> &[Pipe] {
        &self.pipes
    }

    /// The optional fields (`?f`) of the query that nothing maps, sorted.
    pub fn unmapped(&self) -> &[String] {
        &self.unmapped
    }

    /// Applies the pipes to all results in their order. Without a pipe everything stays: the limits of Elasticsearch's requests are not the query's.
    pub fn limit<T>(&self, mut results: Vec<T>) -> Vec<T> {
        for pipe in &self.pipes {
            match *pipe {
                Pipe::Head(count) => results.truncate(usize::try_from(count).unwrap_or(usize::MAX)),
                Pipe::Tail(count) => {
                    let surplus = results.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
                    results.drain(..surplus);
                }
            }
        }
        results
    }
}

/// The program as `evql explain` shows it.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            Form::Event => writeln!(f, "event")?,
            Form::Sample => writeln!(f, "sample")?,
            Form::Sequence { maxspan: None } => writeln!(f, "sequence")?,
            Form::Sequence { maxspan: Some(ticks) } => {
                writeln!(f, "sequence within {} ms", ticks / crate::time::TICKS_PER_MILLI)?
            }
        }
        for (number, stage) in self.stages.iter().enumerate() {
            let role = match stage.role {
                Role::Positive => "",
                Role::Missing => ", must be missing",
                Role::Until => ", until",
            };
            writeln!(f, "stage {}{role}", number + 1)?;
            if !stage.keys.is_empty() {
                let keys: Vec<String> = stage.keys.iter().map(ToString::to_string).collect();
                writeln!(f, "  key {}", keys.join(", "))?;
            }
            for line in stage.filter.to_string().lines() {
                writeln!(f, "  {line}")?;
            }
        }
        for pipe in &self.pipes {
            match pipe {
                Pipe::Head(count) => writeln!(f, "head {count}")?,
                Pipe::Tail(count) => writeln!(f, "tail {count}")?,
            }
        }
        self.unmapped.iter().try_for_each(|name| writeln!(f, "unmapped ?{name}"))
    }
}

impl fmt::Display for KeyField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.optional { "?" } else { "" };
        write!(f, "{mark}{}", self.field.as_ref().map_or("(unmapped)", |field| &field.name))
    }
}
