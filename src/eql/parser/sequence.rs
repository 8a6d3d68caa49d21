//! Sequences and samples: their terms, spans and runs, and the limits that Elasticsearch's LogicalPlanBuilder sets them. It reads no condition itself.

use super::{Parser, Reported};
use crate::eql::ast::{Duration, Key, Sample, Sequence, Term, Unit};
use crate::eql::diagnostic::Diagnostic;
use crate::eql::lexer::Kind;
use crate::eql::span::{Span, Spanned};

const MAX_RUNS: u64 = 100;
const MAX_ITEMS: u64 = 256;
const MAX_SAMPLE_TERMS: usize = 5;
const MAXSPAN_HELP: &str = "write a positive whole number and a unit: ms, s, m, h or d, as in `maxspan=5m`";

impl Parser<'_> {
    /// `sequence [by keys] [with maxspan=…] term term* [until term]`.
    pub(super) fn sequence(&mut self) -> Sequence {
        let word = self.bump().span;
        let mut by = self.keys();
        let maxspan = self.maxspan();
        if self.at(Kind::By) {
            let span = self.span();
            let diagnostic = Diagnostic::new(span, "`by` must stand before `with maxspan`")
                .with_help("write `sequence by … with maxspan=…`");
            self.report(diagnostic);
            by = self.keys();
        }
        let terms = self.terms();
        let until = self.eat(Kind::Until).and_then(|until| self.until(until.span));
        self.until_last();
        let sequence = Sequence { by, maxspan, terms, until };
        self.check_sequence(&sequence, word);
        sequence
    }

    /// `join` is read as the sequence it looks like, so that the rest of it is checked.
    pub(super) fn join(&mut self) -> Sequence {
        let diagnostic = Diagnostic::new(self.span(), "`join` is not supported by Elasticsearch")
            .with_help("use `sample by …` for events in any order, `sequence by …` for events in this one");
        self.report(diagnostic);
        self.sequence()
    }

    /// `sample [by keys] term term*`.
    pub(super) fn sample(&mut self) -> Sample {
        let word = self.bump().span;
        let by = self.keys();
        if self.at(Kind::With) {
            self.refuse_in_sample("`with`");
            self.skip_to(starts_term);
        }
        let terms = self.terms();
        if self.at(Kind::Until) {
            self.refuse_in_sample("`until`");
            self.skip_to(|kind| kind == Kind::Pipe);
        }
        let sample = Sample { by, terms };
        self.check_sample(&sample, word);
        sample
    }

    fn refuse_in_sample(&mut self, what: &str) {
        let diagnostic = Diagnostic::new(self.span(), format!("a sample takes no {what}"))
            .with_help("only a `sequence` has an order, a span and an end");
        self.report(diagnostic);
    }

    /// All bracketed terms from here on. What stands between them is reported and passed over.
    fn terms(&mut self) -> Vec<Spanned<Term>> {
        let mut terms = Vec::new();
        loop {
            match self.kind() {
                Kind::LeftBracket | Kind::MissingOpen => terms.extend(self.term()),
                Kind::Until | Kind::Pipe | Kind::End => return terms,
                _ => {
                    self.expected("`[` or `![` and an event filter");
                    self.skip_to(|kind| starts_term(kind) || matches!(kind, Kind::Until | Kind::Pipe));
                }
            }
        }
    }

    /// `[ filter ] [by keys] [with runs=N]`; `None` after an error in the filter's frame.
    fn term(&mut self) -> Option<Spanned<Term>> {
        let open = self.bump();
        let filter = self.event_filter();
        if self.eat(Kind::RightBracket).is_none() {
            if filter.is_ok() {
                self.unclosed_term(open.span);
            }
            self.skip_to(|kind| kind == Kind::RightBracket || starts_term(kind));
            self.eat(Kind::RightBracket);
        }
        self.refuse_fork();
        let mut by = self.keys();
        let runs = self.runs();
        if self.at(Kind::By) {
            let diagnostic = Diagnostic::new(self.span(), "`by` must stand before `with runs`")
                .with_help("write `[ … ] by … with runs=…`");
            self.report(diagnostic);
            by = self.keys();
        }
        let span = Span::new(open.span.start, self.end_of_last());
        let term = Term { missing: open.kind == Kind::MissingOpen, filter: filter.ok()?, by, runs };
        Some(Spanned::new(term, span))
    }

    fn unclosed_term(&mut self, open: Span) {
        let diagnostic = if starts_term(self.kind()) || self.at(Kind::End) {
            Diagnostic::new(open, "this bracket is never closed").with_help("add the missing `]`")
        } else {
            self.unexpected("an operator or `]`")
        };
        self.report(diagnostic);
    }

    fn refuse_fork(&mut self) {
        if !self.is_word(0, "fork") {
            return;
        }
        let diagnostic = Diagnostic::new(self.span(), "`fork` is not part of EQL any more")
            .with_help("leave it out; `with runs=N` repeats a term");
        self.report(diagnostic);
        self.bump();
        if self.eat(Kind::Assign).or_else(|| self.eat(Kind::Equal)).is_some() {
            self.bump();
        }
    }

    fn until(&mut self, word: Span) -> Option<Spanned<Term>> {
        if !starts_term(self.kind()) {
            self.expected("`[` and an event filter after `until`");
            return None;
        }
        let term = self.term()?;
        if term.node.missing || term.node.runs.is_some() {
            let diagnostic = Diagnostic::new(word.to(term.span), "`until` takes one plain term")
                .with_help("write `until [ … ]`, without `!` and `with runs`");
            self.report(diagnostic);
        }
        Some(term)
    }

    /// Nothing but pipes may follow `until […]`.
    fn until_last(&mut self) {
        if !matches!(self.kind(), Kind::Pipe | Kind::End) {
            self.expected("the end of the sequence or a pipe");
            self.skip_to(|kind| kind == Kind::Pipe);
        }
    }

    /// `with maxspan = N unit`, if it is there.
    fn maxspan(&mut self) -> Option<Spanned<Duration>> {
        self.eat(Kind::With)?;
        let parsed = self.option(Kind::MaxSpan, "maxspan").and_then(|()| self.duration());
        parsed.map_err(|Reported(())| self.skip_to(|kind| starts_term(kind) || kind == Kind::By)).ok()
    }

    fn duration(&mut self) -> Result<Spanned<Duration>, Reported> {
        let number = self.token(0);
        let text = self.slice(number.span);
        if number.kind == Kind::Decimal {
            return Err(self.wrong_maxspan("a `maxspan` is a whole number of units"));
        }
        if number.kind != Kind::Integer {
            return Err(self.wrong_maxspan("a `maxspan` is a positive whole number and a unit"));
        }
        let Some(value) = text.parse().ok().filter(|value| *value > 0) else {
            return Err(self.wrong_maxspan(&format!("a `maxspan` of {text} is out of range")));
        };
        self.bump();
        let token = self.token(0);
        let unit = match self.slice(token.span) {
            "ms" => Unit::Milliseconds,
            "s" => Unit::Seconds,
            "m" => Unit::Minutes,
            "h" => Unit::Hours,
            "d" => Unit::Days,
            unit if token.kind == Kind::Identifier => {
                let message = format!("`{}` is not a unit of time", super::abbreviated(unit));
                return Err(self.wrong_maxspan(&message));
            }
            _ => {
                let diagnostic = Diagnostic::new(number.span, "this `maxspan` has no unit")
                    .with_help(format!("did you mean `{text}s`? The units are ms, s, m, h and d"));
                return Err(self.report(diagnostic));
            }
        };
        self.bump();
        Ok(Spanned::new(Duration { value, unit }, number.span.to(token.span)))
    }

    fn wrong_maxspan(&mut self, message: &str) -> Reported {
        let diagnostic = Diagnostic::new(self.span(), message).with_help(MAXSPAN_HELP);
        self.report(diagnostic)
    }

    /// `with runs = N`, if it is there.
    fn runs(&mut self) -> Option<Spanned<u64>> {
        self.eat(Kind::With)?;
        let parsed = self.option(Kind::Identifier, "runs").and_then(|()| self.run_count());
        parsed
            .map_err(|Reported(())| {
                self.skip_to(|kind| starts_term(kind) || matches!(kind, Kind::Until | Kind::Pipe))
            })
            .ok()
    }

    fn run_count(&mut self) -> Result<Spanned<u64>, Reported> {
        let token = self.token(0);
        let count = self.slice(token.span).parse().ok().filter(|count| (1..=MAX_RUNS).contains(count));
        if let (Kind::Integer, Some(count)) = (token.kind, count) {
            self.bump();
            return Ok(Spanned::new(count, token.span));
        }
        let diagnostic = self.unexpected(&format!("a whole number from 1 to {MAX_RUNS} for `runs`"));
        Err(self.report(diagnostic.with_help("write for example `with runs=3`")))
    }

    /// `name =`, the beginning of what may follow `with` here.
    fn option(&mut self, kind: Kind, name: &str) -> Result<(), Reported> {
        if !self.at(kind) || self.slice(self.span()) != name {
            let help = match self.kind() {
                Kind::MaxSpan => "`with maxspan=…` stands before the first `[`",
                Kind::Identifier if self.is_word(0, "runs") => "`with runs=…` stands after a term's `]`",
                _ => "a sequence takes `with maxspan=…`, each of its terms `with runs=…`",
            };
            let diagnostic = self.unexpected(&format!("`{name}=` after `with`")).with_help(help);
            return Err(self.report(diagnostic));
        }
        self.bump();
        if self.eat(Kind::Equal).is_some() {
            let span = Span::new(self.end_of_last() - 2, self.end_of_last());
            let diagnostic = Diagnostic::new(span, format!("`{name}` is set with a single `=`"))
                .with_help(format!("write `{name}=…`"));
            self.report(diagnostic);
            return Ok(());
        }
        self.expect(Kind::Assign, &format!("`=` after `{name}`")).map(|_| ())
    }

    fn check_sequence(&mut self, sequence: &Sequence, word: Span) {
        if !self.diagnostics.is_empty() {
            return;
        }
        self.check_keys(sequence.terms.iter().chain(&sequence.until));
        let runs = |term: &Spanned<Term>| term.node.runs.as_ref().map_or(1, |runs| runs.node);
        let items: u64 = sequence.terms.iter().chain(&sequence.until).map(runs).sum();
        let missing = |term: &&Spanned<Term>| term.node.missing;
        if items < 2 {
            let diagnostic = Diagnostic::new(word, "a sequence needs at least two terms")
                .with_help("add another `[ … ]`, or write the filter without `sequence`");
            self.report(diagnostic);
        } else if items > MAX_ITEMS {
            let message = format!(
                "a sequence may hold {MAX_ITEMS} items, runs and until counted; this one holds {items}"
            );
            self.report(Diagnostic::new(word, message).with_help("lower the `runs`"));
        } else if sequence.terms.iter().all(|term| term.node.missing) {
            let diagnostic = Diagnostic::new(word, "a sequence needs at least one event that is there")
                .with_help("add a term without `!`");
            self.report(diagnostic);
        } else if let Some(term) = sequence.terms.iter().find(missing)
            && sequence.maxspan.is_none()
        {
            let diagnostic = Diagnostic::new(term.span, "a missing event needs a `maxspan`").with_help(
                "write `with maxspan=…` before the first `[`: it bounds where the event must be missing",
            );
            self.report(diagnostic);
        }
    }

    fn check_sample(&mut self, sample: &Sample, word: Span) {
        if !self.diagnostics.is_empty() {
            return;
        }
        self.check_keys(sample.terms.iter());
        for term in &sample.terms {
            self.check_sample_term(&sample.by, term);
        }
        let count = sample.terms.len();
        if !(2..=MAX_SAMPLE_TERMS).contains(&count) {
            let message = format!("a sample has two to {MAX_SAMPLE_TERMS} terms; this one has {count}");
            self.report(Diagnostic::new(word, message));
        }
    }

    fn check_sample_term(&mut self, by: &[Spanned<Key>], term: &Spanned<Term>) {
        let what = match &term.node {
            term if term.missing => "missing events, `![ … ]`",
            term if term.runs.is_some() => "`with runs`",
            _ => {
                self.check_sample_keys(by, term);
                return;
            }
        };
        let diagnostic = Diagnostic::new(term.span, format!("a sample takes no {what}"))
            .with_help("only a `sequence` has them");
        self.report(diagnostic);
    }

    /// Every term of a sample needs a key, and each key once.
    fn check_sample_keys(&mut self, by: &[Spanned<Key>], term: &Spanned<Term>) {
        let keys: Vec<_> = by.iter().chain(&term.node.by).collect();
        if keys.is_empty() {
            let diagnostic = Diagnostic::new(term.span, "a sample needs a join key")
                .with_help("write `sample by field [ … ] [ … ]`");
            self.report(diagnostic);
        }
        for (index, key) in keys.iter().enumerate() {
            if keys.iter().take(index).any(|earlier| earlier.node.field == key.node.field) {
                let message = format!("`{}` is a join key already", key.node.field);
                self.report(Diagnostic::new(key.span, message).with_help("name each key once"));
            }
        }
    }

    /// All terms must have as many keys of their own as the first.
    fn check_keys<'t>(&mut self, mut terms: impl Iterator<Item = &'t Spanned<Term>>) {
        let Some(first) = terms.next() else { return };
        let expected = first.node.by.len();
        for term in terms {
            let found = term.node.by.len();
            if found != expected {
                let span = term.node.by.iter().map(|key| key.span).reduce(Span::to).unwrap_or(term.span);
                let message =
                    format!("the first term has {} of its own, this one {found}", counted(expected));
                self.report(
                    Diagnostic::new(span, message)
                        .with_help("all terms, and `until`, need the same number of keys"),
                );
            }
        }
    }
}

fn counted(keys: usize) -> String {
    match keys {
        0 => "no join key".to_owned(),
        1 => "1 join key".to_owned(),
        _ => format!("{keys} join keys"),
    }
}

fn starts_term(kind: Kind) -> bool {
    matches!(kind, Kind::LeftBracket | Kind::MissingOpen)
}
