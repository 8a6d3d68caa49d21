#!/usr/bin/env python3
"""Reads what `evql map --records arrow` writes with pyarrow, sorts it with others, gives it to `evql reduce`, and fails when anything differs.

Usage: arrow_check.py EVQL SAMPLES [CORPUS]   (EVQL built with the feature parquet; pip install pyarrow pandas duckdb)

* The columns are those of docs/OUTPUTS.md; every row makes the line of the map in its other form, and every cell says what that line says.
* Rows sorted by pyarrow, pandas and DuckDB, in batches of other sizes, with columns of other types of text, and in parts by `shard` whose reduces pass on: the findings are those of
  `evql scan`, byte for byte.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import pyarrow as pa

# Keys of every kind: none, text, number, address, one that may lack, several. Few findings of each: a scan and each of many reduces write all of them.
RULES = {
    "none": 'sequence with maxspan=1h [process where event.type == "start"] [network where event.code == "3"] | tail 9',
    "process": 'sequence by process.entity_id [process where event.type == "start"] [network where true] | head 9',
    "several": "sequence by destination.port, related.ip with maxspan=1h [network where true] [network where true] | tail 9",
    "optional": "sequence by ?process.parent.entity_id, process.name [network where true] [process where true] | head 9",
    "event": 'process where event.type == "start" and process.parent.name : "explorer.exe" | tail 9',
}
SCHEMA = pa.schema(
    [
        pa.field("k", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("shard", pa.int64(), nullable=False),
        pa.field("rule_id", pa.string()),
        pa.field("stages", pa.list_(pa.field("item", pa.int32(), nullable=False))),
        pa.field("key", pa.list_(pa.string())),
        pa.field("time", pa.timestamp("us", "UTC")),
        pa.field("time_ticks", pa.int64()),
        pa.field("host", pa.string()),
        pa.field("source", pa.string()),
        pa.field("record_id", pa.int64()),
        pa.field("body", pa.string(), nullable=False),
    ]
)
EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc)
UNIX = (datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) - EPOCH) // datetime.timedelta(microseconds=1)


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


class Evql:
    def __init__(self, program, rules):
        self.program, self.rules = program, ["--rules", rules]

    def run(self, command, *arguments, given=None, codes=(0, 2)):
        asked = [self.program, command, "--quiet", *self.rules, *arguments]
        done = subprocess.run(asked, input=given, capture_output=True)
        check(done.returncode in codes, f"{asked} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout

    def reduce(self, stream):
        return self.run("reduce", "--format", "jsonl", "-o", "-", given=stream)


def read(stream):
    with pa.ipc.open_stream(stream) as reader:
        return reader.read_all()


def written(table, rows):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue().to_pybytes()


def key_texts(key):
    """The values of a join key as the column has them."""
    for value in key:
        if value == "null":
            yield None
            continue
        [(kind, own)] = value.items()
        check(kind in ("text", "int", "ip", "bool"), f"a value that no rule here has: {value}")
        yield own if isinstance(own, str) else json.dumps(own)


def expected(line):
    """The cells of a line's row, but for the shard."""
    body = json.loads(line)
    k = body.pop("k")
    row = {"k": k, "type": body["type"], "body": body, "source": body.get("source", body.get("path"))}
    row |= dict.fromkeys(("rule_id", "stages", "key", "time_ticks", "record_id"))
    row["host"] = (body.get("coverage") or {}).get("host")
    if row["type"] == "hit":
        ticks = body["created"] if body["clock"] == "created" else body["utc"] // 10_000 * 10_000
        row |= {name: body[name] for name in ("stages", "host", "record_id")}
        row |= {"rule_id": body["rule"]["id"], "key": list(key_texts(body["key"])), "time_ticks": ticks}
    row["time"] = None if row["time_ticks"] is None else row["time_ticks"] // 10 - UNIX
    return row


