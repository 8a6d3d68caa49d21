//! Tests of the EQL engine as a whole: queries in, answers out, over toy events. One program, so that it is linked once.

mod cases;
mod filter_set;
mod hostile;
mod outline;
mod sequence_model;
mod streams;
mod toy;
mod vectors;
