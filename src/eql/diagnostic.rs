//! What is wrong with a query, where, and what to do: facts in fields, the wording of the whole in one place.

use super::span::Span;

/// One error in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The text it is about.
    pub span: Span,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// A way out, when there is one ("did you mean `process.name`?").
    pub help: Option<String>,
}

impl Diagnostic {
    /// `message` about `span`, without help.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    /// The same with a way out.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
