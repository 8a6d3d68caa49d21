//! One sorted part of a stream → the lines of it that the reduce of all parts needs: those of every rule and join key under which something is found, and what is
//! told of the evidence. It makes no finding and changes no line.

use std::io::{self, Seek, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::{SpooledTempFile, spooled_tempfile};

use crate::error::{Error, Result};
use crate::scan::rule_set::RuleSet;

use super::form;
use super::lines::{Line, Lines};
use super::names;
use super::reduce::Hits;

/// Bytes of lines that wait in memory for something to be found; more wait in a temporary file.
const HELD: usize = 4 << 20;

/// What was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PassedOn {
    /// Lines that were read, each sort key once.
    pub read: u64,
    /// Lines that were passed on.
    pub lines: u64,
    /// Whether it ended early, so that what was written is not all.
    pub interrupted: bool,
}

/// Writes to `out` the lines of `input` from which the reduce of all parts makes what it makes of all their lines. `input` is sorted and holds of a rule and
/// join key all lines or none. It has either form; what is written is lines. Pipes (`head`, `tail`) are left to that reduce, which sees every result they choose from.
///
/// # Errors
/// As for [`reduce`](super::reduce()); [`Error::ClosedPipe`] or [`Error::Output`] when `out` or a temporary file fails.
pub fn pass_on(
    input: &mut dyn io::BufRead,
    rules: &RuleSet,
    interrupt: &AtomicBool,
    out: &mut dyn Write,
) -> Result<PassedOn> {
    let names = names(rules)?;
    let mut input = form::lines(input)?;
    let mut lines = Lines::new(&mut *input);
    let mut gate =
        Gate { hits: Hits::new(rules, &names, &[], None), group: Vec::new(), held: Some(Held::new()), out };
    let mut passed = PassedOn::default();
    while let Some(line) = lines.next()? {
        passed.read += 1;
        passed.lines += gate.take(&line)?;
        if interrupt.load(Ordering::Relaxed) {
            passed.interrupted = true;
            break;
        }
    }
    passed.lines += gate.end_group()?;
    gate.out.flush().map_err(not_passed)?;
    Ok(passed)
}

/// Where lines wait, or are let through.
struct Gate<'a> {
    hits: Hits<'a>,
    /// What the sort keys of the rule and join key in hand begin with.
    group: Vec<u8>,
    /// Its lines, while nothing is found; `None` once something is.
    held: Option<Held>,
    out: &'a mut dyn Write,
}

impl Gate<'_> {
    /// Takes the next line and answers how many were let through for it.
    fn take(&mut self, line: &Line) -> Result<u64> {
        if !line.is_hit() {
            return self.pass(line);
        }
        let mut passed = 0;
        if line.group() != self.group {
            passed += self.end_group()?;
            self.group = line.group().to_vec();
        }
        let Some(held) = &mut self.held else {
            // That it is what it should be is seen by the reduce that it goes to.
            return Ok(passed + self.pass(line)?);
        };
        self.hits.take(line)?;
        held.add(line)?;
        if self.hits.has_found() {
            passed += self.release()?;
        }
        Ok(passed)
    }

    fn pass(&mut self, line: &Line) -> Result<u64> {
        self.out.write_all(&line.text).and_then(|()| self.out.write_all(b"\n")).map_err(not_passed)?;
        Ok(1)
    }

    /// Ends the group in hand: only now is it known whether some rules find anything.
    fn end_group(&mut self) -> Result<u64> {
        let found = self.hits.drop_group();
        let passed = if found { self.release()? } else { 0 };
        match &mut self.held {
            Some(held) => held.forget()?,
            None => self.held = Some(Held::new()),
        }
        Ok(passed)
    }

    /// Lets through what waits, and what follows of its group.
    fn release(&mut self) -> Result<u64> {
        self.hits.drop_group();
        self.held.take().map_or(Ok(0), |held| held.write(self.out))
    }
}

/// Lines that wait.
struct Held {
    lines: u64,
    bytes: SpooledTempFile,
}

impl Held {
    fn new() -> Self {
        Self { lines: 0, bytes: spooled_tempfile(HELD) }
    }

    fn add(&mut self, line: &Line) -> Result<()> {
        self.lines += 1;
        self.bytes.write_all(&line.text).and_then(|()| self.bytes.write_all(b"\n")).map_err(not_held)
    }

    fn forget(&mut self) -> Result<()> {
        self.lines = 0;
        if self.bytes.is_rolled() {
            self.bytes = spooled_tempfile(HELD);
            return Ok(());
        }
        self.bytes.set_len(0).and_then(|()| self.bytes.rewind()).map_err(not_held)
    }

    fn write(mut self, out: &mut dyn Write) -> Result<u64> {
        self.bytes.rewind().map_err(not_held)?;
        io::copy(&mut self.bytes, out).map_err(not_passed)?;
        Ok(self.lines)
    }
}

fn not_passed(error: io::Error) -> Error {
    Error::output("the lines that are passed on", error)
}

fn not_held(error: io::Error) -> Error {
    Error::output("a temporary file", error)
}
