//! Indicators of compromise: what findings show that can be looked for elsewhere, and what of it is context only. It writes no file.
//!
//! An indicator is what somebody may feed to a firewall unread, so that doubt makes context: private addresses, names of the house, hashes and paths of
//! programs that every Windows has.

mod names;
mod program;
mod sightings;
mod table;

use std::collections::{BTreeMap, BTreeSet};

pub use names::{NameScope, address, host_name};
pub use table::{COLUMNS, Row, write_text};

use crate::finding::{EvidenceEvent, Outcome};
use crate::time::Timestamp;

/// What kind of value an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An IPv4 or IPv6 address.
    Ip,
    /// A host name.
    Domain,
    /// A URL in a command line.
    Url,
    /// SHA-256 of a program.
    Sha256,
    /// SHA-1 of a program.
    Sha1,
    /// MD5 of a program.
    Md5,
    /// MD5 over a program's imports.
    Imphash,
    /// A program's path.
    Path,
    /// A program's file name.
    FileName,
}

impl Kind {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::Imphash => "imphash",
            Self::Path => "path",
            Self::FileName => "file_name",
        }
    }

    /// Whether a mail program may turn it into a link.
    pub fn is_link(self) -> bool {
        matches!(self, Self::Ip | Self::Domain | Self::Url)
    }
}

/// Whether one sighting of a value makes it an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It does.
    Indicator,
    /// It does not; another may.
    Weak(&'static str),
    /// It does not, and no other does.
    Context(&'static str),
}

/// A value and all that is known of where it was seen.
#[derive(Debug, Default)]
pub struct Ioc<'a> {
    /// Where an address or name belongs; empty for what is neither.
    pub scope: &'static str,
    /// In what parts it was seen: `destination`, `dns_question`, `command_line` …
    pub seen_as: BTreeSet<&'static str>,
    /// UtcTime of the first sighting.
    pub first: Option<Timestamp>,
    /// UtcTime of the last.
    pub last: Option<Timestamp>,
    /// The hosts.
    pub hosts: BTreeSet<&'a str>,
    /// The ids of the findings that show it.
    pub findings: BTreeSet<&'a str>,
    /// The first event that shows it; `None` when only the count of a story does.
    pub event: Option<&'a EvidenceEvent>,
    indicator: bool,
    weak: Option<&'static str>,
    context: Option<&'static str>,
}

impl Ioc<'_> {
    /// Why it is context and no indicator; `None` for an indicator.
    pub fn doubt(&self) -> Option<&'static str> {
        self.context.or(if self.indicator { None } else { self.weak })
    }
}

/// The values of all findings by kind and value. Findings that an allow-list set aside show none.
pub fn collect(outcome: &Outcome) -> BTreeMap<(Kind, String), Ioc<'_>> {
    let mut iocs = sightings::Sightings::default();
    let told = super::story::Told::of(&outcome.findings);
    for finding in &outcome.findings {
        iocs.add(finding, told.elsewhere(finding).is_none());
    }
    iocs.into_map()
}
