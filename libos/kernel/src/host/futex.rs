//! `FutexWait` and `FutexWake`, on words of the shared region.

use core::sync::atomic::AtomicU32;

use crate::errno::Result;
use crate::host::raw::{nr, syscall};
use crate::time::Deadline;

const FUTEX_WAKE: u64 = 1;
/// Its deadline is absolute, by `CLOCK_MONOTONIC`.
const FUTEX_WAIT_BITSET: u64 = 9;
const FUTEX_BITSET_MATCH_ANY: u64 = 0xffff_ffff;

/// Sleeps while `word` is `expected`, at most until `deadline`.
///
/// # Errors
/// `EAGAIN` where the word differs, `ETIMEDOUT`, `EINTR`.
pub fn futex_wait(word: &AtomicU32, expected: u32, deadline: Option<Deadline>) -> Result<()> {
    let timespec = deadline.map(|deadline| {
        let nanos = deadline.as_nanos().min(i64::MAX.cast_unsigned());
        [nanos / 1_000_000_000, nanos % 1_000_000_000]
    });
    let timeout = timespec.as_ref().map_or(0, |time| time.as_ptr() as u64);
    let args =
        [word.as_ptr() as u64, FUTEX_WAIT_BITSET, u64::from(expected), timeout, 0, FUTEX_BITSET_MATCH_ANY];
    // SAFETY: word and time outlive the call, which only reads them.
    unsafe { syscall(nr::FUTEX, args) }.map(drop)
}

/// Wakes at most `count` sleepers on the word at this address of the shared region.
pub fn futex_wake(word: *const AtomicU32, count: u32) {
    // It cannot fail for a word that is mapped.
    // SAFETY: only the word's address is used.
    let _ = unsafe { syscall(nr::FUTEX, [word as u64, FUTEX_WAKE, u64::from(count), 0, 0, 0]) };
}
