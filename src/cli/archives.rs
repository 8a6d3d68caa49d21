//! Arguments about archives → how they are read: limits, and passwords out of a file, the environment or a person. No password is ever shown.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use evql::error::{Error, Result};
use evql::input::archive::{ArchiveOptions, Asker, Passwords};
use indicatif::ProgressBar;

use super::args::ArchiveArgs;
use super::terminal::fit_end;

/// Characters of an archive's name in the question for its password.
const NAME: usize = 100;

/// How `args` say that archives are read.
///
/// # Errors
/// [`Error::Usage`] when a password that they name cannot be had.
pub fn options(args: &ArchiveArgs) -> Result<ArchiveOptions> {
    let mut known = Vec::new();
    if let Some(file) = &args.archive_password_file {
        known.extend(from_file(file)?);
    }
    if let Some(variable) = &args.archive_password_env {
        let password = std::env::var(variable).map_err(|error| {
            Error::Usage(format!("--archive-password-env: {variable} cannot be used: {error}"))
        })?;
        known.push(password);
    }
    Ok(ArchiveOptions {
        max_member: args.archive_max_member,
        max_total: args.archive_max_total,
        max_ratio: args.archive_max_ratio,
        max_members: args.archive_max_members,
        max_depth: args.archive_max_depth,
        passwords: Passwords::new(known, None),
    })
}

/// Asks the person at the terminal, if there is one, while `bar` stands still.
pub fn asker(bar: ProgressBar) -> Option<Asker> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    Some(Arc::new(move |archive| {
        let question = format!("Password of {} (none: leave it closed): ", fit_end(archive, NAME));
        let answer = bar.suspend(|| rpassword::prompt_password(question)).ok();
        answer.filter(|answer| !answer.is_empty())
    }))
}

/// The bytes that a text such as `16GiB`, `500MB` or `4096` means.
///
/// # Errors
/// What was expected instead.
pub fn size(text: &str) -> std::result::Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kb" => Some(1_000),
        "kib" | "k" => Some(1 << 10),
        "mb" => Some(1_000_000),
        "mib" | "m" => Some(1 << 20),
        "gb" => Some(1_000_000_000),
        "gib" | "g" => Some(1 << 30),
        "tb" => Some(1_000_000_000_000),
        "tib" | "t" => Some(1_u64 << 40),
        _ => None,
    };
    let bytes =
        number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    bytes.ok_or_else(|| "expected a size such as 500MiB, 16GiB or a number of bytes".to_owned())
}

/// One password to a line; empty lines are none.
fn from_file(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).map_err(|error| {
        Error::Usage(format!("--archive-password-file: {} cannot be read: {error}", file.display()))
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in
            [("4096", 4_096), ("16GiB", 16 << 30), ("500 MB", 500_000_000), ("1tib", 1 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "1.5GiB", "-1", "16 apples", "99999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
