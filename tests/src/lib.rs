//! End-to-end, conformance and hostile tests; the tidy check; benchmarks.
//!
//! The library holds what they share; each file in `tests/` is one suite.

pub mod conformance;
pub mod daemon;
pub mod native;
pub mod network;
pub mod outcome;
pub mod processes;
pub mod reading;
pub mod screen;
pub mod session;
pub mod tree;
pub mod user;
