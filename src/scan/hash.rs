//! SHA-256 of a whole file, for the inputs whose hash is not taken while they are read. It keeps nothing else of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes read at a time.
const BLOCK: usize = 1 << 20;

/// SHA-256 of the file at `path`, lower-case hex.
///
/// # Errors
/// What opening or reading it fails with.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; BLOCK];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(new) = buffer.get(..read).filter(|new| !new.is_empty()) else {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        };
        hash.update(new);
    }
}
