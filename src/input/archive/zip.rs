//! zip → its members, in the order of its directory, which is read one entry at a time. Where the directory is damaged or gone, [`local`] goes by the
//! headers that stand before the members.

use std::io::{self, Read};

use zip::ZipReadOptions;
use zip::extra_fields::ExtraField;
use zip::read::{ArchiveOffset, Config, OwnedZipFileEntry, ZipFile, ZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use crate::time::Timestamp;

use super::name::shown;
use super::seekable::{Seekable, View};
use super::{Member, Visit};

mod local;

/// Bytes that are unpacked to see whether a password is the right one.
const PROOF: u64 = 64 << 20;
/// Entries of a zip that holds nothing but what Velociraptor sealed.
const SEALED_ENTRIES: usize = 4;
/// Bytes of such a zip's `metadata.json` that are read.
const METADATA: u64 = 1 << 20;

/// The member that Velociraptor seals everything in.
const SEALED: &str = "data.zip";
/// What to do with what a certificate seals.
const REMEDY: &str = "it is sealed with a certificate (X.509), whose owner alone can open it: decrypt the collection with `velociraptor` and the private key first";

/// What tells a disk image in AFF4 from other zips.
const AFF4: [&str; 2] = ["container.description", "information.turtle"];

/// What the first member is called in documents and programs that are zips: Office's, OpenDocument's and EPUB's, Java's and Android's.
const DOCUMENTS: [&[u8]; 7] = [
    b"[Content_Types].xml",
    b"_rels/",
    b"docProps/",
    b"mimetype",
    b"META-INF/",
    b"AndroidManifest.xml",
    b"classes.dex",
];

/// Whether the zip that begins with `head` is a document or a program, in which no collector puts logs and of which every disk is full.
pub(in crate::input) fn is_document(head: &[u8]) -> bool {
    let name = head.get(30..).filter(|_| head.starts_with(b"PK\x03\x04")).unwrap_or_default();
    DOCUMENTS.iter().any(|first| name.starts_with(first))
}

/// Reads `archive` and tells of its members.
pub(super) fn read(archive: &Seekable<'_>, visit: &mut Visit<'_>) {
    // What was found to be a zip begins as one. A directory that only fits further on belongs to a zip that lies in this one.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut directory = match ZipIterable::try_new(archive.ahead(), config) {
        Ok(directory) => directory,
        Err(error) => {
            visit.damage(format!(
                "its directory cannot be read, as when a copy broke off; its members were read by their own headers: {}",
                sentence(&error)
            ));
            return local::read(archive, 0, visit);
        }
    };
    let sealed = directory.len() <= SEALED_ENTRIES && is_sealed(archive, &mut directory);
    let mut read_to = 0;
    let mut is_aff4 = false;
    let Ok(entries) = directory.files() else { return };
    while visit.next() {
        let entry = match entries.next() {
            Some(Ok(entry)) => OwnedZipFileEntry::from(entry),
            Some(Err(error)) => {
                visit.damage(format!(
                    "its directory is damaged; the members it does not tell of were read by their own headers: {}",
                    sentence(&error)
                ));
                return local::read(archive, read_to, visit);
            }
            None => break,
        };
        read_to = read_to.max(entry.header_start().saturating_add(entry.compressed_size()));
        if !entry.is_dir() {
            let member = member(&entry.as_ref());
            is_aff4 |= AFF4.contains(&member.name.as_str());
            tell(archive, &entry, member, sealed, visit);
        }
    }
    if is_aff4 {
        let what = "it is an AFF4 disk image, which is not opened: mount it read-only and name the folder winevt/Logs";
        visit.not_evidence(what);
    }
}

/// Tells of the member at `entry`, opened if it can be. `sealed` says that a certificate's owner alone has the password of `data.zip`.
fn tell(
    archive: &Seekable<'_>,
    entry: &OwnedZipFileEntry,
    member: Member,
    sealed: bool,
    visit: &mut Visit<'_>,
) {
    let mut password = None;
    if entry.encrypted() {
        let found = visit.password(
            &member.name,
            |password| entry.as_ref().with_reader(&mut archive.in_order(), options(Some(password))).is_ok(),
            |password| {
                entry.as_ref().with_reader(&mut archive.in_order(), options(Some(password))).is_ok_and(proves)
            },
        );
        match found {
            Ok(found) => password = Some(found),
            Err(_) if sealed && member.name == SEALED => return visit.member(member, Err(REMEDY.to_owned())),
            Err(reason) => return visit.member(member, Err(reason)),
        }
    }
    let mut body = archive.in_order();
    let opened = entry.as_ref().with_reader(&mut body, options(password.as_deref()));
    match opened {
        Ok(mut content) => {
            let modified = modified(&content);
            visit.member(Member { modified, ..member }, Ok(&mut content));
        }
        Err(error) => visit.member(member, Err(sentence(&error))),
    }
}

fn options(password: Option<&str>) -> ZipReadOptions<'_> {
    ZipReadOptions::new().password(password.map(str::as_bytes))
}

/// Whether what was opened with a password can be read. That it opens says little: one wrong password in 256 does, where the old cipher is used.
fn proves<R: Read>(content: ZipFile<'_, R>) -> bool {
    io::copy(&mut content.take(PROOF), &mut io::sink()).is_ok()
}

/// Whether the zip is a collection of Velociraptor's, sealed with a certificate: `metadata.json` beside `data.zip` says so.
fn is_sealed<'s, 'a>(archive: &'s Seekable<'a>, directory: &mut ZipIterable<View<'s, 'a>>) -> bool {
    let Ok(entries) = directory.files() else { return false };
    let Some(entry) = entries.flatten().find(|entry| entry.name_raw() == b"metadata.json") else {
        return false;
    };
    let entry = OwnedZipFileEntry::from(entry);
    let mut body = archive.ahead();
    let mut text = Vec::new();
    if let Ok(content) = entry.as_ref().with_reader(&mut body, options(None)) {
        // As much as can be read is looked at.
        let _ = content.take(METADATA).read_to_end(&mut text);
    }
    text.to_ascii_lowercase().windows(4).any(|word| word == b"x509")
}

/// What is told of the member at `entry` before it is opened.
fn member(entry: &ZipFileEntry<'_>) -> Member {
    let name = entry.name().map_or_else(|_| shown(entry.name_raw()), |name| name.into_owned());
    Member {
        // Some writers on Windows use its separator.
        name: name.replace('\\', "/"),
        size: Some(entry.size()),
        packed: Some(entry.compressed_size()),
        modified: None,
    }
}

/// When the member was last modified, where that is said in UTC; the time that every zip gives is of no known zone.
fn modified<R: Read>(content: &ZipFile<'_, R>) -> Option<Timestamp> {
    content.extra_data_fields().find_map(|field| match field {
        ExtraField::Ntfs(times) => Some(Timestamp::from_filetime(times.mtime())),
        ExtraField::ExtendedTimestamp(times) => times
            .mod_time()
            .map(|seconds| Timestamp::from_unix_millis(i64::from(seconds).saturating_mul(1_000))),
        _ => None,
    })
}

/// Why a zip or a member of one cannot be read.
fn sentence(error: &ZipError) -> String {
    match error {
        ZipError::Io(error) => error.to_string(),
        ZipError::InvalidArchive(reason) => reason.clone().into_owned(),
        ZipError::UnsupportedArchive(reason) => (*reason).to_owned(),
        ZipError::CompressionMethodNotSupported(method) => {
            format!("it is compressed by method {method}, which is not read: unpack it first")
        }
        error => error.to_string(),
    }
}
