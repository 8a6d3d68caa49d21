//! Severity with reasons: what a finding's own facts add to its rule's risk or take from it. It knows no rule by name and reads no evidence.
//!
//! A fact that does not apply says nothing. The weights and thresholds below are evql's own, documented in `docs/OUTPUTS.md`.

use crate::finding::subject::is_renamed;
use crate::finding::{Finding, Reason, Scope, Severity, Subject};

use super::prevalence;
use super::sentence::cut;

/// Points from which the severity rises by one step.
const RAISE: i32 = 25;
/// Points down to which it falls by one step.
const LOWER: i32 = -20;
/// Points down to which it falls by two.
const LOWER_TWICE: i32 = -40;
/// Hosts below which "rare" and "common" mean nothing.
const FEW_HOSTS: usize = 5;
/// Letters of a value in a reason's words.
const VALUE: usize = 200;

/// A fact that may hold for a finding. To add one, also one from elsewhere than the finding's own events, add a row to [`FACTS`].
type Fact = fn(&Case<'_>) -> Option<Reason>;

/// In the order in which reasons are listed.
const FACTS: &[Fact] = &[
    resolved_from_excluded_name,
    public_destination,
    renamed,
    system_name_elsewhere,
    user_writable_path,
    parent,
    prevalence_among_hosts,
];

/// Programs that Windows keeps in its own folder.
const SYSTEM_PROGRAMS: &[&str] = &[
    "bitsadmin.exe",
    "certutil.exe",
    "cmd.exe",
    "cmstp.exe",
    "conhost.exe",
    "control.exe",
    "cscript.exe",
    "csrss.exe",
    "explorer.exe",
    "ieexec.exe",
    "installutil.exe",
    "lsass.exe",
    "msdt.exe",
    "mshta.exe",
    "msiexec.exe",
    "odbcconf.exe",
    "powershell.exe",
    "regasm.exe",
    "regsvcs.exe",
    "regsvr32.exe",
    "rundll32.exe",
    "services.exe",
    "smss.exe",
    "svchost.exe",
    "taskhostw.exe",
    "wininit.exe",
    "winlogon.exe",
    "wmic.exe",
    "wscript.exe",
    "xwizard.exe",
];

/// Parts of a path below which ordinary users can write, in lower case, and how a reader knows them.
const USER_WRITABLE: &[(&str, &str)] = &[
    ("\\$recycle.bin\\", "the recycle bin"),
    ("\\users\\public\\", "Users\\Public"),
    ("\\temp\\", "a Temp folder"),
    ("\\tmp\\", "a Temp folder"),
    ("\\downloads\\", "Downloads"),
    ("\\appdata\\", "a user's AppData"),
    ("\\programdata\\", "ProgramData"),
    ("\\perflogs\\", "PerfLogs"),
    ("\\windows\\tasks\\", "Windows\\Tasks"),
    ("\\windows\\tracing\\", "Windows\\tracing"),
    ("\\spool\\drivers\\color\\", "the printers' colour folder"),
    ("\\users\\", "a user's folder"),
];

/// A kind of program that starts others.
struct Parents {
    code: &'static str,
    words: &'static str,
    weight: i32,
    /// Names count only under Windows or Program Files, because anybody can give a program a trusted name.
    installed: bool,
    names: &'static [&'static str],
}

