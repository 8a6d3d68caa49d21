#!/usr/bin/env python3
"""Derives every Sysmon document anew, from the mapping as written down, and compares it with what `evql export` wrote.

    evql export --no-hash samples/every-event.evtx | python3 tests/oracle/check_ecs.py -

It shares nothing with evql: libevtx reads the logs, `communityid` and `publicsuffixlist` stand in for evql's own derivations, arguments are split by a
regular expression. Every field of every document must be equal, only `related.*` may stand in another order. Fields under `evidence` tell where the
record is. Exit code 0 when all agree, 1 when anything differs, 2 when a record has no document or a document no record.
"""

import argparse
import collections
import ipaddress
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

import communityid
import pyevtx
from publicsuffixlist import PublicSuffixList

NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"
GUID = re.compile(r"^\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?$")
RUNS = re.compile(r'(\\*)("+)|([ \t])|(\\+(?!")|[^\\" \t]+)')
PLACEHOLDERS = ("", "-", "{00000000-0000-0000-0000-000000000000}")
HEXADECIMAL = {"LogonId", "GrantedAccess"}
BOOLEAN = {"Initiated", "SourceIsIpv6", "DestinationIsIpv6", "IsExecutable"}

# Event id: category, type, action.
EVENTS = {
    1: (["process"], ["start"], "Process creation"),
    2: (["file"], ["change"], "A process changed a file creation time"),
    3: (["network"], ["start", "connection", "protocol"], "Network connection"),
    4: (["process"], ["change"], "Sysmon service state changed"),
    5: (["process"], ["end"], "Process terminated"),
    6: (["driver"], ["start"], "Driver loaded"),
    7: (["process", "library"], ["change", "start"], ["Image loaded", "load"]),
    8: (["process"], ["change"], "CreateRemoteThread"),
    9: (["process"], ["access"], "RawAccessRead"),
    10: (["process"], ["access"], "ProcessAccess"),
    11: (["file"], ["creation"], "FileCreate"),
    12: (["configuration", "registry"], ["change"], "RegistryEvent (Object create and delete)"),
    13: (["configuration", "registry"], ["change"], "RegistryEvent (Value Set)"),
    14: (["configuration", "registry"], ["change"], "RegistryEvent (Key and Value Rename)"),
    15: (["file"], ["access"], "FileCreateStreamHash"),
    16: (["configuration"], ["change"], "ServiceConfigurationChange"),
    17: (["file"], ["creation"], "PipeEvent (Pipe Created)"),
    18: (["file"], ["access"], "PipeEvent (Pipe Connected)"),
    19: (["process"], ["info"], "WmiEvent (WmiEventFilter activity detected)"),
    20: (["process"], ["change"], "WmiEvent (WmiEventConsumer activity detected)"),
    21: (["process"], ["access"], "WmiEvent (WmiEventConsumerToFilter activity detected)"),
    22: (["network"], ["connection", "protocol", "info"], "DNSEvent (DNS query)"),
    23: (["file"], ["deletion"], "FileDelete (File Delete archived)"),
    24: (None, ["change"], "ClipboardChange (New content in the clipboard)"),
    25: (["process"], ["change"], "ProcessTampering (Process image change)"),
    26: (["file"], ["deletion"], "FileDeleteDetected (File Delete logged)"),
    27: (["file"], ["creation"], "FileBlockExecutable"),
    28: (["file"], ["deletion"], "FileBlockShredding"),
    29: (["file"], ["creation"], "FileExecutableDetected"),
    255: (["process"], None, "Error"),
}
LEVELS = {0: "information", 1: "critical", 2: "error", 3: "warning", 4: "information", 5: "verbose"}
HIVES = {
    "HKEY_CLASSES_ROOT": "HKCR", "HKEY_CURRENT_CONFIG": "HKCC", "HKEY_CURRENT_USER": "HKCU", "HKEY_DYN_DATA": "HKDD",
    "HKEY_LOCAL_MACHINE": "HKLM", "HKEY_PERFORMANCE_DATA": "HKPD", "HKEY_USERS": "HKU",
}
HIVES.update({short: short for short in HIVES.values()})
STATUSES = {"0": "SUCCESS", "9003": "DNS_ERROR_RCODE_NAME_ERROR", "9701": "DNS_ERROR_RECORD_DOES_NOT_EXIST",
            "9501": "DNS_INFO_NO_RECORDS", "1460": "ERROR_TIMEOUT", "9002": "DNS_ERROR_RCODE_SERVER_FAILURE",
            "87": "ERROR_INVALID_PARAMETER", "123": "ERROR_INVALID_NAME", "9560": "DNS_ERROR_INVALID_NAME_CHAR"}
