//! The conductor: the only room that sees the whole path from bytes to findings.
