//! Windows paths and account names, taken apart as Elastic's pipeline does. Case is kept, and nothing is resolved or normalised.

/// After the last backslash; `None` without one (`System`, `<unknown process>`) or with nothing behind it.
pub(crate) fn name(path: &str) -> Option<&str> {
    path.rsplit_once('\\').map(|(_, name)| name).filter(|name| !name.is_empty())
}

/// Before the last backslash, without it.
pub(crate) fn directory(path: &str) -> Option<&str> {
    path.rsplit_once('\\').map(|(directory, _)| directory).filter(|directory| !directory.is_empty())
}

/// After the last dot of the whole path, directories included; only for a path with a backslash.
pub(crate) fn extension(path: &str) -> Option<&str> {
    let (_, extension) = path.contains('\\').then(|| path.rsplit_once('.'))??;
    Some(extension).filter(|extension| !extension.is_empty())
}

/// `DOMAIN\name`: both halves, when exactly one backslash parts them; trailing backslashes do not count, as in Java's `split`.
pub(crate) fn account(user: &str) -> Option<(&str, &str)> {
    let (domain, name) = user.trim_end_matches('\\').split_once('\\')?;
    (!name.contains('\\')).then_some((domain, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart_at_the_last_backslash_and_the_last_dot() {
        let table = [
            (r"C:\Windows\System32\mshta.exe", Some("mshta.exe"), Some(r"C:\Windows\System32"), Some("exe")),
            ("System", None, None, None),
            ("<unknown process>", None, None, None),
            ("?", None, None, None),
            (r"C:\U\CLR_v4.0\UsageLogs", Some("UsageLogs"), Some(r"C:\U\CLR_v4.0"), Some(r"0\UsageLogs")),
            (r"C:\a.txt:Zone.Identifier", Some("a.txt:Zone.Identifier"), Some("C:"), Some("Identifier")),
            (r"C:\Data\", None, Some(r"C:\Data"), None),
            (r"\pipe", Some("pipe"), None, None),
            ("a.exe", None, None, None),
            (r"C:\Tool.", Some("Tool."), Some("C:"), None),
        ];
        for (path, expected_name, expected_directory, expected_extension) in table {
            assert_eq!(name(path), expected_name, "{path}");
            assert_eq!(directory(path), expected_directory, "{path}");
            assert_eq!(extension(path), expected_extension, "{path}");
        }
    }

    #[test]
    fn accounts_need_exactly_one_backslash() {
        let table = [
            (r"NT AUTHORITY\SYSTEM", Some(("NT AUTHORITY", "SYSTEM"))),
            (r"DOMAIN\", None),
            (r"DOMAIN\name\", Some(("DOMAIN", "name"))),
            (r"a\b\c", None),
            (r"\name", Some(("", "name"))),
            ("name", None),
            (r"\", None),
        ];
        for (user, expected) in table {
            assert_eq!(account(user), expected, "{user}");
        }
    }
}
