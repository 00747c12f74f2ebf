//! File systems whose files are made up when they are read: trees as data, text by functions.

mod file;
mod inode;
mod node;

pub use inode::{SyntheticFs, SyntheticInode};
pub use node::{Listing, Node, Subject};
