//! EQL as Elasticsearch runs it: text → tokens → syntax tree → program → answer. It knows nothing of Sysmon, files, threads or output.

pub mod ast;
pub mod diagnostic;
mod display;
pub mod lexer;
pub mod parser;
pub mod record;
pub mod span;
pub mod suggest;

pub use diagnostic::{Diagnostic, Origin, render};
pub use parser::parse;
pub use record::{FieldId, Foreknown, Outline, Record, Scalar, Schema, Type, Value};
