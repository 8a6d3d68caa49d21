//! A stream as rows of Arrow: a row for each line, whose columns say what those need who sort, share out, filter or join lines and do not read JSON. The line is
//! made again of two of them: its sort key, and the rest of its object.

mod read;
mod row;
mod write;

pub use read::ArrowLines;
pub use write::ArrowWriter;

/// The column of the sort keys.
const K: &str = "k";
/// The column of the lines without their sort keys, each an object.
const BODY: &str = "body";
/// What stands before the sort key in a line, and what between it and the rest.
const BEFORE_K: &[u8] = b"{\"k\":\"";
const BEHIND_K: &[u8] = b"\",";
