//! Which files a walk finds, whatever it meets on the way. It reads no file.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use evql::finding::DamageKind;
use evql::input::{WalkOptions, Walked, walk};

/// A temporary folder that files and links are put into.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: impl AsRef<Path>) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, "x").expect("a file");
        self
    }

    fn link(&self, name: &str, target: &str) -> &Self {
        symlink(target, self.path(name)).expect("a link");
        self
    }

    /// Walks the folder.
    fn walk(&self, follow_links: bool) -> Walked {
        walk(&[self.0.path().to_owned()], WalkOptions { follow_links })
    }

    /// The names found, without the folder's own.
    fn names(&self, walked: &Walked) -> Vec<String> {
        let root = format!("{}/", self.0.path().display());
        walked.sources.iter().map(|source| source.name.replace(&root, "")).collect()
    }

    /// The damages: name, kind, whether it is a loss, reason.
    fn damages(&self, walked: &Walked) -> Vec<(String, DamageKind, bool, String)> {
        let root = self.0.path().display().to_string();
        let short = |text: &str| text.replace(&format!("{root}/"), "").replace(&root, ".");
        walked.damages.iter().map(|d| (short(&d.source), d.kind, d.lost, short(&d.reason))).collect()
    }
}

#[test]
fn files_are_found_in_a_fixed_order() {
    let folder = Folder::new();
    folder.file("b/2.EVTX").file("a.data").file("b/1").file(".hidden/x.evtx");
    let walked = folder.walk(false);
    assert_eq!(folder.names(&walked), [".hidden/x.evtx", "a.data", "b/1", "b/2.EVTX"]);
    assert_eq!(walked.damages, []);
    assert_eq!(walked.sources.iter().map(|source| source.ordinal).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(walked.sources.iter().all(|source| !source.named));
}

#[test]
fn the_order_of_arguments_and_their_overlap_change_nothing() {
    let folder = Folder::new();
    folder.file("b/2").file("a/1").file("c").link("to-c", "c");
    let mut paths = ["", "b", "b/2", "b/../c", "c", "c", "to-c"].map(|name| folder.path(name)).to_vec();
    let walked = walk(&paths, WalkOptions::default());
    assert_eq!(folder.names(&walked), ["a/1", "b/2", "c"]);
    assert_eq!(walked.sources.iter().map(|source| source.named).collect::<Vec<_>>(), [false, true, true]);
    for _ in 0..paths.len() {
        paths.rotate_left(1);
        assert_eq!(walk(&paths, WalkOptions::default()), walked);
    }
    paths.reverse();
    assert_eq!(walk(&paths, WalkOptions::default()), walked);
}

#[test]
fn links_are_followed_only_when_asked_or_named() {
    let folder = Folder::new();
    folder.file("logs/1");
    let outside = Folder::new();
    outside.file("2").file("deep/3");
    symlink(outside.0.path(), folder.path("logs/more")).expect("a link");
    symlink(outside.path("2"), folder.path("logs/two")).expect("a link");

    let walked = folder.walk(false);
    assert_eq!(folder.names(&walked), ["logs/1"]);
    let told: Vec<_> =
        folder.damages(&walked).into_iter().map(|(name, kind, lost, _)| (name, kind, lost)).collect();
    let unfollowed = |name: &str| (name.to_owned(), DamageKind::NotEvidence, false);
    assert_eq!(told, [unfollowed("logs/more"), unfollowed("logs/two")]);

    let walked = folder.walk(true);
    assert_eq!(folder.names(&walked), ["logs/1", "logs/more/deep/3", "logs/two"]);
    assert_eq!(walked.damages, []);

    let walked = walk(&[folder.path("logs/more")], WalkOptions::default());
    assert_eq!(folder.names(&walked), ["logs/more/2", "logs/more/deep/3"]);
}

#[test]
fn links_that_lead_nowhere_or_in_circles_are_told_of() {
    let folder = Folder::new();
    folder.file("good").link("dangling", "nothing").link("self", "self").link("up", ".");
    for follow_links in [false, true] {
        let walked = folder.walk(follow_links);
        assert_eq!(folder.names(&walked), ["good"]);
        let told = folder.damages(&walked);
        let names: Vec<&str> = told.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["dangling", "self", "up"]);
        assert!(told.iter().all(|(_, kind, lost, _)| *kind == DamageKind::Unreadable && *lost));
        assert_eq!(told[0].3, "a symbolic link leads to nothing");
        assert!(told[1].3.starts_with("a symbolic link cannot be followed"), "{}", told[1].3);
        assert_eq!(told[2].3, "a symbolic link leads back to ., in which it stands");
    }
}

#[test]
fn pipes_sockets_and_devices_are_never_opened() {
    let folder = Folder::new();
    folder.file("good");
    let made = Command::new("mkfifo").arg(folder.path("pipe.evtx")).status().expect("mkfifo");
    assert!(made.success());
    let _listener = UnixListener::bind(folder.path("socket")).expect("a socket");
    let walked = folder.walk(false);
    assert_eq!(folder.names(&walked), ["good"]);
    let reasons: Vec<_> =
        folder.damages(&walked).into_iter().map(|(name, kind, _, reason)| (name, kind, reason)).collect();
    let told = |name: &str, what: &str| {
        (
            name.to_owned(),
            DamageKind::NotEvidence,
            format!("{what} was not opened; copy what it gives into a file"),
        )
    };
    assert_eq!(reasons, [told("pipe.evtx", "a FIFO"), told("socket", "a socket")]);

    let walked = walk(&["/dev/null".into(), folder.path("pipe.evtx")], WalkOptions::default());
    assert_eq!(walked.sources, []);
    assert_eq!(walked.damages.len(), 2);
}

#[test]
fn missing_paths_and_empty_folders_are_told_of() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("empty/deeper")).expect("folders");
    let walked = walk(&[folder.path("absent"), folder.path("empty")], WalkOptions::default());
    assert_eq!(walked.sources, []);
    let told = folder.damages(&walked);
    let expected = [
        ("absent".to_owned(), DamageKind::Unreadable, true, "the path does not exist".to_owned()),
        ("empty".to_owned(), DamageKind::NotEvidence, true, "the folder holds no files".to_owned()),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_folder_that_may_not_be_read_costs_only_itself() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.file("good").file("locked/1");
    fs::set_permissions(folder.path("locked"), fs::Permissions::from_mode(0o0)).expect("permissions");
    let walked = folder.walk(false);
    let readable = fs::read_dir(folder.path("locked")).is_ok();
    fs::set_permissions(folder.path("locked"), fs::Permissions::from_mode(0o755)).expect("permissions");
    if readable {
        return println!("skipped: this user reads everything");
    }
    assert_eq!(folder.names(&walked), ["good"]);
    let told = folder.damages(&walked);
    assert_eq!((told.len(), told[0].0.as_str(), told[0].1), (1, "locked", DamageKind::Unreadable));
}

#[test]
fn names_that_are_not_utf8_stay_apart() {
    let folder = Folder::new();
    folder.file(OsStr::from_bytes(b"a\xFF")).file(OsStr::from_bytes(b"a\xFE")).file("aé");
    let walked = folder.walk(false);
    assert_eq!(folder.names(&walked), ["a\\xfe", "a\\xff", "aé"]);
}

#[test]
fn five_thousand_files_are_five_thousand_sources() {
    let folder = Folder::new();
    for number in 0..5_000 {
        folder.file(format!("{:02}/{number}.evtx", number % 50));
    }
    let walked = folder.walk(false);
    assert_eq!(walked.sources.len(), 5_000);
    assert!(walked.sources.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(walked.damages, []);
}
