//! Archives → the members in them, one after the other, as streams. Nothing is unpacked beside the evidence, no member's name is used as a path, and what is
//! in a member is for others to see.

use std::io::{self, Read};
use std::ops::ControlFlow;

use crate::finding::{Damage, DamageKind};
use crate::time::Timestamp;

use super::detect::Format;
use super::source::{Looked, Tap, failure};

mod limits;
mod name;
mod passwords;
mod seekable;
#[cfg(feature = "sevenz")]
mod sevenz;
mod single;
mod tar;
mod zip;

pub use limits::ArchiveOptions;
pub(super) use limits::Budget;
pub(super) use name::{is_expected, member_name};
pub(super) use passwords::Keyring;
pub use passwords::{Asker, Passwords};
pub(super) use zip::is_document;

use seekable::Seekable;

/// What to say of an encrypted member for which no password is known.
const NO_PASSWORD: &str =
    "it is encrypted, and no password is known: name a file of passwords with --archive-password-file";
/// What to say of an encrypted member that none of the known passwords opens.
const WRONG_PASSWORD: &str =
    "it is encrypted, and none of the passwords opens it: add the right one to --archive-password-file";

/// A member of an archive.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    /// Its name in the archive, `/`-separated. It is data: whatever an attacker liked to write.
    pub(super) name: String,
    /// Bytes, as the archive says.
    pub(super) size: Option<u64>,
    /// Bytes it takes in the archive.
    pub(super) packed: Option<u64>,
    /// Last modification, where the archive gives it in UTC.
    pub(super) modified: Option<Timestamp>,
}

/// Who is told of the members of an archive, in its order: the bytes, or why there are none. Breaking off ends the archive.
pub(super) type Members<'m> = dyn FnMut(Member, Result<&mut dyn Read, String>) -> ControlFlow<()> + 'm;

/// What is known of an archive at its end.
#[derive(Debug, Default)]
pub(super) struct Archived {
    /// SHA-256 of its bytes, lower-case hex, where it was taken.
    pub(super) sha256: Option<String>,
    /// Bytes read.
    pub(super) size: u64,
    /// Members told of.
    pub(super) members: u64,
    /// What was wrong with it as a whole.
    pub(super) damages: Vec<Damage>,
    /// Whether [`Members`] broke off.
    pub(super) broken_off: bool,
}

/// Reads the archive that was `looked` at, of the given `format` and name and of `size` bytes as far as is known, and tells `members`.
pub(super) fn read(
    format: Format,
    name: &str,
    size: Option<u64>,
    looked: Looked<'_>,
    budget: &Budget<'_>,
    keyring: &Keyring,
    members: &mut Members<'_>,
) -> Archived {
    let archived = Archived::default();
    let mut visit =
        Visit { name, size, budget, keyring, members, asked: false, proven: None, stopped: false, archived };
    match format {
        Format::Zip | Format::SevenZ => visit.in_any_order(format, looked),
        Format::Tar => visit.in_order(looked, |reader, visit| tar::read(reader, visit)),
        Format::Gz | Format::Bzip2 | Format::Xz | Format::Zstd => {
            visit.in_order(looked, |reader, visit| single::read(format, reader, visit));
        }
    }
    visit.archived
}

/// One archive on its way through.
struct Visit<'v> {
    name: &'v str,
    size: Option<u64>,
    budget: &'v Budget<'v>,
    keyring: &'v Keyring,
    members: &'v mut Members<'v>,
    /// Whether a password of this archive was asked for.
    asked: bool,
    /// A password that opened a member of it.
    proven: Option<String>,
    /// Whether no more members are wanted.
    stopped: bool,
    archived: Archived,
}

