//! stub
use std::io::{self, Write};
use crate::finding::{Outcome, Run};
/// Options
#[derive(Debug, Clone)]
pub struct HtmlOptions { /// limit
 pub detail_limit: usize }
impl Default for HtmlOptions { fn default() -> Self { Self { detail_limit: 2000 } } }
/// Writes
pub fn write_html(_: &Outcome, _: &Run, _: &HtmlOptions, _: &mut dyn Write) -> io::Result<()> { Ok(()) }