def compare_rows(table, lines):
    """Every cell of every row."""
    check(table.schema.equals(SCHEMA), f"the columns are {table.schema}")
    table.validate(full=True)
    check(table.num_rows == len(lines), f"{table.num_rows} rows of {len(lines)} lines")
    shards, groups = {}, {}
    micros = table.set_column(6, "time", table["time"].cast(pa.int64()))
    for row, line in zip(micros.to_pylist(), lines):
        check(f'{{"k":"{row["k"]}",{row["body"][1:]}' == line, f"another line than {line}")
        shard, there = row.pop("shard"), expected(line)
        row["body"] = json.loads(row["body"])
        wrong = {name: (row[name], there[name]) for name in row.keys() | there if row[name] != there[name]}
        check(not wrong, f"{row['k']}: {wrong}")
        if row["type"] != "hit":
            check(shard == 0, f"{row['k']} has the shard {shard}")
            continue
        group = "-".join(row["k"].split("-")[:3])
        check(shard >= 0 and shards.setdefault(shard, group) == group == shards[groups.setdefault(group, shard)], f"{row['k']}: shard {shard}")
    return shards


def duckdb_sorted(table):
    """By DuckDB, of the columns that a reduce needs."""
    with duckdb.connect() as database:
        database.register("stream", table)
        result = database.sql("SELECT body, k FROM stream ORDER BY k")
        return (result.to_arrow_table if hasattr(result, "to_arrow_table") else result.arrow)()


def other_types(table):
    """As those write texts who have other types for them; one column as codes."""
    kinds = {"k": pa.string_view(), "body": pa.large_string()}
    columns = [table[name].cast(kinds[name]) if name in kinds else table[name] for name in table.column_names]
    columns[table.column_names.index("host")] = table["host"].dictionary_encode()
    return pa.table(columns, names=table.column_names)


def in_parts(evql, table, parts):
    """Rows that each of several reduces of its own part passes on, sorted."""
    passed = []
    for part in range(parts):
        own = table.filter(pa.array([shard % parts == part for shard in table["shard"].to_pylist()]))
        stream = written(own.sort_by("k"), 50)
        passed.append(read(evql.run("reduce", "--pass-on", "-", "--records", "arrow", given=stream)))
        lines = evql.run("reduce", "--pass-on", "-", given=stream).decode().splitlines()
        compare_rows(passed[-1], lines)
        check(len(lines) <= own.num_rows, "more rows than there were")
    return pa.concat_tables(passed).sort_by("k")


def judge(evql, title, evidence, clock, ways):
    """Compares, and lets so many of the ways to sort prove themselves."""
    options = [*evidence, "--clock", clock]
    lines = evql.run("map", *options).decode().splitlines()
    stream = evql.run("map", "--records", "arrow", *options)
    table = read(stream)
    shards = compare_rows(table, lines)
    wanted = evql.run("scan", "--no-near-misses", "--no-stories", "--format", "jsonl", "-o", "-", *options)
    rules = {json.loads(line)["rule"]["id"] for line in wanted.splitlines()}
    check(rules >= RULES.keys(), f"{title}: rules that find nothing prove nothing: {RULES.keys() - rules}")
    forms = {
        "3 parts": lambda: written(in_parts(evql, table, 3), 20),
        "pandas": lambda: written(pa.Table.from_pandas(table.to_pandas().sort_values("k")), 1_000),
        "DuckDB": lambda: written(duckdb_sorted(table), 1_000),
        "pyarrow, small batches": lambda: written(table.sort_by("k"), 7),
        "other types, everything twice": lambda: written(other_types(pa.concat_tables([table, table]).sort_by("k")), 1_000),
    }
    for form in list(forms)[:ways]:
        check(evql.reduce(forms[form]()) == wanted, f"{title}, clock {clock}, {form}: other findings than a scan's")
    found, size = len(wanted.splitlines()), sum(len(line) + 1 for line in lines)
    print(f"{title}, clock {clock}: {len(lines)} rows, {len(shards)} shards, {found} findings; {len(stream)} bytes, {size} as lines")


def main():
    program, samples, *corpus = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name, query in RULES.items():
            rule = f'[rule]\nname = "{name}"\nrule_id = "{name}"\ntype = "eql"\nquery = \'\'\'\n{query}\n\'\'\'\n'
            pathlib.Path(folder, f"{name}.toml").write_text(rule)
        evql = Evql(os.path.abspath(program), folder)
        judge(evql, "samples", [samples], "created", 5)
        for path in filter(os.path.isdir, corpus):
            judge(evql, "public logs", [os.path.join(path, "evtx")], "utc", 2)


main()
