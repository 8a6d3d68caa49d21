//! `evql man` and `evql completions`: what shells and `man` show of the command line, made from its own definition. It reads no evidence.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use evql::error::Error;

use super::args::{Cli, CompletionsArgs, ManArgs};
use super::terminal::{Terminal, write_stdout};
use super::{Answer, Exit};

/// Runs `evql completions`.
pub fn completions(args: &CompletionsArgs) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "evql", &mut script);
    write_stdout(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}

/// Runs `evql man`.
pub fn man(args: &ManArgs, terminal: Terminal) -> Answer {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.output else {
        write_stdout(&page(command, Path::new("standard output"))?)?;
        return Ok(Exit::Success);
    };
    std::fs::create_dir_all(folder).map_err(|error| Error::output(folder, error))?;
    let mut pages = Vec::new();
    collect(command, "evql", &mut pages);
    let paths: Vec<PathBuf> = pages.iter().map(|(name, _)| folder.join(format!("{name}.1"))).collect();
    if let Some(there) = paths.iter().find(|path| !args.force && path.exists()) {
        return Err(Error::Exists(there.clone()));
    }
    let count = pages.len();
    for ((_, command), path) in pages.into_iter().zip(&paths) {
        let text = page(command, path)?;
        std::fs::write(path, text).map_err(|error| Error::output(path, error))?;
    }
    terminal.note(format_args!("{count} pages written to {}", folder.display()));
    Ok(Exit::Success)
}

/// `command` and every subcommand under it, each with the name of its page.
fn collect(command: Command, name: &str, pages: &mut Vec<(String, Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        collect(sub.clone(), &format!("{name}-{}", sub.get_name()), pages);
    }
    pages.push((name.to_owned(), command));
}

/// The page of one command, as troff.
fn page(command: Command, path: &Path) -> Result<String, Error> {
    let mut text = Vec::new();
    let name = command.get_display_name().unwrap_or("evql").to_owned();
    let source = concat!("evql ", env!("CARGO_PKG_VERSION"));
    let page = clap_mangen::Man::new(command).title(name).source(source).manual("evql");
    page.render(&mut text).map_err(|error| Error::output(path, error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
