//! System V IPC (`sysvipc(7)`): message queues, semaphore sets, shared memory. The instance has one user,
//! so permissions are kept and shown, and nothing more.

pub mod message;
mod registry;
pub mod semaphore;
pub mod shared_memory;

pub use registry::{Permissions, Registry};
