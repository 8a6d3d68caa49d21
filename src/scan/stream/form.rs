//! The two forms of a stream, lines of JSON and rows of Arrow: which one it has, and its lines in either case. It reads none of them.

use std::io::{BufRead, ErrorKind};

use crate::error::{Error, Result};

use super::lines::unreadable;

/// What a stream of Arrow begins with, and no text in UTF-8.
const ARROW_STREAM: u8 = 0xff;
/// What an Arrow file, also called Feather, begins with.
const ARROW_FILE: &[u8] = b"ARROW1";

/// The lines of `input`, whichever form it has.
///
/// # Errors
/// [`Error::Usage`] when it cannot be read, or has a form that this build does not read.
pub fn lines<'a>(input: &'a mut dyn BufRead) -> Result<Box<dyn BufRead + 'a>> {
    let beginning = loop {
        match input.fill_buf() {
            Ok(beginning) => break beginning,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(1, &error)),
        }
    };
    if beginning.starts_with(ARROW_FILE) {
        return Err(Error::Usage(
            "this is an Arrow file, whose parts lie anywhere in it: write the rows as an Arrow stream, as pyarrow's `ipc.new_stream` does".to_owned(),
        ));
    }
    if beginning.first() != Some(&ARROW_STREAM) {
        return Ok(Box::new(input));
    }
    #[cfg(feature = "parquet")]
    return Ok(Box::new(super::arrow::ArrowLines::new(input)));
    #[cfg(not(feature = "parquet"))]
    Err(Error::Usage(
        "this is an Arrow stream, and this evql was built without Arrow; build one that has it: cargo install --path . --features parquet; or map with `--records jsonl`"
            .to_owned(),
    ))
}
