//! End-to-end, conformance and hostile tests; the tidy check; benchmarks
