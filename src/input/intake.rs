//! Files → the sources in them → blocks, told to a [`Sink`] in one order, each byte read once. It looks into no block and writes nothing.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::finding::{Damage, DamageKind};
use crate::time::Timestamp;

use super::detect::Kind;
use super::source::{Block, Finished, Looked, SourceFile, SourceOptions, failure};
use super::walk::Source;

/// How evidence is taken in.
#[derive(Debug, Clone, Default)]
pub struct IntakeOptions {
    /// Take the SHA-256 of every source on the way.
    pub hash: bool,
    /// Look for EVTX chunks at any byte of a source that is none of the known kinds.
    pub carve: bool,
}

/// How a source ended.
#[derive(Debug, Clone)]
pub enum End {
    /// At its end.
    Read(Box<Finished>),
    /// It is plainly no evidence; so many bytes it has.
    Skipped(u64),
    /// Why it could not be read; its size, and its hash where it could be read but is no log.
    Failed {
        /// What was wrong.
        damage: Damage,
        /// Bytes.
        size: u64,
        /// SHA-256, lower-case hex.
        sha256: Option<String>,
    },
    /// The run ended before its end; so many bytes it has.
    Unread(u64),
}

/// Who is told of the sources, in their order.
pub trait Sink {
    /// Most chunks that the next block is to have.
    fn room(&self) -> usize;
    /// The next block of `source`. Breaking off ends the intake.
    fn block(&mut self, source: &Arc<Source>, block: Block) -> ControlFlow<()>;
    /// `source` gives no more blocks. Breaking off ends the intake.
    fn end(&mut self, source: &Arc<Source>, end: End) -> ControlFlow<()>;
}

/// Reads `files` one after the other and tells `sink`; `meter` is told of bytes of the files as they are read. Sources get their ordinals here, in the
/// order in which they are met. Returns how many of the files were begun: all, unless the sink broke off.
pub fn take_in(files: &[Source], options: IntakeOptions, meter: &dyn Fn(u64), sink: &mut dyn Sink) -> usize {
    let mut intake = Intake { options, meter, sink, next: 0 };
    for (index, file) in files.iter().enumerate() {
        if intake.file(file).is_break() {
            return index.saturating_add(1);
        }
    }
    files.len()
}

struct Intake<'a> {
    options: IntakeOptions,
    meter: &'a dyn Fn(u64),
    sink: &'a mut dyn Sink,
    next: u32,
}

impl Intake<'_> {
    fn file(&mut self, file: &Source) -> ControlFlow<()> {
        let source = self.number(file.clone());
        let opened = File::open(&file.path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        let (reader, metadata) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let damage = failure(&source.name, &format!("cannot be opened: {error}"));
                return self.sink.end(&source, End::Failed { damage, size: 0, sha256: None });
            }
        };
        let stat = Stat::of(&metadata);
        let file_name = source.name.rsplit('/').next().unwrap_or_default();
        let expected = source.named || file_name.to_ascii_lowercase().contains(".evtx");
        let reader = Metered { reader, meter: self.meter };
        let mut end = self.stream(&source, Box::new(reader), expected, Some(stat.size));
        if let End::Read(finished) = &mut end {
            finished.modified = stat.modified;
            finished.damages.extend(changed(&source.name, &file.path, &stat));
        }
        let broke = matches!(end, End::Unread(_));
        self.sink.end(&source, end)?;
        if broke { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Reads one source, which holds `size` bytes as far as is known. `expected` says that it was meant to be a log: then being none is a damage.
    fn stream(
        &mut self,
        source: &Arc<Source>,
        reader: Box<dyn Read + '_>,
        expected: bool,
        size: Option<u64>,
    ) -> End {
        let looked = match Looked::at(reader, SourceOptions { hash: self.options.hash }) {
            Ok(looked) => looked,
            Err(reason) => {
                let damage = failure(&source.name, &reason);
                return End::Failed { damage, size: size.unwrap_or_default(), sha256: None };
            }
        };
        let mut log = match SourceFile::new(&source.name, looked, size, self.options.carve) {
            Ok(log) => log,
            Err(other) => return no_log(source, *other, expected, size),
        };
        while let Some(block) = log.next_block(self.sink.room()) {
            if self.sink.block(source, block).is_break() {
                return End::Unread(size.unwrap_or_default());
            }
        }
        End::Read(Box::new(log.finish()))
    }

    fn number(&mut self, source: Source) -> Arc<Source> {
        let ordinal = self.next;
        self.next = self.next.saturating_add(1);
        Arc::new(Source { ordinal, ..source })
    }
}

/// What becomes of a source that is no log.
fn no_log(source: &Source, looked: Looked<'_>, expected: bool, size: Option<u64>) -> End {
    if looked.tap.failed() {
        return End::Failed {
            damage: failure(&source.name, "reading stopped before anything was found in it"),
            size: size.unwrap_or(looked.tap.read()),
            sha256: None,
        };
    }
    let empty = looked.kind == Kind::Empty;
    if !expected {
        return End::Skipped(size.unwrap_or(looked.tap.read()));
    }
    let reason = if empty {
        "the file is empty"
    } else {
        "its content is no event log, neither EVTX nor events exported as XML or JSON"
    };
    let damage = Damage { kind: DamageKind::NotEvidence, ..failure(&source.name, reason) };
    let (size, sha256) = looked.tap.drain();
    End::Failed { damage, size, sha256 }
}

/// A file that tells of the bytes read from it.
struct Metered<'a> {
    reader: File,
    meter: &'a dyn Fn(u64),
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        (self.meter)(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

/// How a file stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    size: u64,
    modified: Option<Timestamp>,
}

impl Stat {
    fn of(metadata: &std::fs::Metadata) -> Self {
        let elapsed =
            metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let millis = elapsed.and_then(|elapsed| i64::try_from(elapsed.as_millis()).ok());
        Self { size: metadata.len(), modified: millis.map(Timestamp::from_unix_millis) }
    }
}

/// A damage when the file at `path` no longer stands as it stood `before`.
fn changed(name: &str, path: &Path, before: &Stat) -> Option<Damage> {
    let now = std::fs::metadata(path).ok();
    let reason = "the file changed while it was read; copy it and read the copy";
    now.is_none_or(|now| Stat::of(&now) != *before).then(|| Damage { lost: false, ..failure(name, reason) })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Appends to a file when it is told of a block of it.
    struct Meddler(File, Vec<End>);

    impl Sink for Meddler {
        fn room(&self) -> usize {
            1
        }
        fn block(&mut self, _: &Arc<Source>, _: Block) -> ControlFlow<()> {
            self.0.write_all(b"more").expect("written");
            ControlFlow::Continue(())
        }
        fn end(&mut self, _: &Arc<Source>, end: End) -> ControlFlow<()> {
            self.1.push(end);
            ControlFlow::Continue(())
        }
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_told_of() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"<Events><Event></Event></Events>").expect("written");
        let source = Source { path: file.path().to_owned(), name: "log".to_owned(), ordinal: 0, named: true };
        let mut sink = Meddler(file.reopen().expect("opened again"), Vec::new());
        let begun = take_in(&[source], IntakeOptions { hash: false, carve: false }, &|_| (), &mut sink);
        assert_eq!(begun, 1);
        let [End::Read(finished)] = sink.1.as_slice() else { panic!("{:?}", sink.1) };
        let kinds: Vec<_> = finished.damages.iter().map(|damage| (damage.kind, damage.lost)).collect();
        assert_eq!(kinds, [(DamageKind::Unreadable, false)]);
    }
}
