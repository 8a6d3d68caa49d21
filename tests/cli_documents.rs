//! The manual pages and the completions name what the program's own help names; what the guide shows is what the program does.

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

/// What of a guide stands between lines of `sh`: the commands, and what they print where it shows that.
fn blocks(guide: &str) -> Vec<(String, Option<String>)> {
    let mut blocks: Vec<(String, Option<String>)> = Vec::new();
    for part in guide.split("\n```").skip(1) {
        match part.split_once('\n') {
            Some(("sh", commands)) => blocks.push((commands.to_owned(), None)),
            Some(("text", printed)) => {
                blocks.last_mut().expect("commands before what they print").1 = Some(printed.to_owned());
            }
            _ => {}
        }
    }
    blocks
}

/// Whether `printed` is `shown`, in which a line `…` stands for any number of lines.
fn shows(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|skipped| shows(rest, &printed[skipped..])),
        Some((line, rest)) => printed.first() == Some(line) && shows(rest, &printed[1..]),
    }
}

/// A collection as Velociraptor packs it for a password: what was collected in a zip of its own, which is encrypted.
fn collection(log: &[u8]) -> Vec<u8> {
    use std::io::{Cursor, Write};
    use zip::write::{SimpleFileOptions, ZipWriter};
    let pack = |name: &str, bytes: &[u8], options: SimpleFileOptions| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, options).expect("a member");
        zip.write_all(bytes).expect("written");
        zip.finish().expect("a zip").into_inner()
    };
    let name = "uploads/auto/C%3A/Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%254Operational.evtx";
    let data = pack(name, log, SimpleFileOptions::default());
    let locked = SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, "infected");
    pack("data.zip", &data, locked)
}

#[cfg(unix)]
#[test]
fn the_guide_s_commands_print_what_it_shows() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in tree(&root.join("samples")) {
        let path = folder.path().join("samples").join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    let log = root.join("samples/mshta/ws01.corp.example/Microsoft-Windows-Sysmon%4Operational.evtx");
    let packed = collection(&std::fs::read(log).expect("a sample"));
    std::fs::write(folder.path().join("Collection-WS01.zip"), packed).expect("written");

    let program = assert_cmd::cargo::cargo_bin!("evql").parent().expect("a folder").to_owned();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let guide = std::fs::read_to_string(root.join("docs/GUIDE.md")).expect("the guide");
    let blocks = blocks(&guide);
    assert!(blocks.len() > 15, "{} blocks", blocks.len());
    // What needs programs that a machine may lack is not run.
    for (commands, shown) in blocks.iter().filter(|(commands, _)| !commands.starts_with("jq")) {
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{commands}")])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .expect("a shell");
        let printed = String::from_utf8_lossy(&output.stdout);
        let code = commands.split_once("# exit code ").map_or("0", |(_, code)| code.trim());
        assert_eq!(
            output.status.code().map(|code| code.to_string()).as_deref(),
            Some(code),
            "{commands}{printed}"
        );
        let Some(shown) = shown else { continue };
        let (shown, printed): (Vec<&str>, Vec<&str>) = (shown.lines().collect(), printed.lines().collect());
        assert!(shows(&shown, &printed), "{commands}\nprints\n{}", printed.join("\n"));
    }
}
