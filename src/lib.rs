//! A scheduler triggers jobs; a job gets a token and pages through v2 endpoints within each endpoint's rate limit; each
//! page is upserted into SQLite together with its checkpoint, in one transaction.
//!
//! The modules in the order of their dependency: each uses only what stands below it, members of one line do not use
//! each other, and [`cli`] alone knows [`simulator`]. A test (`tests/it/architecture.rs`) holds the code to it.

pub mod cli;

pub mod app;

pub mod config;

pub mod daemon;
pub mod sync;

pub mod api;
pub mod store;

pub mod limits;
pub mod rows;

pub mod clock;
pub mod telemetry;

pub mod simulator;
