//! Paths → sources: every regular file named or found, once each, in an order that does not depend on the order of the arguments. It opens no file.

use std::collections::BTreeMap;
use std::fs::{self, FileType};
use std::io;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::finding::{Damage, DamageKind};

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is, to open it; empty for a member of an archive.
    pub path: PathBuf,
    /// Its name in reports: the path as given, `/`-separated; bytes that are not UTF-8 are spelt `\xNN`.
    pub name: String,
    /// Its number from 0 in the sorted list of sources.
    pub ordinal: u32,
    /// Whether it was named itself, not found in a folder.
    pub named: bool,
}

/// What stands for standard input in the place of a path: no file system has such a one.
const STANDARD_INPUT: &str = "\0";

impl Source {
    /// Standard input, which reports call `name`. It can be read once.
    pub fn standard_input(name: &str) -> Self {
        Self { path: PathBuf::from(STANDARD_INPUT), name: name.to_owned(), ordinal: 0, named: true }
    }

    /// Whether it is standard input.
    pub fn is_standard_input(&self) -> bool {
        self.path == Path::new(STANDARD_INPUT)
    }
}

/// How to walk.
#[derive(Debug, Clone, Copy, Default)]
pub struct WalkOptions {
    /// Follow the symbolic links that are found in folders. One that is named itself is always followed.
    pub follow_links: bool,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Walked {
    /// The files, sorted by name.
    pub sources: Vec<Source>,
    /// What could not be reached, sorted.
    pub damages: Vec<Damage>,
}

/// Finds the files at and under `paths`. FIFOs, sockets and devices are told of, never opened.
///
/// A file that several paths lead to counts once, under the shortest of its names.
pub fn walk(paths: &[PathBuf], options: WalkOptions) -> Walked {
    let mut found = Found { options, ..Found::default() };
    for path in paths {
        found.path(path);
    }
    found.finish()
}

#[derive(Debug, Default)]
struct Found {
    options: WalkOptions,
    /// By canonical path.
    files: BTreeMap<PathBuf, Source>,
    damages: Vec<Damage>,
}

impl Found {
    fn path(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(metadata) if metadata.is_file() => self.file(path, fs::canonicalize(path), true),
            Ok(metadata) => self.special(path, metadata.file_type()),
            Err(error) => self.unreachable(path, &error),
        }
    }

    fn folder(&mut self, root: &Path) {
        let canonical_root = fs::canonicalize(root);
        let mut holds_something = false;
        for entry in WalkDir::new(root).min_depth(1).follow_links(self.options.follow_links) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => self.entry(root, canonical_root.as_deref(), &entry),
                Err(error) => self.walk_error(root, &error),
            }
            holds_something = true;
        }
        if !holds_something {
            self.damage(root, DamageKind::NotEvidence, true, "the folder holds no files");
        }
    }

    fn entry(&mut self, root: &Path, canonical_root: Result<&Path, &io::Error>, entry: &DirEntry) {
        let path = entry.path();
        if entry.file_type().is_symlink() {
            self.unfollowed_link(path);
        } else if entry.file_type().is_file() {
            // Below a canonical root, a path without links is canonical: no need to ask the file system for every file.
            let canonical = match (canonical_root, path.strip_prefix(root)) {
                (Ok(canonical), Ok(rest)) if !self.options.follow_links => Ok(canonical.join(rest)),
                _ => fs::canonicalize(path),
            };
            self.file(path, canonical, false);
        } else {
            self.special(path, entry.file_type());
        }
    }

    fn file(&mut self, path: &Path, canonical: io::Result<PathBuf>, named: bool) {
        let source = Source { path: path.to_owned(), name: display_name(path), ordinal: 0, named };
        let known =
            self.files.entry(canonical.unwrap_or_else(|_| path.to_owned())).or_insert_with(|| source.clone());
        let named = named || known.named;
        if (source.name.len(), &source.name) < (known.name.len(), &known.name) {
            *known = source;
        }
        known.named = named;
    }

    fn unfollowed_link(&mut self, path: &Path) {
        if let Err(error) = fs::metadata(path) {
            return self.unreachable(path, &error);
        }
        let target = fs::canonicalize(path);
        let place = path.parent().map(fs::canonicalize);
        if let (Ok(target), Some(Ok(place))) = (target, place)
            && place.starts_with(&target)
        {
            return self.loops(path, &target);
        }
        let reason = "a symbolic link was not followed; name it itself, or ask for links to be followed";
        self.damage(path, DamageKind::NotEvidence, false, reason);
    }

    fn walk_error(&mut self, root: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(root);
        match (error.loop_ancestor(), error.io_error()) {
            (Some(ancestor), _) => self.loops(path, ancestor),
            (None, Some(error)) => self.unreachable(path, error),
            (None, None) => self.damage(path, DamageKind::Unreadable, true, "the folder could not be read"),
        }
    }

    fn loops(&mut self, path: &Path, target: &Path) {
        let reason = format!("a symbolic link leads back to {}, in which it stands", display_name(target));
        self.damage(path, DamageKind::Unreadable, true, &reason);
    }

    fn unreachable(&mut self, path: &Path, error: &io::Error) {
        let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
        let reason = match (error.kind(), is_link) {
            (io::ErrorKind::NotFound, true) => "a symbolic link leads to nothing".to_owned(),
            (io::ErrorKind::NotFound, false) => "the path does not exist".to_owned(),
            (_, true) => format!("a symbolic link cannot be followed: {error}"),
            (_, false) => format!("cannot be read: {error}"),
        };
        self.damage(path, DamageKind::Unreadable, true, &reason);
    }

    fn special(&mut self, path: &Path, file_type: FileType) {
        let reason = format!("{} was not opened; copy what it gives into a file", special_kind(file_type));
        self.damage(path, DamageKind::NotEvidence, true, &reason);
    }

    fn damage(&mut self, path: &Path, kind: DamageKind, lost: bool, reason: &str) {
        let source = display_name(path);
        self.damages.push(Damage {
            source,
            chunk: None,
            record: None,
            kind,
            reason: reason.to_owned(),
            lost,
        });
    }

    fn finish(self) -> Walked {
        let mut sources: Vec<Source> = self.files.into_values().collect();
        sources.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
        for (ordinal, source) in (0..).zip(&mut sources) {
            source.ordinal = ordinal;
        }
        let mut damages = self.damages;
        damages.sort();
        damages.dedup();
        Walked { sources, damages }
    }
}

#[cfg(unix)]
fn special_kind(file_type: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special_kind(_: FileType) -> &'static str {
    "a special file"
}

/// `path` as reports print it. Two paths never get one name, unless a name spells out `\xNN` itself.
fn display_name(path: &Path) -> String {
    let mut name = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        name.push_str(chunk.valid());
        for byte in chunk.invalid() {
            name.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if MAIN_SEPARATOR == '/' { name } else { name.replace(MAIN_SEPARATOR, "/") }
}
