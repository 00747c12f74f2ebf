//! The little of `/sys` that programs look at: how many processors there are.

mod tree;

pub use tree::root;
