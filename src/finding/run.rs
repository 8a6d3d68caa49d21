//! The run itself and the case it is for: what differs between two runs over the same evidence. It measures nothing.

use crate::time::Timestamp;

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// evql's version.
    pub version: String,
    /// SHA-256 of the program itself, lower-case hex; `None` when it cannot be read.
    pub executable_sha256: Option<String>,
    /// The operating system and processor it was built for: `linux-x86_64`.
    pub platform: String,
    /// The command line.
    pub arguments: Vec<String>,
    /// The folder that relative paths were taken from.
    pub working_directory: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Worker threads.
    pub threads: usize,
    /// The exit code it ends with.
    pub exit_code: u8,
    /// What the run is for.
    pub case: Case,
}

/// What a run is for, as whoever started it says. All of it may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    /// The case's number or name.
    pub id: String,
    /// Who examines.
    pub examiner: String,
    /// For whom.
    pub organization: String,
    /// The numbers of the pieces of evidence.
    pub evidence_ids: Vec<String>,
    /// With whom the results may be shared; `None` when nothing is said.
    pub tlp: Option<Tlp>,
}

/// A label of FIRST's Traffic Light Protocol, version 2.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tlp {
    /// With everybody.
    Clear,
    /// Within the community.
    Green,
    /// With those who need to know, clients included.
    Amber,
    /// With those who need to know in one organization.
    AmberStrict,
    /// With nobody else.
    Red,
}

impl Tlp {
    /// The word used on the command line and in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::AmberStrict => "amber+strict",
            Self::Red => "red",
        }
    }

    /// The label as the protocol wants it written: `TLP:AMBER+STRICT`.
    pub fn label(self) -> String {
        format!("TLP:{}", self.as_str().to_uppercase())
    }
}

impl Case {
    /// What is known of it, by the words that reports use.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("Case", self.id.clone()),
            ("Examiner", self.examiner.clone()),
            ("Organization", self.organization.clone()),
            ("Evidence", self.evidence_ids.join(", ")),
            ("Sharing", self.tlp.map(Tlp::label).unwrap_or_default()),
        ];
        all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }
}
