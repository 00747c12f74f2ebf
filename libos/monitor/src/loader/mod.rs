//! Puts the kernel image and its memory into a fresh process and enters it.
//!
//! [`prepare`] does everything that can fail with a message: it reads the image and makes the memory
//! objects, in the monitor. [`Boot::enter`] runs in the forked child and ends in the kernel.

mod elf;
mod enter;
mod error;
mod memory;
mod tail;
mod vdso;

pub use elf::{Image, Segment};
pub(crate) use enter::set_process_name;
pub use enter::{Boot, Descriptors};
pub use error::LoadError;
pub use memory::{Memories, prepare};
pub(crate) use tail::FILTER_FAILED;
pub use vdso::HostVdso;
