#!/usr/bin/env python3
"""Reads what `evql export --format parquet` writes with DuckDB, and fails when it differs from what the program says otherwise.

Usage: duckdb_check.py EVQL SAMPLES [CORPUS]   (EVQL built with the feature parquet; pip install duckdb pytz)

* Every row is the document of the same event, column by column; rows are counted per source.
* The SQL blocks of docs/duckdb.md run as they stand; what their sequence finds is what `evql scan` finds, by both clocks.
* What the other blocks find is worked out again from the documents.

It derives no ECS value: that is check_ecs.py's.
"""

import collections
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import duckdb

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "duckdb.md"
# Columns that documents do not have; each is checked by itself.
PLACES = ["evidence.chunk", "evidence.record", "evidence.source_number"]


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


def blocks():
    """The SQL of the page, by name, in its order."""
    found = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    named = {re.match(r"-- name: (.*)\n", sql).group(1): sql for sql in found}
    check(len(named) == len(found) > 6, "blocks without a name of their own")
    return named


def run(evql, *arguments):
    """Standard output of a run that read all, or what could be read of damaged evidence."""
    done = subprocess.run([evql, "--quiet", *arguments], capture_output=True, text=True, encoding="utf-8")
    check(done.returncode in (0, 2), f"{arguments} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def flat(document):
    """A document as dotted paths; its lists of objects as one list for each of their fields."""
    cells = {}

    def walk(value, path):
        if path == "winlog.event_data":
            cells.update({f"{path}.{name}": text for name, text in value.items()})
        elif isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, f"{path}.{name}" if path else name)
        elif isinstance(value, list) and isinstance(value[0], dict):
            for inner in value:
                for name, text in inner.items():
                    cells.setdefault(f"{path}.{name}", []).append(text)
        else:
            cells[path] = value

    walk(document, "")
    return cells


