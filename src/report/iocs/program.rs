//! Whether a program's hash, path or name says anything beyond "this is Windows". It opens no file and checks no signature.

use crate::finding::subject::is_renamed;

use super::Standing;

/// Folders of Windows that hold only its own programs; those under it that users or services may write to are none.
const WINDOWS_FOLDERS: [&str; 6] = [
    "",
    "system32\\",
    "syswow64\\",
    "system32\\wbem\\",
    "system32\\windowspowershell\\v1.0\\",
    "syswow64\\windowspowershell\\v1.0\\",
];

/// Folders of Windows whose subfolders are its own too.
const WINDOWS_TREES: [&str; 2] = ["microsoft.net\\", "winsxs\\"];

/// What is known of a program from the event of its start.
pub struct Program<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its file name.
    pub name: &'a str,
    /// OriginalFileName of its version resource; may be empty.
    pub original: &'a str,
    /// Company of its version resource; may be empty.
    pub company: &'a str,
}

impl Program<'_> {
    /// Of its hashes. The version resource is the file's own word, so that one that names Microsoft is no proof, but reason enough not to block its hash unseen.
    pub(super) fn hash(&self) -> Standing {
        if self.company.to_ascii_lowercase().contains("microsoft") {
            return Standing::Context(
                "the file says that it is Microsoft's: check its signature, healthy hosts may share it",
            );
        }
        if in_windows_folder(self.path) && is_renamed(self.name, self.original) != Some(true) {
            return Standing::Context("a program in a folder of Windows: healthy hosts share it");
        }
        Standing::Indicator
    }

    /// Of its path.
    pub(super) fn path(&self) -> Standing {
        let inner = below_drive(self.path).unwrap_or_default();
        if in_windows_folder(self.path) {
            return Standing::Context("a folder of Windows: healthy hosts have it");
        }
        if ["program files\\", "program files (x86)\\"].iter().any(|folder| inner.starts_with(folder)) {
            return Standing::Context("a folder of installed programs: healthy hosts may have it");
        }
        match inner.is_empty() {
            true => Standing::Context("no full path"),
            false => Standing::Indicator,
        }
    }
}

/// Whether `path` lies in a folder that only Windows's own programs are kept in.
fn in_windows_folder(path: &str) -> bool {
    let Some(inner) = below_drive(path) else { return false };
    let Some(inner) = inner.strip_prefix("windows\\") else { return false };
    let folder = inner.rfind('\\').map_or("", |at| inner.get(..=at).unwrap_or_default());
    WINDOWS_FOLDERS.contains(&folder) || WINDOWS_TREES.iter().any(|tree| folder.starts_with(tree))
}

/// `path` in lower case behind `C:\`; `None` when it does not begin with a drive or climbs.
fn below_drive(path: &str) -> Option<String> {
    let lower = path.to_lowercase();
    let (drive, inner) = lower.split_once(":\\")?;
    let letter = drive.len() == 1 && drive.bytes().all(|byte| byte.is_ascii_alphabetic());
    (letter && !inner.split('\\').any(|part| part == "..")).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_paths_of_windows_are_context() {
        let table = [
            (
                r"C:\Windows\System32\mshta.exe",
                "mshta.exe",
                "MSHTA.EXE",
                "Microsoft Corporation",
                false,
                false,
            ),
            (r"C:\Windows\System32\mshta.exe", "mshta.exe", "", "", false, false),
            (
                r"C:\Windows\Microsoft.NET\Framework\v4.0.30319\MSBuild.exe",
                "MSBuild.exe",
                "",
                "",
                false,
                false,
            ),
            // Another program under Windows's name: its hash is one to look for, the path is everybody's.
            (r"C:\Windows\System32\regsvr32.exe", "regsvr32.exe", "beacon.exe", "", true, false),
            // Microsoft's, or so it says, somewhere else.
            (r"C:\Users\a\m.exe", "m.exe", "MSHTA.EXE", "Microsoft Corporation", false, true),
            (r"C:\Users\a\m.exe", "m.exe", "m.exe", "Evil Ltd", true, true),
            (r"C:\Windows\Temp\m.exe", "m.exe", "", "", true, true),
            (r"C:\Windows\System32\spool\drivers\color\m.exe", "m.exe", "", "", true, true),
            (r"C:\Windows\System32\..\Temp\m.exe", "m.exe", "", "", true, false),
            (r"C:\Program Files\App\app.exe", "app.exe", "app.exe", "App Inc", true, false),
            ("System", "System", "", "", true, false),
            ("", "", "", "", true, false),
        ];
        for (path, name, original, company, hash, place) in table {
            let program = Program { path, name, original, company };
            assert_eq!(program.hash() == Standing::Indicator, hash, "hash of {path} {original}");
            assert_eq!(program.path() == Standing::Indicator, place, "path {path}");
        }
    }
}
