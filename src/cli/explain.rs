//! `evql explain`: how a query is read, stage by stage. It runs nothing.

use evql::eql::{self, lexer};
use evql::error::Error;
use evql::report::escape;
use evql::scan::compile;

use super::args::ExplainArgs;
use super::terminal::{fit, write_stdout};
use super::{Answer, Exit};

/// Runs `evql explain`. What can be shown of a wrong query is shown before what is wrong with it.
pub fn run(args: &ExplainArgs) -> Answer {
    let (text, wrong) = explanation(&args.query);
    write_stdout(&text)?;
    match wrong {
        None => Ok(Exit::Success),
        Some(diagnostics) => Err(Error::Rule(format!(
            "the query is wrong\n{}",
            eql::render(&diagnostics, "query", &args.query, eql::Origin::default())
        ))),
    }
}

/// The query at each stage, up to the first that refuses it, and why that does.
fn explanation(query: &str) -> (String, Option<Vec<eql::Diagnostic>>) {
    let mut text = String::from("Tokens\n");
    for token in lexer::lex(query).tokens.iter().filter(|token| token.kind != lexer::Kind::Whitespace) {
        text.push_str(&format!(
            "  {:>5}  {:<18} {}\n",
            token.span.start,
            format!("{:?}", token.kind),
            fit(query.get(token.span.start..token.span.end).unwrap_or_default(), 100)
        ));
    }
    let statement = match eql::parse(query) {
        Ok(statement) => statement,
        Err(diagnostics) => return (text, Some(diagnostics)),
    };
    section(&mut text, "Syntax tree", &eql::Tree(&statement).to_string());
    section(&mut text, "As evql prints it", &statement.to_string());
    match compile(query, None) {
        Ok(program) => section(&mut text, "Program", &program.to_string()),
        Err(diagnostics) => return (text, Some(diagnostics)),
    }
    (text, None)
}

fn section(text: &mut String, title: &str, body: &str) {
    text.push_str(&format!("\n{title}\n"));
    for line in body.lines() {
        text.push_str(&format!("  {}\n", escape::terminal(line)));
    }
}
