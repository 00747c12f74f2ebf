//! Semaphore sets (`semop(2)`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::ipc::sysv::Registry;
use crate::sync::{Mutex, WaitError, WaitQueue, wait_event};
use crate::time::{Clock, Deadline, now};
use crate::vfs::Events;

/// `SEMMSL`: most semaphores of a set.
pub const MAX_SEMAPHORES: usize = 32_000;
/// `SEMOPM`: most operations of one call.
pub const MAX_OPERATIONS: usize = 500;
/// `SEMVMX`: largest value.
pub const MAX_VALUE: i32 = 32_767;
/// `IPC_NOWAIT`
const NOWAIT: i16 = 0o4000;
/// `SEM_UNDO`
const UNDO: i16 = 0o10000;

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

impl Operation {
    /// Whether it is undone when the process ends.
    pub const fn is_undone(&self) -> bool {
        self.flags & UNDO != 0 && self.change != 0
    }
}

/// Who waits for what: the number of the semaphore, and whether for zero.
type Wish = (usize, bool);

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Done,
    /// It has to wait, at this operation.
    Waits(Wish),
}

#[derive(Clone, Copy, Debug, Default)]
struct Semaphore {
    value: i32,
    pid: i32,
}

#[derive(Debug)]
struct State {
    semaphores: Vec<Semaphore>,
    /// What is added to each semaphore when a process ends, by its id.
    undo: BTreeMap<i32, Vec<i32>>,
    /// Of the threads that sleep, what each waits for.
    wishes: Vec<Wish>,
    /// When an operation was last done, and the set changed, in seconds; 0 for never.
    times: [u64; 2],
}

/// A set of semaphores.
pub struct Set {
    state: Mutex<Option<State>>,
    count: usize,
    queue: WaitQueue,
}

impl core::fmt::Debug for Set {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Set").field("count", &self.count).finish_non_exhaustive()
    }
}

fn seconds() -> u64 {
    now(Clock::Realtime).as_secs()
}

impl State {
    /// All operations or none.
    fn attempt(&mut self, operations: &[Operation], pid: i32) -> Result<Attempt> {
        let mut after = self.semaphores.clone();
        let mut undo = self.undo.get(&pid).cloned().unwrap_or_else(|| alloc::vec![0; after.len()]);
        for operation in operations {
            let index = usize::from(operation.number);
            let semaphore = after.get_mut(index).ok_or(Errno::EFBIG)?;
            let value = semaphore.value + i32::from(operation.change);
            let for_zero = operation.change == 0;
            if value < 0 || (for_zero && semaphore.value != 0) {
                let waits = Attempt::Waits((index, for_zero));
                return if operation.flags & NOWAIT != 0 { Err(Errno::EAGAIN) } else { Ok(waits) };
            }
            if value > MAX_VALUE {
                return Err(Errno::ERANGE);
            }
            if operation.is_undone() {
                undo[index] -= i32::from(operation.change);
                if !(-MAX_VALUE - 1..=MAX_VALUE).contains(&undo[index]) {
                    return Err(Errno::ERANGE);
                }
            }
            *semaphore = Semaphore { value, pid };
        }
        self.semaphores = after;
        if operations.iter().any(Operation::is_undone) {
            self.undo.insert(pid, undo);
        }
        self.times[0] = seconds();
        Ok(Attempt::Done)
    }
}

/// What processes that end have to undo.
pub fn process_ends(pid: i32) {
    for (_, _, set) in SETS.all() {
        set.undo(pid);
    }
}

