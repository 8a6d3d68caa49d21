//! What an ordinary computer logs all day, in ordinary proportions. Nothing here completes the built-in rule's sequence.

use super::machine::Machine;
use super::record::SynthRecord;
use super::sysmon::{Process, hashes, sysmon_time, text};
use super::value::TypedValue;
use crate::sysmon::schema::Layout;

/// Processes kept alive at a time.
const MOST_PROCESSES: usize = 48;

/// Events per thousand, by id, as a usual configuration logs them on a workstation.
const SHARES: &[(u64, u32)] =
    &[(60, 1), (80, 3), (50, 5), (260, 7), (150, 10), (120, 11), (60, 12), (170, 13), (50, 22)];

/// Programs: image, command line, user. `msiexec.exe` starts and stays quiet, as it mostly does.
const PROGRAMS: &[(&str, &str, &str)] = &[
    (
        r"C:\Windows\System32\svchost.exe",
        r"C:\Windows\system32\svchost.exe -k LocalServiceNetworkRestricted -p",
        r"NT AUTHORITY\LOCAL SERVICE",
    ),
    (
        r"C:\Windows\System32\backgroundTaskHost.exe",
        r#""C:\Windows\system32\backgroundTaskHost.exe" -ServerName:App.AppXmtcan0h2tfbfy7k9kn8hbxb6dmzz1zh0.mca"#,
        r"EXAMPLE\alice",
    ),
    (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r#""C:\Program Files\Google\Chrome\Application\chrome.exe" --type=renderer --lang=en-GB --renderer-client-id=117"#,
        r"EXAMPLE\alice",
    ),
    (
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
        r#""C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe" --type=utility --utility-sub-type=network.mojom.NetworkService"#,
        r"EXAMPLE\bob",
    ),
    (
        r"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE",
        r#""C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE" "#,
        r"EXAMPLE\alice",
    ),
    (
        r"C:\Windows\System32\conhost.exe",
        r"\??\C:\Windows\system32\conhost.exe 0xffffffff -ForceV1",
        r"NT AUTHORITY\SYSTEM",
    ),
    (r"C:\Windows\System32\taskhostw.exe", r"taskhostw.exe KEYROAMING", r"EXAMPLE\bob"),
    (
        r"C:\Windows\System32\wbem\WmiPrvSE.exe",
        r"C:\Windows\system32\wbem\wmiprvse.exe -secured -Embedding",
        r"NT AUTHORITY\NETWORK SERVICE",
    ),
    (
        r"C:\Windows\System32\SearchProtocolHost.exe",
        r#""C:\Windows\system32\SearchProtocolHost.exe" Global\UsGthrFltPipeMssGthrPipe12_ 1 -2147483646"#,
        r"NT AUTHORITY\SYSTEM",
    ),
    (
        r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
        r"powershell.exe -NoProfile -File C:\ProgramData\Example\inventory.ps1",
        r"NT AUTHORITY\SYSTEM",
    ),
    (r"C:\Windows\System32\msiexec.exe", r"C:\Windows\system32\msiexec.exe /V", r"NT AUTHORITY\SYSTEM"),
    (
        r"C:\Windows\System32\dllhost.exe",
        r"C:\Windows\system32\DllHost.exe /Processid:{AB8902B4-09CA-4BB6-B78D-A8F59079A8D5}",
        r"EXAMPLE\alice",
    ),
];

const LIBRARIES: &[&str] = &[
    r"C:\Windows\System32\ntdll.dll",
    r"C:\Windows\System32\kernel32.dll",
    r"C:\Windows\System32\KernelBase.dll",
    r"C:\Windows\System32\combase.dll",
    r"C:\Windows\System32\rpcrt4.dll",
    r"C:\Windows\System32\ws2_32.dll",
    r"C:\Windows\System32\amsi.dll",
    r"C:\Windows\System32\clr.dll",
    r"C:\Windows\System32\wbem\fastprox.dll",
    r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\clr.dll",
    r"C:\Program Files\Microsoft Office\root\Office16\mso.dll",
];

const FILES: &[&str] = &[
    r"C:\Users\alice\AppData\Local\Temp\~DF1A2B3C4D.TMP",
    r"C:\Users\alice\AppData\Local\Google\Chrome\User Data\Default\Cache\f_0012a3",
    r"C:\Users\bob\Downloads\minutes-2024-02.docx",
    r"C:\Windows\Prefetch\BACKGROUNDTASKHOST.EXE-9F2D35E1.pf",
    r"C:\ProgramData\Example\inventory.json",
    r"C:\Windows\System32\Tasks\Example\Inventory",
    r"C:\Users\alice\AppData\Roaming\Microsoft\Windows\Recent\budget.lnk",
];

const KEYS: &[&str] = &[
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run\Example",
    r"HKLM\System\CurrentControlSet\Services\bam\State\UserSettings\S-1-5-21-1004336348-1177238915-682003330-1001\SequenceNumber",
    r"HKU\S-1-5-21-1004336348-1177238915-682003330-1001\Software\Microsoft\Windows\CurrentVersion\Explorer\RecentDocs\MRUListEx",
    r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\Example\Inventory\Index",
    r"HKU\.DEFAULT\Software\Microsoft\Windows\CurrentVersion\Internet Settings\ProxyEnable",
    r"HKLM\SOFTWARE\Policies\Example\LastRun",
];

const DETAILS: &[&str] = &[
    "DWORD (0x00000001)",
    "Binary Data",
    "QWORD (0x00000000-0x65e1a2b3)",
    r"C:\ProgramData\Example\agent.exe",
    "(Empty)",
];

