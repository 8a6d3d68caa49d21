//! One compressed file: gzip, bzip2, xz or Zstandard → its one member. It does not look whether that is an archive again.

use std::io::{BufReader, Read};

use bzip2::read::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::input::detect::Format;
use crate::time::Timestamp;

use super::name::{shown, uncompressed};
use super::{Member, Rest, Visit};

/// KiB of memory that an xz file may ask for: what `xz -9` needs, four times.
const XZ_MEMORY: u32 = 256 << 10;

/// Reads the compressed file `reader` and tells of what is in it.
pub(super) fn read(format: Format, reader: &mut Rest<'_>, visit: &mut Visit<'_>) {
    if !visit.next() {
        return;
    }
    let mut member =
        Member { name: uncompressed(visit.name), size: None, packed: visit.size, modified: None };
    match format {
        Format::Gz => {
            let mut content = MultiGzDecoder::new(BufReader::new(reader));
            if let Some(header) = content.header() {
                let stored = header.filename().map(shown).filter(|name| !name.is_empty());
                member.name = stored.unwrap_or(member.name);
                // RFC 1952: seconds since 1970, 0 when there is none.
                let seconds = Some(i64::from(header.mtime())).filter(|seconds| *seconds != 0);
                member.modified =
                    seconds.map(|seconds| Timestamp::from_unix_millis(seconds.saturating_mul(1_000)));
            }
            visit.member(member, Ok(&mut content));
        }
        Format::Bzip2 => visit.member(member, Ok(&mut MultiBzDecoder::new(reader))),
        Format::Xz => visit.member(member, Ok(&mut XzReader::new_mem_limit(reader, true, XZ_MEMORY))),
        _ => match zstd::Decoder::new(reader) {
            Ok(mut content) => visit.member(member, Ok(&mut content as &mut dyn Read)),
            Err(error) => visit.damage(format!("it cannot be read: {error}")),
        },
    }
}
