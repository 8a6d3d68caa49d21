//! The run itself and the case it is for: what differs between two runs over the same evidence. It measures nothing.

use super::Tlp;
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
    /// How often and how the outputs were written again from what a run left, the first time first; none for the run itself.
    pub rebuilt: Vec<Rebuilt>,
    /// What was merged; `None` for a run over evidence.
    pub merged: Option<Merged>,
}

/// The runs whose findings were brought together, without their evidence.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Merged {
    /// The runs over evidence; those of a merge that was merged stand here in its place.
    pub runs: Vec<MergedRun>,
    /// How many findings were found by more than one run, and counted once.
    pub findings_in_several: u64,
    /// What the merge cannot know, one sentence each.
    pub doubts: Vec<String>,
}

/// One of the runs that were merged.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MergedRun {
    /// What it is called here: the name of its folder, or where several have the same, its path as given.
    pub name: String,
    /// evql's version.
    pub version: String,
    /// The command line.
    pub arguments: Vec<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The exit code it ended with.
    pub exit_code: u8,
    /// What it was for.
    pub case: Case,
    /// How many inputs it had.
    pub inputs: u64,
    /// How many findings it had, those set aside too.
    pub findings: u64,
    /// SHA-256 of the `findings.jsonl` that was read, lower-case hex.
    pub findings_sha256: String,
    /// SHA-256 of the `run.json` that was read, lower-case hex.
    pub run_sha256: String,
    /// Why what was read may not be what it found, one sentence each.
    pub doubts: Vec<String>,
}

impl Merged {
    /// What is doubtful about the merge or one of its runs.
    fn all_doubts(&self) -> impl Iterator<Item = &String> {
        self.doubts.iter().chain(self.runs.iter().flat_map(|run| &run.doubts))
    }
}

/// Outputs written again, without the evidence.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Rebuilt {
    /// When.
    pub time: Timestamp,
    /// By which version of evql.
    pub version: String,
    /// The command line.
    pub arguments: Vec<String>,
    /// The folder that relative paths were taken from.
    pub working_directory: String,
    /// SHA-256 of the `findings.jsonl` that was read, lower-case hex.
    pub findings_sha256: String,
    /// SHA-256 of the `run.json` that was read, lower-case hex.
    pub run_sha256: String,
    /// The case as it stood there.
    pub case_before: Case,
    /// Why the result may not be what the run found, one sentence each; none when all is as the run wrote it.
    pub doubts: Vec<String>,
}

impl Run {
    /// What is doubtful about what was read back or merged, one sentence each.
    pub fn doubts(&self) -> impl Iterator<Item = &str> {
        let merged = self.merged.iter().flat_map(Merged::all_doubts);
        self.rebuilt.iter().flat_map(|rebuilt| &rebuilt.doubts).chain(merged).map(String::as_str)
    }
}

/// What a run is for, as whoever started it says. All of it may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Case {
    /// The case's number or name.
    pub id: String,
    /// Who examines.
    pub examiner: String,
    /// For whom.
    pub organization: String,
    /// The numbers of the pieces of evidence.
    pub evidence_ids: Vec<String>,
    /// Who may read the result; `None` when nothing is said.
    #[serde(default)]
    pub tlp: Option<Tlp>,
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
