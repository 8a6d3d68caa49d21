#!/usr/bin/env python3
"""Proves the samples valid EVTX with parsers that are not ours: libevtx (pyevtx) and python-evtx.

    evql synth --manifest | python3 tests/oracle/check_evtx.py samples -

Both read every file that the manifest names. Record count, EventRecordID, EventID and every Data field, name and text, must be what the writer was
asked to write. Only renderings that differ by convention are made alike: GUIDs by braces and case, hexadecimal numbers by padding, booleans by case,
times by their number of digits. Exit code 0 when all agree, 1 when anything differs, 2 when something is missing.
"""

import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

import Evtx.Evtx
import pyevtx

NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"
GUID = re.compile(r"^\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?$")
HEXADECIMAL = re.compile(r"^0x([0-9a-fA-F]{1,16})$")
TIME = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)\.(\d{6})\d{0,3}(?:Z|\+00:00)?$")


def normal(text):
    """The text with everything taken out that parsers render by their own convention."""
    text = text or ""
    if match := GUID.match(text):
        return match[1].lower()
    if match := HEXADECIMAL.match(text):
        return hex(int(match[1], 16))
    if match := TIME.match(text):
        return f"{match[1]} {match[2]}.{match[3]}"
    return text.lower() if text in ("True", "False") else text


def record_of(xml):
    """(EventRecordID, EventID, [(name, text), ...]) of a rendered record."""
    root = ElementTree.fromstring(xml.rstrip("\0"))
    system = root.find(f"{NAMESPACE}System")
    number = int(system.find(f"{NAMESPACE}EventRecordID").text)
    event = int(system.find(f"{NAMESPACE}EventID").text)
    data = root.find(f"{NAMESPACE}EventData")
    return number, event, [(item.get("Name", ""), normal(item.text)) for item in data]


def by_libevtx(path):
    log = pyevtx.open(str(path))
    try:
        if log.is_corrupted():
            raise ValueError("libevtx calls the file corrupted")
        if log.number_of_recovered_records:
            raise ValueError("libevtx recovered records outside the chunks' lists")
        return [record_of(record.get_xml_string()) for record in log.records]
    finally:
        log.close()


def by_python_evtx(path):
    with Evtx.Evtx.Evtx(str(path)) as log:
        header = log.get_file_header()
        if not header.verify():
            raise ValueError("python-evtx cannot verify the file header")
        for chunk in log.chunks():
            if not chunk.verify():
                raise ValueError("python-evtx cannot verify a chunk")
        return [record_of(record.xml()) for record in log.records()]


def expected_of(lines):
    """File -> records, as the manifest has them."""
    files = {}
    for line in lines:
        record = json.loads(line)
        data = [(name, normal(text)) for name, text in record["data"].items()]
        files.setdefault(record["file"], []).append((record["record_id"], record["event_id"], data))
    return files


def differences(name, expected, found):
    if len(expected) != len(found):
        yield f"{name}: {len(found)} records, not {len(expected)}"
    for wanted, got in zip(expected, found):
        if wanted[:2] != got[:2]:
            yield f"{name}: record {got[0]} of event {got[1]}, not record {wanted[0]} of event {wanted[1]}"
        elif wanted[2] != got[2]:
            for field, other in zip(wanted[2], got[2]):
                if field != other:
                    yield f"{name}: record {got[0]}: {other!r}, not {field!r}"
            if len(wanted[2]) != len(got[2]):
                yield f"{name}: record {got[0]}: {len(got[2])} fields, not {len(wanted[2])}"


def check(path, expected):
    for name, parse in (("libevtx", by_libevtx), ("python-evtx", by_python_evtx)):
        try:
            found = parse(path)
        except Exception as error:  # any failure to read is what this script is here to report
            yield f"{name}: {type(error).__name__}: {error}"
            continue
        yield from differences(name, expected, found)


def main():
    parser = argparse.ArgumentParser(description="Check samples with two independent EVTX parsers.")
    parser.add_argument("samples", type=pathlib.Path, help="the samples' folder")
    parser.add_argument("manifest", help="JSON lines of `evql synth --manifest`, - for standard input")
    arguments = parser.parse_args()
    if arguments.manifest == "-":
        files = expected_of(sys.stdin)
    else:
        with open(arguments.manifest, encoding="utf-8") as lines:
            files = expected_of(lines)
    on_disk = {
        path.relative_to(arguments.samples).as_posix()
        for path in arguments.samples.rglob("*.evtx")
        if "damaged" not in path.relative_to(arguments.samples).parts
    }
    if not files or on_disk != set(files):
        print(f"the manifest and {arguments.samples} differ in: {sorted(on_disk ^ set(files))}", file=sys.stderr)
        return 2
    problems = 0
    for name, expected in sorted(files.items()):
        for problem in check(arguments.samples / name, expected):
            problems += 1
            print(f"{name}: {problem}")
    records = sum(len(records) for records in files.values())
    print(f"{len(files)} files, {records} records, {problems} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
