//! Memory shared with other processes. The only unsafe code of this crate is here.
//!
//! * [`InstanceMemory`]: an instance's memfd, which the instance writes at any time: read by copying only.
//! * [`SharedStore`]: the pixels of the desktop's layers, which viewers read.

mod instance_unsafe;
mod slots;
mod store_unsafe;

pub use instance_unsafe::{InstanceMemory, MemoryError};
pub use store_unsafe::SharedStore;
