//! Files → the sources in them, those in archives too → blocks, told to a [`Sink`] in one order, each byte read once. It looks into no block and writes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::finding::{Damage, DamageKind, SourceKind};
use crate::time::Timestamp;

use super::archive::{self, ArchiveOptions, Archived, Budget, Keyring, Member};
use super::claims::{self, Claims, Listed, Verdict};
use super::detect::{Format, Kind};
use super::sha1;
use super::source::{Block, ChunkRange, Finished, Input, Looked, SourceFile, SourceOptions, failure};
use super::walk::Source;

/// How evidence is taken in.
#[derive(Debug, Clone, Default)]
pub struct IntakeOptions {
    /// Take the SHA-256 of every source on the way.
    pub hash: bool,
    /// Look for EVTX chunks at any byte of a source that is none of the known kinds.
    pub carve: bool,
    /// How archives are read.
    pub archives: ArchiveOptions,
    /// The chunks that are read of each event log, without a hash; `None` reads all. What is no event log is not read then.
    pub chunks: Option<ChunkRange>,
    /// Of the EVTX files that are named here only the chunks of these numbers are needed, and what stands between them need not be read.
    pub only: Arc<BTreeMap<String, BTreeSet<u64>>>,
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

/// What is known when all was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// How many of the files were begun: all, unless the sink broke off.
    pub begun: usize,
    /// Whether what collectors say of the sources holds, where they say something.
    pub verdicts: Vec<Verdict>,
}

/// Reads `files` one after the other, and what is in those that are archives, and tells `sink`; `meter` is told of bytes of the files as they are read.
/// Sources get their ordinals here, in the order in which they are met: an archive before its members.
pub fn take_in(files: &[Source], options: IntakeOptions, meter: &dyn Fn(u64), sink: &mut dyn Sink) -> Taken {
    let keyring = Keyring::new(&options.archives.passwords);
    let claims = Claims::default();
    let mut intake = Intake { options: &options, keyring: &keyring, meter, sink, next: 0, claims };
    let mut begun = files.len();
    for (index, file) in files.iter().enumerate() {
        if intake.file(file).is_break() {
            begun = index.saturating_add(1);
            break;
        }
    }
    Taken { begun, verdicts: intake.claims.verdicts() }
}

struct Intake<'a> {
    options: &'a IntakeOptions,
    keyring: &'a Keyring,
    meter: &'a dyn Fn(u64),
    sink: &'a mut dyn Sink,
    next: u32,
    claims: Claims,
}

/// The archives that a source lies in.
#[derive(Clone, Copy)]
struct Inside<'b> {
    budget: &'b Budget<'b>,
    /// How many they are.
    depth: u32,
}

/// What is known of a source before it is read.
#[derive(Clone, Copy)]
struct Known<'b> {
    /// It was meant to be a log: then being none is a damage.
    expected: bool,
    /// Bytes.
    size: Option<u64>,
    /// `None` for a file.
    inside: Option<Inside<'b>>,
}

