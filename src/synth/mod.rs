//! Events → valid EVTX: the writer behind samples, tests and benchmarks. A scan never needs it.
//!
//! From the bytes up: [`TypedValue`] and [`SynthRecord`] say what a record holds, [`EvtxWriter`] writes records as Windows does, [`sysmon`] fills
//! Sysmon's records from its table, [`Machine`] logs over time.

mod binxml;
mod chunk;
mod file;
mod foreign;
mod load;
mod machine;
mod ordinary;
mod record;
mod rng;
mod samples;
mod stories;
mod story;
pub mod sysmon;
mod value;

pub use file::{EvtxWriter, FileOptions, Origin, to_evtx};
pub use load::{Load, LoadOptions, generate};
pub use machine::Machine;
pub use record::SynthRecord;
pub use samples::{Sample, manifest, samples};
pub use stories::stories;
pub use story::{Clocks, Expected, Harm, Story, StoryFile};
pub use value::{Guid, Sid, TypedValue};