const PARENTS: &[Parents] = &[
    Parents {
        code: "parent_office",
        words: "An Office program started it",
        weight: 25,
        installed: false,
        names: &[
            "eqnedt32.exe",
            "excel.exe",
            "msaccess.exe",
            "mspub.exe",
            "onenote.exe",
            "onenotem.exe",
            "powerpnt.exe",
            "visio.exe",
            "winproj.exe",
            "winword.exe",
        ],
    },
    Parents {
        code: "parent_mail",
        words: "A mail program started it",
        weight: 25,
        installed: false,
        names: &["hxoutlook.exe", "olk.exe", "outlook.exe", "thunderbird.exe"],
    },
    Parents {
        code: "parent_browser",
        words: "A browser started it",
        weight: 15,
        installed: false,
        names: &[
            "brave.exe",
            "chrome.exe",
            "firefox.exe",
            "iexplore.exe",
            "microsoftedge.exe",
            "msedge.exe",
            "opera.exe",
            "vivaldi.exe",
        ],
    },
    Parents {
        code: "parent_script_host",
        words: "A script host started it",
        weight: 15,
        installed: false,
        names: &["cscript.exe", "hh.exe", "mshta.exe", "powershell.exe", "pwsh.exe", "wscript.exe"],
    },
    Parents {
        code: "parent_updater",
        words: "An update or installation service started it",
        weight: -15,
        installed: true,
        names: &[
            "ccmexec.exe",
            "googleupdate.exe",
            "microsoft.management.services.intunewindowsagent.exe",
            "microsoftedgeupdate.exe",
            "mousocoreworker.exe",
            "tiworker.exe",
            "trustedinstaller.exe",
            "usoclient.exe",
            "wuauclt.exe",
        ],
    },
];

/// Gives every finding its prevalence, its reasons, and the severity and risk that follow. `hosts` is how many hosts the evidence is of.
pub fn judge(findings: &mut [Finding], hosts: usize) {
    prevalence::weigh(findings);
    for finding in findings {
        let case = Case { finding, hosts };
        finding.why = FACTS.iter().filter_map(|fact| fact(&case)).collect();
        let points: i32 = finding.why.iter().map(|reason| reason.weight).sum();
        let risk = i64::from(finding.rule.risk_score).saturating_add(i64::from(points)).clamp(0, 100);
        finding.risk_score = u32::try_from(risk).unwrap_or_default();
        finding.severity = moved(finding.rule.severity, points);
    }
}

/// `severity` moved by `points`: one step up at most, two down.
fn moved(severity: Severity, points: i32) -> Severity {
    const STEPS: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let from = STEPS.iter().position(|step| *step == severity).unwrap_or_default();
    let to = if points >= RAISE {
        from.saturating_add(1)
    } else if points <= LOWER_TWICE {
        from.saturating_sub(2)
    } else if points <= LOWER {
        from.saturating_sub(1)
    } else {
        from
    };
    STEPS.get(to).copied().unwrap_or(severity)
}

/// A finding and what it is measured against.
struct Case<'a> {
    finding: &'a Finding,
    hosts: usize,
}

impl Case<'_> {
    fn text(&self, path: &str) -> String {
        Subject::main(self.finding).map(|subject| subject.text(path)).unwrap_or_default()
    }

    fn image(&self) -> String {
        self.text("process.executable")
    }
}

fn resolved_from_excluded_name(case: &Case<'_>) -> Option<Reason> {
    let name = &case.finding.excluded_name.as_ref()?.name;
    let words = format!("The address was the answer for a name that the rule excludes, {}", short(name));
    Some(Reason { code: "resolved_from_excluded_name".into(), words, weight: -60 })
}

/// A connection that came in has its far end in `source.*`, which is no destination.
fn public_destination(case: &Case<'_>) -> Option<Reason> {
    let outward = case.finding.present().filter(|event| event.text("network.direction") != "ingress");
    let address = outward
        .map(|event| event.text("destination.ip"))
        .find(|address| Scope::of(address) == Some(Scope::Public))?;
    let words = format!("It reached the public address {}", short(&address));
    Some(Reason { code: "public_destination".into(), words, weight: 10 })
}

fn renamed(case: &Case<'_>) -> Option<Reason> {
    let (name, original) = (case.text("process.name"), case.text("process.pe.original_file_name"));
    is_renamed(&name, &original)?.then(|| Reason {
        code: "renamed".into(),
        words: format!("The program is called {}, its original name is {}", short(&name), short(&original)),
        weight: 20,
    })
}

