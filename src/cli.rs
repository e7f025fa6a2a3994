//! The command line.

pub(crate) mod simulate;
