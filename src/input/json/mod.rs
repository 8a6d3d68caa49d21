//! Events exported as JSON: objects one to a line, in an array or one after the other, found in a stream and read one by one. What the objects mean is
//! [`forms`]'s; it does not check what stands between them.
//!
//! An object that is broken costs no other: reading goes on at the next line that begins one.

use crate::finding::Damage;

use super::export::{
    ExportedEvent, Format, MAX_EVENT, TextSource, cut_short, text_of, too_large, unreadable,
};
use super::record::Position;
use super::source::{Block, Tap};
use super::visit::{Visitor, offer};

mod cut;
mod ecs;
mod flat;
mod forms;
mod head;
mod mend;
mod scalar;
mod tree;

use cut::Cutter;
pub use head::Terms;

/// In whose terms `head`, a source's first bytes, begins to tell events exported as JSON; `None` for any other JSON and for what is none.
pub(super) fn begins_events(head: &[u8]) -> Option<Terms> {
    head::recognise(&text_of(head))
}

/// Reads `event` of the source that reports call `source`, and tells `visitor`.
pub(super) fn read_event(source: &str, event: ExportedEvent<'_>, visitor: &mut dyn Visitor) {
    match mend::parse(event.text).and_then(forms::read) {
        Ok(None) => {}
        Ok(Some(mut record)) => {
            record.position = Position { chunk: 0, record: event.number };
            offer(&mut record, visitor);
        }
        Err(reason) => visitor.damage(unreadable(source, event, &reason)),
    }
}

/// An export's objects, being found.
#[derive(Debug)]
pub(super) struct JsonStream {
    source: TextSource,
    cutter: Cutter,
    next: u32,
}

impl JsonStream {
    /// Starts on a source that begins with `head`.
    pub(super) fn new(head: Vec<u8>) -> Self {
        Self { source: TextSource::new(head), cutter: Cutter::default(), next: 0 }
    }

    /// The next block of objects, read from at most `max_chunks` times 64 KiB where that holds any.
    pub(super) fn next_block(
        &mut self,
        name: &str,
        tap: &mut Tap,
        max_chunks: usize,
        damages: &mut Vec<Damage>,
    ) -> Option<Block> {
        while self.source.read(tap, max_chunks) {
            if self.next == 0 {
                self.cutter.begin_at(head::hits(self.source.text()));
            }
            let mut ranges = self.cutter.cut(self.source.text());
            while self.source.ended() && self.cutter.open_bytes() > 0 {
                match self.cutter.break_off() {
                    Some(broken) => ranges.push(broken),
                    None => damages.push(cut_short(name)),
                }
                ranges.extend(self.cutter.cut(self.source.text()));
            }
            if self.cutter.open_bytes() > MAX_EVENT {
                self.cutter.pass_over();
                damages.push(too_large(name));
            }
            let text = self.source.take(self.cutter.settle());
            if !ranges.is_empty() {
                ranges.shrink_to_fit();
                let first = self.next;
                self.next = self.next.saturating_add(u32::try_from(ranges.len()).unwrap_or(u32::MAX));
                return Some(Block::of_events(Format::Json, text, ranges, first));
            }
        }
        None
    }
}
