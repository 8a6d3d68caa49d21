//! EQL as Elasticsearch runs it: text → tokens → syntax tree → program → answer. It knows nothing of Sysmon, files, threads or output.

mod address;
pub mod ast;
pub mod clauses;
pub mod compile;
pub mod demand;
pub mod diagnostic;
mod display;
mod filter;
pub mod filter_set;
pub mod functions;
mod interval;
pub mod lexer;
pub mod number;
pub mod parser;
pub mod program;
pub mod record;
pub mod regexp;
pub mod script;
pub mod set;
pub mod span;
pub mod suggest;
pub mod test;
pub mod tree;
pub mod value;
pub mod wildcard;

pub use diagnostic::{Diagnostic, Origin, render};
pub use parser::parse;
pub use record::{FieldId, Foreknown, Outline, Record, Scalar, Schema, Type, Value};

pub use clauses::{Clause, Clauses, Judged};
pub use compile::{clauses, compile};
pub use demand::demanded;
pub use filter::{FieldUse, Filter, Node};
pub use filter_set::{FilterSet, Scratch};
pub use program::{Form, KeyField, Program, Role, Stage};
pub use tree::Tree;
