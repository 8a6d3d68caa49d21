//! What a long run tells whoever waits for it. It prints nothing itself.

/// Told how a run gets on, from any thread.
pub trait Observer: Sync {
    /// So many more bytes of evidence were read.
    fn bytes_read(&self, bytes: u64);
    /// One more source was read to its end.
    fn source_read(&self);
    /// So many more events were picked.
    fn hits(&self, count: u64);
    /// So many bytes of evidence are now read once more, for what findings and near misses are told with; [`Observer::bytes_read`] counts them too.
    fn reads_again(&self, bytes: u64);
}

/// An observer that does not care.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn bytes_read(&self, _bytes: u64) {}
    fn source_read(&self) {}
    fn hits(&self, _count: u64) {}
    fn reads_again(&self, _bytes: u64) {}
}
