//! Bytes of shared and temporary files: windows of the one instance memfd.
//!
//! [`extents`] decides which pages a file gets, [`pool`] is the memfd itself, [`contents`] is one
//! file's bytes, [`held`] which of them are no holes, [`seals`] is what `memfd_create(2)` adds.

mod contents;
mod extents;
mod held;
mod pool;
mod seals;

pub use contents::{BAILEY_IOC_EXTENTS, Contents};
pub use extents::{ExtentAllocator, Run};
#[cfg(test)]
pub use pool::init_for_test;
pub use pool::{free_pages, init, total_pages};
pub use seals::{SEAL_FUTURE_WRITE, SEAL_GROW, SEAL_SEAL, SEAL_SHRINK, SEAL_WRITE, Seals};

pub use crate::vfs::tmpfs::anonymous;