impl Set {
    /// `count` semaphores of value 0.
    pub fn new(count: usize) -> Self {
        let state = State {
            semaphores: alloc::vec![Semaphore::default(); count],
            undo: BTreeMap::new(),
            wishes: Vec::new(),
            times: [0, seconds()],
        };
        Self { state: Mutex::new(Some(state)), count, queue: WaitQueue::new() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    fn with<T>(&self, action: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        action(self.state.lock().as_mut().ok_or(Errno::EIDRM)?)
    }

    fn attempt(&self, operations: &[Operation], pid: i32) -> Result<Attempt> {
        let result = self.with(|state| state.attempt(operations, pid));
        if result == Ok(Attempt::Done) {
            self.queue.wake(Events::IN);
        }
        result
    }

    /// `semtimedop(2)`
    ///
    /// # Errors
    /// `EAGAIN`, `EFBIG`, `ERANGE`, `EIDRM`, `EINTR`
    pub fn operate(&self, operations: &[Operation], deadline: Option<Deadline>, pid: i32) -> Result<()> {
        if operations.iter().any(|operation| usize::from(operation.number) >= self.count) {
            return Err(Errno::EFBIG);
        }
        let mut noted: Option<Wish> = None;
        let result = wait_event(&[&self.queue], deadline, || {
            let attempt = self.attempt(operations, pid);
            let wish = match attempt {
                Ok(Attempt::Waits(wish)) => Some(wish),
                _ => None,
            };
            self.note(&mut noted, wish);
            match attempt {
                Ok(Attempt::Waits(_)) => None,
                attempt => Some(attempt.map(drop)),
            }
        });
        self.note(&mut noted, None);
        match result {
            Ok(result) => result,
            Err(WaitError::Interrupted) => Err(Errno::EINTR),
            Err(WaitError::TimedOut) => Err(Errno::EAGAIN),
        }
    }

    /// Notes what the caller waits for, in place of what it did.
    fn note(&self, noted: &mut Option<Wish>, wish: Option<Wish>) {
        if *noted == wish {
            return;
        }
        // A set that has been removed has no wishes.
        let _ = self.with(|state| {
            if let Some(place) = state.wishes.iter().position(|known| Some(*known) == *noted) {
                state.wishes.swap_remove(place);
            }
            state.wishes.extend(wish);
            Ok(())
        });
        *noted = wish;
    }

    fn undo(&self, pid: i32) {
        // A set that has been removed has nothing to undo.
        let changed = self.with(|state| {
            let undo = state.undo.remove(&pid).unwrap_or_default();
            for (semaphore, change) in
                state.semaphores.iter_mut().zip(undo).filter(|(_, change)| *change != 0)
            {
                *semaphore = Semaphore { value: (semaphore.value + change).clamp(0, MAX_VALUE), pid };
            }
            Ok(())
        });
        if changed.is_ok() {
            self.queue.wake(Events::IN);
        }
    }

    /// `GETNCNT`, or with `for_zero` `GETZCNT`: how many threads wait for a semaphore to grow, or to be zero.
    ///
    /// # Errors
    /// `EIDRM`, `EINVAL`
    pub fn waiting(&self, number: usize, for_zero: bool) -> Result<usize> {
        if number >= self.count {
            return Err(Errno::EINVAL);
        }
        self.with(|state| Ok(state.wishes.iter().filter(|wish| **wish == (number, for_zero)).count()))
    }

    /// When an operation was last done, and the set changed, in seconds; 0 for never.
    ///
    /// # Errors
    /// `EIDRM`
    pub fn times(&self) -> Result<[u64; 2]> {
        self.with(|state| Ok(state.times))
    }

    /// Notes that the set has changed.
    pub fn touch(&self) {
        // One that has been removed tells nobody.
        let _ = self.with(|state| {
            state.times[1] = seconds();
            Ok(())
        });
    }

    /// The values.
    ///
    /// # Errors
    /// `EIDRM`
    pub fn values(&self) -> Result<Vec<i32>> {
        self.with(|state| Ok(state.semaphores.iter().map(|semaphore| semaphore.value).collect()))
    }

    /// Who changed a semaphore last.
    ///
    /// # Errors
    /// `EIDRM`, `EINVAL`
    pub fn last_pid(&self, number: usize) -> Result<i32> {
        self.with(|state| state.semaphores.get(number).map(|semaphore| semaphore.pid).ok_or(Errno::EINVAL))
    }

    /// `SETVAL`, `SETALL`: values from `first` on. Nothing is undone any more of what was done to them.
    ///
    /// # Errors
    /// `EIDRM`, `EINVAL`, `ERANGE`
    pub fn set(&self, first: usize, values: &[i32], pid: i32) -> Result<()> {
        if values.iter().any(|value| !(0..=MAX_VALUE).contains(value)) {
            return Err(Errno::ERANGE);
        }
        let end = first.checked_add(values.len()).filter(|end| *end <= self.count).ok_or(Errno::EINVAL)?;
        self.with(|state| {
            for (place, value) in state.semaphores[first..end].iter_mut().zip(values) {
                *place = Semaphore { value: *value, pid };
            }
            for undo in state.undo.values_mut() {
                undo[first..end].fill(0);
            }
            state.times[1] = seconds();
            Ok(())
        })?;
        self.queue.wake(Events::IN);
        Ok(())
    }

    /// The set is removed: who waits gets `EIDRM`.
    pub fn destroy(&self) {
        *self.state.lock() = None;
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
    fn what_a_process_did_is_undone_at_its_end() {
        let set = Set::new(2);
        set.set(0, &[3, 3], 5).unwrap();
        let undone = |number, change| Operation { flags: NOWAIT | UNDO, ..operation(number, change) };
        set.attempt(&[undone(0, -2), undone(1, -1)], 6).unwrap();
        set.attempt(&[undone(0, 4)], 7).unwrap();
        set.set(1, &[0], 5).unwrap();
        set.undo(6);
        assert_eq!(set.values().unwrap(), [7, 0]);
        set.undo(7);
        assert_eq!(set.values().unwrap(), [3, 0]);
        assert_eq!(set.last_pid(0), Ok(7));
    }

    #[test]
    fn operations_are_all_or_nothing() {
        let set = Set::new(2);
        set.set(0, &[1, 0], 5).unwrap();
        assert_eq!(set.attempt(&[operation(0, -1), operation(1, -1)], 6), Err(Errno::EAGAIN));
        assert_eq!(set.values().unwrap(), [1, 0]);
        assert_eq!(set.attempt(&[operation(0, -1), operation(1, 2)], 6), Ok(Attempt::Done));
        assert_eq!(set.values().unwrap(), [0, 2]);
        assert_eq!(set.attempt(&[operation(0, 0)], 6), Ok(Attempt::Done));
        assert_eq!(set.attempt(&[operation(2, 1)], 6), Err(Errno::EFBIG));
        assert_eq!(set.attempt(&[operation(1, i16::MAX)], 6), Err(Errno::ERANGE));
        set.destroy();
        assert_eq!(set.attempt(&[operation(0, 1)], 6), Err(Errno::EIDRM));
    }
}
