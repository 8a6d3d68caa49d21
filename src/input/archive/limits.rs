//! How much archives may unpack to: ceilings for a member and for all that comes out of one archive, so that a bomb costs minutes, not the disk or the
//! night. It reads nothing by itself.

use std::cell::Cell;
use std::io::{self, Read};

use super::Passwords;

/// Bytes that may come out whatever the ratio.
const NO_BOMB_YET: u64 = 64 << 20;

/// How archives are read.
#[derive(Debug, Clone)]
pub struct ArchiveOptions {
    /// Most bytes of one member.
    pub max_member: u64,
    /// Most bytes that come out of one file, archives in it included.
    pub max_total: u64,
    /// Most bytes that come out for each byte of an archive or member, once more than 64 MiB did.
    pub max_ratio: u64,
    /// Most members of one file, those of archives in it included.
    pub max_members: u64,
    /// How deep archives may lie in each other; 1 opens no archive in an archive.
    pub max_depth: u32,
    /// What opens encrypted members.
    pub passwords: Passwords,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            max_member: 16 << 30,
            max_total: 1 << 40,
            max_ratio: 1_000,
            max_members: 1_000_000,
            max_depth: 4,
            passwords: Passwords::default(),
        }
    }
}

/// What came out of one file so far, archives in it included.
pub(in crate::input) struct Budget<'o> {
    options: &'o ArchiveOptions,
    total: Ceiling,
    out: Cell<u64>,
    members: Cell<u64>,
}

/// Bytes that may come out, and what to say to more.
struct Ceiling {
    bytes: u64,
    reason: String,
}

impl<'o> Budget<'o> {
    /// For a file of `size` bytes, where that is known.
    pub(in crate::input) fn new(options: &'o ArchiveOptions, size: Option<u64>) -> Self {
        let total = Ceiling {
            bytes: options.max_total,
            reason: format!(
                "more than {} bytes came out of it; --archive-max-total allows more",
                options.max_total
            ),
        };
        let total = total.or_ratio(options.max_ratio, size);
        Self { options, total, out: Cell::new(0), members: Cell::new(0) }
    }

    /// Counts one more member.
    ///
    /// # Errors
    /// That there are too many, as a sentence.
    pub(super) fn count(&self) -> Result<(), String> {
        self.members.set(self.members.get().saturating_add(1));
        let most = self.options.max_members;
        if self.members.get() <= most {
            return Ok(());
        }
        Err(format!("it holds more than {most} members; --archive-max-members allows more"))
    }

    /// Why nothing more may come out, once that is so.
    pub(super) fn spent(&self) -> Option<&str> {
        (self.out.get() >= self.total.bytes).then_some(self.total.reason.as_str())
    }

    /// `reader`, of a member that takes `packed` bytes in its archive as far as is known, as far as it may come out.
    pub(super) fn limit<'a, R: Read>(&'a self, reader: R, packed: Option<u64>) -> Limited<'a, 'o, R> {
        let most = self.options.max_member;
        let member = Ceiling {
            bytes: most,
            reason: format!("it has more than {most} bytes; --archive-max-member allows more"),
        };
        Limited { reader, budget: self, member: member.or_ratio(self.options.max_ratio, packed), out: 0 }
    }
}

impl Ceiling {
    /// The lower one of this and what `packed` bytes may grow to.
    fn or_ratio(self, ratio: u64, packed: Option<u64>) -> Self {
        let bytes = packed.map_or(u64::MAX, |packed| packed.saturating_mul(ratio)).max(NO_BOMB_YET);
        let reason = format!(
            "a zip bomb by its look: more than {ratio} bytes came out for each byte of it; --archive-max-ratio allows more"
        );
        if bytes < self.bytes { Self { bytes, reason } } else { self }
    }
}

/// A member's bytes, as many as may come out; then an error that says why no more.
pub(super) struct Limited<'a, 'o, R> {
    reader: R,
    budget: &'a Budget<'o>,
    member: Ceiling,
    out: u64,
}

impl<R: Read> Read for Limited<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let total = self.budget.out.get();
        let of_all = self.budget.total.bytes.saturating_sub(total);
        let of_member = self.member.bytes.saturating_sub(self.out);
        let room = usize::try_from(of_all.min(of_member)).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 && !buffer.is_empty() {
            // A member that ends exactly here is whole.
            return match self.reader.read(&mut [0])? {
                0 => Ok(0),
                _ if of_member <= of_all => Err(io::Error::other(self.member.reason.clone())),
                _ => Err(io::Error::other(self.budget.total.reason.clone())),
            };
        }
        let read = self.reader.read(buffer.get_mut(..room).unwrap_or_default())?;
        let counted = u64::try_from(read).unwrap_or(u64::MAX);
        self.out = self.out.saturating_add(counted);
        self.budget.out.set(total.saturating_add(counted));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(max_member: u64, max_total: u64) -> ArchiveOptions {
        ArchiveOptions { max_member, max_total, ..ArchiveOptions::default() }
    }

    fn read(budget: &Budget<'_>, bytes: usize, packed: Option<u64>) -> (usize, Option<String>) {
        let mut out = Vec::new();
        let error = budget.limit(io::repeat(7).take(bytes as u64), packed).read_to_end(&mut out).err();
        (out.len(), error.map(|error| error.to_string()))
    }

    #[test]
    fn a_member_may_have_exactly_as_much() {
        let options = options(10, 25);
        let budget = Budget::new(&options, None);
        assert_eq!(read(&budget, 10, None), (10, None));
        let (len, reason) = read(&budget, 11, None);
        assert_eq!(len, 10);
        assert!(reason.is_some_and(|reason| reason.contains("--archive-max-member ")));
        assert_eq!(budget.spent(), None);
        let (len, reason) = read(&budget, 10, None);
        assert_eq!(len, 5);
        assert!(reason.is_some_and(|reason| reason.contains("--archive-max-total")));
        assert!(budget.spent().is_some());
    }

    #[test]
    fn a_ratio_counts_only_once_much_came_out() {
        let options = ArchiveOptions { max_ratio: 2, ..ArchiveOptions::default() };
        let most = NO_BOMB_YET as usize;
        assert_eq!(read(&Budget::new(&options, None), most, Some(1)), (most, None));
        let (len, reason) = read(&Budget::new(&options, None), most + 1, Some(1));
        assert_eq!(len, most);
        assert!(reason.is_some_and(|reason| reason.contains("--archive-max-ratio")));
        let (len, _) = read(&Budget::new(&options, Some(1)), most + 1, None);
        assert_eq!(len, most);
        assert_eq!(read(&Budget::new(&options, Some(NO_BOMB_YET)), most + 1, None), (most + 1, None));
    }

    #[test]
    fn members_are_counted() {
        let options = ArchiveOptions { max_members: 2, ..ArchiveOptions::default() };
        let budget = Budget::new(&options, None);
        assert_eq!((budget.count(), budget.count()), (Ok(()), Ok(())));
        assert!(budget.count().is_err_and(|reason| reason.contains("--archive-max-members")));
    }
}
