//! The display stream between an instance and the host: PDUs, limits, codec
