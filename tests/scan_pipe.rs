//! A reader that goes away ends a scan quietly. Alone in its file: a process that another test starts at the same moment would keep the pipe open.

mod common;

use std::process::{Command, Stdio};

use common::samples;

#[test]
fn a_closed_pipe_is_quiet() {
    for format in ["jsonl", "csv", "timesketch", "html"] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("evql"))
            .args(["scan", "--format", format, "-o", "-"])
            .arg(samples().join("mshta"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("evql starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("evql ends");
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}
