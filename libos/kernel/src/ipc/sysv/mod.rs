//! System V IPC (`sysvipc(7)`): message queues, semaphore sets, shared memory.

pub mod message;
mod registry;
pub mod report;
pub mod semaphore;
pub mod shared_memory;

pub use registry::{MAX_OBJECTS, Permissions, Registry, access};
