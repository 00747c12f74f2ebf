//! A mutual-exclusion lock in the shared region, by futex (futex(2), "Futexes Are Tricky").

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use crate::host;

/// Set in the word while threads sleep for the lock.
const WAITERS: u32 = 1 << 31;
/// How often a locked word is looked at before sleeping.
const SPINS: u32 = 100;

/// A lock that threads of any process of the instance may take.
///
/// The word holds the owner's host thread id, so that a lock whose owner has been killed can be told.
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives one thread at a time access to the value.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: the lock owns the value.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

impl<T> Mutex<T> {
    /// An unlocked value.
    pub const fn new(value: T) -> Self {
        Self { word: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock; sleeps while another thread has it. A thread that has it already never returns.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let owner = crate::task::lock_owner();
        if self.word.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.lock_contended(owner);
        }
        crate::task::lock_taken();
        MutexGuard { mutex: self }
    }

    /// Takes the lock if nobody has it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let owner = crate::task::lock_owner();
        self.word.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed).ok().map(|_| {
            crate::task::lock_taken();
            MutexGuard { mutex: self }
        })
    }

    /// Takes the lock away from whoever has it.
    pub fn break_lock(&self) {
        self.word.store(0, Ordering::Release);
    }

    /// The value without the lock.
    ///
    /// # Safety
    /// Nobody changes the value as long as the result is used.
    pub unsafe fn unlocked(&self) -> &T {
        // SAFETY: the caller's promise.
        unsafe { &*self.value.get() }
    }

    /// The value, which nobody else can have.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[cold]
    fn lock_contended(&self, owner: u32) {
        for _ in 0..SPINS {
            if self.word.load(Ordering::Relaxed) == 0
                && self.word.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            core::hint::spin_loop();
        }
        loop {
            let seen = self.word.load(Ordering::Relaxed);
            if seen == 0 {
                // Others may sleep still: keep the mark.
                let taken =
                    self.word.compare_exchange(0, owner | WAITERS, Ordering::Acquire, Ordering::Relaxed);
                if taken.is_ok() {
                    return;
                }
                continue;
            }
            let marked = seen | WAITERS;
            let set = seen == marked
                || self.word.compare_exchange(seen, marked, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            if set {
                // Whatever ends the sleep, the word is looked at again.
                let _ = host::futex_wait(&self.word, marked, None);
            }
        }
    }

    fn unlock(&self) {
        if self.word.swap(0, Ordering::Release) & WAITERS != 0 {
            host::futex_wake(&self.word, 1);
        }
        crate::task::lock_given();
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("word", &self.word).finish_non_exhaustive()
    }
}

/// The lock, held.
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard is proof that this thread has the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is proof that this thread has the lock, and it is borrowed mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.mutex.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Mutex;
    use std::sync::Arc;
    use std::thread;
    use std::vec::Vec;

    #[test]
    fn one_thread_at_a_time_has_the_value() {
        let counter = Arc::new(Mutex::new(0_u64));
        let work = |counter: Arc<Mutex<u64>>| move || (0..10_000).for_each(|_| *counter.lock() += 1);
        let threads: Vec<_> = (0..8).map(|_| thread::spawn(work(counter.clone()))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*counter.lock(), 80_000);
    }

    #[test]
    fn a_lock_that_is_held_cannot_be_tried() {
        let lock = Mutex::new(());
        let held = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(held);
        assert!(lock.try_lock().is_some());
    }
}
