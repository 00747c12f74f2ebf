//! A thread of a process.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

use crate::errno::Errno;
use crate::signal::{ThreadSignals, UserContext};
use crate::sync::{Mutex, Waiter};
use crate::task::{Block, Process, Scheduling};

/// A thread, in the shared region.
pub struct Thread {
    /// `gettid(2)`
    pub tid: i32,
    /// What it sleeps on.
    pub waiter: Arc<Waiter>,
    process: Arc<Process>,
    block: Block,
    host_tid: AtomicI32,
    /// Signal mask, pending signals, alternate stack.
    pub signals: Mutex<ThreadSignals>,
    /// Whether something waits that the way out of the kernel must look at: signals, an end, a stop.
    pub attention: AtomicBool,
    /// Whether the thread must end as soon as it can.
    pub ending: AtomicBool,
    interrupted_call: AtomicU64,
    /// How many locks of the kernel it holds.
    pub locks: AtomicU32,
    /// Registers that it starts with.
    pub start: Mutex<Option<Box<UserContext>>>,
    /// `set_tid_address(2)`, `CLONE_CHILD_CLEARTID`
    pub clear_child_tid: AtomicU64,
    /// `set_robust_list(2)`
    pub robust_list: AtomicU64,
    /// The thread that it has taken the place of (execve(2)): calls on their way out may still look at that.
    pub before: Mutex<Option<Arc<Thread>>>,
    /// See [`Scheduling`].
    pub scheduling: Mutex<Scheduling>,
    /// `comm` of proc(5), NUL-padded.
    pub name: Mutex<[u8; 16]>,
}

impl Thread {
    /// A thread of `process` on `block`.
    pub fn new(
        tid: i32,
        process: Arc<Process>,
        block: Block,
        signals: ThreadSignals,
        name: [u8; 16],
    ) -> Arc<Self> {
        Arc::new(Self {
            tid,
            waiter: Arc::new(Waiter::new()),
            process,
            block,
            host_tid: AtomicI32::new(0),
            signals: Mutex::new(signals),
            attention: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            interrupted_call: AtomicU64::new(0),
            locks: AtomicU32::new(0),
            start: Mutex::new(None),
            clear_child_tid: AtomicU64::new(0),
            robust_list: AtomicU64::new(0),
            before: Mutex::new(None),
            scheduling: Mutex::new(Scheduling::default()),
            name: Mutex::new(name),
        })
    }

    /// Its process.
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Its kernel stack block; means something in its process only.
    pub fn block(&self) -> Block {
        self.block
    }

    /// Remembers that a patched call has been interrupted, until the way out decides what it returns.
    pub fn set_interrupted(&self, number: u64, error: Errno) {
        let error = u64::from(error.raw().cast_unsigned());
        self.interrupted_call.store(number << 32 | error, Ordering::Relaxed);
    }

    /// Whether a patched call that has been interrupted waits for the way out.
    pub fn has_interrupted(&self) -> bool {
        self.interrupted_call.load(Ordering::Relaxed) != 0
    }

    /// The patched call that has been interrupted, if one has.
    pub fn take_interrupted(&self) -> Option<(u64, Errno)> {
        let call = self.interrupted_call.swap(0, Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "the low half is an error number")]
        let error = Errno::from_raw((call as u32).cast_signed());
        (call != 0).then_some((call >> 32, error))
    }

    /// Its host thread id, as the instance's PID namespace counts.
    pub fn host_tid(&self) -> i32 {
        self.host_tid.load(Ordering::Acquire)
    }

    /// Says which host thread it is.
    pub fn set_host_tid(&self, tid: i32) {
        self.host_tid.store(tid, Ordering::Release);
    }

    /// Whether a wait must end: a signal that is not blocked is pending, or the thread is to end.
    pub fn interrupted(&self) -> bool {
        self.attention.load(Ordering::SeqCst) && crate::signal::must_return(self)
    }

    /// Makes the thread look at what it has to do, be it asleep in the kernel or busy in the application.
    pub fn alert(&self) {
        self.attention.store(true, Ordering::SeqCst);
        self.waiter.wake();
        let tid = self.host_tid();
        if tid != 0 && !crate::task::try_current().is_some_and(|current| core::ptr::eq(current, self)) {
            crate::host::thread::interrupt(self.process.host_pid(), tid);
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("tid", &self.tid)
            .field("pid", &self.process.pid())
            .finish_non_exhaustive()
    }
}

/// User and group id of the calling process; 0 where there is none (at boot).
pub fn current_ids() -> (u32, u32) {
    crate::task::try_current().map_or((0, 0), |thread| {
        let identity = thread.process().identity();
        (identity.uid, identity.gid)
    })
}