impl Visit<'_> {
    fn in_any_order(&mut self, format: Format, looked: Looked<'_>) {
        let archive = match Seekable::new(looked) {
            Ok(archive) => archive,
            Err(error) => {
                return self.damage(format!("it cannot be read in the order of its directory: {error}"));
            }
        };
        match format {
            #[cfg(feature = "sevenz")]
            Format::SevenZ => sevenz::read(&archive, self),
            #[cfg(not(feature = "sevenz"))]
            Format::SevenZ => self.damage(
                "it is a 7z archive, and this evql was built without the feature `sevenz`: unpack it first"
                    .to_owned(),
            ),
            _ => zip::read(&archive, self),
        }
        self.archived.size = archive.size();
        if !self.archived.broken_off {
            let (sha256, error) = archive.finish();
            self.archived.sha256 = sha256;
            if let Some(error) = error {
                self.damage(format!("not all of it could be read: {error}"));
            }
        }
    }

    fn in_order(&mut self, looked: Looked<'_>, read: impl FnOnce(&mut Rest<'_>, &mut Self)) {
        let mut rest = Rest { head: io::Cursor::new(looked.head), tap: looked.tap };
        read(&mut rest, self);
        // Broken off, nobody waits for a hash.
        let finished = if self.archived.broken_off { rest.tap.finish() } else { rest.tap.drain() };
        (self.archived.size, self.archived.sha256) = finished;
    }

    /// Whether one more entry of the archive is wanted; to be asked before each.
    fn next(&mut self) -> bool {
        if self.stopped {
            return false;
        }
        let over = match (self.budget.spent(), self.budget.count()) {
            (Some(reason), _) => reason.to_owned(),
            (None, Err(reason)) => reason,
            (None, Ok(())) => return true,
        };
        self.stopped = true;
        self.damage(format!("its members are not read from here on: {over}"));
        false
    }

    /// Tells of a member and gives its bytes, as many as may come out, or why there are none.
    fn member(&mut self, member: Member, content: Result<&mut dyn Read, String>) {
        self.tell(member, content, false);
    }

    /// Like [`Visit::member`], and reads what was left, since the next member is behind it.
    #[cfg(feature = "sevenz")]
    fn member_of_many(&mut self, member: Member, content: &mut dyn Read) {
        self.tell(member, Ok(content), true);
    }

    fn tell(&mut self, member: Member, content: Result<&mut dyn Read, String>, to_its_end: bool) {
        self.archived.members = self.archived.members.saturating_add(1);
        let told = match content {
            Ok(content) => {
                let mut content = self.budget.limit(content, member.packed);
                let told = (self.members)(member, Ok(&mut content));
                if to_its_end && told.is_continue() {
                    // What is wrong with it the next member will feel.
                    let _ = io::copy(&mut content, &mut io::sink());
                }
                told
            }
            Err(reason) => (self.members)(member, Err(reason)),
        };
        self.archived.broken_off |= told.is_break();
        self.stopped |= self.archived.broken_off;
    }

    /// Notes that something of the archive is lost.
    fn damage(&mut self, reason: String) {
        self.archived.damages.push(failure(self.name, &reason));
    }

    /// Notes that the archive is something that evql does not read.
    fn not_evidence(&mut self, reason: &str) {
        self.archived.damages.push(Damage { kind: DamageKind::NotEvidence, ..failure(self.name, reason) });
    }

    /// The password of `member`: it `opens` the member, and if one that `reads` it can be told from others, it is that.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    fn password(
        &mut self,
        member: &str,
        mut opens: impl FnMut(&str) -> bool,
        reads: impl FnMut(&str) -> bool,
    ) -> Result<String, String> {
        if let Some(proven) = self.proven.clone().filter(|proven| opens(proven)) {
            return Ok(proven);
        }
        match self.keyring.find(self.name, &mut self.asked, opens, reads) {
            None if self.keyring.is_empty() => Err(NO_PASSWORD.to_owned()),
            None => Err(WRONG_PASSWORD.to_owned()),
            Some(key) => {
                if key.proven {
                    self.proven = Some(key.password.clone());
                } else {
                    self.damage(format!(
                        "{member} is encrypted, and either it is damaged or the right password is not in --archive-password-file"
                    ));
                }
                Ok(key.password)
            }
        }
    }
}

/// The whole of a source that was looked at.
struct Rest<'a> {
    head: io::Cursor<Vec<u8>>,
    tap: Tap<'a>,
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.head.read(buffer)? {
            0 => self.tap.read(buffer),
            read => Ok(read),
        }
    }
}
