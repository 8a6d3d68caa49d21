//! One file that holds each Sysmon event once, with a telling value in every field. It is no attack.

use crate::synth::file::FileOptions;
use crate::synth::story::{Harm, Scene, Story, StoryFile};
use crate::synth::sysmon::{Process, hashes, text};
use crate::synth::value::{Guid, TypedValue};
use crate::sysmon::schema::{InType, Layout, event_spec, events};

/// What the events say besides what every event of a process says: event id (0: any), field, text.
const FACTS: &[(u32, &str, &str)] = &[
    (0, "RuleName", "technique_id=T1204,technique_name=User Execution"),
    (2, "TargetFilename", r"C:\Users\alice\Documents\plan.docx"),
    (2, "CreationUtcTime", "2019-01-02 03:04:05.006"),
    (2, "PreviousCreationUtcTime", "2024-03-14 07:59:58.120"),
    (3, "Protocol", "tcp"),
    (3, "Initiated", "true"),
    (3, "SourceIp", "192.0.2.30"),
    (3, "SourceHostname", "ws30.corp.example"),
    (3, "SourcePort", "50123"),
    (3, "DestinationIp", "203.0.113.230"),
    (3, "DestinationHostname", "www.example.com"),
    (3, "DestinationPort", "443"),
    (3, "DestinationPortName", "https"),
    (4, "State", "Started"),
    (4, "Version", "15.15"),
    (4, "SchemaVersion", "4.90"),
    (6, "ImageLoaded", r"C:\Windows\System32\drivers\example.sys"),
    (6, "Signed", "true"),
    (6, "Signature", "Example Corporation"),
    (6, "SignatureStatus", "Valid"),
    (7, "ImageLoaded", r"C:\Users\alice\AppData\Local\Temp\plugin.dll"),
    (7, "FileVersion", "1.2.3.4"),
    (7, "Description", "Example plugin"),
    (7, "Product", "Example Suite"),
    (7, "Company", "Example Corporation"),
    (7, "OriginalFileName", "plugin.dll"),
    (7, "Signed", "false"),
    (7, "SignatureStatus", "Unavailable"),
    (8, "NewThreadId", "4242"),
    (8, "StartAddress", "0x00007FFB1C2D3E40"),
    (8, "StartModule", r"C:\Windows\System32\KERNEL32.DLL"),
    (8, "StartFunction", "LoadLibraryW"),
    (9, "Device", r"\Device\HarddiskVolume3"),
    (10, "SourceThreadId", "6120"),
    (10, "GrantedAccess", "0x1410"),
    (
        10,
        "CallTrace",
        r"C:\Windows\SYSTEM32\ntdll.dll+9d1f4|C:\Windows\System32\KERNELBASE.dll+2c13e|UNKNOWN(00000229C1A50037)",
    ),
    (11, "TargetFilename", r"C:\Users\alice\Downloads\archive.tar.gz"),
    (11, "CreationUtcTime", "2024-03-14 08:00:00.001"),
    (12, "EventType", "CreateKey"),
    (12, "TargetObject", r"HKLM\SOFTWARE\Example\Settings"),
    (13, "EventType", "SetValue"),
    (
        13,
        "TargetObject",
        r"HKU\S-1-5-21-1004336348-1177238915-682003330-1001\Software\Microsoft\Windows\CurrentVersion\Run\Example",
    ),
    (13, "Details", r"C:\Users\alice\AppData\Roaming\example.exe"),
    (14, "EventType", "RenameKey"),
    (14, "TargetObject", r"HKLM\SOFTWARE\Example\Settings"),
    (14, "NewName", r"HKLM\SOFTWARE\Example\Preferences"),
    (15, "TargetFilename", r"C:\Users\alice\Downloads\setup.exe:Zone.Identifier"),
    (15, "CreationUtcTime", "2024-03-14 08:00:00.002"),
    (15, "Contents", "[ZoneTransfer]  ZoneId=3  HostUrl=https://www.example.com/setup.exe"),
    (16, "Configuration", r"C:\ProgramData\Example\sysmon.xml"),
    (16, "ConfigurationFileHash", "SHA256=4F1D0C3B2A59687746352413021F0E1D2C3B4A59687786A5B4C3D2E1F0A1B2C3"),
    (17, "EventType", "CreatePipe"),
    (17, "PipeName", r"\example-status"),
    (18, "EventType", "ConnectPipe"),
    (18, "PipeName", r"\example-status"),
    (19, "EventType", "WmiFilterEvent"),
    (19, "Operation", "Created"),
    (19, "EventNamespace", r#" "root\\cimv2""#),
    (19, "Name", r#" "ExampleFilter""#),
    (
        19,
        "Query",
        r#" "SELECT * FROM __InstanceModificationEvent WITHIN 60 WHERE TargetInstance ISA 'Win32_LocalTime'""#,
    ),
    (20, "EventType", "WmiConsumerEvent"),
    (20, "Operation", "Created"),
    (20, "Name", r#" "ExampleConsumer""#),
    (20, "Type", "Command Line"),
    (20, "Destination", r#" "C:\\Windows\\System32\\notepad.exe""#),
    (21, "EventType", "WmiBindingEvent"),
    (21, "Operation", "Created"),
    (21, "Consumer", r#" "CommandLineEventConsumer.Name=\"ExampleConsumer\"""#),
    (21, "Filter", r#" "__EventFilter.Name=\"ExampleFilter\"""#),
    (22, "QueryName", "Assets.Example.co.uk"),
    (22, "QueryStatus", "0"),
    (
        22,
        "QueryResults",
        "type:  5 edge.example.net;type:  5 pop.example.net;::ffff:203.0.113.5;2001:db8::5;",
    ),
    (23, "TargetFilename", r"C:\Users\alice\AppData\Local\Temp\dropper.exe"),
    (23, "IsExecutable", "true"),
    (23, "Archived", "true"),
    (24, "Session", "1"),
    (24, "ClientInfo", r"user: EXAMPLE\alice ip: 192.0.2.77 hostname: jump01"),
    (24, "Archived", "true"),
    (25, "Type", "Image is replaced"),
    (26, "TargetFilename", r"C:\Users\alice\AppData\Local\Temp\notes.txt"),
    (26, "IsExecutable", "false"),
    (27, "TargetFilename", r"C:\Users\alice\Downloads\blocked.exe"),
    (28, "TargetFilename", r"C:\Users\alice\Downloads\shredded.bin"),
    (28, "IsExecutable", "false"),
    (29, "TargetFilename", r"C:\Users\alice\Downloads\detected.exe"),
    (255, "ID", "DriverCommunication"),
    (255, "Description", "Failed to retrieve events - Last error: The I/O operation has been aborted"),
];

pub(super) fn every_event() -> Story {
    let mut scene = Scene::new("ws30.corp.example", 30, Layout::Sysmon15, "2024-03-14T08:00:00Z", 100_000);
    let shell = scene.machine.explorer();
    let notepad = scene.machine.process(
        r"C:\Windows\System32\notepad.exe",
        r#""C:\Windows\System32\notepad.exe" "C:\Users\alice\My notes.txt""#,
        r"EXAMPLE\alice",
        Some(&shell),
    );
    for event in events() {
        scene.wait(250);
        let record = scene.machine.log(event.id, &|name| value(event.id, name, &notepad, &shell));
        scene.records.push(record);
    }
    Story {
        name: "every-event",
        tells: "Each of Sysmon's events, 1 to 29 and 255, once, in the layout of Sysmon 15. Nothing is found.",
        files: vec![StoryFile {
            path: "every-event.evtx".to_owned(),
            records: scene.records,
            options: FileOptions::default(),
            harm: Harm::None,
        }],
        findings: Vec::new(),
    }
}

fn value(event: u32, name: &str, process: &Process, target: &Process) -> Option<TypedValue> {
    let fact = FACTS.iter().find(|(id, field, _)| (*id == event || *id == 0) && *field == name);
    if let Some((_, _, fact)) = fact {
        return typed(event, name, fact);
    }
    match name {
        "TargetProcessGuid" | "TargetProcessGUID" => Some(TypedValue::Guid(target.guid)),
        "TargetProcessId" => Some(TypedValue::UInt32(target.pid)),
        "TargetImage" => Some(text(target.image.as_ref())),
        "TargetUser" => Some(text(target.user.as_ref())),
        "Hash" | "Hashes" if event != 1 => Some(text(hashes(&format!("event {event}")))),
        _ if event == 1 => process.start_field(name),
        _ => process.field(name),
    }
}

/// `fact` as the type that the table gives the field.
fn typed(event: u32, name: &str, fact: &str) -> Option<TypedValue> {
    let field = event_spec(event)?.fields.iter().find(|field| field.name == name)?;
    Some(match field.in_type {
        InType::UnicodeString => text(fact),
        InType::Guid => TypedValue::Guid(Guid::parse(fact)?),
        InType::UInt32 => TypedValue::UInt32(fact.parse().ok()?),
        InType::UInt16 => TypedValue::UInt16(fact.parse().ok()?),
        InType::HexInt32 => TypedValue::HexInt32(u32::from_str_radix(fact.strip_prefix("0x")?, 16).ok()?),
        InType::HexInt64 => TypedValue::HexInt64(u64::from_str_radix(fact.strip_prefix("0x")?, 16).ok()?),
        InType::Boolean => TypedValue::Boolean(fact == "true"),
    })
}