const SITES: &[(&str, &str)] = &[
    ("www.example.com", "203.0.113.17"),
    ("mail.example.net", "198.51.100.25"),
    ("update.example.org", "203.0.113.80"),
    ("files.corp.example", "192.0.2.250"),
    ("dc01.corp.example", "192.0.2.5"),
    ("telemetry.example.com", "198.51.100.140"),
];

impl Machine {
    /// One more ordinary record, a moment later.
    pub fn ordinary(&mut self) -> SynthRecord {
        self.wait(1);
        let ticks = self.rng.below(9_000_000) as i64;
        self.now = super::sysmon::later_ticks(self.now, ticks);
        let mut drawn = self.rng.below(1000);
        for (share, event) in SHARES {
            match drawn.checked_sub(*share) {
                Some(rest) => drawn = rest,
                None => return self.ordinary_event(*event),
            }
        }
        self.ordinary_event(7)
    }

    fn ordinary_event(&mut self, event: u32) -> SynthRecord {
        match event {
            1 => self.ordinary_start(),
            5 if self.processes.len() > 6 => self.ordinary_end(),
            3 | 22 => self.ordinary_network(event),
            7 => self.ordinary_load(),
            10 => self.ordinary_access(),
            11 => self.ordinary_file(),
            12 | 13 => self.ordinary_registry(event),
            _ => self.ordinary_start(),
        }
    }

    fn any_process(&mut self) -> Process {
        let index = self.rng.below(self.processes.len() as u64) as usize;
        self.processes[index].clone()
    }

    fn ordinary_start(&mut self) -> SynthRecord {
        let &(image, command_line, user) = self.rng.pick(PROGRAMS);
        let parent = self.any_process();
        let process = self.process(image, command_line, user, Some(&parent));
        let record = self.start(&process);
        if self.processes.len() == MOST_PROCESSES {
            self.processes.remove(3);
        }
        self.processes.push(process);
        record
    }

    /// The first three, services, service host and shell, stay.
    fn ordinary_end(&mut self) -> SynthRecord {
        let index = 3 + self.rng.below(self.processes.len() as u64 - 3) as usize;
        let process = self.processes.remove(index);
        self.end(&process)
    }

    fn ordinary_network(&mut self, event: u32) -> SynthRecord {
        let mut process = self.any_process();
        if process.name() == "msiexec.exe" {
            process = self.svchost();
        }
        let &(name, address) = self.rng.pick(SITES);
        match event {
            22 if self.host.layout >= Layout::Sysmon10 => {
                self.query(&process, name, &format!("::ffff:{address};"))
            }
            _ => {
                let port = *self.rng.pick(&[443, 443, 443, 80, 445, 389]);
                self.connect(&process, address, port)
            }
        }
    }

    fn ordinary_load(&mut self) -> SynthRecord {
        let process = self.any_process();
        let library = *self.rng.pick(LIBRARIES);
        let file_name = library.rsplit('\\').next().unwrap_or(library);
        self.log(7, &|name| {
            Some(match name {
                "ImageLoaded" => text(library),
                "FileVersion" => text("10.0.19041.1 (WinBuild.160101.0800)"),
                "Description" => text(format!("{file_name} library")),
                "Product" => text("Microsoft® Windows® Operating System"),
                "Company" => text("Microsoft Corporation"),
                "OriginalFileName" => text(file_name),
                "Hashes" => text(hashes(library)),
                "Signed" => text("true"),
                "Signature" => text("Microsoft Windows"),
                "SignatureStatus" => text("Valid"),
                _ => return process.field(name),
            })
        })
    }

    fn ordinary_access(&mut self) -> SynthRecord {
        let (source, target) = (self.any_process(), self.any_process());
        let access = *self.rng.pick(&[0x1000, 0x1400, 0x1410, 0x0040, 0x101541]);
        let thread = self.rng.below(16_000) as u32;
        let offset = self.rng.below(0xfffff);
        let trace = format!(
            r"C:\Windows\SYSTEM32\ntdll.dll+9d1f4|C:\Windows\System32\KERNELBASE.dll+2c13e|C:\Windows\System32\wbem\cimwin32.dll+{offset:x}"
        );
        self.log(10, &|name| {
            Some(match name {
                "SourceThreadId" => TypedValue::UInt32(thread),
                "TargetProcessGUID" => TypedValue::Guid(target.guid),
                "TargetProcessId" => TypedValue::UInt32(target.pid),
                "TargetImage" => text(target.image.as_ref()),
                "TargetUser" => text(target.user.as_ref()),
                "GrantedAccess" => TypedValue::HexInt32(access),
                "CallTrace" => text(trace.as_str()),
                _ => return source.field(name),
            })
        })
    }

    fn ordinary_file(&mut self) -> SynthRecord {
        let process = self.any_process();
        let file = *self.rng.pick(FILES);
        let created = sysmon_time(self.now);
        self.log(11, &|name| match name {
            "TargetFilename" => Some(text(file)),
            "CreationUtcTime" => Some(text(created.as_str())),
            _ => process.field(name),
        })
    }

    fn ordinary_registry(&mut self, event: u32) -> SynthRecord {
        let process = self.any_process();
        let (key, details) = (*self.rng.pick(KEYS), *self.rng.pick(DETAILS));
        let kind = if event == 13 { "SetValue" } else { *self.rng.pick(&["CreateKey", "DeleteValue"]) };
        self.log(event, &|name| match name {
            "EventType" => Some(text(kind)),
            "TargetObject" => Some(text(key)),
            "Details" => Some(text(details)),
            _ => process.field(name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::SHARES;

    #[test]
    fn shares_add_up() {
        assert_eq!(SHARES.iter().map(|(share, _)| share).sum::<u64>(), 1000);
    }
}
