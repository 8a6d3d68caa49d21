//! 7z → its members, block by block: what lies in one block comes only in its order. It writes none.

use std::io::{self, Read};

use sevenz_rust2::{Archive, ArchiveEntry, BlockDecoder, EncoderMethod, Error, Password};

use crate::time::Timestamp;

use super::seekable::Seekable;
use super::{Member, Visit};

/// KiB of memory for the header, and again for what a block's coder asks for.
const MEMORY: usize = 1 << 20;
/// Bytes of a block's first member that are unpacked to see whether a password is the right one.
const PROOF: u64 = 1 << 20;

/// Reads `file` and tells of its members.
pub(super) fn read(file: &Seekable<'_>, visit: &mut Visit<'_>) {
    let open = |password: &str| {
        Archive::read_with_memory_limit(&mut file.ahead(), &Password::from(password), MEMORY)
    };
    let opened = match open("") {
        Err(Error::PasswordRequired | Error::MaybeBadPassword(_)) => {
            let opens = |password: &str| open(password).is_ok();
            match visit.password("its list of members", opens, |_| true) {
                Ok(password) => open(&password),
                Err(reason) => return visit.damage(reason),
            }
        }
        opened => opened,
    };
    let archive = match opened {
        Ok(archive) => archive,
        Err(error) => {
            let reason =
                format!("its list of members, which stands at its end, cannot be read: {}", sentence(&error));
            return visit.damage(reason);
        }
    };
    for block in 0..archive.blocks.len() {
        read_block(file, &archive, block, visit);
    }
    // What has no bytes lies in no block.
    let blocks = archive.stream_map.file_block_index.iter();
    for (entry, _) in archive.files.iter().zip(blocks).filter(|(_, block)| block.is_none()) {
        if !entry.is_directory() && visit.next() {
            visit.member(member(entry), Ok(&mut io::empty()));
        }
    }
}

/// Tells of the members of one block. Of those behind a damage there is only that to tell.
fn read_block(file: &Seekable<'_>, archive: &Archive, block: usize, visit: &mut Visit<'_>) {
    let mut reason = String::new();
    let password = match block_password(file, archive, block, visit) {
        Ok(password) => password,
        Err(unopened) => {
            reason = unopened;
            String::new()
        }
    };
    let mut told = 0_usize;
    let (password, mut view) = (Password::from(password.as_str()), file.in_order());
    let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY, block, archive, &password, &mut view);
    let first = archive.stream_map.block_first_file_index.get(block).copied().unwrap_or_default();
    let entries = archive.files.iter().skip(first).take(decoder.entry_count());
    if reason.is_empty() {
        let read = decoder.for_each_entries(&mut |entry, content| {
            if visit.next() {
                told = told.saturating_add(1);
                if !entry.is_directory() {
                    visit.member_of_many(member(entry), content);
                }
            }
            Ok(!visit.stopped)
        });
        reason = read.err().map(|error| sentence(&error)).unwrap_or_default();
    }
    if !reason.is_empty() {
        for entry in entries.skip(told).filter(|entry| !entry.is_directory()) {
            if visit.next() {
                visit.member(member(entry), Err(reason.clone()));
            }
        }
    }
}

/// The password of a block; none where none is needed.
fn block_password(
    file: &Seekable<'_>,
    archive: &Archive,
    block: usize,
    visit: &mut Visit<'_>,
) -> Result<String, String> {
    let coders = archive.blocks.get(block).map(|block| block.coders.iter());
    if !coders.into_iter().flatten().any(|coder| coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256)
    {
        return Ok(String::new());
    }
    // To derive the key takes half a million hashes: it is done once more for each block as it is.
    if let Some(proven) = &visit.proven {
        return Ok(proven.clone());
    }
    let opens = |password: &str| {
        let (password, mut view) = (Password::from(password), file.in_order());
        let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY, block, archive, &password, &mut view);
        let mut read = Ok(0);
        let decoded = decoder.for_each_entries(&mut |_, content| {
            read = io::copy(&mut content.take(PROOF), &mut io::sink());
            Ok(false)
        });
        decoded.is_ok() && read.is_ok()
    };
    visit.password("a block of it", opens, |_| true)
}

/// What the header tells of a member.
fn member(entry: &ArchiveEntry) -> Member {
    let modified = u64::from(entry.last_modified_date());
    Member {
        name: entry.name().replace('\\', "/"),
        size: Some(entry.size()),
        packed: None,
        modified: Some(modified).filter(|ticks| *ticks != 0).map(Timestamp::from_filetime),
    }
}

/// Why a 7z or a member of one cannot be read.
fn sentence(error: &Error) -> String {
    match error {
        Error::Io(error, _) | Error::MaybeBadPassword(error) => error.to_string(),
        Error::ChecksumVerificationFailed | Error::NextHeaderCrcMismatch => {
            "its checksum is wrong".to_owned()
        }
        Error::Other(reason) | Error::Unsupported(reason) => reason.clone().into_owned(),
        Error::UnsupportedCompressionMethod(method) => {
            format!("it is compressed by {method}, which is not read: unpack it first")
        }
        Error::MaxMemLimited { .. } => "reading it would take more than 1 GiB of memory".to_owned(),
        error => error.to_string(),
    }
}
