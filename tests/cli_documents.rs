//! The manual pages and the completions name what the program's own help names.

mod common;

use std::collections::BTreeSet;

use common::{evql, tree};

/// The long options in a help text.
fn options(help: &str) -> BTreeSet<String> {
    let words = help.lines().filter_map(|line| line.trim_start().strip_prefix('-'));
    let longs =
        words.filter_map(|line| line.split_once("--").map(|(_, rest)| rest).or(line.strip_prefix('-')));
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    longs.map(name).filter(|name: &String| !name.is_empty()).collect()
}

#[test]
fn every_command_has_a_page_that_names_its_options() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("man");
    assert_eq!(evql(["man", "-o", place.to_string_lossy().as_ref()]).code, 0);
    let pages = tree(&place);
    let mut names: Vec<&str> = pages.keys().map(String::as_str).collect();
    names.retain(|name| name.matches('-').count() == 1);
    assert!(names.contains(&"evql-scan.1") && names.contains(&"evql-inspect.1"), "{names:?}");
    for name in names {
        let command = name.trim_start_matches("evql-").trim_end_matches(".1");
        let page = String::from_utf8_lossy(&pages[name]).replace('\\', "");
        let help = evql([command, "--help"]).stdout;
        let missing: Vec<String> =
            options(&help).into_iter().filter(|option| !page.contains(&format!("--{option}"))).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
    let scan = String::from_utf8_lossy(&pages["evql-scan.1"]).into_owned();
    assert!(options(&evql(["scan", "--help"]).stdout).len() > 30 && scan.starts_with(".ie"));
    assert_eq!(
        evql(["man", "-o", place.to_string_lossy().as_ref()]).code,
        5,
        "nothing is overwritten unasked"
    );
}

#[test]
fn completions_name_commands_and_options() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = evql(["completions", shell]);
        assert_eq!(script.code, 0);
        for word in ["inspect", "explain-finding", "evidence-id"] {
            assert!(script.stdout.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(evql(["completions", "cmd"]).code, 3);
}
