//! evql: Elastic EQL, sequences included, straight on Windows event logs.
//!
//! A parallel EVTX reader turns Sysmon records into typed events; compiled EQL picks from them the few that can matter; one sorted merge per join key
//! runs the sequences; reporters turn findings into CSV, HTML and JSON. The modules below stand in the order of the data's path.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod error;
pub mod hash;
pub mod time;

pub mod finding;

pub mod input;
pub mod json;
pub mod sysmon;

pub mod eql;
pub mod sequence;

pub mod rules;

#[cfg(feature = "parquet")]
pub mod dataset;
pub mod scan;

pub mod compare;
pub mod report;
pub mod synth;
