//! System calls: the table as data, argument decoding, and one file of thin handlers a family.

mod args;
mod at;
mod attr;
mod event;
mod fcntl;
mod file;
mod fs;
mod io;
pub mod iovec;
mod path;
mod pipe;
mod poll;
pub mod sigmask;
mod socket;
mod stat;
mod sysv;
mod table;
mod xattr;

pub use args::Args;
pub use table::{Call, FAMILIES, Support, dispatch};
