//! A zip without its directory: members by the headers that stand before them, as far as they go. It trusts no size that the bytes do not bear out.

use std::io::{Read, Seek, SeekFrom};

use zip::ZipReadOptions;
use zip::read::{ZipFile, read_zipfile_from_stream_with_options};
use zip::result::ZipResult;

use super::{member, modified, proves, sentence};
use crate::input::archive::seekable::{Seekable, View};
use crate::input::archive::{Member, Visit};
use crate::input::bytes::{u16_at, u32_at, u64_at};

/// What stands before a member (APPNOTE.TXT 4.3.7).
const HEADER: &[u8] = b"PK\x03\x04";
const HEADER_SIZE: u64 = 30;
/// What stands behind a member whose size was not known when its header was written (4.3.9).
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const DESCRIPTOR_SIZE: usize = 24;
/// Bytes looked through at a time.
const BLOCK: u64 = 1 << 16;

/// Tells of the members of `archive` whose headers stand at `from` and behind it.
pub(super) fn read(archive: &Seekable<'_>, from: u64, visit: &mut Visit<'_>) {
    let mut from = from;
    while let Some(at) = find(archive, from, HEADER, |_, _| true)
        && visit.next()
    {
        let Some(header) = Header::at(archive, at) else { return };
        from = header.tell(archive, visit).unwrap_or_else(|| at.saturating_add(1));
    }
}

/// A member's header.
struct Header {
    at: u64,
    /// Where the member begins.
    content: u64,
    /// Its size in the archive, its own and its checksum, where its header does not say but what stands behind it.
    behind: Option<Behind>,
    encrypted: bool,
}

/// What stands behind a member.
struct Behind {
    packed: u64,
    size_and_crc: Option<(u64, u32)>,
}

impl Header {
    /// The header at `at`; `None` when it is not all there.
    fn at(archive: &Seekable<'_>, at: u64) -> Option<Self> {
        let mut view = archive.in_order();
        let mut bytes = Vec::new();
        view.seek(SeekFrom::Start(at)).ok()?;
        view.take(HEADER_SIZE).read_to_end(&mut bytes).ok()?;
        let (flags, packed) = (u16_at(&bytes, 6)?, u32_at(&bytes, 18)?);
        let (name, extra) = (u16_at(&bytes, 26)?, u16_at(&bytes, 28)?);
        let content = [HEADER_SIZE, name.into(), extra.into()].into_iter().fold(at, u64::saturating_add);
        let behind = (flags & 8 != 0).then(|| match packed {
            0 | u32::MAX => Behind::of(archive, content),
            packed => Behind { packed: packed.into(), size_and_crc: None },
        });
        Some(Self { at, content, behind, encrypted: flags & 1 != 0 })
    }

    /// Tells of the member; where the next header may stand, `None` when this one is wrong.
    fn tell(&self, archive: &Seekable<'_>, visit: &mut Visit<'_>) -> Option<u64> {
        let mut password = None;
        if self.encrypted {
            let name = format!("the member at byte {}", self.at);
            let opens = |password: &str| {
                self.open(&mut archive.in_order(), Some(password)).is_ok_and(|content| content.is_some())
            };
            let reads = |password: &str| {
                self.open(&mut archive.in_order(), Some(password))
                    .is_ok_and(|content| content.is_some_and(proves))
            };
            match visit.password(&name, opens, reads) {
                Ok(found) => password = Some(found),
                Err(reason) => {
                    let member = Member { name, size: None, packed: None, modified: None };
                    visit.member(member, Err(reason));
                    return Some(self.content);
                }
            }
        }
        let mut view = archive.in_order();
        match self.open(&mut view, password.as_deref()) {
            Ok(Some(mut content)) => {
                let next = self.content.saturating_add(content.compressed_size());
                if !content.is_dir() {
                    let member = Member { modified: modified(&content), ..member(&content.entry()) };
                    visit.member(member, Ok(&mut content));
                }
                Some(next)
            }
            Ok(None) => None,
            Err(error) => {
                visit.damage(format!("the member at byte {} cannot be read: {}", self.at, sentence(&error)));
                None
            }
        }
    }

    fn open<'v, 's, 'a>(
        &self,
        view: &'v mut View<'s, 'a>,
        password: Option<&'v str>,
    ) -> ZipResult<Option<ZipFile<'v, View<'s, 'a>>>> {
        view.seek(SeekFrom::Start(self.at))?;
        let mut options = ZipReadOptions::new().password(password.map(str::as_bytes));
        if let Some(behind) = &self.behind {
            options = options.override_compressed_size(behind.packed);
            options = match behind.size_and_crc {
                Some((size, crc)) => options.override_uncompressed_size(size).override_crc(crc),
                None => options.ignore_crc32(true),
            };
        }
        read_zipfile_from_stream_with_options(view, options)
    }
}

impl Behind {
    /// What stands behind the member that begins at `content`: it tells the very distance. Without such, the member is all that is left.
    fn of(archive: &Seekable<'_>, content: u64) -> Self {
        let mut found = None;
        let at = find(archive, content, DESCRIPTOR, |at, bytes| {
            let packed = at.saturating_sub(content);
            let crc = u32_at(bytes, 4);
            let size = if u64_at(bytes, 8) == Some(packed) {
                u64_at(bytes, 16)
            } else if u32_at(bytes, 8).is_some_and(|stated| u64::from(stated) == packed) {
                u32_at(bytes, 12).map(u64::from)
            } else {
                None
            };
            found = size.zip(crc);
            found.is_some()
        });
        let packed = at.unwrap_or_else(|| archive.size()).saturating_sub(content);
        Self { packed, size_and_crc: found }
    }
}

/// The first place from `from` on at which `magic` stands and that `fits`, which is given what stands there: a descriptor's length, unless the end is near.
fn find(
    archive: &Seekable<'_>,
    from: u64,
    magic: &[u8],
    mut fits: impl FnMut(u64, &[u8]) -> bool,
) -> Option<u64> {
    let mut view = archive.in_order();
    view.seek(SeekFrom::Start(from)).ok()?;
    let (mut window, mut start) = (Vec::new(), from);
    loop {
        let more = (&mut view).take(BLOCK).read_to_end(&mut window).ok()?;
        for (at, _) in window.windows(magic.len()).enumerate().filter(|(_, bytes)| *bytes == magic) {
            let place = start.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
            if fits(place, window.get(at..).unwrap_or_default()) {
                return Some(place);
            }
        }
        if more == 0 {
            return None;
        }
        let passed = window.len().saturating_sub(DESCRIPTOR_SIZE.saturating_sub(1));
        window.drain(..passed);
        start = start.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
    }
}
