#!/usr/bin/env python3
"""evql over a Spark cluster: `evql map` of every file, Spark's shuffle, `evql reduce` of every partition, one last `evql reduce`.

    spark-submit [Spark's options] evql_spark.py --evql PATH -o OUT PATH...

OUT gets, byte for byte, the findings and tables of `evql scan --no-near-misses --no-stories` over the same files; docs/spark/README.md says how to run it and
what holds. It needs PySpark 4 with pyarrow, Linux, and sort(1) on the driver.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

import pyarrow as pa
from pyspark import SparkFiles, StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql.functions import expr

# Bytes that are read or written at once.
BLOCK = 1 << 20
# An event log: its header, then chunks of one size.
HEADER, CHUNK, MAGIC = 4096, 65536, b"ElfFile\0"
# A line begins {"k":"1-rule-join key-, so this is the same for all lines that one reduce must see together, and nothing else has to be.
GROUP = "substring_index(line, '-', 3)"
# How `evql reduce` ends when it has written what was found: all read, findings (with --exit-code), some input lost, nothing usable.
WRITTEN = (0, 1, 2, 4)


def options(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], epilog=__doc__.rpartition("\n\n")[2], allow_abbrev=False
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, and folders that the driver can list; the workers open them under the same paths")
    parser.add_argument("--files-from", metavar="FILE", help="also the paths in FILE, one to a line, or separated by NUL where there is any; only the workers need to reach them")
    parser.add_argument("--binary", action="append", default=[], metavar="GLOB", help="also what Spark reads itself (hdfs://, s3a://, abfss://): each file becomes a row, at most 2 GiB, and is streamed to evql; repeatable")
    parser.add_argument("--evql", required=True, metavar="PATH", help="the program, which is shipped to the workers: a build that runs on all of them")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the folder for the outputs, on a file system of the driver")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    parser.add_argument("--rules", action="append", default=[], metavar="PATH", help="as for evql scan; shipped to the workers; repeatable")
    parser.add_argument("--no-builtin", action="store_true", help="leave out the built-in rule")
    parser.add_argument("--piece", type=float, default=1024, metavar="MIB", help="cut event logs into pieces of so many MiB; no hash is taken of those; 0 cuts none [default: 1024]")
    parser.add_argument("--map-tasks", type=int, metavar="N", help="tasks that map [default: one to a piece, at most 16 to a core]")
    parser.add_argument("--partitions", type=int, metavar="N", help="parts that are reduced [default: spark.sql.shuffle.partitions]")
    parser.add_argument("--map-option", action="append", default=[], metavar="OPTION", help="one more argument for every evql map, as in --map-option=--clock=utc; repeatable")
    parser.add_argument("--reduce-option", action="append", default=[], metavar="OPTION", help="one more argument for the last evql reduce, as in --reduce-option=--case=2024-17; repeatable")
    chosen = parser.parse_args(arguments)
    if not (chosen.paths or chosen.files_from or chosen.binary):
        parser.error("no evidence is named: give PATH, --files-from or --binary")
    return chosen


def run(spark, chosen):
    """Runs the job and returns how the last reduce ended. Nothing is at OUT before all of it is made."""
    output = pathlib.Path(chosen.output).absolute()
    if output.exists() and not chosen.force:
        raise SystemExit(f"{output} exists already: name another folder, or replace it with --force")
    # A line may have 64 MiB and a row with a file 2 GiB, so batches are bounded by their bytes too.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1000")
    spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(16 * BLOCK))
    program = Program(spark, chosen)
    partitions = chosen.partitions or int(spark.conf.get("spark.sql.shuffle.partitions"))
    # Lines in the order of their bytes are in that of their sort keys: `"`, which ends a key, is less than anything in one.
    parts = mapped(spark, program, chosen).repartition(partitions, expr(GROUP)).sortWithinPartitions("line")
    passed = parts.mapInArrow(program.pass_on, "line string")
    output.parent.mkdir(parents=True, exist_ok=True)
    made = pathlib.Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=".partial", dir=output.parent))
    try:
        ended = conclude(passed, chosen, made / "new")
        place(made, output)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return ended


class Program:
    """What the workers run. It goes to them with each task, so it holds names and numbers only."""

    def __init__(self, spark, chosen):
        shipped = [chosen.evql, *chosen.rules]
        names = [pathlib.Path(path).name for path in shipped]
        if len(set(names)) < len(names):
            raise SystemExit(f"the program and the rules need different names to be shipped: {', '.join(names)}")
        for path in shipped:
            spark.sparkContext.addFile(path, recursive=os.path.isdir(path))
        self.evql, *self.rules = names
        self.no_builtin = chosen.no_builtin
        self.map_options = ["-j", spark.sparkContext.getConf().get("spark.task.cpus", "1"), *chosen.map_option]
        self.piece = int(chosen.piece * BLOCK // CHUNK)

    def command(self, name, *more):
        rules = [f"--rules={SparkFiles.get(path)}" for path in self.rules]
        return [SparkFiles.get(self.evql), name, "--quiet", *rules, *["--no-builtin"] * self.no_builtin, *more]

    def cut(self, batches):
        """Paths → pieces: a path, and the chunks of it where it is an event log of several pieces."""
        for batch in batches:
            pieces = [piece for path in batch.column("path").to_pylist() for piece in self.pieces(path)]
            columns = [pa.array(column, kind) for column, kind in zip(zip(*pieces), (pa.binary(), pa.string(), pa.int64()))]
            yield pa.RecordBatch.from_arrays(columns, ["path", "chunks", "bytes"])

    def pieces(self, path):
        try:
            with open(path, "rb") as log:
                size = os.fstat(log.fileno()).st_size
                chunks = -(-(size - HEADER) // CHUNK) if log.read(len(MAGIC)) == MAGIC else 0
        except OSError:
            # What is wrong with it is for evql to tell.
            size, chunks = 0, 0
        if not 0 < self.piece < chunks:
            return [(path, None, size)]
        ranges = ((first, min(first + self.piece, chunks) - 1) for first in range(0, chunks, self.piece))
        return [(path, f"{first}-{last}", (last - first + 1) * CHUNK) for first, last in ranges]

    def map_paths(self, batches):
        """Pieces → lines. A process for each: what one file does to it is done to no other."""
        for batch in batches:
            for piece in batch.to_pylist():
                chunks = ["--chunks", piece["chunks"]] if piece["chunks"] else []
                yield from lines_of(piped(self.command("map", *self.map_options, *chunks, "--", piece["path"])))

    def map_contents(self, batches):
        """Rows of Spark's binaryFile → lines."""
        for batch in batches:
            for path, content in zip(batch.column("path").to_pylist(), batch.column("content")):
                # A file of this machine is called by its path, as it is where evql opens it.
                name = "/" + path.removeprefix("file:").lstrip("/") if path.startswith("file:") else path
                content = memoryview(content.as_buffer())
                blocks = (content[place : place + BLOCK] for place in range(0, len(content), BLOCK))
                yield from lines_of(piped(self.command("map", *self.map_options, "--stdin-name", name), blocks))

    def pass_on(self, batches):
        """The sorted lines of a partition → those that the last reduce needs: one process, whatever the number of join keys."""
        blocks = (b"".join(line.as_py().encode() + b"\n" for line in batch.column("line")) for batch in batches)
        yield from lines_of(piped(self.command("reduce", "--pass-on", "-"), blocks))


