//! Memory of a process (mmap(2)): its map of areas, and the host mappings that stand for them.

mod area;
mod fault;
mod map;
mod operations;
mod program;
mod report;
mod space;
mod stack;
pub(crate) mod vdso;

pub use area::{Area, AtFork, Backing};
pub use fault::{cut, grow, resolve, resolve_range, resolve_some};
pub use map::{MapRequest, map_file_at, mmap};
pub use operations::{advise, brk, mprotect, mremap, munmap, sync, writably_mapped};
pub use program::{Elf, Loaded, load};
pub use report::{MapLine, maps};
pub use space::AddressSpace;
pub use stack::{StackContents, build as build_stack};

/// Bytes of a page.
pub const PAGE: u64 = bailey_abi::layout::PAGE_SIZE;
