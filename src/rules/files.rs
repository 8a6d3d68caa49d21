//! Rules from a file or a folder. A file that is no good is noted with its place and does not stop the others.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::toml::{self, Outcome};
use super::{Rule, plain};

/// The largest rule file that is read, in bytes: Elastic's largest has about 30 kB.
const MAX_BYTES: u64 = 4 << 20;

/// What a path holds of rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleFiles {
    /// The rules, by the order of their files' names.
    pub rules: Vec<Rule>,
    /// What is wrong with the other files: a text with the place for the analyst, one per file.
    pub problems: Vec<String>,
    /// Files that are no EQL rules.
    pub skipped: Vec<Skipped>,
}

/// A file that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: String,
    /// Why, to be read after "skipped:".
    pub reason: String,
}

/// Reads the rule file `path`, or every `*.toml` and `*.eql` under the folder `path`, in sorted order. Symbolic links to folders are not followed.
pub fn load(path: &Path) -> RuleFiles {
    let mut files = RuleFiles::default();
    if !path.is_dir() {
        files.read(path, true);
        return files;
    }
    for file in files.walk(path) {
        files.read(&file, false);
    }
    if files.rules.is_empty() && files.problems.is_empty() && files.skipped.is_empty() {
        files
            .problems
            .push(format!("{}: error: no *.toml or *.eql file is in this folder\n", path.display()));
    }
    files
}

impl RuleFiles {
    /// Rule files under `root`, sorted by path.
    fn walk(&mut self, root: &Path) -> Vec<PathBuf> {
        let mut folders = vec![root.to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            if let Err(error) = list(&folder, &mut folders, &mut found) {
                self.unreadable(&folder, &error);
            }
        }
        found.sort();
        found
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        self.problems.push(format!("{}: error: cannot be read: {error}\n", path.display()));
    }

    /// Reads one file. One that was `named` on its own must be a rule of this engine or a problem; one met in a folder may be anything.
    fn read(&mut self, path: &Path, named: bool) {
        let origin = path.display().to_string();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) => return self.unreadable(path, &error),
        };
        let outcome = match extension(path).as_str() {
            "eql" => Outcome::Rule(Box::new(plain::read(&origin, &stem, &text))),
            "toml" => toml::read(&origin, &stem, &text),
            _ => Outcome::Broken(format!(
                "{origin}: error: not a rule file; rules are *.toml and *.eql files\n"
            )),
        };
        match outcome {
            Outcome::Rule(rule) => self.rules.push(*rule),
            Outcome::Broken(problem) => self.problems.push(problem),
            Outcome::Skipped(reason) if named && reason.contains("[rule]") => {
                self.problems.push(format!("{origin}: error: not a rule: {reason}\n"));
            }
            Outcome::Skipped(reason) => self.skipped.push(Skipped { path: origin, reason }),
        }
    }
}

/// Adds the folders and rule files in `folder` to `folders` and `found`.
fn list(folder: &Path, folders: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            folders.push(path);
        } else if matches!(extension(&path).as_str(), "toml" | "eql") && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The text of a file, without a byte order mark.
fn read_text(path: &Path) -> io::Result<String> {
    text_of(read_bytes(path)?)
}

/// The bytes of a file of rules, which is never large.
pub(super) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("larger than {} MiB, so not a rule", MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(bytes)
}

