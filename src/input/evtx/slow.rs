//! The slow, exact reader: renders a chunk's records to XML with the `evtx` crate and reads that. It decides nothing about which records there are.

use std::sync::Arc;

use evtx::err::EvtxError;
use evtx::{EvtxChunkData, ParserSettings};

use crate::input::bytes::slice_at;
use crate::input::detect::{CHUNK_MAGIC, CHUNK_SIZE};
use crate::input::event_xml;
use crate::input::record::RawRecord;

use super::header::CHUNK_HEADER_SIZE;
use super::records::{RECORD_MAGIC, SIZE_COPY_SIZE, Span};

/// The id under which the first record is shown to the crate: far from what real ones have, for others may lie around.
const FIRST_ID: u64 = 1 << 62;

/// A record, or why it could not be read.
pub(super) type Outcome = Result<RawRecord, String>;

/// The records of one chunk, one outcome for each span; a span that is no record gives an error that nobody asks for.
#[derive(Debug)]
pub(super) struct Rendered {
    outcomes: Vec<Option<Outcome>>,
}

impl Rendered {
    /// Renders the records of `chunk` that stand at `spans`.
    pub(super) fn new(chunk: &[u8], spans: &[Span]) -> Self {
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        outcomes.resize_with(spans.len(), || None);
        if let Err(reason) = render(chunk, spans, &mut outcomes) {
            outcomes.fill_with(|| Some(Err(reason.clone())));
        }
        Self { outcomes }
    }

    /// Takes what became of the record at `spans[index]`.
    pub(super) fn take(&mut self, index: usize) -> Outcome {
        let outcome = self.outcomes.get_mut(index).and_then(Option::take);
        outcome.unwrap_or_else(|| Err("the record could not be reached".to_owned()))
    }
}

fn render(chunk: &[u8], spans: &[Span], outcomes: &mut [Option<Outcome>]) -> Result<(), String> {
    let settings = Arc::new(ParserSettings::default().indent(false).num_threads(1));
    let mut data = EvtxChunkData::new(prepared(chunk, spans), false).map_err(|error| chain(&error))?;
    let mut parsed = data.parse(settings).map_err(|error| chain(&error))?;
    for item in parsed.iter() {
        let (id, outcome) = match item {
            Ok(record) => (record.event_record_id, read(record)),
            Err(EvtxError::FailedToParseRecord { record_id, source }) => (record_id, Err(chain(&*source))),
            Err(_) => continue,
        };
        let slot = id.checked_sub(FIRST_ID).and_then(|index| outcomes.get_mut(usize::try_from(index).ok()?));
        if let Some(slot @ None) = slot {
            *slot = Some(outcome);
        }
    }
    Ok(())
}

fn read(record: evtx::EvtxRecord<'_>) -> Outcome {
    let rendered = record.into_xml().map_err(|error| chain(&error))?;
    event_xml::parse(&rendered.data)
}

/// A copy of `chunk` that makes the crate's walk reach the records of `spans`, each with its index and [`FIRST_ID`] for an id. The record headers' ids and times
/// are evidence for nothing, and the crate refuses a time past the year 9999. Names are read where they stand, because one bad entry in the string
/// table would cost the whole chunk.
fn prepared(chunk: &[u8], spans: &[Span]) -> Vec<u8> {
    let mut copy = chunk.to_vec();
    let last = spans.len().saturating_sub(1);
    let size = u32::try_from(CHUNK_SIZE).unwrap_or(u32::MAX);
    put(&mut copy, 0, CHUNK_MAGIC);
    put(&mut copy, 24, &FIRST_ID.to_le_bytes());
    put(&mut copy, 32, &FIRST_ID.saturating_add(u64::try_from(last).unwrap_or(u64::MAX)).to_le_bytes());
    put(&mut copy, 44, &size.to_le_bytes());
    put(&mut copy, 48, &size.to_le_bytes());
    put(&mut copy, 128, &[0; 384]);
    // What stands where a span ends and no other begins is no record, though it may look like one to the crate: without a magic it searches for the next
    // span's. Nothing else is changed there, for templates may stand in what a broken record left.
    let mut end = CHUNK_HEADER_SIZE;
    for (id, span) in (FIRST_ID..).zip(spans) {
        let start = span.start();
        if start != end && slice_at(&copy, end, RECORD_MAGIC.len()) == Some(RECORD_MAGIC) {
            put(&mut copy, end, &[0]);
        }
        match span {
            Span::Record(binxml) => {
                put(&mut copy, start.saturating_add(8), &id.to_le_bytes());
                put(&mut copy, start.saturating_add(16), &[0; 8]);
                end = binxml.end.saturating_add(SIZE_COPY_SIZE);
            }
            Span::Broken(_) => end = start,
        }
    }
    copy
}

fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = at.checked_add(bytes.len()).and_then(|end| data.get_mut(at..end)) {
        place.copy_from_slice(bytes);
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
