//! The monitor: sandbox, manifest and stream broker of one instance
