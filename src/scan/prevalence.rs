//! How common what a finding shows is among all findings of the run, and which findings are one pattern. It reads no evidence: what no rule matched is not
//! counted.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::subject::{Subject, finding_destination};
use crate::finding::{Finding, Group, Prevalence};

/// Letters of a command line that its shape is made of, at most.
const SHAPED: usize = 4_096;
/// Hexadecimal digits that are a run: a hash, a handle, a random name.
const HEX_RUN: usize = 8;

/// Sets the prevalence of every finding.
pub fn weigh(findings: &mut [Finding]) {
    let facts: Vec<Facts> = findings.iter().map(Facts::of).collect();
    let mut seen = Hosts::default();
    for (finding, facts) in findings.iter().zip(&facts) {
        facts.keys(&finding.rule.id).into_iter().for_each(|key| seen.add(key, &finding.host));
    }
    let counted: Vec<Prevalence> =
        findings.iter().zip(&facts).map(|(finding, facts)| seen.prevalence(finding, facts)).collect();
    for (finding, prevalence) in findings.iter_mut().zip(counted) {
        finding.prevalence = prevalence;
    }
}

/// The findings by rule, program, shape of command line and destination: those on the fewest hosts first, then the fewest, then the worst. The
/// prevalence of the findings is set.
pub fn groups(findings: &[Finding]) -> Vec<Group> {
    let mut grouped: BTreeMap<(&str, &str, &str, Facts), Vec<usize>> = BTreeMap::new();
    for (place, finding) in findings.iter().enumerate() {
        let rule = &finding.rule;
        let key = (rule.id.as_str(), rule.sha256.as_str(), rule.origin.as_str(), Facts::of(finding));
        grouped.entry(key).or_default().push(place);
    }
    let mut groups: Vec<Group> =
        grouped.into_iter().filter_map(|((.., facts), places)| group(findings, facts, places)).collect();
    groups.sort_by(|a, b| {
        let rank = |group: &Group| (group.hosts.len(), group.findings.len());
        rank(a).cmp(&rank(b)).then(b.severity.cmp(&a.severity)).then(a.findings.cmp(&b.findings))
    });
    groups
}

fn group(findings: &[Finding], facts: Facts, places: Vec<usize>) -> Option<Group> {
    let members = || places.iter().filter_map(|place| findings.get(*place));
    let hosts: BTreeSet<&String> = members().map(|finding| &finding.host).collect();
    Some(Group {
        rule: members().next()?.rule.clone(),
        process: facts.process,
        command_shape: facts.shape,
        destination: facts.destination,
        severity: members().map(|finding| finding.severity).max()?,
        hosts: hosts.into_iter().cloned().collect(),
        findings: places,
    })
}

/// What findings are compared by; what a finding does not have is empty.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Facts {
    process: String,
    shape: String,
    destination: String,
    hash: String,
}

/// A kind of fact and its values.
type Key = (u8, Vec<String>);

impl Facts {
    fn of(finding: &Finding) -> Self {
        let text = |path| Subject::main(finding).map(|subject| subject.text(path)).unwrap_or_default();
        Self {
            process: Subject::main(finding).map(Subject::process).unwrap_or_default().to_lowercase(),
            shape: shape(&text("process.command_line")),
            destination: finding_destination(finding).to_lowercase(),
            hash: text("process.hash.sha256").to_lowercase(),
        }
    }

    /// In the order of [`Hosts::prevalence`].
    fn keys(&self, rule: &str) -> [Key; 6] {
        let Self { process, shape, destination, hash } = self;
        let kinds = [
            vec![process.clone()],
            vec![destination.clone()],
            vec![process.clone(), destination.clone()],
            vec![shape.clone()],
            vec![hash.clone()],
            vec![rule.to_owned(), process.clone(), shape.clone(), destination.clone()],
        ];
        let mut number = 0;
        kinds.map(|values| {
            number += 1;
            (number, values)
        })
    }
}

/// The hosts on which each fact was seen.
#[derive(Default)]
struct Hosts(BTreeMap<Key, BTreeSet<String>>);

impl Hosts {
    fn add(&mut self, key: Key, host: &str) {
        self.0.entry(key).or_default().insert(host.to_owned());
    }

    fn prevalence(&self, finding: &Finding, facts: &Facts) -> Prevalence {
        let hosts = |key: &Key| self.0.get(key).map_or(0, BTreeSet::len);
        let known = |key: &Key| key.1.iter().all(|value| !value.is_empty()).then(|| hosts(key));
        let [process, destination, both, shape, hash, pattern] = facts.keys(&finding.rule.id);
        Prevalence {
            process: known(&process),
            destination: known(&destination),
            process_and_destination: known(&both),
            command_line: known(&shape),
            hash: known(&hash),
            pattern: hosts(&pattern),
            command_shape: facts.shape.clone(),
        }
    }
}

