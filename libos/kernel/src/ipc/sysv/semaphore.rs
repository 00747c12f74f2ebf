//! Semaphore sets (`semop(2)`). `SEM_UNDO` is accepted, but nothing is undone when a process ends.

use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::ipc::sysv::Registry;
use crate::sync::{Mutex, WaitError, WaitQueue, wait_event};
use crate::time::Deadline;
use crate::vfs::Events;

/// `SEMMSL`: most semaphores of a set.
pub const MAX_SEMAPHORES: usize = 32_000;
/// `SEMOPM`: most operations of one call.
pub const MAX_OPERATIONS: usize = 500;
/// `SEMVMX`: largest value.
const MAX_VALUE: i32 = 32_767;
/// `IPC_NOWAIT`
const NOWAIT: i16 = 0o4000;

/// All sets.
pub static SETS: Registry<Set> = Registry::new();

/// One operation of `semop(2)`.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Which semaphore.
    pub number: u16,
    /// What is added; 0 waits for zero.
    pub change: i16,
    /// `IPC_NOWAIT`, `SEM_UNDO`
    pub flags: i16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Semaphore {
    value: i32,
    pid: i32,
}

/// A set of semaphores.
pub struct Set {
    semaphores: Mutex<Option<Vec<Semaphore>>>,
    count: usize,
    queue: WaitQueue,
}

impl core::fmt::Debug for Set {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Set").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Set {
    /// `count` semaphores of value 0.
    pub fn new(count: usize) -> Self {
        Self {
            semaphores: Mutex::new(Some(alloc::vec![Semaphore::default(); count])),
            count,
            queue: WaitQueue::new(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All operations or none; `Ok(false)` where one would have to wait.
    fn attempt(&self, operations: &[Operation], pid: i32) -> Result<bool> {
        let mut guard = self.semaphores.lock();
        let semaphores = guard.as_mut().ok_or(Errno::EIDRM)?;
        let mut after = semaphores.clone();
        for operation in operations {
            let semaphore = after.get_mut(usize::from(operation.number)).ok_or(Errno::EFBIG)?;
            let value = semaphore.value + i32::from(operation.change);
            if value > MAX_VALUE {
                return Err(Errno::ERANGE);
            }
            if value < 0 || (operation.change == 0 && semaphore.value != 0) {
                return if operation.flags & NOWAIT != 0 { Err(Errno::EAGAIN) } else { Ok(false) };
            }
            *semaphore = Semaphore { value, pid };
        }
        *semaphores = after;
        drop(guard);
        self.queue.wake(Events::IN);
        Ok(true)
    }

    /// `semtimedop(2)`
    ///
    /// # Errors
    /// `EAGAIN`, `EFBIG`, `ERANGE`, `EIDRM`, `EINTR`
    pub fn operate(&self, operations: &[Operation], deadline: Option<Deadline>, pid: i32) -> Result<()> {
        let result = wait_event(&[&self.queue], deadline, || match self.attempt(operations, pid) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        });
        match result {
            Ok(result) => result,
            Err(WaitError::Interrupted) => Err(Errno::EINTR),
            Err(WaitError::TimedOut) => Err(Errno::EAGAIN),
        }
    }

    /// The values.
    ///
    /// # Errors
    /// `EIDRM`
    pub fn values(&self) -> Result<Vec<i32>> {
        let guard = self.semaphores.lock();
        Ok(guard.as_ref().ok_or(Errno::EIDRM)?.iter().map(|semaphore| semaphore.value).collect())
    }

    /// Who changed a semaphore last.
    ///
    /// # Errors
    /// `EIDRM`, `EINVAL`
    pub fn last_pid(&self, number: usize) -> Result<i32> {
        let guard = self.semaphores.lock();
        guard.as_ref().ok_or(Errno::EIDRM)?.get(number).map(|semaphore| semaphore.pid).ok_or(Errno::EINVAL)
    }

    /// `SETVAL`, `SETALL`: values from `first` on.
    ///
    /// # Errors
    /// `EIDRM`, `EINVAL`, `ERANGE`
    pub fn set(&self, first: usize, values: &[i32], pid: i32) -> Result<()> {
        if values.iter().any(|value| !(0..=MAX_VALUE).contains(value)) {
            return Err(Errno::ERANGE);
        }
        let mut guard = self.semaphores.lock();
        let semaphores = guard.as_mut().ok_or(Errno::EIDRM)?;
        let places = semaphores.get_mut(first..first + values.len()).ok_or(Errno::EINVAL)?;
        for (place, value) in places.iter_mut().zip(values) {
            *place = Semaphore { value: *value, pid };
        }
        drop(guard);
        self.queue.wake(Events::IN);
        Ok(())
    }

    /// The set is removed: who waits gets `EIDRM`.
    pub fn destroy(&self) {
        *self.semaphores.lock() = None;
        self.queue.wake(Events::ALL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(number: u16, change: i16) -> Operation {
        Operation { number, change, flags: NOWAIT }
    }

    #[test]
    fn operations_are_all_or_nothing() {
        let set = Set::new(2);
        set.set(0, &[1, 0], 5).unwrap();
        assert_eq!(set.attempt(&[operation(0, -1), operation(1, -1)], 6), Err(Errno::EAGAIN));
        assert_eq!(set.values().unwrap(), [1, 0]);
        assert_eq!(set.attempt(&[operation(0, -1), operation(1, 2)], 6), Ok(true));
        assert_eq!(set.values().unwrap(), [0, 2]);
        assert_eq!(set.attempt(&[operation(0, 0)], 6), Ok(true));
        assert_eq!(set.attempt(&[operation(2, 1)], 6), Err(Errno::EFBIG));
        assert_eq!(set.attempt(&[operation(1, i16::MAX)], 6), Err(Errno::ERANGE));
        set.destroy();
        assert_eq!(set.attempt(&[operation(0, 1)], 6), Err(Errno::EIDRM));
    }
}
