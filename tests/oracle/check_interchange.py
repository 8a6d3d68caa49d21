#!/usr/bin/env python3
"""Reads what evql hands to other programs with those programs' own libraries, and fails when one of them would not take it.

Usage: check_interchange.py FOLDER...   (written with --format jsonl,iocs,ecs,navigator,stix; pip install stix2 mitreattack-python publicsuffixlist)

bundle.json:    stix2 parses every object strictly and derives the same identifier for every observable that has one.
navigator.json: MITRE's loader of layers takes it strictly.
iocs.csv:       Python's ipaddress and the public suffix list agree with scopes; iocs.txt is the indicators, defanged, and nothing else.
"""

import collections
import csv
import ipaddress
import json
import pathlib
import re
import sys

import stix2
from mitreattack.navlayers import Layer
from publicsuffixlist import PublicSuffixList

csv.field_size_limit(1 << 24)
SUFFIXES = PublicSuffixList(accept_unknown=False)


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


def findings_of(folder):
    lines = (folder / "findings.jsonl").read_text(encoding="utf-8").split("\n")
    return [one for one in map(json.loads, filter(None, lines)) if one["type"] == "finding"]


def references(value):
    """Every identifier that an object refers to."""
    for key, inner in value.items():
        if key.endswith("_ref"):
            yield inner
        elif key.endswith("_refs"):
            yield from inner


def check_stix(folder, findings):
    text = (folder / "bundle.json").read_text(encoding="utf-8")
    stix2.parse(text, allow_custom=False, version="2.1")
    objects = json.loads(text)["objects"]
    ids = [one["id"] for one in objects]
    check(len(ids) == len(set(ids)), "an identifier stands for one object")
    check(len({one.split("--")[1] for one in ids}) == len(ids), "a UUID stands for one object, whatever its kind")
    derived = 0
    for one in objects:
        parsed = stix2.parse(one, allow_custom=False, version="2.1")
        for reference in references(one):
            check(reference in ids, f"{one['id']} refers to {reference}, which is not there")
        if one["type"] in ("ipv4-addr", "ipv6-addr", "domain-name", "file", "directory", "network-traffic", "user-account"):
            own = {key: value for key, value in one.items() if key not in ("id", "spec_version")}
            again = type(parsed)(**{key: value for key, value in own.items() if key != "type"})
            check(again.id == one["id"], f"stix2 derives {again.id} for {json.dumps(one)}")
            derived += 1
    kinds = collections.Counter(one["type"] for one in objects)
    check(kinds["sighting"] == len(findings), "a sighting per finding")
    named = sorted(one["external_references"][0]["external_id"] for one in objects if one["type"] == "sighting")
    check(named == sorted(one["finding_id"] for one in findings), "sightings name the findings")
    return f"{len(objects)} STIX objects, {derived} identifiers derived alike"


def check_layer(folder, findings):
    layer = Layer(strict=True)
    layer.from_file(str(folder / "navigator.json"))
    # The loader keeps silent about what it skips, so that everything must be there again.
    given = json.loads((folder / "navigator.json").read_text(encoding="utf-8"))
    kept = layer.to_dict()
    for one, again in zip(given["techniques"], kept.get("techniques", []), strict=True):
        for key in ("techniqueID", "score", "comment", "enabled", "metadata"):
            check(again[key] == one[key], f"{key} of {one['techniqueID']}")
    scores = collections.Counter()
    for finding in findings:
        ids = {technique["id"] for threat in finding["threat"] for technique in threat["technique"]}
        scores.update(one for one in ids if re.fullmatch(r"T[0-9]{4}(\.[0-9]{3})?", one))
    check({one["techniqueID"]: one["score"] for one in given["techniques"]} == dict(scores), "scores")
    return f"{len(scores)} techniques"


def fanged(line):
    return line.replace("[.]", ".").replace("[://]", "://").replace("[::]", "::").replace("hxxp", "http")


def check_iocs(folder):
    with open(folder / "iocs.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        value, scope = row["value"], row["scope"]
        check((row["use"] == "context") == bool(row["reason"]), f"context has a reason: {row}")
        if row["type"] == "ip":
            address = ipaddress.ip_address(value)
            check(str(address) == value, f"{value} in its shortest form")
            public = scope == "public"
            check(address.is_global == public or address.is_multicast, f"{value} is {scope}")
            check(row["use"] == "context" or scope in ("public", "documentation"), f"{value} is offered")
        if row["type"] == "domain" and scope:
            check((SUFFIXES.publicsuffix(value) is not None) == (scope != "local"), f"{value} is {scope}")
            check((SUFFIXES.privatesuffix(value) is not None) == (scope == "public"), f"{value} is {scope}")
    lines = (folder / "iocs.txt").read_text(encoding="utf-8").split("\n")
    listed = [line for line in lines if line and not line.startswith("#")]
    offered = [row for row in rows if row["use"] == "indicator"]
    links = {row["value"] for row in offered if row["type"] in ("ip", "domain", "url")}
    check(all("://" not in line.replace("[://]", "") for line in listed), "a link in iocs.txt")
    for line, row in zip(listed, offered, strict=True):
        plain = fanged(line) if row["value"] in links else line
        check(plain == row["value"].removeprefix("'"), f"{line} is {row['value']}")
    return f"{len(rows)} values, {len(offered)} indicators"


def check_signals(folder, findings):
    text = (folder / "signals.ndjson").read_text(encoding="utf-8")
    check(text == "" or text.endswith("\n"), "the last line ends, or Filebeat loses it")
    alerts = [json.loads(line) for line in text.split("\n") if line]
    ids = [one["kibana"]["alert"]["uuid"] for one in alerts]
    check(len(ids) == len(set(ids)), "an alert's id is its own")
    by_finding = collections.defaultdict(list)
    for one in alerts:
        check(one["event"]["kind"] == "signal", "event.kind")
        by_finding[one["evql"]["finding_id"]].append(one["kibana"]["alert"])
    check(list(by_finding) == list(dict.fromkeys(one["finding_id"] for one in findings)), "alerts of every finding, in order")
    for finding in findings:
        events = [event for event in finding["events"] if event]
        own = by_finding[finding["finding_id"]]
        if len(events) == 1:
            check(len(own) == 1 and own[0]["depth"] == 1, "an event is one alert")
            continue
        *blocks, shell = own
        check(len(blocks) == len(events) and shell["depth"] == 2, "a block per event, and a shell")
        check("building_block_type" not in shell, "the shell is none")
        check({one["group"]["id"] for one in own} == {shell["uuid"]}, "one group")
        check([one["group"]["index"] for one in blocks] == list(range(len(blocks))), "group.index")
        check({one["uuid"] for one in blocks} <= {one["id"] for one in shell["ancestors"]}, "the shell's ancestors")
    return f"{len(alerts)} alerts"


if __name__ == "__main__":
    check(len(sys.argv) > 1, "no folder given")
    for argument in sys.argv[1:]:
        folder = pathlib.Path(argument)
        findings = findings_of(folder)
        parts = [check_stix(folder, findings), check_layer(folder, findings), check_iocs(folder), check_signals(folder, findings)]
        print(f"{folder}: {'; '.join(parts)}")
