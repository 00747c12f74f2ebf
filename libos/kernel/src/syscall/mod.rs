//! System calls: the table as data, argument decoding, and one file of thin handlers a family.

mod args;
mod at;
mod attr;
pub mod counts;
mod event;
mod fcntl;
mod file;
mod fs;
pub mod futex;
mod io;
pub mod iovec;
mod memory;
mod mqueue;
mod path;
mod pipe;
mod poll;
mod process;
mod sched;
pub mod sigmask;
mod signal;
mod socket;
mod stat;
pub mod system;
mod sysv;
mod table;
mod time;
mod xattr;

pub use args::Args;
pub use table::{Call, FAMILIES, Handler, Support, dispatch, name};
