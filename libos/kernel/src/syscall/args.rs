//! The six argument registers of a system call, and the typed ways to read them.

use alloc::sync::Arc;
use core::cell::Cell;
use core::fmt;

use crate::errno::{Errno, Result};
use crate::signal::UserContext;
use crate::task::Thread;
use crate::vfs::OpenFile;

/// Arguments of one call, and who calls.
pub struct Args<'a> {
    /// The calling thread.
    pub thread: &'a Thread,
    /// `rdi rsi rdx r10 r8 r9`
    pub raw: [u64; 6],
    context: Cell<Option<&'a mut UserContext>>,
}

impl<'a> Args<'a> {
    /// Arguments of a call without a frame.
    pub const fn new(thread: &'a Thread, raw: [u64; 6]) -> Self {
        Self { thread, raw, context: Cell::new(None) }
    }

    /// Arguments of a call that may change the registers which the caller goes on with.
    pub fn with_context(thread: &'a Thread, raw: [u64; 6], context: &'a mut UserContext) -> Self {
        Self { thread, raw, context: Cell::new(Some(context)) }
    }

    /// The registers that the caller goes on with: of calls that are never patched, once.
    ///
    /// # Errors
    /// `ENOSYS` on the patched path.
    pub fn take_context(&self) -> Result<&'a mut UserContext> {
        self.context.take().ok_or(Errno::ENOSYS)
    }
}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Args").field("thread", self.thread).field("raw", &self.raw).finish_non_exhaustive()
    }
}

impl Args<'_> {
    /// A raw 64-bit value: an address or `size_t`.
    pub fn word(&self, index: usize) -> u64 {
        self.raw[index]
    }

    /// A C `int`: the upper half of the register is ignored, as the C ABI leaves it undefined.
    #[expect(clippy::cast_possible_truncation, reason = "int arguments are the low half")]
    pub fn int(&self, index: usize) -> i32 {
        self.raw[index] as i32
    }

    /// A C `unsigned int`.
    #[expect(clippy::cast_possible_truncation, reason = "int arguments are the low half")]
    pub fn uint(&self, index: usize) -> u32 {
        self.raw[index] as u32
    }

    /// A C `long` or `off_t`.
    pub fn long(&self, index: usize) -> i64 {
        self.raw[index] as i64
    }

    /// A `size_t`, bounded as Linux bounds transfers (`MAX_RW_COUNT`).
    pub fn length(&self, index: usize) -> usize {
        (self.raw[index] as usize).min(0x7fff_f000)
    }

    /// The open file behind a descriptor argument.
    ///
    /// # Errors
    /// `EBADF`
    pub fn file(&self, index: usize) -> Result<Arc<OpenFile>> {
        self.thread.process().file(self.int(index))
    }
}
