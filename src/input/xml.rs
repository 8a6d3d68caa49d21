//! Events exported as XML: a run of `<Event>` elements, rooted or not, in UTF-8 or UTF-16, found in a stream and read one by one. It does not check
//! what stands between them.

use std::ops::Range;

use crate::finding::Damage;

use super::event_xml;
use super::export::{ExportedEvent, Format, MAX_EVENT, TextSource, cut_short, too_large, unreadable};
use super::record::Position;
use super::source::{Block, Tap};
use super::visit::{Visitor, offer};

const START: &str = "<Event";
const END: &str = "</Event>";

/// Reads `event` of the source that reports call `source`, and tells `visitor`.
pub(super) fn read_event(source: &str, event: ExportedEvent<'_>, visitor: &mut dyn Visitor) {
    match event_xml::parse(event.text) {
        Ok(mut record) => {
            record.position = Position { chunk: 0, record: event.number };
            offer(&mut record, visitor);
        }
        Err(reason) => visitor.damage(unreadable(source, event, &reason)),
    }
}

/// An export's events, being found.
#[derive(Debug)]
pub(super) struct EventStream {
    source: TextSource,
    next: u32,
}

impl EventStream {
    /// Starts on a source that begins with `head`.
    pub(super) fn new(head: Vec<u8>) -> Self {
        Self { source: TextSource::new(head), next: 0 }
    }

    /// The next block of events, read from at most `max_chunks` times 64 KiB where that holds any.
    pub(super) fn next_block(
        &mut self,
        name: &str,
        tap: &mut Tap<'_>,
        max_chunks: usize,
        damages: &mut Vec<Damage>,
    ) -> Option<Block> {
        while self.source.read(tap, max_chunks) {
            let ended = self.source.ended();
            let (mut ranges, rest) = events(self.source.text());
            let open =
                self.source.text().get(rest..).filter(|open| open.starts_with(START)).map_or(0, str::len);
            let mut used = rest;
            if open > MAX_EVENT || ended && open > 0 {
                damages.push(if ended { cut_short(name) } else { too_large(name) });
                used = rest.saturating_add(START.len());
            }
            let text = self.source.take(used);
            if !ranges.is_empty() {
                ranges.shrink_to_fit();
                let first = self.next;
                self.next = self.next.saturating_add(u32::try_from(ranges.len()).unwrap_or(u32::MAX));
                return Some(Block::of_events(Format::Xml, text, ranges, first));
            }
        }
        None
    }
}

/// The whole events in `text`, and where the first one begins that is not whole (or nothing does, for the text's end).
fn events(text: &str) -> (Vec<Range<usize>>, usize) {
    let mut ranges = Vec::new();
    let Some(mut start) = next_start(text, 0) else { return (ranges, without_partial_tag(text)) };
    let mut end = next_end(text, start);
    loop {
        let inside = start.saturating_add(START.len());
        // Looked for anew only behind the last one found: text without any is searched once, not once for each event.
        if end.is_some_and(|end| end < inside) {
            end = next_end(text, inside);
        }
        let next = next_start(text, inside);
        // An event whose end is missing ends where the next one begins.
        match (end, next) {
            (Some(end), next) if next.is_none_or(|next| end < next) => {
                ranges.push(start..end.saturating_add(END.len()))
            }
            (_, Some(next)) => ranges.push(start..next),
            (_, None) => return (ranges, start),
        }
        match next {
            Some(next) => start = next,
            None => return (ranges, without_partial_tag(text)),
        }
    }
}

/// The offset of the next `</Event>` from `from`.
fn next_end(text: &str, from: usize) -> Option<usize> {
    text.get(from..)?.find(END).map(|at| from.saturating_add(at))
}

/// The offset of the next `<Event` from `from` that is an element of that name.
fn next_start(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.match_indices(START).map(|(at, tag)| (at, at.saturating_add(tag.len()))).find_map(|(at, after)| {
        let ends = rest
            .get(after..)?
            .starts_with(|next: char| next.is_ascii_whitespace() || next == '>' || next == '/');
        ends.then(|| from.saturating_add(at))
    })
}

/// `text`'s length without a tag's beginning at its end, which may become `<Event` with the next bytes.
fn without_partial_tag(text: &str) -> usize {
    let tail = text.len().saturating_sub(START.len());
    let tail = (tail..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    text.get(tail..).and_then(|end| end.rfind('<')).map_or(text.len(), |at| tail.saturating_add(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_between_anything() {
        let text = "<?xml?><Events><Event a='1'>x</Event> <EventLog/> <Event>y<Event>z</Event></Events><Event>open</Ev";
        let (ranges, rest) = events(text);
        let found: Vec<&str> = ranges.into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["<Event a='1'>x</Event>", "<Event>y", "<Event>z</Event>"]);
        assert_eq!(&text[rest..], "<Event>open</Ev");
    }

    #[test]
    fn a_tag_cut_in_two_is_kept() {
        for (text, kept) in [
            ("<Events>\n <Eve", "<Eve"),
            ("<Events>\n <", "<"),
            ("<Events>", ""),
            ("é<", "<"),
            ("", ""),
            ("x<Event", "<Event"),
        ] {
            let (ranges, rest) = events(text);
            assert!(ranges.is_empty());
            assert_eq!(&text[rest..], kept, "{text}");
        }
    }
}
