#!/usr/bin/env python3
"""Runs docs/spark/evql_spark.py on a Spark of two cores and eight partitions, and fails when what it writes differs from what one `evql scan` writes.

Usage: spark_check.py EVQL SAMPLES   (pip install -r requirements-spark.txt; a Java 17 or newer)

* The samples, generated logs, a log in two files, a copy, damaged files, one that is none and one that is not there: every file of the outputs is the same, with logs
  cut into pieces; over what that wrote, with tasks that are killed at their first attempt; as rows of Spark's own reader.
* A job that fails leaves what was there.
"""

import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOB = ROOT / "docs" / "spark" / "evql_spark.py"
# They tell of the run itself.
OF_THE_RUN = {"run.json", "report.html"}
STARTED = time.monotonic()
HEADER, CHUNK = 4096, 65536
# Few join keys and many; pipes; an event that must be missing; an event rule, of which every hit is a finding.
RULES = {
    "head": "network where true | head 4",
    "tail": 'sequence by process.entity_id [process where event.type == "start"] [network where true] | tail 2',
    "host": 'sequence by host.name with maxspan=1h [network where true] with runs=3 [process where event.type == "start"]',
    "missing": 'sequence by process.entity_id with maxspan=1d [process where event.type == "start"] ![network where destination.port == 443] [process where event.type == "end"]',
    "sample": 'sample by host.name [process where event.type == "start"] [network where event.code == "3"]',
    "event": 'process where event.type == "start" and process.parent.name : "explorer.exe"',
}
CONFIGURATION = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "8",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.log.level": "ERROR",
}
# A master that lets a task fail three times.
MASTER = "local[2,4]"


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")
    print(f"{time.monotonic() - STARTED:6.1f} s  ok: {text}", flush=True)


