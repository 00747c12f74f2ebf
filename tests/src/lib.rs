//! End-to-end, conformance and hostile tests; the tidy check; benchmarks.
//!
//! The library holds what they share; each file in `tests/` is one suite.

pub mod tree;