def mapped(spark, program, chosen):
    """The lines of all evidence, unsorted."""
    parts = []
    paths = [*walked(chosen.paths), *listed(chosen.files_from)]
    if paths:
        # The pieces are counted once, here: a task that is done again does the same again.
        cut = spark.createDataFrame(pa.table({"path": pa.array(sorted(set(paths)), pa.binary())}))
        cut = cut.mapInArrow(program.cut, "path binary, chunks string, bytes long").toArrow()
        cut = cut.sort_by([("bytes", "descending"), ("path", "ascending"), ("chunks", "ascending")])
        tasks = chosen.map_tasks or min(cut.num_rows, 16 * spark.sparkContext.defaultParallelism)
        pieces = spark.createDataFrame(cut).repartition(tasks)
        parts.append(pieces.mapInArrow(program.map_paths, "line string"))
    for pattern in chosen.binary:
        rows = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(pattern)
        parts.append(rows.select("path", "content").mapInArrow(program.map_contents, "line string"))
    lines, *others = parts
    for other in others:
        lines = lines.unionAll(other)
    return lines


def walked(paths):
    """The files at and under `paths`. Links in folders are not followed, as evql does not follow them."""
    for path in paths:
        if not os.path.isdir(path):
            yield os.fsencode(path)
            continue
        for folder, folders, names in os.walk(path, onerror=refuse):
            for file in (os.path.join(folder, name) for name in folders + names):
                if os.path.islink(file) or not (os.path.isfile(file) or os.path.isdir(file)):
                    print(f"left out, as it is a link or no regular file: {file}", file=sys.stderr)
                elif os.path.isfile(file):
                    yield os.fsencode(file)


