//! `/proc` (`proc(5)`): of processes, what programs read; of the system, what they look for.

mod anonymous;
mod cpuinfo;
mod descriptors;
mod maps;
mod net;
mod process;
mod system;
mod sysvipc;
mod tree;

pub use anonymous::{anonymous_dentry, reopen};
pub use tree::{process_at, root};
