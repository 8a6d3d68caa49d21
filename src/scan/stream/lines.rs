//! The lines of a sorted stream, one after the other: that they are sorted, each once. It reads of a line nothing but its sort key.

use std::io::{BufRead, Read};

use crate::error::{Error, Result};

use super::key::HITS;

/// Bytes of a line, at most: more than an event of any log has.
pub const LONGEST: u64 = 64 << 20;
/// What every line begins with.
const BEGINNING: &[u8] = b"{\"k\":\"";

/// The lines of a stream.
pub struct Lines<'a> {
    input: &'a mut dyn BufRead,
    number: u64,
    /// The sort key of the line before.
    last: Vec<u8>,
}

/// A line.
#[derive(Debug)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its text, without the end.
    pub text: Vec<u8>,
    is_hit: bool,
}

impl Line {
    /// Whether it is a hit, as its sort key says.
    pub fn is_hit(&self) -> bool {
        self.is_hit
    }

    /// What the sort keys of all lines of its rule and join key begin with, where it is a hit: up to the third `-`.
    pub fn group(&self) -> &[u8] {
        let key = sort_key(&self.text).unwrap_or_default();
        let third = key.iter().enumerate().filter(|(_, byte)| **byte == b'-').nth(2);
        third.and_then(|(place, _)| key.get(..=place)).unwrap_or(key)
    }

    /// That this line is wrong, and why.
    pub fn wrong(&self, reason: &str) -> Error {
        wrong(self.number, reason)
    }
}

impl<'a> Lines<'a> {
    /// The lines of `input`.
    pub fn new(input: &'a mut dyn BufRead) -> Self {
        Self { input, number: 0, last: Vec::new() }
    }

    /// The next line whose sort key is another than that of the line before: lines of one key say the same, as when a part of the evidence was mapped twice.
    /// Empty lines are none. `None` at the end.
    ///
    /// # Errors
    /// [`Error::Usage`] when the stream cannot be read, is not sorted, or a line has no sort key.
    pub fn next(&mut self) -> Result<Option<Line>> {
        loop {
            let mut text = Vec::new();
            self.number += 1;
            let mut limited = (&mut *self.input).take(LONGEST);
            limited.read_until(b'\n', &mut text).map_err(|error| unreadable(self.number, &error))?;
            if text.is_empty() {
                return Ok(None);
            }
            if text.len() as u64 == LONGEST {
                return Err(wrong(self.number, "it is longer than 64 MiB, so it is no line of a stream"));
            }
            while text.last().is_some_and(u8::is_ascii_whitespace) {
                text.pop();
            }
            if text.is_empty() {
                continue;
            }
            let key = sort_key(&text).ok_or_else(|| {
                wrong(self.number, "it does not begin with a sort key: a stream is what `evql map` writes, sorted and otherwise unchanged")
            })?;
            if key < self.last.as_slice() {
                return Err(wrong(
                    self.number,
                    "it belongs before the line above it: sort the stream by its bytes, as `LC_ALL=C sort` does, or the rows of Arrow by the bytes of `k`",
                ));
            }
            if key == self.last.as_slice() {
                continue;
            }
            self.last = key.to_vec();
            let is_hit = key.starts_with(HITS.as_bytes());
            return Ok(Some(Line { number: self.number, text, is_hit }));
        }
    }
}

fn sort_key(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(BEGINNING)?;
    rest.get(..rest.iter().position(|byte| *byte == b'"')?).filter(|key| !key.is_empty())
}

/// That the stream cannot be read from line `number` on.
pub fn unreadable(number: u64, error: &std::io::Error) -> Error {
    wrong(number, &format!("the stream cannot be read on: {error}"))
}

fn wrong(number: u64, reason: &str) -> Error {
    Error::Usage(format!("line {number} of the stream: {reason}"))
}
