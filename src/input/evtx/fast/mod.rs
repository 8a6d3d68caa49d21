//! The fast reader
use crate::input::record::Position;
use crate::input::visit::Visitor;
use std::ops::Range;

#[derive(Debug, Default)]
pub(super) struct FastReader {}
impl FastReader {
    pub(super) fn enter_chunk(&mut self) {}
    pub(super) fn read(&mut self, _: &[u8], _: Range<usize>, _: Position, _: &mut dyn Visitor) -> bool {
        false
    }
}
