//! How a file's operation waits for its turn.

use crate::errno::{Errno, Result};
use crate::signal::number::SIGPIPE;
use crate::signal::{self, SigInfo};
use crate::sync::{WaitError, WaitQueue, wait_event};
use crate::task;
use crate::time::Deadline;

/// Does `attempt` until it gives something else than `EAGAIN`; sleeps in between on `queue`, unless
/// `nonblocking`.
///
/// # Errors
/// That of `attempt`; `EAGAIN` at `deadline`; `ERESTARTSYS` on a signal.
pub fn until_ready<T>(
    queue: &WaitQueue,
    nonblocking: bool,
    deadline: Option<Deadline>,
    attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    until_any_ready(&[queue], nonblocking, deadline, attempt)
}

/// As [`until_ready`], with several queues to sleep on.
///
/// # Errors
/// As [`until_ready`].
pub fn until_any_ready<T>(
    queues: &[&WaitQueue],
    nonblocking: bool,
    deadline: Option<Deadline>,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    match attempt() {
        Err(Errno::EAGAIN) if !nonblocking => {}
        result => return result,
    }
    let result = wait_event(queues, deadline, || match attempt() {
        Err(Errno::EAGAIN) => None,
        result => Some(result),
    });
    match result {
        Ok(result) => result,
        Err(WaitError::Interrupted) => Err(Errno::ERESTARTSYS),
        Err(WaitError::TimedOut) => Err(Errno::EAGAIN),
    }
}

/// The caller writes where nobody reads: it gets `SIGPIPE`, and the error that the call returns.
pub fn broken_pipe() -> Errno {
    signal::send_to_thread(task::current(), SigInfo::of_caller(SIGPIPE));
    Errno::EPIPE
}
