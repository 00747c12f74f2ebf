//! The host ABI: its table, types and codec
