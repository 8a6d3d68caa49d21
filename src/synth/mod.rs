//! Events → valid EVTX: the writer behind samples, tests and benchmarks. A scan never needs it.

mod binxml;
mod chunk;
mod file;
mod record;
mod value;

pub use file::{EvtxWriter, FileOptions, Numbering, to_evtx};
pub use record::SynthRecord;
pub use value::{Guid, Sid, TypedValue};
