//! Names of members: how they are shown, and what they let expect. It opens nothing by them.

use crate::input::bytes::percent_decoded;

/// `bytes` as reports print them: what is not UTF-8 is spelt `\xNN`.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut name = String::new();
    for chunk in bytes.utf8_chunks() {
        name.push_str(chunk.valid());
        for byte in chunk.invalid() {
            name.push_str(&format!("\\x{byte:02x}"));
        }
    }
    name
}

/// The name of the member `member` of the archive `archive`.
pub(in crate::input) fn member_name(archive: &str, member: &str) -> String {
    format!("{archive}!/{member}")
}

/// Whether a source of that name is meant to be an event log. Collectors write names percent-encoded, and put more behind the `.evtx`; the files that macOS
/// adds beside each member are none.
pub(in crate::input) fn is_expected(name: &str) -> bool {
    let decoded = percent_decoded(name);
    let file = decoded.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
    !file.starts_with(b"._") && file.windows(5).any(|part| part.eq_ignore_ascii_case(b".evtx"))
}

/// What a compressed file holds, by the name of that file: the suffix of the compression goes.
pub(super) fn uncompressed(archive: &str) -> String {
    const SUFFIXES: &[(&str, &str)] = &[
        (".gz", ""),
        (".tgz", ".tar"),
        (".bz2", ""),
        (".tbz2", ".tar"),
        (".tbz", ".tar"),
        (".xz", ""),
        (".txz", ".tar"),
        (".zst", ""),
        (".tzst", ".tar"),
    ];
    let file = archive.rsplit('/').next().unwrap_or_default();
    let lower = file.to_ascii_lowercase();
    let shorter = SUFFIXES.iter().find_map(|(suffix, instead)| {
        let stem = file.get(..lower.strip_suffix(suffix)?.len())?;
        Some(format!("{stem}{instead}")).filter(|_| !stem.is_empty())
    });
    shorter.unwrap_or_else(|| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_to_be_a_log() {
        for name in [
            "C/Windows/System32/winevt/logs/Microsoft-Windows-Sysmon%4Operational.evtx",
            "uploads/auto/C%3A/Windows/Microsoft-Windows-Sysmon%254Operational.evtx",
            "a%2Eevtx",
            "uploads/auto/%5C%5C.%5CC%3A%5CA.EVTX",
            "36_Sysmon.evtx_{00000000-0000-0000-0000-000000000000}.data",
        ] {
            assert!(is_expected(name), "{name}");
        }
        for name in ["log.evtx/readme.txt", "__MACOSX/logs/._Sysmon.evtx", "a.evt", "%", "a%2", "", "evtx"] {
            assert!(!is_expected(name), "{name}");
        }
    }

    #[test]
    fn a_compressed_file_gives_its_name_without_the_suffix() {
        for (archive, member) in [
            ("case/Sysmon.evtx.gz", "Sysmon.evtx"),
            ("out.zip!/uac.TAR.GZ", "uac.TAR"),
            ("uac.tgz", "uac.tar"),
            ("logs.tar.zst", "logs.tar"),
            (".gz", ".gz"),
            ("plain", "plain"),
        ] {
            assert_eq!(uncompressed(archive), member);
        }
    }

    #[test]
    fn names_that_are_not_utf8_are_spelt_out() {
        assert_eq!(shown(b"a\xFFb\0"), "a\\xffb\0");
    }
}