RECORD_TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 65: "HTTPS"}

SUFFIXES_ALL = PublicSuffixList(accept_unknown=False)
SUFFIXES_ICANN = PublicSuffixList(accept_unknown=False, only_icann=True)


class Document:
    def __init__(self):
        self.tree = {}

    def put(self, path, value):
        """Missing values leave no trace; the first writer wins."""
        if value is None or value == "" or value == []:
            return
        *parents, name = path.split(".")
        tree = self.tree
        for parent in parents:
            tree = tree.setdefault(parent, {})
        tree.setdefault(name, value)

    def relate(self, kind, *values):
        known = self.tree.setdefault("related", {}).setdefault(kind, [])
        known.extend(value for value in values if value and value not in known)
        if not known:
            del self.tree["related"][kind]
            if not self.tree["related"]:
                del self.tree["related"]


def path_name(path):
    return path[path.rindex("\\") + 1:] if path and "\\" in path else None


def put_file(document, path):
    if not path:
        return
    document.put("file.path", path)
    if "\\" in path:
        document.put("file.name", path_name(path))
        document.put("file.directory", path[:path.rindex("\\")])
        if "." in path:
            document.put("file.extension", path[path.rindex(".") + 1:])


def split_arguments(line):
    """The C runtime's rule from before 2008, over runs: backslashes before quotes, a blank, or anything else."""
    found, current, quoted = [], None, False
    for slashes, quotes, blank, text in RUNS.findall(line):
        if blank and not quoted:
            found += [] if current is None else [current]
            current = None
            continue
        current = (current or "") + blank + text + "\\" * (len(slashes) // 2)
        left = len(quotes)
        if len(slashes) % 2:
            current += '"'
            left -= 1
        while left > 0:
            if quoted and left > 1:
                current += '"'
                left -= 1
            left -= 1
            quoted = not quoted
    return found if current is None else found + [current]


def hashes(text):
    items = [item.split("=", 1) for item in text.split(",")] if text else []
    if any(len(item) < 2 for item in items):
        return {}
    return {name.lower(): value.lower() for name, value in items if value.strip("0")}


def put_hashes(document, where, text):
    found = hashes(text)
    document.relate("hash", *found.values())
    for root in where:
        for name, value in found.items():
            document.put(f"{root}.pe.imphash" if name == "imphash" else f"{root}.hash.{name}", value)


def address(text):
    try:
        return ipaddress.ip_address(text) and text
    except ValueError:
        return None


def number(text):
    return int(text) if text and text.isdigit() else None


def boolean(text):
    return {"true": True, "false": False}.get(text)


def domain(name):
    """(registered domain, subdomain, top-level domain)."""
    if not name or name.startswith(".") or name.endswith("."):
        return None, None, None
    lowered = name.lower()
    suffix = SUFFIXES_ALL.publicsuffix(lowered)
    if suffix is None:
        return None, None, None
    registered = suffix
    if SUFFIXES_ICANN.publicsuffix(lowered) == suffix:
        registered = SUFFIXES_ALL.privatesuffix(lowered)
        if registered is None:
            return None, None, suffix
    if "." not in registered:
        return None, None, None
    head = name[:-len(registered)].rstrip(".") if name.endswith(registered) else ""
    return registered, head, registered.split(".", 1)[1]


def dns(document, data):
    question = data.pop("QueryName", None)
    document.put("network.protocol", "dns")
    document.put("dns.question.name", question)
    for path, value in zip(("registered_domain", "subdomain", "top_level_domain"), domain(question)):
        document.put(f"dns.question.{path}", value)
    status = data.pop("QueryStatus", None)
    document.put("sysmon.dns.status", STATUSES.get(status, status))
    named, plain = [], []
    for item in (data.pop("QueryResults", None) or "").split(";"):
        if item.startswith("type:"):
            words = item.split()[1:]
            answer = {"type": RECORD_TYPES.get(number(words[0])) if words else None,
                      "data": words[1] if len(words) == 2 else None}
            named.append({key: value for key, value in answer.items() if value})
            document.relate("hosts", answer["data"])
            continue
        mapped = re.fullmatch(r"\[?::ffff:(\d+\.\d+\.\d+\.\d+)(?:\](?::\d+)?)?", item)
        if address(mapped[1] if mapped else item):
            plain.append(mapped[1] if mapped else item)
    document.relate("hosts", question)
    document.relate("ip", *plain)
    document.put("dns.resolved_ip", plain)
    document.put("dns.answers", named + [{"data": ip, "type": "AAAA" if ":" in ip else "A"} for ip in plain])


def network(document, data):
    source, destination = data.pop("SourceIp", None), data.pop("DestinationIp", None)
    ports = number(data.pop("SourcePort", None)), number(data.pop("DestinationPort", None))
    transport = data.pop("Protocol", None)
    document.put("network.transport", transport)
    document.put("network.direction", {"true": "egress", "false": "ingress"}.get(data.pop("Initiated", None)))
    document.put("network.type", {"true": "ipv6", "false": "ipv4"}.get(data.pop("SourceIsIpv6", None)))
    data.pop("DestinationIsIpv6", None)
    names = data.pop("DestinationPortName", None), data.pop("SourcePortName", None)
    document.put("network.protocol", names[0] or names[1])
    document.put("source.domain", data.pop("SourceHostname", None))
    document.put("destination.domain", data.pop("DestinationHostname", None))
    for end, ip, port in (("source", source, ports[0]), ("destination", destination, ports[1])):
        document.put(f"{end}.ip", address(ip))
        document.put(f"{end}.port", port)
        document.relate("ip", address(ip))
    if address(source) and address(destination) and None not in ports and transport in ("tcp", "udp"):
        # Mixed families have no id: the algorithm orders addresses of one length.
        make = {"tcp": communityid.FlowTuple.make_tcp, "udp": communityid.FlowTuple.make_udp}[transport]
        plain = [str(getattr(ipaddress.ip_address(ip), "ipv4_mapped", None) or ip) for ip in (source, destination)]
        if len({":" in ip for ip in plain}) == 1:
            document.put("network.community_id", communityid.CommunityID().calc(make(*plain, *ports)))


def registry(document, data):
    path = data.pop("TargetObject", None)
    if path:
        document.put("registry.path", path)
        tokens = path.rstrip("\\").split("\\")
        document.put("registry.value", tokens[-1])
        if tokens[0] in HIVES:
            document.put("registry.hive", HIVES[tokens[0]])
            document.put("registry.key", "\\".join(tokens[1:]))
    details = data.pop("Details", None)
    if not details:
        return
    text, kind = details, "REG_BINARY" if details == "Binary Data" else "REG_SZ"
    if match := re.fullmatch(r"DWORD \((0x[0-9a-fA-F]{8})\)", details):
        text, kind = str(int(match[1], 16)), "SZ_DWORD"
    elif match := re.fullmatch(r"QWORD \((0x[0-9a-fA-F]{8})-(0x[0-9a-fA-F]{8})\)", details):
        text, kind = str((int(match[1], 16) << 8) + int(match[2], 16)), "SZ_QWORD"
    document.put("registry.data.strings", [text])
    document.put("registry.data.type", kind)


def signature(document, data, library):
    signed, subject, status = (data.get(name) for name in ("Signed", "Signature", "SignatureStatus"))
    document.put("file.code_signature.trusted", None if signed is None else signed == "true")
    document.put("file.code_signature.subject_name", subject)
    document.put("file.code_signature.status", status)
    document.put("file.code_signature.valid", True if status == "Valid" else None)
    if not library:
        return
    document.put("dll.code_signature.trusted", boolean(signed))
    document.put("dll.code_signature.subject_name", subject)
    if signed == "true":
        document.put("dll.code_signature.status", "trusted")
    elif status == "Unavailable":
        document.put("dll.code_signature.status", "Unavailable")
    elif signed and signed.startswith("failed:"):
        document.put("dll.code_signature.status", signed)


def process(document, event, data):
    prefix = "Source" if event in (8, 10) else ""
    document.put("process.entity_id", data.pop({8: "SourceProcessGuid", 10: "SourceProcessGUID"}.get(event, "ProcessGuid"), None))
    document.put("process.pid", number(data.pop(prefix + "ProcessId", None)))
    image = data.pop({20: "Destination", 8: "SourceImage", 10: "SourceImage"}.get(event, "Image"), None)
    document.put("process.executable", image)
    document.put("process.name", path_name(image))
    if event == 8 and "TargetProcessGuid" in data:
        data["TargetProcessGUID"] = data.pop("TargetProcessGuid")
    if event == 10:
        document.put("process.thread.id", number(data.pop("SourceThreadId", None)))
    if event == 1:
        creation(document, data)


def creation(document, data):
    document.put("process.working_directory", data.pop("CurrentDirectory", None))
    document.put("process.parent.entity_id", data.pop("ParentProcessGuid", None))
    document.put("process.parent.pid", number(data.pop("ParentProcessId", None)))
    parent = data.pop("ParentImage", None)
    document.put("process.parent.executable", parent)
    document.put("process.parent.name", path_name(parent))
    for root, name in (("process", "CommandLine"), ("process.parent", "ParentCommandLine")):
        line = data.pop(name, None)
        document.put(f"{root}.command_line", line)
        if line:
            document.put(f"{root}.args", split_arguments(line))
            document.put(f"{root}.args_count", len(split_arguments(line)))


HASHES_GO_TO = {1: ["process"], 23: ["process"], 24: ["process"], 6: ["file"], 7: ["file", "dll"], 15: ["file"], 26: ["file"], 29: ["file"],
                27: [], 28: []}


def subject(document, event, data):
    """What an event is about besides its process."""
    if event in (2, 11, 15, 23, 26, 27, 28, 29):
        put_file(document, data.pop("TargetFilename", None))
    if event == 9:
        put_file(document, data.pop("Device", None))
    if event in (17, 18):
        document.put("file.name", data.pop("PipeName", None))
    if event in (6, 7):
        loaded = data.pop("ImageLoaded", None)
        put_file(document, loaded)
        if event == 7:
            document.put("dll.path", loaded)
            document.put("dll.name", path_name(loaded))
        signature(document, data, event == 7)
    if event in (1, 7, 255):
        root = "file" if event == 7 else "process"
        for name, path in (("FileVersion", "file_version"), ("Description", "description"), ("Product", "product"), ("Company", "company")):
            document.put(f"{root}.pe.{path}", data.get(name))
        original = data.pop("OriginalFileName", None)
        document.put(f"{root}.pe.original_file_name", original)
        if event == 7:
            document.put("dll.pe.original_file_name", original)
    if event in HASHES_GO_TO:
        put_hashes(document, HASHES_GO_TO[event], data.pop("Hash" if event == 15 else "Hashes", None))
    if event in (12, 13, 14):
        registry(document, data)
    if event == 3:
        network(document, data)
    if event == 22:
        dns(document, data)
    if event in (23, 26, 28):
        document.put("sysmon.file.is_executable", boolean(data.pop("IsExecutable", None)))
    if event in (23, 24):
        document.put("sysmon.file.archived", boolean(data.pop("Archived", None)))
    if event == 25:
        document.put("message", data.pop("Type", None))
    if event == 255:
        document.put("error.code", data.pop("ID", None))


def common(document, event, system, data):
    created = system["created"][:23] + "Z"
    utc = data.pop("UtcTime", None) or ""
    timely = re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", utc)
    document.put("@timestamp", utc.replace(" ", "T") + "Z" if timely else created)
    category, kinds, action = EVENTS[event]
    for path, value in {
        "event.kind": "event", "event.code": str(event), "event.provider": "Microsoft-Windows-Sysmon", "event.module": "windows",
        "event.dataset": "windows.sysmon_operational", "event.category": category, "event.type": kinds, "event.action": action,
        "event.outcome": "failure" if event in (27, 255) else None, "event.created": created,
        "data_stream.dataset": "windows.sysmon_operational", "data_stream.type": "logs", "data_stream.namespace": "default",
        "ecs.version": "8.17.0", "log.level": LEVELS[system["level"]], "user.id": system["sid"],
        "host.name": system["computer"], "host.hostname": system["computer"].split(".")[0], "host.id": system["computer"].lower(),
        "host.os.type": "windows", "host.os.family": "windows",
        "winlog.channel": system["channel"], "winlog.computer_name": system["computer"], "winlog.event_id": str(event),
        "winlog.provider_name": "Microsoft-Windows-Sysmon", "winlog.provider_guid": system["guid"], "winlog.record_id": system["record"],
        "winlog.version": system["version"], "winlog.opcode": {0: "Info"}.get(system["opcode"]), "winlog.process.pid": system["pid"],
        "winlog.process.thread.id": system["tid"], "winlog.user.identifier": system["sid"],
        "rule.name": data.pop("RuleName", None),
    }.items():
        document.put(path, value)
    user = (data.pop("User", None) or "").rstrip("\\").split("\\")
    if len(user) == 2:
        document.put("user.domain", user[0])
        document.put("user.name", user[1])
        document.relate("user", user[1])


def expected(system, data):
    document, event, data = Document(), system["event"], dict(data)
    for name, text in list(data.items()):
        if text in PLACEHOLDERS:
            del data[name]
    common(document, event, system, data)
    process(document, event, data)
    subject(document, event, data)
    for name, text in data.items():
        document.put(f"winlog.event_data.{name}", text)
    return document.tree


def rendered(name, text):
    """The text as Windows renders it: libevtx pads hexadecimal numbers and writes GUIDs in capitals."""
    text = text or ""
    if match := GUID.match(text):
        return "{" + match[1].lower() + "}"
    if name in HEXADECIMAL and text.startswith("0x"):
        return hex(int(text, 16))
    return text.lower() if name in BOOLEAN else text


def record_of(xml):
    root = ElementTree.fromstring(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", xml.rstrip("\0")))
    node = lambda name: root.find(f"{NAMESPACE}System/{NAMESPACE}{name}")
    if node("Provider").get("Name") != "Microsoft-Windows-Sysmon":
        return None
    text = lambda name: node(name).text
    system = {
        "event": int(text("EventID")), "version": int(text("Version")), "level": int(text("Level")), "opcode": int(text("Opcode")),
        "created": node("TimeCreated").get("SystemTime"), "record": text("EventRecordID"), "channel": text("Channel"),
        "computer": text("Computer"), "sid": node("Security").get("UserID"), "guid": node("Provider").get("Guid").lower(),
        "pid": int(node("Execution").get("ProcessID")), "tid": int(node("Execution").get("ThreadID")),
    }
    data = {}
    for item in root.find(f"{NAMESPACE}EventData"):
        data.setdefault(item.get("Name"), rendered(item.get("Name"), item.text))
    return system, data


def records(path):
    log = pyevtx.open(str(path))
    try:
        found = (record_of(record.get_xml_string()) for record in log.records)
        return [record for record in found if record]
    finally:
        log.close()


def flat(tree, path=""):
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from flat(value, f"{path}.{name}" if path else name)
    else:
        yield path, sorted(tree) if path.startswith("related.") else tree


def differences(wanted, got):
    wanted, got = dict(flat(wanted)), dict(flat(got))
    for path in sorted(wanted.keys() | got.keys()):
        if wanted.get(path) != got.get(path) or type(wanted.get(path)) is not type(got.get(path)):
            yield f"{path}: {got.get(path)!r}, not {wanted.get(path)!r}"


def main():
    parser = argparse.ArgumentParser(description="Check exported ECS documents against a second derivation.")
    parser.add_argument("documents", help="the output of `evql export`, - for standard input")
    lines = parser.parse_args().documents
    lines = sys.stdin if lines == "-" else open(lines, encoding="utf-8")
    exported = collections.defaultdict(list)
    for line in lines:
        document = json.loads(line)
        exported[document.pop("evidence")["source"]].append(document)
    problems, lost, counts = collections.Counter(), 0, collections.Counter()
    shown = {}
    for source, documents in sorted(exported.items()):
        wanted = records(pathlib.Path(source))
        # A collector's log holds the records of many hosts, each with its own numbers.
        by_number = {(document["winlog"]["computer_name"], document["winlog"]["record_id"]): document for document in documents}
        numbers = [(system["computer"], system["record"]) for system, _ in wanted]
        if numbers != list(by_number):
            odd = sorted(set(numbers) ^ set(by_number))
            print(f"{source}: {len(documents)} documents, {len(wanted)} records, or another order; in one only: {odd[:20]}")
            lost += 1
        for system, data in wanted:
            document = by_number.get((system["computer"], system["record"]))
            if document is None:
                continue
            counts[system["event"]] += 1
            for difference in differences(expected(system, data), document):
                key = (system["event"], difference.split(":")[0])
                problems[key] += 1
                shown.setdefault(key, f"{source}: record {system['record']}: {difference}")
    for key, example in sorted(shown.items())[:50]:
        print(f"event {key[0]}, {problems[key]} times, e.g. {example}")
    print(f"{len(exported)} files, {sum(counts.values())} documents, {sum(problems.values())} differences; by event: {dict(sorted(counts.items()))}")
    return 2 if lost else int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
