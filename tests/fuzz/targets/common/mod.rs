//! What the fuzz targets of `input` share: bytes read as a chunk, or as a whole source in blocks of any size. It judges nothing.
#![allow(dead_code, reason = "each target uses its own part")]

#[path = "../../../input_support/mod.rs"]
pub mod input_support;

use std::path::PathBuf;
use std::sync::LazyLock;

use evql::input::evtx::Chunk;
use evql::input::{End, IntakeOptions, Piece, PieceReader, ReaderKind};
use input_support::{Told, source, visit_in_blocks};

/// A chunk that the project's writer made, with an event of every kind and room behind them.
pub const EVERY_EVENT: &[u8] = include_bytes!("../../../../samples/every-event.evtx");

/// How bytes are read.
#[derive(Clone, Copy)]
pub struct Way {
    pub kind: ReaderKind,
    pub recover: bool,
    pub carve: bool,
}

impl Way {
    /// As a scan does when nothing else is asked for.
    pub const PLAIN: Self = Self { kind: ReaderKind::Fast, recover: false, carve: false };

    /// The same with the slow reader.
    pub fn slow(self) -> Self {
        Self { kind: ReaderKind::Xml, ..self }
    }

    fn reader(self) -> PieceReader {
        if self.recover { PieceReader::recovering(self.kind) } else { PieceReader::new(self.kind) }
    }
}

/// What is told of the chunk `bytes`, of which the file holds the first `stored`.
pub fn read_chunk(bytes: &[u8], stored: usize, way: Way) -> Told {
    let mut told = Told::default();
    let chunk = Chunk { number: 7, bytes, stored, carved: way.carve };
    way.reader().read("log", Piece::Chunk(chunk), &mut told);
    told
}

/// How a source ended that holds `bytes`; more than one end where it holds others. It is read in blocks of one chunk and in large ones, and both must tell
/// the same.
pub fn read_source(bytes: &[u8], way: Way) -> Vec<End> {
    static FILE: LazyLock<PathBuf> =
        LazyLock::new(|| std::env::temp_dir().join(format!("evql-fuzz-{}", std::process::id())));
    std::fs::write(FILE.as_path(), bytes).expect("the file can be written");
    let read = |room| {
        let mut told = Told::default();
        let options = IntakeOptions { carve: way.carve, ..IntakeOptions::default() };
        let ends = visit_in_blocks(room, &[source(&FILE)], options, way.reader(), &mut told);
        (told, ends)
    };
    let ((few, few_ends), (many, many_ends)) = (read(1), read(1 << 10));
    assert_eq!(few, many);
    assert_eq!(format!("{few_ends:?}"), format!("{many_ends:?}"));
    assert!(!few_ends.is_empty(), "a source ends");
    few_ends
}

/// Reads an export that begins with `head` and goes on with `data`, with so many blanks between the two that its first block ends somewhere in `data`. The
/// first byte of `data` says how far behind the block's end the rest begins, and with its lowest bit whether it is UTF-16.
pub fn read_export(head: &str, data: &[u8]) {
    /// Bytes of an export in its first block of one chunk: those that say what it is, and 64 KiB.
    const FIRST_BLOCK: usize = 4104 + 65_536;
    let Some((&mode, rest)) = data.split_first() else { return };
    let wide = mode & 1 == 1;
    let begin = (FIRST_BLOCK - usize::from(mode) * 4) / if wide { 2 } else { 1 };
    let blanks = " ".repeat(begin.saturating_sub(head.len() + 1));
    let text = format!("{head}{blanks}\n{}", String::from_utf8_lossy(rest));
    let bytes =
        if wide { text.encode_utf16().flat_map(u16::to_le_bytes).collect() } else { text.into_bytes() };
    let ends = read_source(&bytes, Way::PLAIN);
    assert!(matches!(ends.as_slice(), [End::Read(_)]), "the head says what it is");
}