impl Intake<'_> {
    fn file(&mut self, file: &Source) -> ControlFlow<()> {
        let source = self.number(file.clone());
        if source.is_standard_input() {
            let known = Known { expected: true, size: None, inside: None };
            let end = self.stream(&source, Input::Stream(Box::new(io::stdin().lock())), known);
            return self.end(&source, end);
        }
        let opened = File::open(&file.path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        let (reader, metadata) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let damage = failure(&source.name, &format!("cannot be opened: {error}"));
                return self.sink.end(&source, End::Failed { damage, size: 0, sha256: None });
            }
        };
        let stat = Stat::of(&metadata);
        let expected = source.named || archive::is_expected(&source.name);
        let reader = Metered { reader, meter: self.meter, position: 0, told: 0 };
        let known = Known { expected, size: Some(stat.size), inside: None };
        let mut end = self.stream(&source, Input::File(Box::new(reader)), known);
        if let End::Read(finished) = &mut end {
            finished.modified = stat.modified;
            let change = changed(&source.name, &file.path, &stat);
            finished.changed = change.is_some();
            finished.damages.extend(change);
        }
        self.end(&source, end)
    }

    /// Reads one source.
    fn stream(&mut self, source: &Arc<Source>, input: Input<'_>, known: Known<'_>) -> End {
        let (input, sha1) = match self.options.hash && claims::may_have_sha1_only(&source.name) {
            true => {
                let (input, sha1) = sha1::beside(input);
                (input, Some(sha1))
            }
            false => (input, None),
        };
        let hash = self.options.hash && self.options.chunks.is_none();
        let looked = match Looked::at(input, SourceOptions { hash }) {
            Ok(looked) => looked,
            Err(reason) => {
                let damage = failure(&source.name, &reason);
                return End::Failed { damage, size: known.size.unwrap_or_default(), sha256: None };
            }
        };
        if self.options.chunks.is_some() && !matches!(looked.kind, Kind::Evtx | Kind::EvtxWithoutHeader) {
            let reason =
                "some chunks of it are asked for, and it is no EVTX file, so it has none: read it whole";
            let damage = failure(&source.name, reason);
            return End::Failed { damage, size: known.size.unwrap_or_default(), sha256: None };
        }
        if let Kind::Archive(format) = looked.kind
            && (known.expected || !archive::is_document(&looked.head))
        {
            return self.archive(source, format, looked, known);
        }
        if claims::is_list(&source.name) && looked.kind == Kind::Other {
            return self.list(source, looked, known);
        }
        let mut log = match SourceFile::new(&source.name, looked, known.size, self.options.carve) {
            Ok(log) => log,
            Err(other) => return no_log(source, *other, known),
        };
        if let Some(range) = self.options.chunks {
            log.keep(range);
        }
        if let Some(only) = self.options.only.get(&source.name) {
            log.narrow(only.clone());
        }
        while let Some(block) = log.next_block(self.sink.room()) {
            if self.sink.block(source, block).is_break() {
                return End::Unread(known.size.unwrap_or_default());
            }
        }
        let mut finished = log.finish();
        if self.options.chunks.is_some() {
            finished.size = known.size.unwrap_or(finished.size);
        }
        finished.sha1 = sha1.filter(|_| finished.sha256.is_some()).map(|sha1| sha1.finish());
        End::Read(Box::new(finished))
    }

    /// Reads what a collector says of the files it collected.
    fn list(&mut self, source: &Source, mut looked: Looked<'_>, known: Known<'_>) -> End {
        let more = claims::MAX_LIST.saturating_add(1).saturating_sub(looked.head.len());
        looked.tap.fill(&mut looked.head, more);
        let cut = looked.tap.failed() || looked.head.len() > claims::MAX_LIST;
        if cut {
            // Half a row could be taken for a whole one.
            looked.head.truncate(looked.head.iter().rposition(|byte| *byte == b'\n').unwrap_or_default());
        }
        let listed = self.claims.read(&source.name, &looked.head);
        if listed == Listed::Nothing && !cut {
            return no_log(source, looked, known);
        }
        let size = known.size.unwrap_or(looked.tap.read_so_far());
        if listed == Listed::All && !cut {
            return End::Skipped(size);
        }
        let reason = "not all of the collector's list was compared: it could not be read to its end, or is larger than 64 MiB, or lists name more files than are remembered";
        let damage = Damage { kind: DamageKind::NotEvidence, lost: false, ..failure(&source.name, reason) };
        End::Failed { damage, size, sha256: None }
    }

    /// Reads the members of an archive, each a source of its own.
    fn archive(&mut self, source: &Arc<Source>, format: Format, looked: Looked<'_>, known: Known<'_>) -> End {
        let options = &self.options.archives;
        let own = Budget::new(options, known.size);
        let inside = match known.inside {
            None => Inside { budget: &own, depth: 1 },
            Some(outer) => Inside { depth: outer.depth.saturating_add(1), ..outer },
        };
        if inside.depth > options.max_depth {
            let reason = format!(
                "it lies in {} archives, one in the other, and is not opened; --archive-max-depth allows more",
                known.inside.map_or(0, |outer| outer.depth)
            );
            let (size, sha256) = looked.tap.drain();
            return End::Failed { damage: failure(&source.name, &reason), size, sha256 };
        }
        let keyring = self.keyring;
        let archived = archive::read(
            format,
            &source.name,
            known.size,
            looked,
            inside.budget,
            keyring,
            &mut |member, content| self.member(source, member, content, inside),
        );
        archive_end(archived, known.size)
    }

    /// Reads a member of the archive `outer`.
    fn member(
        &mut self,
        outer: &Source,
        member: Member,
        content: Result<&mut dyn Read, String>,
        inside: Inside<'_>,
    ) -> ControlFlow<()> {
        let name = archive::member_name(&outer.name, &member.name);
        let expected = archive::is_expected(&member.name);
        let source = self.number(Source { path: PathBuf::new(), name, ordinal: 0, named: false });
        let mut end = match content {
            Ok(content) => {
                let known = Known { expected, size: member.size, inside: Some(inside) };
                self.stream(&source, Input::Stream(Box::new(content)), known)
            }
            Err(reason) => {
                let damage = failure(&source.name, &reason);
                End::Failed { damage, size: member.size.unwrap_or_default(), sha256: None }
            }
        };
        if let End::Read(finished) = &mut end {
            finished.modified = member.modified;
        }
        self.end(&source, end)
    }

    /// Tells the sink that `source` is at its `end`, which may be the end of all.
    fn end(&mut self, source: &Arc<Source>, end: End) -> ControlFlow<()> {
        let broke = matches!(end, End::Unread(_));
        if let End::Read(read) = &end {
            self.claims.source(source.ordinal, &source.name, read);
        }
        self.sink.end(source, end)?;
        if broke { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn number(&mut self, source: Source) -> Arc<Source> {
        let ordinal = self.next;
        self.next = self.next.saturating_add(1);
        Arc::new(Source { ordinal, ..source })
    }
}

/// How an archive of `size` bytes, as far as is known, ended.
fn archive_end(archived: Archived, size: Option<u64>) -> End {
    let size = size.unwrap_or(archived.size);
    if archived.broken_off {
        return End::Unread(size);
    }
    End::Read(Box::new(Finished {
        kind: SourceKind::Archive,
        size,
        modified: None,
        sha256: archived.sha256,
        sha1: None,
        chunks: 0,
        members: archived.members,
        changed: false,
        header: None,
        damages: archived.damages,
    }))
}

/// What becomes of a source that is no log.
fn no_log(source: &Source, looked: Looked<'_>, known: Known<'_>) -> End {
    let size = known.size.unwrap_or(looked.tap.read_so_far());
    if let Some(error) = looked.tap.error() {
        let reason = format!("reading stopped before anything was found in it: {error}");
        return End::Failed { damage: failure(&source.name, &reason), size, sha256: None };
    }
    let reason = match looked.kind {
        Kind::Image(image) => image.remedy(),
        _ if !known.expected => return End::Skipped(size),
        Kind::Empty => "the file is empty",
        _ => "its content is no event log, neither EVTX nor events exported as XML or JSON",
    };
    let damage = Damage { kind: DamageKind::NotEvidence, ..failure(&source.name, reason) };
    if matches!(looked.kind, Kind::Image(_)) {
        // It may be as large as a disk, and nothing of it is used.
        return End::Failed { damage, size, sha256: None };
    }
    let (read, sha256) = looked.tap.drain();
    // Without hashing nothing is read that is not used.
    End::Failed { damage, size: size.max(read), sha256 }
}

/// A file that tells of the bytes read from it, of each once.
struct Metered<'a> {
    reader: File,
    meter: &'a dyn Fn(u64),
    position: u64,
    /// The bytes before this were told of.
    told: u64,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.position = self.position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        (self.meter)(self.position.saturating_sub(self.told));
        self.told = self.told.max(self.position);
        Ok(read)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.reader.seek(to)?;
        Ok(self.position)
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
    let now = std::fs::metadata(path).ok().map(|now| Stat::of(&now));
    if now.as_ref() == Some(before) {
        return None;
    }
    let shown = |stat: &Stat| {
        let modified = stat.modified.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string());
        format!("{} bytes modified {modified}", stat.size)
    };
    let now = now.as_ref().map_or_else(|| "is gone".to_owned(), |now| format!("is {} now", shown(now)));
    let reason = format!(
        "the file changed while it was read: it was {} and {now}; copy it and read the copy",
        shown(before)
    );
    Some(Damage { lost: false, ..failure(name, &reason) })
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
        let mut again = file.reopen().expect("opened again");
        again.seek(SeekFrom::End(0)).expect("its end");
        let mut sink = Meddler(again, Vec::new());
        let taken = take_in(&[source], IntakeOptions::default(), &|_| (), &mut sink);
        assert_eq!(taken.begun, 1);
        let [End::Read(finished)] = sink.1.as_slice() else { panic!("{:?}", sink.1) };
        let kinds: Vec<_> = finished.damages.iter().map(|damage| (damage.kind, damage.lost)).collect();
        assert_eq!(kinds, [(DamageKind::Unreadable, false)]);
        // `more` was appended: the size alone tells, whatever the clock says.
        let reason = &finished.damages[0].reason;
        assert!(reason.contains("was 32 bytes") && reason.contains("is 36 bytes"), "{reason}");
    }
}
