//! Raw record → typed event: what every field of a Sysmon record means in ECS. It opens no file and knows no rule.
//!
//! One table ([`schema`]) says what each data of each event becomes; [`fields`] and the ECS type list give every path its number and type; both are turned
//! into a reading plan per event id, by which [`Event`] answers for one field at a time and [`document`] for all of them.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod check;
mod columns;
mod common;
mod derive;
mod ecs;
mod event;
mod facts;
pub mod fields;
mod guid;
mod json;
mod lazy;
mod options;
mod outline;
mod plan;
mod reference;
mod restore;
pub mod schema;

pub use columns::{Cells, Column, ColumnType, column_of, columns};
pub use ecs::document;
pub use event::{Event, PROVIDER};
pub use facts::Facts;
pub use fields::SysmonSchema;
pub use guid::Guid;
pub use json::{write_document, write_known};
pub use lazy::{LazyEvent, LazyEvents};
pub use options::Options;
pub use outline::{EventOutline, event_ids, supplies};
pub use reference::{FieldRow, fields_markdown, fields_table};
