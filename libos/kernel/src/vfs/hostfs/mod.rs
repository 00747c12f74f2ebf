//! Files of the host, through the monitor.
//!
//! In an immutable tree everything that has been learnt is kept (within a bound): names, that a name is
//! missing, attributes, link targets, whole listings, and open handles of files used lately. In any
//! other tree the host is asked each time, except that directories, once seen, are taken to be there
//! still when a path leads through them. A tree that only the instance changes lies between: what was
//! learnt is good for a second. What is read in a row is told ahead ([`ahead`]).

mod ahead;
mod attributes;
mod cache;
mod file;
mod inode;
mod kept;
mod names;
mod roll;
mod told;
mod tree;

pub use inode::HostInode;
pub use tree::Tree;
