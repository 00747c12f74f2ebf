//! System calls: the table as data, argument decoding, and one file of thin handlers a family.

mod args;
mod event;
pub mod iovec;
mod pipe;
mod poll;
pub mod sigmask;
mod socket;
mod table;

pub use args::Args;
pub use table::{Call, FAMILIES, Support, dispatch};
