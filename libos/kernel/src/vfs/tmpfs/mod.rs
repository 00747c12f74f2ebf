//! tmpfs: names and attributes in the kernel heap, bytes in the instance memfd.

mod directory;
mod file;
mod inode;

pub use file::{anonymous, is_file, memfd, seals_of};
pub use inode::{DEVICE, TmpInode};