/// The text that `bytes` are, without a byte order mark.
pub(super) fn text_of(bytes: Vec<u8>) -> io::Result<String> {
    let text = String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a text in UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eql::parse;
    use crate::finding::Severity;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            for (name, text) in files {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
                fs::write(path, text).expect("a file");
            }
            Self(folder)
        }

        fn load(&self, name: &str) -> RuleFiles {
            load(&self.0.path().join(name))
        }
    }

    const RULE: &str = "[metadata]\nmaturity = \"production\"\n\n[rule]\nauthor = [\"x\"]\nname = \"A rule\"\nrule_id = \"id-1\"\n\
        severity = \"high\"\nrisk_score = 73\ntype = \"eql\"\nlanguage = \"eql\"\ntags = [\"a\", \"b\"]\nversion = 7\n\
        timestamp_override = \"event.ingested\"\ntiebreaker_field = \"event.sequence\"\nevent_category_override = \"kind\"\n\
        query = '''\nprocess where\n  process.name = \"x\"\n'''\n\n\
        [[rule.threat]]\nframework = \"MITRE ATT&CK\"\n[[rule.threat.technique]]\nid = \"T1218\"\nname = \"Proxy\"\nreference = \"r\"\n\
        [[rule.threat.technique.subtechnique]]\nid = \"T1218.005\"\nname = \"Mshta\"\n\n\
        [rule.threat.tactic]\nid = \"TA0005\"\nname = \"Defense Evasion\"\n";

    #[test]
    fn a_rule_in_elastics_layout_is_read_whole() {
        let files = Folder::new(&[("a.toml", RULE)]).load("a.toml");
        assert_eq!(files.problems, [""; 0]);
        let rule = &files.rules[0];
        assert_eq!((rule.info.id.as_str(), rule.info.name.as_str()), ("id-1", "A rule"));
        assert_eq!(
            (rule.info.severity, rule.info.risk_score, rule.info.version),
            (Severity::High, 73, Some(7))
        );
        assert_eq!(rule.info.tags, ["a", "b"]);
        let threat = &rule.info.threats[0];
        assert_eq!((threat.tactic_id.as_str(), threat.tactic_name.as_str()), ("TA0005", "Defense Evasion"));
        let ids: Vec<_> = threat.techniques.iter().map(|technique| technique.id.as_str()).collect();
        assert_eq!(ids, ["T1218", "T1218.005"]);
        assert_eq!(rule.timestamp_override.as_deref(), Some("event.ingested"));
        assert_eq!(rule.tiebreaker_field.as_deref(), Some("event.sequence"));
        assert_eq!(rule.info.category_field.as_deref(), Some("kind"));
    }

    #[test]
    fn an_error_in_the_query_has_the_line_of_the_file() {
        for (text, place) in [
            (RULE.to_owned(), ":19:16: error: `=`"),
            (RULE.replace('\n', "\r\n"), ":19:16: error: `=`"),
            (
                RULE.replace("'''\nprocess where\n  process.name = \"x\"\n'''", "'any where /*é*/ a = 1'"),
                ":17:28: error: `=`",
            ),
            (
                RULE.replace("'''\nprocess where\n  process.name = \"x\"\n'''", "\"any where a\\u0020= 1\""),
                ":17: error: `=`",
            ),
        ] {
            let files = Folder::new(&[("a.toml", &text)]).load("a.toml");
            let rule = files.rules.first().unwrap_or_else(|| panic!("no rule: {files:?}"));
            let rendered = rule.render(&parse(&rule.info.query).expect_err("a wrong query"));
            assert!(rendered.contains(&format!("a.toml{place}")), "{place}: {rendered}");
        }
    }

    #[test]
    fn a_folder_is_walked_in_order_and_bad_files_do_not_stop_good_ones() {
        let folder = Folder::new(&[
            ("z.toml", RULE),
            ("sub/first.eql", "// Net view\nprocess where true\n"),
            ("sub/plain.EQL", "process where true"),
            ("broken.toml", "[rule]\nname = \"x\ntype = \"eql\"\n"),
            ("noquery.toml", "[rule]\nname = \"x\"\ntype = \"eql\"\n"),
            ("severity.toml", "[rule]\ntype = \"eql\"\nseverity = \"odd\"\nquery = 'any where true'\n"),
            ("kql.toml", "[rule]\ntype = \"query\"\nlanguage = \"kuery\"\nquery = 5\n"),
            ("esql.toml", "[rule]\ntype = \"esql\"\nlanguage = \"esql\"\nquery = 'from x'\n"),
            ("pyproject.toml", "[project]\nname = \"x\"\n"),
            ("README.md", "nothing"),
        ]);
        let files = folder.load("");
        let names: Vec<_> = files.rules.iter().map(|rule| rule.info.name.as_str()).collect();
        assert_eq!(names, ["Net view", "plain", "A rule"]);
        assert_eq!(files.rules[0].info.id, "first");
        assert_eq!(files.problems.len(), 3, "{:#?}", files.problems);
        assert!(files.problems[0].contains("broken.toml:2:"), "{}", files.problems[0]);
        assert!(files.problems[1].contains("noquery.toml:1:1: error: this EQL rule has no query"));
        assert!(
            files.problems[2].contains("severity.toml:3:12: error: unknown variant `odd`"),
            "{}",
            files.problems[2]
        );
        assert_eq!(files.skipped.len(), 3);
        assert_eq!(files.skipped[1].reason, "its type is query, not eql");
    }

    #[test]
    fn what_is_not_there_or_no_rule_is_a_problem() {
        let folder = Folder::new(&[("a.txt", "x"), ("b.toml", "[project]\n"), ("empty/x.txt", "")]);
        fs::write(folder.0.path().join("c.eql"), b"\xff\xfe").expect("a file");
        for name in ["nowhere.toml", "a.txt", "b.toml", "c.eql", "empty"] {
            let files = folder.load(name);
            assert_eq!((files.rules.len(), files.problems.len()), (0, 1), "{name}");
        }
    }
}