def iso(time):
    return time.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rows(database):
    """Every row as the flat document it should be, in the order of the evidence."""
    result = database.sql(
        'SELECT * FROM events ORDER BY "evidence.source_number", "evidence.chunk", "evidence.record"'
    )
    lists = {name for name, kind in zip(result.columns, result.types) if str(kind) == "VARCHAR[]"}
    for values in result.fetchall():
        row = {name: value for name, value in zip(result.columns, values) if value is not None}
        row.update({f"winlog.event_data.{name}": text for name, text in row.pop("winlog.event_data", {}).items()})
        for name in PLACES:
            check(row.pop(name) >= 0, f"{name} is missing")
        host, time = row.get("host.id", ""), row.get("@timestamp")
        bucket = hashlib.sha256(host.encode()).digest()[0] % 16
        check(row.pop("host_bucket") == f"{bucket:02}", f"{host} is in another bucket")
        check(row.pop("date", None) == (time and time.date()), f"a row of {time} is under another day")
        ticks = row.pop("evidence.created_ticks", None)
        if ticks is not None:
            created = datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc)
            created += datetime.timedelta(milliseconds=ticks // 10_000)
            check(created == row["event.created"], f"{ticks} ticks are not {row['event.created']}")
        check(("evidence.data_sha256" in row) != ("winlog.record_id" in row), "a record without an id and a hash")
        row.pop("evidence.data_sha256", None)
        yield {name: iso(value) if isinstance(value, datetime.datetime) else value for name, value in row.items()}, lists


def compare_documents(documents, database):
    """Every cell of every row; a document's single value is a list of one where the column is one of lists."""
    compared, empty = 0, object()
    found = list(rows(database))
    check(len(found) == len(documents), f"{len(found)} rows of {len(documents)} documents")
    per_source = collections.Counter(row["evidence.source"] for row, _ in found)
    expected = collections.Counter(document["evidence"]["source"] for document in documents)
    check(per_source == expected, f"rows by source: {per_source} instead of {expected}")
    for document, (row, lists) in zip(documents, found):
        cells = {"evidence.recovered": False, **flat(document)}
        cells = {name: [value] if name in lists and not isinstance(value, list) else value for name, value in cells.items()}
        for name in sorted(cells.keys() | row.keys()):
            there, here = cells.get(name, empty), row.get(name, empty)
            same = there == here and type(there) is type(here)
            check(same, f"{document['evidence']}, record {row.get('winlog.record_id')}: {name} is {here!r} and not {there!r}")
            compared += 1
    return compared


def scanned(evql, evidence, clock, options):
    lines = run(evql, "scan", *evidence, "--format", "jsonl", "--clock", clock, "-o", "-", *options)
    found = []
    for finding in lines:
        if finding["type"] == "finding":
            start, network = finding["events"]
            ids = (start["winlog"].get("record_id"), network["winlog"].get("record_id"))
            found.append((network["host"]["name"], finding["process"]["entity_id"], *ids))
    return sorted(found, key=str)


def sequence(database, sql):
    columns = '"host.name", "process.entity_id", start_record, network_record'
    return sorted(database.sql(f"SELECT {columns} FROM ({sql.rstrip().rstrip(';')})").fetchall(), key=str)


def once(documents):
    """Documents without copies, by the fields that make a record's identity; a recovered one only where there is no other."""
    kept = {}
    for document in sorted(documents, key=lambda document: document["evidence"].get("recovered", False)):
        winlog, created = document["winlog"], document["event"]["created"]
        kept.setdefault((winlog["computer_name"], winlog["channel"], winlog["record_id"], created), document)
    return list(kept.values())


def check_questions(results, documents):
    """The questions that need no sequence, answered from the documents."""
    records = once(documents)
    starts = collections.defaultdict(list)
    for record in records:
        if record["event"]["code"] == "1":
            process = record["process"]
            sha256 = process.get("hash", {}).get("sha256")
            name = process.get("name")
            starts[name and name.lower(), sha256].append(record["host"]["id"])
    expected = sorted((len(set(hosts)), len(hosts)) for hosts in starts.values())[:50]
    prevalence = results["prevalence"]
    check([(row[2], row[3]) for row in prevalence] == expected, "the prevalence")
    for program, sha256, hosts, count, *_ in prevalence:
        there = starts[program, sha256]
        check((hosts, count) == (len(set(there)), len(there)), f"the prevalence of {program}")
    wanted = "203.0.113.10"
    reached = [
        record["winlog"]["record_id"]
        for record in records
        if record.get("destination", {}).get("ip") == wanted
        or wanted in record.get("dns", {}).get("resolved_ip", [])
    ]
    check(sorted(row[-1] for row in results["destination"]) == sorted(reached), "who reached the address")
    of_host = [
        record["winlog"]["record_id"]
        for record in records
        if record["host"]["id"] == "ws01.corp.example" and record["@timestamp"].startswith("2024-03")
    ]
    check(sorted(row[-2] for row in results["timeline"]) == sorted(of_host), "the timeline of the host")
    return len(prevalence), len(reached), len(of_host)


def judge(evql, title, evidence, options=(), questions=False):
    """Exports and scans `evidence`, and compares."""
    evidence = [str(path) for path in evidence]
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        run(evql, "export", *evidence, "--format", "parquet", "-o", f"{folder}/events", *options)
        documents = run(evql, "export", *evidence, *options)
        os.chdir(folder)
        try:
            database = duckdb.connect()
            results = {}
            for name, sql in blocks().items():
                answer = database.sql(sql)
                results[name] = answer.fetchall() if answer is not None else []
            compared = compare_documents(documents, database)
            found = [sequence(database, blocks()[name]) for name in ("findings", "findings by UtcTime")]
            database.close()
        finally:
            os.chdir(home)
    for clock, there in zip(("created", "utc"), found):
        here = scanned(evql, evidence, clock, options)
        check(there == here, f"{title}, clock {clock}: SQL finds {there}, the scan {here}")
    asked = check_questions(results, documents) if questions else None
    check(asked is None or all(asked), f"{title}: a question without an answer proves nothing: {asked}")
    print(f"{title}: {len(documents)} rows, {compared} cells, {len(found[0])} and {len(found[1])} findings")
    return len(found[0])


def difficult(evql, folder):
    """Evidence that tries what ordinary evidence has little of. Returns how many attacks are in it."""
    attacks, load = 9, folder / "load"
    made = ["--hosts", "5", "--events", "12000", "--attacks", str(attacks), "--seed", "7"]
    run(evql, "synth", "-o", str(load), *made)
    logs = sorted(load.rglob("*.evtx"))
    # Copies: a log whole, and one with a chunk whose header is destroyed, from which records are recovered.
    shutil.copy(logs[0], folder / "copy.evtx")
    torn = bytearray(logs[1].read_bytes())
    torn[4096 + 65536 : 4096 + 65536 + 8] = bytes(8)
    (folder / "torn.evtx").write_bytes(torn)
    # Documents without a record id, each twice, with data that no Sysmon has; one has neither time nor host, two are late.
    lines = []
    for number, document in enumerate(run(evql, "export", str(logs[2]))[:400]):
        document.pop("evidence")
        document["winlog"].pop("record_id")
        document["winlog"].setdefault("event_data", {})["Not.Sysmon's"] = f"value {number}"
        lines += [json.dumps(document)] * 2
    for field in ("@timestamp", "host"):
        document.pop(field)
    document["event"].pop("created")
    document["winlog"].pop("computer_name")
    lines.append(json.dumps(document))
    # The last day that has a folder, and the one after it.
    document["winlog"]["computer_name"] = "late.example"
    for day in ("9999-12-30T12:00:00.000Z", "9999-12-31T12:00:00.000Z"):
        document["@timestamp"] = document["event"]["created"] = day
        lines.append(json.dumps(document))
    lines += crafted(evql, load)
    (folder / "documents.ndjson").write_text("\n".join(lines) + "\n")
    return attacks + 3


def crafted(evql, load):
    """Three attacks by hand: one whose copies lost the part of their time below a millisecond, so that a copy of its start comes after the connection of
    the other; and two of one millisecond without record ids, which only their data tell apart."""
    finding = next(finding for finding in run(evql, "scan", str(load), "--format", "jsonl", "-o", "-") if finding["type"] == "finding")
    guid = finding["process"]["entity_id"]
    start, network = [event for event in finding["events"] if event["process"]["entity_id"] == guid]

    def event(document, last, time, record_id=None):
        document = json.loads(json.dumps(document))
        document["process"]["entity_id"] = guid[:-2] + last + "}"
        document["@timestamp"] = document["event"]["created"] = f"2030-01-01T00:00:{time}Z"
        document["winlog"].pop("record_id")
        if record_id is not None:
            document["winlog"]["record_id"] = record_id
        return json.dumps({name: value for name, value in document.items() if name != "evidence"})

    fine = [event(start, "a", "00.1231", "71"), event(network, "a", "00.1239", "72")]
    coarse = [event(start, "a", "00.123", "71"), event(network, "a", "00.123", "72")]
    nameless = [event(document, last, time) for document, time in ((start, "01.5"), (network, "02.5")) for last in "bc"]
    return fine + coarse + nameless


def main():
    evql, samples, *corpus = sys.argv[1:]
    evql, samples = os.path.abspath(evql), pathlib.Path(samples).resolve()
    check(judge(evql, "samples", [samples], questions=True) > 0, "no finding")
    judge(evql, "samples, hosts by their short name", [samples], ["--host-name", "short"])
    with tempfile.TemporaryDirectory() as folder:
        attacks = difficult(evql, pathlib.Path(folder))
        found = judge(evql, "load, copies, torn logs, documents", [folder], ["--recover"])
        check(found == attacks, f"{found} findings of {attacks} attacks that were made")
    for path in corpus:
        if os.path.isdir(path):
            judge(evql, "public logs", [pathlib.Path(path).resolve() / "evtx"])


main()
