use evql::finding::Damage;
use evql::input::*;
use std::time::Instant;
#[derive(Default)]
struct V {
    n: u64,
    s: u64,
    d: u64,
    want: bool,
    bytes: u64,
    dmg: u64,
}
impl Visitor for V {
    fn seen(&mut self, s: &Seen<'_>) -> bool {
        self.n += 1;
        if s.provider == "Microsoft-Windows-Sysmon" {
            self.s += 1;
            self.want
        } else {
            false
        }
    }
    fn record(&mut self, r: RawRecord) {
        self.d += 1;
        self.bytes += r.data.len() as u64;
    }
    fn damage(&mut self, _: Damage) {
        self.dmg += 1
    }
}
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let kind = if args[0] == "xml" { ReaderKind::Xml } else { ReaderKind::Fast };
    let want = args[1] == "all";
    let times: usize = args[2].parse().unwrap();
    let walked = walk(&args[3..].iter().map(Into::into).collect::<Vec<_>>(), WalkOptions::default());
    let mut blocks = Vec::new();
    for s in &walked.sources {
        if let Opened::Log(mut f) = open(s, SourceOptions { hash: false }) {
            while let Some(b) = f.next_block(64) {
                blocks.push(b);
            }
        }
    }
    let mut v = V { want, ..V::default() };
    let mut r = PieceReader::new(kind);
    let mut used = 0u64;
    let t = Instant::now();
    for _ in 0..times {
        for b in &blocks {
            for p in b.pieces() {
                if let Piece::Chunk(c) = p {
                    if c.bytes[0] == 0 {
                        continue;
                    }
                    used += 65536;
                }
                r.read("x", p, &mut v);
            }
        }
    }
    let e = t.elapsed();
    let t = Instant::now();
    let mut x = 0u32;
    for _ in 0..times {
        for b in &blocks {
            for p in b.pieces() {
                if let Piece::Chunk(c) = p {
                    if c.bytes[0] == 0 {
                        continue;
                    }
                    x ^= crc32fast::hash(c.bytes);
                }
            }
        }
    }
    let c = t.elapsed();
    println!(
        "{} records {} sysmon {} decoded {} dmg {}; {:.2} us/chunk, {:.0} MB/s, {:.3} us/record; crc {:.2} us/chunk x={x}",
        v.n,
        v.s,
        v.d,
        v.bytes,
        v.dmg,
        e.as_secs_f64() * 1e6 / (used as f64 / 65536.0),
        used as f64 / 1e6 / e.as_secs_f64(),
        e.as_secs_f64() * 1e6 / v.n as f64,
        c.as_secs_f64() * 1e6 / (used as f64 / 65536.0)
    );
}
