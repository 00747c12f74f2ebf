//! Downcalls on threads and processes of the host, and on its clock.

use core::arch::asm;

use bailey_abi::host::{CLONE_PROCESS_FLAGS, CLONE_THREAD_FLAGS};
use bailey_abi::layout::INTERRUPT_SIGNAL;

use crate::errno::Result;
use crate::host::raw::{check, nr, syscall};

/// Segment selector whose limit has the processor's number in its low 12 bits (`__CPUNODE_SEG`).
pub(crate) const CPU_SEGMENT: u32 = 0x7b;

/// Number of the processor that the calling thread runs on, as the host's vDSO has it.
pub fn processor() -> u32 {
    let limit: u32;
    // SAFETY: the instruction reads the limit of a segment that the host gives every process.
    unsafe {
        asm!("lsl {0:e}, {1:e}", out(reg) limit, in(reg) CPU_SEGMENT, options(nomem, nostack));
    }
    limit & 0xfff
}

/// `SystemTimeQuery`: seconds and nanoseconds of a Linux clock; zero for one that the host lacks.
pub fn clock_gettime(clock: i32) -> [i64; 2] {
    let mut time = [0; 2];
    let args = [u64::from(clock.cast_unsigned()), time.as_mut_ptr() as u64, 0, 0, 0, 0];
    // SAFETY: the call writes the two words.
    let _ = unsafe { syscall(nr::CLOCK_GETTIME, args) };
    time
}

/// `ThreadCreate`: a thread of this process that starts at `entry` with `stack` as its stack pointer. `tid` is
/// written before it runs, and made 0, with a futex wake, when it is gone.
///
/// # Errors
/// `EAGAIN`
///
/// # Safety
/// The stack is the thread's alone, `entry` never returns, and `tid` outlives the thread.
pub unsafe fn create(entry: extern "C" fn() -> !, stack: u64, tid: *mut i32) -> Result<i32> {
    let result: u64;
    // SAFETY: the child runs on its own stack and only what the caller has put there.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") nr::CLONE => result,
            in("rdi") CLONE_THREAD_FLAGS,
            in("rsi") stack,
            in("rdx") tid,
            in("r10") tid,
            in("r8") 0_u64,
            in("r12") entry,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    #[expect(clippy::cast_possible_truncation, reason = "a thread id")]
    check(result).map(|tid| tid as i32)
}

/// `ProcessClone`: a copy of this process with this thread only; 0 in the copy. In the copy `tid` is written.
///
/// # Errors
/// `EAGAIN`, `ENOMEM`
///
/// # Safety
/// The copy must put right at once what is private to a process, before any lock is taken.
pub unsafe fn fork(tid: *mut i32) -> Result<i32> {
    let args = [CLONE_PROCESS_FLAGS, 0, 0, tid as u64, 0, 0];
    // SAFETY: the stack is copied on write, so parent and copy go on apart from each other.
    #[expect(clippy::cast_possible_truncation, reason = "a process id")]
    unsafe { syscall(nr::CLONE, args) }.map(|pid| pid as i32)
}

/// `ThreadExit` of a thread whose stack stays.
pub fn exit_thread() -> ! {
    loop {
        // SAFETY: nothing of the thread is used any more.
        let _ = unsafe { syscall(nr::EXIT, [0; 6]) };
    }
}

/// `ProcessExit`.
pub fn exit_process(status: u8) -> ! {
    loop {
        // SAFETY: nothing of the process is used any more.
        let _ = unsafe { syscall(nr::EXIT_GROUP, [u64::from(status), 0, 0, 0, 0, 0]) };
    }
}

/// `ThreadInterrupt`: the thread looks at its pending work before it goes on in application code.
pub fn interrupt(pid: i32, tid: i32) {
    let args = [pid.cast_unsigned(), tid.cast_unsigned(), INTERRUPT_SIGNAL.cast_unsigned()].map(u64::from);
    // A thread that has just gone needs none.
    // SAFETY: only numbers are passed.
    let _ = unsafe { syscall(nr::TGKILL, [args[0], args[1], args[2], 0, 0, 0]) };
}

/// `ThreadSetTrapStack`: where this thread's exceptions run.
///
/// # Safety
/// The range is the thread's kernel stack.
pub unsafe fn set_trap_stack(address: u64, length: u64) {
    // `stack_t`: address, flags and padding, length.
    let stack = [address, 0, length];
    // SAFETY: the caller's promise; the call reads three words.
    let _ = unsafe { syscall(nr::SIGALTSTACK, [stack.as_ptr() as u64, 0, 0, 0, 0, 0]) };
}
