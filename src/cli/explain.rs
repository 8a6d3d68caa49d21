//! `evql explain`: how a query is read, stage by stage. It runs nothing.

use evql::eql::{self, lexer};
use evql::error::Error;
use evql::scan::compile;

use super::args::ExplainArgs;
use super::terminal::{fit, write_stdout};
use super::{Answer, Exit};

/// Runs `evql explain`.
pub fn run(args: &ExplainArgs) -> Answer {
    let wrong = |diagnostics: Vec<eql::Diagnostic>| {
        Error::Rule(format!(
            "the query is wrong\n{}",
            eql::render(&diagnostics, "query", &args.query, eql::Origin::default())
        ))
    };
    let mut text = String::from("Tokens\n");
    for token in lexer::lex(&args.query).tokens {
        text.push_str(&format!(
            "  {:>5}  {:<18} {}\n",
            token.span.start,
            format!("{:?}", token.kind),
            fit(args.query.get(token.span.start..token.span.end).unwrap_or_default(), 100)
        ));
    }
    let statement = eql::parse(&args.query).map_err(wrong)?;
    text.push_str(&format!("\nSyntax tree\n{statement:#?}\n\nAs evql prints it\n  {statement}\n\nProgram\n"));
    let program = compile(&args.query, None).map_err(wrong)?;
    for line in program.to_string().lines() {
        text.push_str(&format!("  {line}\n"));
    }
    write_stdout(&text)?;
    Ok(Exit::Success)
}
