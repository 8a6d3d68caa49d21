//! The limit that `evql` is measured against: read every byte once, in order, on one thread, and take its CRC32 (limit A), or its SHA-256 as well
//! (limit B). It understands nothing of what it reads.
//!
//! Usage: `limit a|b PATH…`, files or folders.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sha2::{Digest, Sha256};

/// Bytes read at a time: small enough to stay in a core's cache between the two passes over it.
const BLOCK: usize = 256 << 10;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let hash = match arguments.next().as_deref() {
        Some("a") => false,
        Some("b") => true,
        _ => {
            eprintln!("usage: limit a|b PATH…");
            return ExitCode::from(2);
        }
    };
    let mut files = Vec::new();
    for path in arguments {
        if let Err(error) = list(Path::new(&path), &mut files) {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    }
    files.sort();
    let mut buffer = vec![0; BLOCK];
    let (mut bytes, mut sum) = (0, 0_u32);
    for file in files {
        match read(&file, hash, &mut buffer) {
            Ok((size, of_file)) => (bytes, sum) = (bytes + size, sum ^ of_file),
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{bytes} bytes, {sum:08x}");
    ExitCode::SUCCESS
}

fn list(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    fs::read_dir(path)?.try_for_each(|entry| list(&entry?.path(), files))
}

/// The file's size and a number that depends on every sum taken, so that none can be left out.
fn read(path: &Path, hash: bool, buffer: &mut [u8]) -> io::Result<(u64, u32)> {
    let mut file = File::open(path)?;
    let (mut size, mut crc, mut sha) = (0, crc32fast::Hasher::new(), Sha256::new());
    loop {
        let read = file.read(buffer)?;
        if read == 0 {
            break;
        }
        size += read as u64;
        crc.update(&buffer[..read]);
        if hash {
            sha.update(&buffer[..read]);
        }
    }
    let sha = if hash { u32::from(sha.finalize()[0]) } else { 0 };
    Ok((size, crc.finalize() ^ sha))
}
