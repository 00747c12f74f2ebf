//! Locks and sleeping, on futexes in the shared region.

mod mutex;
mod once;
mod wait;

pub use mutex::{Mutex, MutexGuard};
pub use once::Once;
pub use wait::{Observer, WaitError, WaitQueue, Waiter, Wakes, wait_event};
