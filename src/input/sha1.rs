//! The SHA-1 of a source, taken on the way where its collector may give no better hash to compare with. It judges nothing.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use sha1::{Digest, Sha1};

use super::source::Input;
use crate::hash::hex;

/// What will be known when all of a source was read.
pub(super) struct Pending(Rc<RefCell<Sha1>>);

impl Pending {
    /// The SHA-1 of what was read, in lower-case hex.
    pub(super) fn finish(&self) -> String {
        hex(&self.0.borrow().clone().finalize())
    }
}

/// The same input, to be read in order, and the hash of what will have been read of it.
pub(super) fn beside(input: Input<'_>) -> (Input<'_>, Pending) {
    let hash = Rc::new(RefCell::new(Sha1::new()));
    let hashing = Hashing { input, hash: Rc::clone(&hash) };
    (Input::Stream(Box::new(hashing)), Pending(hash))
}

struct Hashing<'a> {
    input: Input<'a>,
    hash: Rc<RefCell<Sha1>>,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hash.borrow_mut().update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
