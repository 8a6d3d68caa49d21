//! EQL as Elasticsearch runs it: text → tokens → syntax tree → program → answer. It knows nothing of Sysmon, files, threads or output.

pub mod ast;
pub mod diagnostic;
mod display;
pub mod lexer;
pub mod parser;
pub mod record;
pub mod span;
pub mod suggest;

mod address;
pub mod compile;
pub mod filter;
pub mod filter_set;
pub mod functions;
mod interval;
pub mod number;
pub mod program;
pub mod regexp;
pub mod script;
pub mod set;
pub mod test;
pub mod value;
pub mod wildcard;

pub use diagnostic::Diagnostic;
pub use parser::parse;
pub use record::{FieldId, Foreknown, Outline, Record, Scalar, Schema, Type, Value};

pub use compile::compile;
pub use filter::{FieldUse, Filter};
pub use filter_set::{FilterSet, Scratch};
pub use program::{Form, KeyField, Program, Role, Stage};
