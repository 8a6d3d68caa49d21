//! What a finding is about: its process, its destination, whether the program goes by its own name. It puts nothing into words.

use serde_json::Value;

use super::{EvidenceEvent, Finding, plain};

/// The process behind an event, as far as one finding knows it: the event's own fields first, then those of the finding's other events of the same
/// process (`process.entity_id` on the same host). A sequence over several processes never mixes them.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    finding: &'a Finding,
    event: &'a EvidenceEvent,
}

impl<'a> Subject<'a> {
    /// The process of `event`, one of `finding`'s.
    pub fn of(finding: &'a Finding, event: &'a EvidenceEvent) -> Self {
        Self { finding, event }
    }

    /// The process of the first event that names one, else of the first event; `None` when every event is missing.
    pub fn main(finding: &'a Finding) -> Option<Self> {
        let named = finding.present().find(|event| event.get("process.entity_id").is_some());
        Some(Self { finding, event: named.or_else(|| finding.present().next())? })
    }

    /// The value at the dotted ECS `path`, as the finding's events of this process hold it.
    pub fn get(self, path: &str) -> Option<&'a Value> {
        self.event.get(path).or_else(|| {
            let entity = self.event.get("process.entity_id")?;
            let same = |event: &&EvidenceEvent| {
                event.computer == self.event.computer && event.get("process.entity_id") == Some(entity)
            };
            self.finding.present().filter(same).find_map(|event| event.get(path))
        })
    }

    /// [`Subject::get`] as text, empty when absent.
    pub fn text(self, path: &str) -> String {
        self.get(path).map(plain).unwrap_or_default()
    }

    /// The process's name, or its path where it has no name (`System`).
    pub fn process(self) -> String {
        let name = self.text("process.name");
        if name.is_empty() { self.text("process.executable") } else { name }
    }
}

/// What an event's action reached: `203.0.113.7:443`, a DNS question, a file, a registry path; empty when none.
pub fn target(event: &EvidenceEvent) -> String {
    let host = host(event);
    if host.is_empty() {
        return first_of(event, &["file.path", "registry.path", "dll.path"]);
    }
    match event.text("destination.port") {
        port if port.is_empty() => host,
        port if host.contains(':') => format!("[{host}]:{port}"),
        port => format!("{host}:{port}"),
    }
}

/// The [`target`] of the first event after the start that has one, else of any.
pub fn finding_target(finding: &Finding) -> String {
    let network = finding.present().find(|event| is_network(event));
    let any = || finding.present().map(target).find(|text| !text.is_empty());
    network.map(target).or_else(any).unwrap_or_default()
}

/// The address or name that the finding's first network event reached or asked for, without its port; empty when it has none.
pub fn finding_destination(finding: &Finding) -> String {
    finding.present().find(|event| is_network(event)).map(host).unwrap_or_default()
}

/// Whether `event` names a host it talked to or asked for.
pub fn is_network(event: &EvidenceEvent) -> bool {
    HOSTS.iter().any(|path| event.get(path).is_some())
}

/// Whether a program goes by another `name` than the `original` one in its version resource; `None` when one of the two is not known. A difference that
/// Windows and installers make themselves is none: the case, the extension, `.MUI`, a trailing `32`, `64` or `x64`, a browser's ` (1)`; a short name
/// (`MICROS~1.EXE`) is not judged.
pub fn is_renamed(name: &str, original: &str) -> Option<bool> {
    let (name, original) = (stem(name), stem(original));
    let known = |stem: &str| !matches!(stem, "" | "-" | "?");
    if !known(&name) || !known(&original) || name.contains('~') {
        return None;
    }
    Some(name != original && bare(&name) != bare(&original))
}

/// In lower case, without `.mui` and the extension of a program.
fn stem(name: &str) -> String {
    let name = name.trim().to_lowercase();
    let name = name.strip_suffix(".mui").unwrap_or(&name);
    let extensions = [".exe", ".dll", ".scr", ".com", ".cpl", ".ocx", ".sys"];
    extensions.iter().find_map(|extension| name.strip_suffix(extension)).unwrap_or(name).to_owned()
}

/// `stem` without the number of a download and without the width of a processor.
fn bare(stem: &str) -> &str {
    let numbered = stem.strip_suffix(')').and_then(|open| open.rsplit_once(" ("));
    let stem = match numbered {
        Some((before, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => stem,
    };
    let widths = ["_x64", "-x64", "x64", "_64", "-64", "64", "32"];
    widths.iter().find_map(|width| stem.strip_suffix(width)).filter(|rest| !rest.is_empty()).unwrap_or(stem)
}

/// `left`, `separator`, `right`; one alone when the other is empty.
pub fn joined(left: &str, separator: &str, right: &str) -> String {
    match (left.is_empty(), right.is_empty()) {
        (false, false) => format!("{left}{separator}{right}"),
        _ => format!("{left}{right}"),
    }
}

/// What names a host, the best first.
const HOSTS: [&str; 3] = ["dns.question.name", "destination.ip", "destination.domain"];

fn host(event: &EvidenceEvent) -> String {
    first_of(event, &HOSTS)
}

fn first_of(event: &EvidenceEvent, paths: &[&str]) -> String {
    paths.iter().map(|path| event.text(path)).find(|text| !text.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{is_renamed, joined};

    #[test]
    fn a_missing_half_leaves_no_separator() {
        assert_eq!(joined("", "\\", "anna"), "anna");
        assert_eq!(joined("CORP", "\\", "anna"), "CORP\\anna");
        assert_eq!(joined("", "\\", ""), "");
    }

    #[test]
    fn only_another_program_is_renamed() {
        for (name, original, renamed) in [
            ("mshta.exe", "MSHTA.EXE.MUI", Some(false)),
            ("regsvr32.exe", "REGSVR32.EXE", Some(false)),
            ("Bginfo64.exe", "bginfo.exe", Some(false)),
            ("setup (2).exe", "setup.exe", Some(false)),
            ("MSBUILD.EXE", "MSBuild.exe", Some(false)),
            ("regsvr32.exe", "beacon.exe", Some(true)),
            ("svchost.exe", "PowerShell.EXE.MUI", Some(true)),
            ("setup (x).exe", "setup.exe", Some(true)),
            ("MICROS~1.EXE", "Microsoft.Workflow.Compiler.exe", None),
            ("mshta.exe", "-", None),
            ("mshta.exe", "", None),
            ("", "mshta.exe", None),
        ] {
            assert_eq!(is_renamed(name, original), renamed, "{name} {original}");
        }
    }
}
