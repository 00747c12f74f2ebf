//! How often each call is made and by which path, and what is asked for in vain: counted for people, in words that
//! the host reads (`bailey_abi::counts`). Two threads that count the same thing at once may count it once.

use core::sync::atomic::{AtomicU64, Ordering};

use bailey_abi::counts::{FIRST_MISS, LOST, MISS_WORDS, MISSES, NUMBERS, TRAPPED, WORDS};

use crate::errno::Errno;
use crate::sync::{Mutex, Once};

/// The words; before they are known nothing is counted.
static REGION: Once<&'static [AtomicU64; WORDS]> = Once::new();
/// Who enters a miss.
static ENTERING: Mutex<()> = Mutex::new(());

/// Calls that are several, and the arguments that say which: those that mean nothing to another call of the name.
const SELECTORS: &[(u64, &[usize])] = &[
    (9, &[3]),     // mmap: flags
    (16, &[1]),    // ioctl: command
    (28, &[2]),    // madvise: advice
    (41, &[0, 1]), // socket: family, type
    (53, &[0, 1]), // socketpair: family, type
    (54, &[1, 2]), // setsockopt: level, option
    (55, &[1, 2]), // getsockopt: level, option
    (56, &[0]),    // clone: flags
    (72, &[1]),    // fcntl: command
    (101, &[0]),   // ptrace: request
    (135, &[0]),   // personality
    (157, &[0]),   // prctl: option
    (158, &[0]),   // arch_prctl: code
    (202, &[1]),   // futex: operation
    (203, &[1]),   // sched_setaffinity: size
    (250, &[0]),   // keyctl: operation
    (272, &[0]),   // unshare: flags
    (285, &[1]),   // fallocate: mode
    (316, &[4]),   // renameat2: flags
    (317, &[0]),   // seccomp: operation
    (319, &[1]),   // memfd_create: flags
    (321, &[0]),   // bpf: command
    (324, &[0]),   // membarrier: command
    (425, &[0]),   // io_uring_setup: entries
];

/// Says where the words are.
///
/// # Safety
/// There are [`WORDS`] words at the address, zero, in the shared region, that are used for nothing else.
pub unsafe fn set_region(address: u64) {
    // SAFETY: the caller's promise.
    REGION.set(unsafe { &*(address as *const [AtomicU64; WORDS]) });
}

fn count(word: &AtomicU64) {
    word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

fn count_call(first: usize, number: u64) {
    if let Some(region) = REGION.get() {
        let index = usize::try_from(number).map_or(NUMBERS - 1, |number| number.min(NUMBERS - 1));
        count(&region[first + index]);
    }
}

/// Counts a call by the patched path.
pub fn patched(number: u64) {
    count_call(0, number);
}

/// Counts a call that was trapped.
pub fn trapped(number: u64) {
    count_call(TRAPPED, number);
}

/// Counts an answer that says that something is not there.
pub(super) fn answered(number: u64, raw: &[u64; 6], error: Errno) {
    let selectors = SELECTORS.iter().find(|(of, _)| *of == number).map(|(_, arguments)| *arguments);
    let missing = matches!(
        error,
        Errno::ENOSYS
            | Errno::EOPNOTSUPP
            | Errno::ENOTTY
            | Errno::ENOPROTOOPT
            | Errno::EAFNOSUPPORT
            | Errno::EPROTONOSUPPORT
    );
    if missing || (error == Errno::EINVAL && selectors.is_some()) {
        let detail = match selectors {
            Some([first]) => raw[*first] & 0xffff_ffff,
            Some([first, second, ..]) => (raw[*first] & 0xffff_ffff) << 32 | raw[*second] & 0xffff_ffff,
            _ => 0,
        };
        miss(number << 32 | u64::from(error.raw().unsigned_abs()), detail);
    }
}

fn miss(what: u64, detail: u64) {
    let Some(region) = REGION.get() else { return };
    let _one = ENTERING.lock();
    for at in (FIRST_MISS..LOST).step_by(MISS_WORDS).take(MISSES) {
        let [key, value, times] = [&region[at], &region[at + 1], &region[at + 2]];
        if times.load(Ordering::Relaxed) == 0 {
            key.store(what, Ordering::Relaxed);
            value.store(detail, Ordering::Relaxed);
        }
        if key.load(Ordering::Relaxed) == what && value.load(Ordering::Relaxed) == detail {
            return count(times);
        }
    }
    count(&region[LOST]);
}
