//! A syntax tree as an indented text, one node a line, for `evql explain`. It keeps no places; the tokens have those.

use std::fmt::{self, Display, Formatter};

use super::ast::{EventFilter, Expr, ExprKind, Key, Query, Statement, Term};
use super::span::Spanned;

/// A statement to be shown as a tree: two blanks to a level, without a line break at the end.
pub struct Tree<'a>(pub &'a Statement);

impl Display for Tree<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut lines = Lines::default();
        lines.statement(self.0);
        f.write_str(&lines.text)
    }
}

#[derive(Default)]
struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    fn line(&mut self, line: impl Display) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&"  ".repeat(self.depth));
        self.text.push_str(&line.to_string());
    }

    /// What `write` writes, one level deeper.
    fn under(&mut self, write: impl FnOnce(&mut Self)) {
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.query {
            Query::Event(filter) => {
                self.line("event");
                self.under(|lines| lines.filter(filter));
            }
            Query::Sequence(sequence) => {
                self.line("sequence");
                self.under(|lines| {
                    lines.keys(&sequence.by);
                    if let Some(maxspan) = &sequence.maxspan {
                        lines.line(format_args!("maxspan {}", maxspan.node));
                    }
                    sequence.terms.iter().for_each(|term| lines.term("item", &term.node));
                    sequence.until.iter().for_each(|until| lines.term("until", &until.node));
                });
            }
            Query::Sample(sample) => {
                self.line("sample");
                self.under(|lines| {
                    lines.keys(&sample.by);
                    sample.terms.iter().for_each(|term| lines.term("item", &term.node));
                });
            }
        }
        statement.pipes.iter().for_each(|pipe| self.line(pipe.node));
    }

    fn keys(&mut self, keys: &[Spanned<Key>]) {
        keys.iter().for_each(|key| self.line(format_args!("by {}", key.node)));
    }

    fn term(&mut self, word: &str, term: &Term) {
        self.line(if term.missing { "missing item" } else { word });
        self.under(|lines| {
            lines.filter(&term.filter);
            lines.keys(&term.by);
            if let Some(runs) = &term.runs {
                lines.line(format_args!("runs {}", runs.node));
            }
        });
    }

    fn filter(&mut self, filter: &EventFilter) {
        match &filter.category {
            Some(category) => self.line(format_args!("category {:?}", category.node)),
            None => self.line("any category"),
        }
        self.expression(&filter.condition);
    }

    fn expression(&mut self, expression: &Expr) {
        let node = &expression.node;
        match node {
            ExprKind::Literal(literal) => self.line(literal),
            ExprKind::Field { .. } => self.line(format_args!("field {node}")),
            ExprKind::Call { name, insensitive, arguments } => {
                let tilde = if *insensitive { "~" } else { "" };
                self.node(format_args!("call {}{tilde}", name.node), arguments);
            }
            ExprKind::Not(inner) => self.node("not", [inner.as_ref()]),
            ExprKind::And(operands) => self.node("and", operands),
            ExprKind::Or(operands) => self.node("or", operands),
            ExprKind::Compare { operator, left, right } => {
                self.node(operator, [left.as_ref(), right.as_ref()]);
            }
            ExprKind::Arithmetic { operator, left, right } => {
                self.node(operator, [left.as_ref(), right.as_ref()]);
            }
            ExprKind::Negate(inner) => self.node("minus", [inner.as_ref()]),
            ExprKind::Predicate { subject, operator, negated, values } => {
                let not = if *negated { "not " } else { "" };
                self.node(format_args!("{not}{operator}"), std::iter::once(subject.as_ref()).chain(values));
            }
        }
    }

    /// A line and its operands below it.
    fn node<'e>(&mut self, line: impl Display, operands: impl IntoIterator<Item = &'e Expr>) {
        self.line(line);
        self.under(|lines| operands.into_iter().for_each(|operand| lines.expression(operand)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eql::parse;

    #[test]
    fn every_kind_of_node_has_its_line() {
        let query = "sequence by a, ?b with maxspan=5m\n\
            [process where not (x : (\"p\", \"q*\") and y + -1 > length(z))] by c with runs=2\n\
            ![any where x not in (1, null) or startsWith~(?`a b`, \"v\")] by c\n\
            until [\"odd category\" where true] by c | tail 3";
        let statement = parse(query).expect("a query");
        let expected = [
            "sequence",
            "  by a",
            "  by ?b",
            "  maxspan 5m",
            "  item",
            "    category \"process\"",
            "    not",
            "      and",
            "        :",
            "          field x",
            "          \"p\"",
            "          \"q*\"",
            "        >",
            "          +",
            "            field y",
            "            minus",
            "              1",
            "          call length",
            "            field z",
            "    by c",
            "    runs 2",
            "  missing item",
            "    any category",
            "    or",
            "      not in",
            "        field x",
            "        1",
            "        null",
            "      call startsWith~",
            "        field ?`a b`",
            "        \"v\"",
            "    by c",
            "  until",
            "    category \"odd category\"",
            "    true",
            "    by c",
            "tail 3",
        ]
        .join("\n");
        assert_eq!(Tree(&statement).to_string(), expected);
        let sample = parse("sample by h [any where f] [any where -g == 1]").expect("a sample");
        let shown = Tree(&sample).to_string();
        assert!(shown.starts_with("sample\n  by h\n  item\n    any category\n    field f"), "{shown}");
    }
}
