//! EQL as Elasticsearch runs it: text → tokens → syntax tree → program → answer. It knows nothing of Sysmon, files, threads or output.

pub mod ast;
pub mod diagnostic;
pub mod record;
pub mod span;

pub use diagnostic::Diagnostic;
pub use record::{FieldId, Foreknown, Outline, Record, Scalar, Schema, Type, Value};