fn system_name_elsewhere(case: &Case<'_>) -> Option<Reason> {
    let (name, image) = (case.text("process.name").to_lowercase(), case.image());
    let misplaced =
        SYSTEM_PROGRAMS.contains(&name.as_str()) && has_folder(&image) && !is_below(&image, &["\\windows\\"]);
    misplaced.then(|| Reason {
        code: "system_name_elsewhere".into(),
        words: format!("Windows keeps {name} in its own folder, this one ran as {}", short(&image)),
        weight: 20,
    })
}

fn user_writable_path(case: &Case<'_>) -> Option<Reason> {
    let image = case.image();
    let lower = image.to_lowercase();
    let (_, place) = USER_WRITABLE.iter().find(|(part, _)| lower.contains(part))?;
    let words = format!("The program lies in {place}, where users can write: {}", short(&image));
    Some(Reason { code: "user_writable_path".into(), words, weight: 15 })
}

fn parent(case: &Case<'_>) -> Option<Reason> {
    let image = case.text("process.parent.executable");
    let named = case.text("process.parent.name").to_lowercase();
    let name = if named.is_empty() { file_name(&image) } else { named };
    let known = PARENTS.iter().find(|parents| parents.names.contains(&name.as_str()))?;
    let trusted = is_below(&image, &["\\windows\\", "\\program files\\", "\\program files (x86)\\"]);
    (trusted || !known.installed).then(|| Reason {
        code: known.code.into(),
        words: format!("{}, {name}", known.words),
        weight: known.weight,
    })
}

fn prevalence_among_hosts(case: &Case<'_>) -> Option<Reason> {
    let (seen, hosts) = (case.finding.prevalence.pattern, case.hosts);
    let reason = |code: &'static str, words, weight| Some(Reason { code: code.into(), words, weight });
    if hosts < FEW_HOSTS {
        return None;
    }
    match seen {
        1 => reason(
            "rare",
            format!("Only one of {hosts} hosts shows this program, command line and destination"),
            5,
        ),
        _ if seen.saturating_mul(2) >= hosts => reason(
            "common",
            format!("{seen} of {hosts} hosts show this program, shape of command line and destination"),
            -15,
        ),
        _ => None,
    }
}

/// Whether `image` is a whole path: names alone say nothing about where a program lies.
fn has_folder(image: &str) -> bool {
    image.contains('\\')
}

/// Whether `image` lies below one of `folders` of any drive.
fn is_below(image: &str, folders: &[&str]) -> bool {
    let lower = image.to_lowercase();
    let below = lower.split_once(':').filter(|(drive, _)| drive.chars().count() == 1).map(|(_, path)| path);
    below.is_some_and(|path| folders.iter().any(|folder| path.starts_with(folder)))
}

fn file_name(image: &str) -> String {
    image.rsplit('\\').next().unwrap_or_default().to_lowercase()
}

/// A value of the log, bounded.
fn short(text: &str) -> String {
    cut(text, VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_moves_one_step_up_and_two_down_at_most() {
        use Severity::{Critical, High, Low, Medium};
        for (from, points, to) in [
            (Medium, 24, Medium),
            (Medium, 25, High),
            (Medium, 500, High),
            (Critical, 25, Critical),
            (Medium, -19, Medium),
            (Medium, -20, Low),
            (High, -39, Medium),
            (High, -40, Low),
            (Critical, -500, Medium),
            (Low, -500, Low),
        ] {
            assert_eq!(moved(from, points), to, "{from:?} {points}");
        }
    }

    #[test]
    fn a_system_folder_is_one_at_the_root_of_a_drive() {
        assert!(is_below(r"C:\Windows\System32\a.exe", &["\\windows\\"]));
        assert!(!is_below(r"C:\Users\x\Windows\System32\a.exe", &["\\windows\\"]));
        assert!(!is_below(r"\\srv\windows\a.exe", &["\\windows\\"]));
    }
}