def refuse(error):
    raise SystemExit(f"{error.filename}: the folder cannot be listed: {error.strerror}")


def listed(path):
    """The paths in a list, as `evql scan --files-from` reads it."""
    if not path:
        return []
    text = pathlib.Path(path).read_bytes()
    names = text.split(b"\0") if b"\0" in text else [line.removesuffix(b"\r") for line in text.split(b"\n")]
    return [name for name in names if name]


def piped(command, blocks=()):
    """What `command` writes, in blocks. It is fed from a thread while it is read, so that neither waits for the other, and is ended with this generator."""
    local = os.environ.get("SPARK_LOCAL_DIRS", "").partition(",")[0]
    environment = {**os.environ, "TMPDIR": local} if os.path.isdir(local) else None
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, env=environment)
        failures = []

        def feed():
            try:
                for block in blocks:
                    process.stdin.write(block)
            except BrokenPipeError:
                # Its exit code tells why it reads no more.
                pass
            except BaseException as failure:
                # It must not take what it has for all.
                process.kill()
                failures.append(failure)
            finally:
                close(process.stdin)

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        try:
            while block := process.stdout.read(BLOCK):
                yield block
            feeder.join()
            ended = process.wait()
            if failures:
                raise failures[0]
            if ended != 0:
                told.seek(0)
                raise RuntimeError(f"{command} ended with {ended}: {told.read(BLOCK).decode(errors='replace')}")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def close(pipe):
    try:
        pipe.close()
    except BrokenPipeError:
        pass


def lines_of(blocks):
    """Blocks of bytes → batches of lines."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        if lines:
            yield pa.RecordBatch.from_arrays([pa.array(lines, pa.string())], ["line"])
    if rest:
        raise RuntimeError(f"a stream ends within a line: {rest[:200]!r}")


def conclude(passed, chosen, folder):
    """Lets the last reduce write its outputs into `folder`, and returns how it ended."""
    passed.persist(StorageLevel.DISK_ONLY)
    options = [f"--rules={path}" for path in chosen.rules] + ["--no-builtin"] * chosen.no_builtin + chosen.reduce_option
    with subprocess.Popen(["sort"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}) as sort:
        with subprocess.Popen([os.path.abspath(chosen.evql), "reduce", "--quiet", *options, "-o", folder], stdin=sort.stdout) as reduce:
            # Now `sort` hears of it when nobody reads it.
            sort.stdout.close()
            try:
                # All partitions at once; the iterator then fetches one after the other.
                passed.count()
                for row in passed.toLocalIterator(prefetchPartitions=True):
                    sort.stdin.write(row.line.encode() + b"\n")
                sort.stdin.close()
                sorted_well, ended = sort.wait() == 0, reduce.wait()
            except BaseException:
                reduce.kill()
                sort.kill()
                raise
            finally:
                passed.unpersist()
    if not sorted_well or ended not in WRITTEN:
        raise RuntimeError(f"sort or the last evql reduce failed ({ended}): what it said stands above")
    return ended


def place(made, output):
    """Puts what was made where it belongs. What was there is kept until then."""
    old = made / "old"
    if output.exists():
        output.rename(old)
    try:
        (made / "new").rename(output)
    except OSError:
        if old.exists():
            old.rename(output)
        raise


def main():
    chosen = options()
    spark = SparkSession.builder.appName("evql").getOrCreate()
    ended = run(spark, chosen)
    spark.stop()
    # Clusters try an application again that ends with another code than 0: input that is lost stays lost.
    print(f"outputs in {chosen.output}; evql reduce ended with {ended}", file=sys.stderr)


if __name__ == "__main__":
    main()
