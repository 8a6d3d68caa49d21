//! Memory for what is read of a source, used again and again: new memory costs as much time as reading does. It reads nothing.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers of one source, there to be lent.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// A buffer that goes back where it came from.
#[derive(Debug)]
pub(super) struct Lent {
    bytes: Vec<u8>,
    home: Buffers,
}

impl Buffers {
    /// A buffer with anything in it; an empty one when all are lent.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Lends `bytes`.
    pub(super) fn lend(&self, bytes: Vec<u8>) -> Lent {
        Lent { bytes, home: self.clone() }
    }
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}
