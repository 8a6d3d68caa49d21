//! A stream as rows of Arrow: what is made of it is what is made of its lines, whoever sorts the rows, and one that is not what it should be is refused with its
//! place. What the columns say is judged by pyarrow (`tests/oracle/arrow_check.py`). Builds without the feature `parquet` say how to get it.

mod common;

use std::path::Path;

use common::{evql, reduce_of, samples};

#[test]
fn an_arrow_file_is_no_stream() {
    let ran = reduce_of(b"ARROW1\0\0\xff\xff\xff\xff", &[]).expect(3);
    assert!(ran.stderr.contains("Arrow file") && ran.stderr.contains("new_stream"), "{}", ran.stderr);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_it_says_what_it_is_and_how_to_get_it() {
    let ran = reduce_of(b"\xff\xff\xff\xff\x10\x01\0\0", &[]).expect(3);
    assert!(
        ran.stderr.contains("Arrow stream") && ran.stderr.contains("--features parquet"),
        "{}",
        ran.stderr
    );
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("stream");
    let asked = ["map", "--records", "arrow", "-o"].map(Path::new);
    let ran = evql(asked.into_iter().chain([output.as_path(), &samples()])).expect(3);
    assert!(ran.stderr.contains("--features parquet"), "{}", ran.stderr);
    assert!(!output.exists());
}

#[cfg(feature = "parquet")]
mod with_arrow {
    use std::fs;
    use std::io::{Read, Write};
    use std::ops::Range;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use arrow_array::cast::AsArray;
    use arrow_array::{ArrayRef, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray};
    use arrow_ipc::reader::StreamReader;
    use arrow_ipc::writer::StreamWriter;
    use evql::error::Error;
    use evql::scan::stream::{ArrowWriter, reduce};
    use evql::scan::{RuleSet, compile};
    use evql::{rules, sysmon};

    use super::common::corpus;
    use super::*;

    /// Sort key and body.
    type Row = (String, String);
    /// A column of text of some type.
    type Column = fn(Vec<Option<&str>>) -> ArrayRef;

    #[track_caller]
    fn map_of(paths: &[&Path], more: &[&str]) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("stream");
        let asked = ["map", "-q", "-o"].map(Path::new).into_iter().chain([out.as_path()]);
        evql(asked.chain(more.iter().map(Path::new)).chain(paths.iter().copied())).expect(0);
        fs::read(out).expect("a stream")
    }

    fn batches(stream: &[u8]) -> Vec<RecordBatch> {
        StreamReader::try_new(stream, None).expect("a stream").map(|batch| batch.expect("a batch")).collect()
    }

    /// Sort keys and bodies of all rows.
    fn rows(stream: &[u8]) -> Vec<Row> {
        let of = |batch: RecordBatch| {
            let column = |name| batch.column_by_name(name).expect("a column").as_string::<i32>().clone();
            let (k, body) = (column("k"), column("body"));
            (0..batch.num_rows()).map(move |row| (k.value(row).to_owned(), body.value(row).to_owned()))
        };
        batches(stream).into_iter().flat_map(of).collect()
    }

    fn lines(rows: &[Row]) -> String {
        rows.iter().map(|(k, body)| format!("{{\"k\":\"{k}\",{}\n", &body[1..])).collect()
    }

    fn texts(values: Vec<Option<&str>>) -> ArrayRef {
        Arc::new(StringArray::from(values))
    }

    fn stream_of(batches: Vec<RecordBatch>) -> Vec<u8> {
        let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).expect("a writer");
        batches.iter().for_each(|batch| writer.write(batch).expect("written"));
        writer.finish().expect("an end");
        writer.into_inner().expect("a stream")
    }

    /// A stream of nothing but what a reduce needs, in batches of so many rows, each column of its type.
    fn written(rows: &[Row], batch: usize, column: Column) -> Vec<u8> {
        let of = |rows: &[Row]| {
            let bodies = column(rows.iter().map(|(_, body)| Some(body.as_str())).collect());
            let keys = column(rows.iter().map(|(k, _)| Some(k.as_str())).collect());
            RecordBatch::try_from_iter([("body", bodies), ("k", keys)]).expect("a batch")
        };
        stream_of(rows.chunks(batch).map(of).collect())
    }

    fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
        rows.sort();
        rows
    }

    fn large(values: Vec<Option<&str>>) -> ArrayRef {
        Arc::new(LargeStringArray::from(values))
    }

    fn views(values: Vec<Option<&str>>) -> ArrayRef {
        Arc::new(StringViewArray::from(values))
    }

    #[test]
    fn sorted_rows_give_what_sorted_lines_give() {
        let mut parts: Vec<PathBuf> = ["mshta", "duplicates", "rotated", "inverted-utc", "damaged", "beacon"]
            .map(|name| samples().join(name))
            .into();
        parts.push(samples().join("no such file"));
        parts.extend(corpus().map(|corpus| corpus.join("evtx")));
        for clock in ["created", "utc"] {
            // One map for each part, and one part twice.
            let (mut all, mut text) = (Vec::new(), String::new());
            for part in parts.iter().chain([&parts[0]]) {
                let options = ["--clock", clock];
                let own = rows(&map_of(&[part], &[&options[..], &["--records", "arrow"]].concat()));
                let jsonl = String::from_utf8(map_of(&[part], &options)).expect("UTF-8");
                assert_eq!(lines(&own), jsonl, "the rows are the lines");
                all.extend(own);
                text.push_str(&jsonl);
            }
            let all = sorted(all);
            let mut expected: Vec<&str> = text.split_inclusive('\n').collect();
            expected.sort_unstable();
            let expected = expected.concat();
            let of_lines = reduce_of(expected.as_bytes(), &[]).expect(2).stdout;
            assert!(of_lines.lines().count() > 5);
            let passed = ["reduce", "-q", "--pass-on", "-"];
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("stream");
            fs::write(&path, &expected).expect("written");
            let of_part = evql(passed.iter().map(Path::new).chain([path.as_path()])).expect(0).stdout;
            let kinds: [(usize, Column); 3] = [(1, texts), (50, large), (100_000, views)];
            for (size, column) in kinds {
                let stream = written(&all, size, column);
                assert_eq!(reduce_of(&stream, &[]).expect(2).stdout, of_lines, "batches of {size}");
                fs::write(&path, &stream).expect("written");
                let again = evql(passed.iter().map(Path::new).chain([path.as_path()])).expect(0).stdout;
                assert!(again == of_part, "passed on of batches of {size}");
                let out = folder.path().join("passed");
                let asked = ["reduce", "-q", "--force", "--records", "arrow", "--pass-on"].map(Path::new);
                evql(asked.into_iter().chain([out.as_path(), path.as_path()])).expect(0);
                assert!(lines(&rows(&fs::read(&out).expect("a stream"))) == of_part, "passed on as rows");
            }
        }
    }

    #[test]
    fn the_options_of_a_map_hold_for_rows_too() {
        let log = samples().join("beacon/ws18.corp.example/Microsoft-Windows-Sysmon%4Operational.evtx");
        let of = |more: &[&str]| {
            let rows = rows(&map_of(&[&log], &[more, &["--records", "arrow"]].concat()));
            assert_eq!(lines(&rows), String::from_utf8(map_of(&[&log], more)).expect("UTF-8"), "{more:?}");
        };
        of(&["--chunks", "1-2"]);
        of(&["--no-hash", "--host-name", "short"]);
        of(&["-j", "3", "--host", "nobody"]);
        let piped = |more: &[&str]| {
            let mut map = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("evql"));
            map.args(["map", "-q", "--stdin-name", "a.evtx"])
                .args(more)
                .write_stdin(fs::read(&log).expect("a log"));
            map.assert().success().get_output().stdout.clone()
        };
        let jsonl = String::from_utf8(piped(&[])).expect("UTF-8");
        assert_eq!(lines(&rows(&piped(&["--records", "arrow"]))), jsonl);
        let [one, three] = ["1", "3"].map(|threads| map_of(&[&log], &["--records", "arrow", "-j", threads]));
        assert!(one == three, "-j 3 differs from -j 1");
        let refused = evql(["reduce", "--records", "arrow", "x"]).expect(3);
        assert!(refused.stderr.contains("--pass-on"), "{}", refused.stderr);
    }

    #[test]
    fn whoever_has_read_enough_may_close_the_pipe() {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("evql"))
            .args(["map", "-q", "--records", "arrow"])
            .arg(samples())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("evql starts");
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0; 100]).expect("a beginning");
        drop(out);
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    /// Lines of `length` bytes each, made after the document.
    fn problems(count: usize, length: usize) -> String {
        let line = |number| {
            let head = format!(
                "{{\"k\":\"0-4-{number:08x}\",\"type\":\"problem\",\"schema\":1,\"source\":\"a\",\"reason\":\""
            );
            let rest = "x".repeat(length.saturating_sub(head.len() + 3));
            format!("{head}{rest}\"}}\n")
        };
        (0..count).map(line).collect()
    }

    #[test]
    fn batches_are_bounded_by_rows_and_by_bytes() {
        for (count, length, sizes) in [
            (40_000, 80, vec![16_384, 16_384, 7_232]),
            (5, 3 << 20, vec![2, 2, 1]),
            (2, 12 << 20, vec![1, 1]),
            (0, 0, vec![]),
        ] {
            let text = problems(count, length);
            let mut stream = Vec::new();
            let mut writer = ArrowWriter::new(&mut stream).expect("a stream");
            // Lines arrive in any pieces.
            text.as_bytes().chunks(1_000_003).for_each(|piece| writer.write_all(piece).expect("written"));
            writer.finish().expect("an end");
            let found: Vec<usize> = batches(&stream).iter().map(RecordBatch::num_rows).collect();
            assert_eq!(found, sizes, "{count} lines of {length} bytes");
            assert!(lines(&rows(&stream)) == text);
        }
    }

    fn builtin() -> RuleSet {
        let all = rules::builtin().into_iter().map(|rule| {
            let program = compile(&rule.info.query, None).expect("a query");
            (rule, program)
        });
        RuleSet::new(all.collect(), &sysmon::Options::default())
    }

    /// What a reduce says of the stream, if it refuses it.
    fn refusal(stream: &[u8], rules: &RuleSet) -> Option<String> {
        match reduce(&mut &*stream, rules, &AtomicBool::new(false)) {
            Ok(_) => None,
            Err(Error::Usage(text)) => Some(text),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_no_sorted_stream_is_refused_with_its_row() {
        let rules = builtin();
        let own = sorted(rows(&map_of(&[&samples().join("mshta")], &["--records", "arrow"])));
        let hit = own.iter().position(|(k, _)| k.starts_with("1-")).expect("a hit");
        let good = written(&own, 4, texts);
        assert_eq!(refusal(&good, &rules), None);
        let with = |change: &dyn Fn(&mut Vec<Row>)| {
            let mut rows = own.clone();
            change(&mut rows);
            written(&rows, 4, texts)
        };
        let null = |name: &str| {
            let keys: Vec<_> = own.iter().map(|(k, _)| Some(k.as_str())).collect();
            let mut columns = [keys, own.iter().map(|(_, body)| Some(body.as_str())).collect()];
            columns[usize::from(name == "body")][hit] = None;
            let [k, body] = columns.map(texts);
            stream_of(vec![
                RecordBatch::try_from_iter_with_nullable([("k", k, true), ("body", body, true)])
                    .expect("a batch"),
            ])
        };
        let only = |columns: Vec<(&str, ArrayRef)>| {
            stream_of(vec![RecordBatch::try_from_iter(columns).expect("a batch")])
        };
        let keys = || texts(own.iter().map(|(k, _)| Some(k.as_str())).collect());
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..own.len() as i64));
        let end = good.len() - 8;
        for (stream, row, reason) in [
            (with(&|rows| rows.swap(hit, hit + 1)), hit + 2, "by the bytes of `k`"),
            (
                with(&|rows| rows[hit].1 = rows[hit].1.replace("\"stages\":[0]", "\"stages\":[7]")),
                hit + 1,
                "stages",
            ),
            (with(&|rows| rows[hit].0.push('0')), hit + 1, "sort key"),
            (with(&|rows| rows[hit].0.clear()), hit + 1, "does not begin with a sort key"),
            (with(&|rows| rows[hit].1.truncate(40)), hit + 1, "EOF"),
            (with(&|rows| rows[hit].1.clear()), hit + 1, "no JSON object"),
            (with(&|rows| rows[hit].1 = "x".repeat(64 << 20)), hit + 1, "longer than 64 MiB"),
            (with(&|rows| rows[hit].1.push('\n')), hit + 1, "line break"),
            (null("k"), hit + 1, "`k` is null"),
            (null("body"), hit + 1, "`body` is null"),
            (only(vec![("k", keys())]), 1, "no column `body`"),
            (
                only(vec![("k", keys()), ("body", numbers)]),
                1,
                "`body` of this Arrow stream is not of a type of text",
            ),
            (good[..end].to_vec(), own.len() + 1, "without the mark of its end"),
            (good[..end - 1].to_vec(), own.len() - (own.len() - 1) % 4, "cut off"),
            (good[..5].to_vec(), 1, "cut off"),
            ([&*good, &*good].concat(), own.len() + 1, "something follows the end"),
            ([&good[..end], b"{\"k\":\"2\"}"].concat(), own.len() + 1, "does not begin as one"),
            ([&good[..end], &[0xff; 8]].concat(), own.len() + 1, "-1 bytes long"),
            ([&good[..end], &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x7f]].concat(), own.len() + 1, "bytes long"),
            ([&good[..end], &good].concat(), own.len() + 1, "does not belong where it stands"),
            (good[messages(&good)[1].start..].to_vec(), 1, "does not belong where it stands"),
        ] {
            let said = refusal(&stream, &rules).unwrap_or_else(|| panic!("taken: {reason}"));
            assert!(
                said.contains(&format!("line {row} ")) && said.contains(reason),
                "{reason}, row {row}: {said}"
            );
        }
    }

    /// Where the messages of a stream, as they begin and what they say of themselves, stand; without the end.
    fn messages(stream: &[u8]) -> Vec<Range<usize>> {
        let (mut found, mut at) = (Vec::new(), 0);
        loop {
            let length = u32::from_le_bytes(stream[at + 4..at + 8].try_into().expect("four bytes")) as usize;
            if length == 0 {
                return found;
            }
            let metadata = at + 8..at + 8 + length;
            let message = arrow_ipc::root_as_message(&stream[metadata.clone()]).expect("a message");
            let body = usize::try_from(message.bodyLength()).expect("a length");
            found.push(at..metadata.end);
            at = metadata.end + body;
        }
    }

    /// Every number of 64 bits that a batch says of itself, and every byte besides: whatever stands there, the stream is taken or refused.
    #[test]
    fn lengths_that_lie_are_refused() {
        let rules = builtin();
        let mapped = map_of(&[&samples().join("mshta")], &["--records", "arrow"]);
        let own = sorted(rows(&mapped));
        for stream in
            [written(&own, own.len(), texts), written(&own, own.len(), views), written(&own, 5, large)]
        {
            let messages = messages(&stream);
            let batch = messages[1].clone();
            let body = stream.len() as i64;
            let mut refused = 0;
            for at in (batch.start + 8..batch.end - 7).step_by(4) {
                for lie in [-1, 7, body, 1 << 40, i64::MAX] {
                    let mut stream = stream.clone();
                    stream[at..at + 8].copy_from_slice(&lie.to_le_bytes());
                    refused += usize::from(refusal(&stream, &rules).is_some());
                }
            }
            assert!(refused > 100, "{refused}");
            for at in (0..messages[0].end).chain(batch) {
                for byte in [1, 0xff] {
                    let mut stream = stream.clone();
                    stream[at] = byte;
                    refusal(&stream, &rules);
                }
            }
            for end in (0..messages[1].end + 8).chain(stream.len() - 60..stream.len()).filter(|end| *end > 0)
            {
                assert!(refusal(&stream[..end], &rules).is_some(), "cut off at {end}");
            }
        }
        // What a map wrote has columns of other types besides; offsets lie in the body.
        let seed = &mut 7_u64;
        let mut random = |below: usize| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*seed >> 33) as usize % below
        };
        for stream in [&mapped, &written(&own, own.len(), views)] {
            for _ in 0..500 {
                let mut stream = stream.clone();
                for _ in 0..=random(3) {
                    let at = random(stream.len());
                    stream[at] = u8::try_from(random(256)).expect("a byte");
                }
                refusal(&stream, &rules);
            }
        }
    }

    #[test]
    fn a_batch_that_is_compressed_or_too_large_says_what_to_do() {
        let rules = builtin();
        let own = rows(&map_of(&[&samples().join("mshta")], &["--records", "arrow"]));
        let mut stream = written(&own, own.len(), texts);
        let messages = messages(&stream);
        // Only the length of the body has this value.
        let body = (stream.len() - 8 - messages[1].end) as i64;
        let place = messages[1]
            .clone()
            .step_by(4)
            .find(|at| stream[*at..at + 8] == body.to_le_bytes())
            .expect("a length");
        stream[place..place + 8].copy_from_slice(&((1_i64 << 30) + 1).to_le_bytes());
        let said = refusal(&stream, &rules).expect("refused");
        assert!(said.contains("1 GiB") && said.contains("smaller batches"), "{said}");
        // What is only said to be there takes no memory: the rest of the stream is all there is.
        stream[place..place + 8].copy_from_slice(&(1_i64 << 30).to_le_bytes());
        let said = refusal(&stream, &rules).expect("refused");
        assert!(said.contains("cut off"), "{said}");
    }

    /// 60 MB of rows, most of them copies of one.
    #[cfg(target_os = "linux")]
    #[test]
    fn memory_does_not_grow_with_the_rows() {
        let own = sorted(rows(&map_of(&[&samples().join("mshta")], &["--records", "arrow"])));
        let (k, body) = own.last().expect("a row").clone();
        let many = vec![(k, body); 500];
        let stream = written(&many, many.len(), texts);
        let messages = messages(&stream);
        let batch = &stream[messages[1].start..stream.len() - 8];
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("evql"))
            .args(["reduce", "-q", "--format", "jsonl", "-o", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("evql starts");
        let peak = |id: u32| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a status");
            let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a peak");
            line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("a number")
        };
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(&stream[..messages[1].start]).expect("written");
        let (rounds, mut early) = (60_000_000 / batch.len(), 0);
        assert!(rounds > 20);
        for round in 0..rounds {
            input.write_all(batch).expect("written");
            if round == rounds / 4 {
                early = peak(child.id());
            }
        }
        let late = peak(child.id());
        input.write_all(&stream[stream.len() - 8..]).expect("written");
        drop(input);
        // Rows of hits alone tell of no source.
        assert_eq!(child.wait().expect("ended").code(), Some(4));
        assert!(late < early + 8_192, "{early} KiB, then {late} KiB");
    }
}