def evidence(evql, samples, folder):
    """Logs of every kind, and a list of them."""
    logs = folder / "logs"
    asked = ["--events", "1500", "--hosts", "3", "--attacks", "6"]
    subprocess.run([evql, "synth", "--quiet", *asked, "-o", logs], check=True)
    shutil.copytree(samples, logs / "samples", ignore=shutil.ignore_patterns("*.md", "*.jsonl"))
    first, second, *_ = sorted(log for log in logs.glob("host*/**/*.evtx"))
    shutil.copy(first, logs / "a copy.evtx")
    whole = second.read_bytes()
    chunks = (len(whole) - HEADER) // CHUNK
    for name, (begin, end) in {"begin": (0, chunks // 2), "end": (chunks // 2, chunks)}.items():
        (logs / f"{name}.evtx").write_bytes(whole[:HEADER] + whole[HEADER + begin * CHUNK : HEADER + end * CHUNK])
    second.unlink()
    broken = bytearray(whole)
    dice = random.Random(1)
    for _ in range(200):
        broken[dice.randrange(len(broken))] = dice.randrange(256)
    (logs / "broken.evtx").write_bytes(broken[:-7_000])
    (logs / "noise.evtx").write_bytes(dice.randbytes(100_000))
    (logs / "empty.evtx").write_bytes(b"")
    files = [str(path) for path in sorted(logs.rglob("*")) if path.is_file()]
    listing = folder / "list"
    # One stands there twice.
    listing.write_text("\n".join([*files, files[0], str(logs / "gone.evtx")]) + "\n")
    rules = folder / "rules"
    rules.mkdir()
    for name, query in RULES.items():
        (rules / f"{name}.toml").write_text(f"[rule]\nname = \"{name}\"\nrule_id = \"{name}\"\ntype = \"eql\"\nquery = '''\n{query}\n'''\n")
    return logs, listing, rules


def scan(evql, out, *arguments):
    done = subprocess.run([evql, "scan", "-q", "--no-near-misses", "--no-stories", "-o", out, *arguments])
    check(done.returncode == 2, f"evql scan tells that something is damaged ({out.name})")
    return files_of(out)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same(made, expected, text, apart=()):
    check(set(made) == set(expected), f"{text}: {len(expected)} files, the same names")
    for name in sorted(set(expected) - OF_THE_RUN - set(apart)):
        if made[name] != expected[name]:
            lines = [set(content.decode().splitlines()) for content in (made[name], expected[name])]
            print(*sorted(lines[0] ^ lines[1])[:10], sep="\n")
        check(made[name] == expected[name], f"{text}: {name}, {len(expected[name])} bytes")
    codes = [json.loads(files["run.json"])["exit_code"] for files in (made, expected)]
    check(codes[0] == codes[1] == 2, f"{text}: the exit code")


def proves_something(findings):
    """That what is compared holds what the job could get wrong."""
    found = [line for line in map(json.loads, findings.splitlines()) if "finding_id" in line]
    text = findings.decode()
    for name in [*RULES, "mshta"]:
        check(name in text, f"the rule {name} finds something")
    events = [[event["evidence"] for event in finding["events"] if event] for finding in found]
    check(any(len({event["source"] for event in own}) > 1 for own in events), "a sequence has its events in two files")
    check(any(event["copies"] > 1 for own in events for event in own), "an event has copies")


def killed_once(evql, folder):
    """The program, but the first map and the first reduce of each of Spark's partitions are killed when they have written something."""
    wrapper = folder / "evql-killed-once"
    wrapper.write_text(f"""#!/bin/sh
first() {{ mkdir "{folder}/killed.$1" 2>/dev/null; }}
case $1-$* in
  map-*mshta*) first map && {{ "{evql}" "$@" | head -c 3000; kill -9 $$; }} ;;
  reduce-*--pass-on*) first reduce && {{ "{evql}" "$@" | head -c 3000; kill -9 $$; }} ;;
esac
exec "{evql}" "$@"
""")
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return wrapper


def submit(arguments):
    """The job as a person starts it."""
    settings = [f"--conf={name}={value}" for name, value in CONFIGURATION.items()]
    command = [pathlib.Path(sys.executable).with_name("spark-submit"), "--master", MASTER, *settings, JOB, *arguments]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    check(done.returncode == 0, "spark-submit ends with 0" if done.returncode == 0 else done.stderr[-6000:])


def main():
    evql, samples = (os.path.abspath(argument) for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="evql-spark.") as temporary:
        folder = pathlib.Path(temporary)
        logs, listing, rules = evidence(evql, samples, folder)
        chosen = [f"--rules={rules}"]
        quick = ["--no-hash", *chosen]
        expected = scan(evql, folder / "scanned", *quick, "--files-from", listing)
        proves_something(expected["findings.jsonl"])

        out = folder / "out"
        common = [*chosen, "-o", str(out)]
        files = [*common, "--files-from", str(listing), "--map-option=--no-hash"]
        submit(["--evql", evql, *files, "--piece=0.25"])
        same(files_of(out), expected, "pieces")

        sys.path.insert(0, str(JOB.parent))
        sys.dont_write_bytecode = True
        import evql_spark
        from pyspark import cloudpickle
        from pyspark.sql import SparkSession

        # The job is a script, whose functions go to the workers as they are; here it is a module that the workers do not have.
        cloudpickle.register_pickle_by_value(evql_spark)

        os.environ["PYSPARK_PYTHON"] = sys.executable
        builder = SparkSession.builder.master(MASTER)
        for name, value in CONFIGURATION.items():
            builder = builder.config(name, value)
        spark = builder.getOrCreate()
        spark.sparkContext.setLogLevel("OFF")
        job = lambda *arguments: evql_spark.run(spark, evql_spark.options([str(argument) for argument in arguments]))

        job("--evql", killed_once(evql, folder), *files, "--force", "--partitions=5")
        check((folder / "killed.map").exists() and (folder / "killed.reduce").exists(), "a map and a reduce were killed")
        same(files_of(out), expected, "whole files, over what was there, with tasks that were killed")

        # Spark passes over empty files, knows nothing of one that is not there, and does not tell when a file was changed.
        there = folder / "rows"
        there.write_text("".join(line for line in listing.read_text().splitlines(keepends=True) if not line.endswith(("/gone.evtx\n", "/empty.evtx\n"))))
        job("--evql", evql, *common, "--force", "--binary", logs)
        hashed = scan(evql, folder / "scanned rows", *chosen, "--files-from", there)
        same(files_of(out), hashed, "rows", {"evidence.csv"})
        check(hashed["findings.jsonl"] != expected["findings.jsonl"], "hashes make a difference that is seen")

        try:
            job("--evql", evql, *files, "--force", "--map-option=--no-such-option")
        except Exception as error:
            check("no-such-option" in str(error), "a job whose maps fail tells what they say")
        else:
            check(False, "a job whose maps fail fails")
        check(files_of(out) == files_of(out) | {name: hashed[name] for name in ("findings.jsonl", "findings.csv")}, "and leaves what was there")
        left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
        check(not left, f"no temporary folder is left {left}")
        spark.stop()


if __name__ == "__main__":
    main()
