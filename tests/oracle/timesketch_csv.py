#!/usr/bin/env python3
"""Reads a result folder's timelines as Timesketch's importer does, with pandas, and fails when a row or a cell is lost.

Usage: timesketch_csv.py FOLDER...   (each with timeline.csv and timeline.jsonl; pip install pandas)

It does not talk to a Timesketch server.
"""

import json
import pathlib
import sys

import pandas

MANDATORY = ["message", "datetime", "timestamp_desc"]
ROW_TYPES = {"evidence", "ancestor", "child", "context", "near_miss"}


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


def read_csv(path):
    """The importer reads in pieces, as text where it cannot tell, and parses `datetime` with errors turned into NaT, whose rows it drops."""
    pieces = pandas.read_csv(path, chunksize=10_000, low_memory=False, encoding="utf-8", on_bad_lines="error")
    frame = pandas.concat(pieces)
    frame["datetime"] = pandas.to_datetime(frame["datetime"], errors="coerce", utc=True)
    return frame


def check_folder(folder):
    lines = (folder / "timeline.jsonl").read_text(encoding="utf-8").splitlines()
    objects = [json.loads(line) for line in lines]
    raw = (folder / "timeline.csv").read_bytes()
    check(raw.count(b"\n") == len(objects) + 1, "one line per row in timeline.csv")
    frame = read_csv(folder / "timeline.csv")
    check(len(frame) == len(objects), f"{len(frame)} rows in CSV, {len(objects)} in JSON Lines")
    for name in MANDATORY:
        check(name in frame.columns, f"column {name}")
        check(not frame[name].isna().any(), f"a value of {name} was lost")
        check(all(name in line for line in objects), f"{name} in every JSON line")
    micros = [line["timestamp"] for line in objects]
    check([stamp.value // 1000 for stamp in frame["datetime"]] == micros, "datetime and timestamp are the same instants")
    check(frame["datetime"].is_monotonic_increasing, "rows are sorted by datetime")
    check(frame["message"].is_unique, "every message differs")
    check((frame["data_type"] == "evql:event").all(), "data_type")
    check("Line" not in frame.columns and "Tag" not in frame.columns, "names that Timeline Explorer overwrites")
    for column in frame.columns:
        given = sum(column in line for line in objects)
        extra = frame[column].notna().sum()
        check(extra >= given or column == "flags", f"{column}: {given} values given, {extra} read")
    tags = [json.loads(cell) for cell in frame["tag"]]
    check(tags == [line["tag"] for line in objects] or len(lines) == 0 or any("⟦" in cell for cell in frame["tag"]), "tags")
    cells = frame.astype(str).apply(lambda column: column.str.contains(r"[\x00-\x1f]", regex=True)).any().any()
    check(not cells, "no control character in a cell")
    print(f"{folder}: {len(frame)} rows, {len(frame.columns)} columns, none lost")
    return set(frame["row_type"])


if __name__ == "__main__":
    check(len(sys.argv) > 1, "no folder given")
    seen = set().union(*(check_folder(pathlib.Path(argument)) for argument in sys.argv[1:]))
    check(seen == ROW_TYPES, f"rows of every type: {sorted(seen)}")
