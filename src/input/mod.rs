//! Bytes → raw records: which files there are, what they are, and the records in them. It knows no rule and interprets no field.

pub mod record;

pub use record::{Position, RawRecord, System};
