//! The libOS kernel: the Linux personality of one instance