/// `command_line` without what differs from run to run: in lower case, a folder as `<dir>`, a GUID as `<guid>`, eight and more hexadecimal digits as
/// `<hex>`, other digits as `#`.
pub(super) fn shape(command_line: &str) -> String {
    let text: Vec<char> = command_line.chars().take(SHAPED).flat_map(char::to_lowercase).collect();
    let mut shaped = String::new();
    let mut rest = text.as_slice();
    let mut quoted = false;
    while let [first, others @ ..] = rest {
        if is_path(rest) {
            let end = rest.iter().position(|letter| ends_path(*letter, quoted)).unwrap_or(rest.len());
            let (path, after) = rest.split_at(end);
            let name = path.iter().rposition(|letter| is_slash(*letter)).map_or(0, |slash| slash + 1);
            shaped.push_str("<dir>\\");
            words(path.get(name..).unwrap_or_default(), &mut shaped);
            rest = after;
        } else if is_word(*first) {
            let end = rest.iter().position(|letter| !is_word(*letter)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            one_word(word, &mut shaped);
            rest = after;
        } else {
            quoted ^= *first == '"';
            shaped.push(*first);
            rest = others;
        }
    }
    shaped
}

/// Whether `text` begins with a folder: `c:\…` or `\\server\…`.
fn is_path(text: &[char]) -> bool {
    match text {
        [drive, ':', slash, ..] => drive.is_ascii_lowercase() && is_slash(*slash),
        ['\\', '\\', first, ..] => is_word(*first) || matches!(first, '?' | '.'),
        _ => false,
    }
}

fn is_slash(letter: char) -> bool {
    matches!(letter, '\\' | '/')
}

fn ends_path(letter: char, quoted: bool) -> bool {
    matches!(letter, '"' | ',' | ';' | '|' | '<' | '>' | '}') || (!quoted && letter.is_whitespace())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '-'
}

fn words(text: &[char], shaped: &mut String) {
    for part in text.split_inclusive(|letter| !is_word(*letter)) {
        match part.split_last() {
            Some((last, word)) if !is_word(*last) => {
                one_word(word, shaped);
                shaped.push(*last);
            }
            _ => one_word(part, shaped),
        }
    }
}

fn one_word(word: &[char], shaped: &mut String) {
    let hex = |part: &[char]| part.iter().all(char::is_ascii_hexdigit);
    let parts: Vec<&[char]> = word.split(|letter| *letter == '-').collect();
    if parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| hex(part)) {
        shaped.push_str("<guid>");
        return;
    }
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            shaped.push('-');
        }
        if part.len() >= HEX_RUN && hex(part) && part.iter().any(char::is_ascii_digit) {
            shaped.push_str("<hex>");
            continue;
        }
        let mut digits = false;
        for letter in *part {
            let digit = letter.is_ascii_digit();
            if !digit {
                shaped.push(*letter);
            } else if !digits {
                shaped.push('#');
            }
            digits = digit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn what_differs_from_run_to_run_leaves_the_shape() {
        for (text, shaped) in [
            (
                r"MSIEXEC.exe /i C:\Users\anna\Downloads\setup-1.2.msi /qn",
                r"msiexec.exe /i <dir>\setup-#.#.msi /qn",
            ),
            (r#""C:\Program Files\A B\x.exe" -k"#, r#""<dir>\x.exe" -k"#),
            (r"run \\srv01\share$\tool.exe", r"run <dir>\tool.exe"),
            ("x {1E460BD7-F1C3-4B2E-88BF-4E770A288AF5}", "x {<guid>}"),
            ("x 1e460bd7-f1c3-4b2e-88bf-4e770a288af5-1", "x <hex>-f#c#-#b#e-#bf-<hex>-#"),
            ("x deadbeef 0xdeadbeef1 feedfacecafe9", "x deadbeef #xdeadbeef# <hex>"),
            ("http://203.0.113.7:8080/a42.hta", "http://#.#.#.#:#/a#.hta"),
            ("", ""),
            ("é\u{1f4a5} \\ \\\\ c:", "é\u{1f4a5} \\ \\\\ c:"),
        ] {
            assert_eq!(shape(text), shaped, "{text}");
        }
    }

    #[test]
    fn a_path_ends_where_its_quotes_do() {
        assert_eq!(shape(r#"a "C:\x y\z 1.txt" b C:\p\q.dll,Run"#), r#"a "<dir>\z #.txt" b <dir>\q.dll,run"#);
        assert_eq!(shape(r"{REGSVR C:\Users\alice\a.dll}"), r"{regsvr <dir>\a.dll}");
    }

    #[test]
    fn a_huge_command_line_has_a_bounded_shape() {
        assert!(shape(&"é".repeat(1_000_000)).chars().count() <= super::SHAPED * 3);
    }
}
