//! Bytes → raw records: which files there are, what they are, and the records in them. It knows no rule and interprets no field.
//!
//! [`walk()`] finds the files. [`take_in`] reads them in order and decides by its first bytes what each source is; an archive gives more sources, a log gives [`Block`]s, each a run of
//! [`Piece`]s that can be read apart, on any thread, by a [`PieceReader`], which tells a [`Visitor`] what it finds. What cannot be read becomes a
//! [`Damage`](crate::finding::Damage) and never stops the rest.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod archive;
pub mod detect;
pub mod evtx;
pub mod export;
pub mod intake;
pub mod record;
pub mod source;
pub mod walk;

mod bytes;
mod claims;
mod event_xml;
mod json;
mod layout;
mod sha1;
mod visit;
mod xml;

pub use claims::Verdict;
pub use evtx::{Held, Undecoded};
pub use intake::{End, IntakeOptions, Sink, Taken, take_in};
pub use record::{Position, RawRecord, System};
pub use source::{Block, ChunkRange, Finished, Piece};
pub use visit::{PieceReader, ReaderKind, Seen, Visitor};
pub use walk::{Source, WalkOptions, Walked, walk};
