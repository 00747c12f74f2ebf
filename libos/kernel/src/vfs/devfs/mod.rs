//! Character devices: which driver opens which number, and the memory devices.
//!
//! `/dev` itself is a directory of the tmpfs with device nodes in it.

mod memory;
mod registry;

pub use memory::{NODES, init};
pub use registry::{makedev, open_char_device, register_char_device};
