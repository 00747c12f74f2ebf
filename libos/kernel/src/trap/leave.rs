//! Into the application: the host's `rt_sigreturn` loads every register.

use core::arch::{asm, naked_asm};

use bailey_abi::layout::STACK_SIZE;

use crate::errno::{Errno, Result};
use crate::host::raw::nr;
use crate::host::thread::set_trap_stack;
use crate::signal::{HostFrame, UserContext, deliver};
use crate::task::{Block, Thread};

/// `UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`
const CONTEXT_FLAGS: u64 = 6;
/// CS of 64-bit user code in the low 16 bits, SS in the high.
const SEGMENTS: u64 = 0x002b_0000_0000_0033;
/// Interrupts on, and the bit that is always 1.
const FLAGS: u64 = 0x202;

/// The calling thread's FS base.
pub fn fs_base() -> u64 {
    let base;
    // SAFETY: the processor and host allow the instruction (checked at boot).
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// First address that can be no segment's base (Linux's `TASK_SIZE_MAX`): the instructions that set one fault on
/// what is not canonical.
const BASES_END: u64 = 0x7fff_ffff_f000;

/// A base that a program asks for (arch_prctl(2), CLONE_SETTLS). EPERM: it is no address of a program's.
pub fn checked_base(base: u64) -> Result<u64> {
    if base < BASES_END { Ok(base) } else { Err(Errno::EPERM) }
}

/// Sets the calling thread's FS base, a canonical address; the kernel itself uses none.
pub fn set_fs_base(base: u64) {
    // SAFETY: as in `fs_base`; no code of the kernel reads through FS.
    unsafe { asm!("wrfsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
}

/// The calling thread's GS base, which is the application's alone.
pub fn gs_base() -> u64 {
    let base;
    // SAFETY: as in `fs_base`.
    unsafe { asm!("rdgsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// Sets the calling thread's GS base, a canonical address.
pub fn set_gs_base(base: u64) {
    // SAFETY: as in `fs_base`; the kernel reads nothing through GS.
    unsafe { asm!("wrgsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
}

/// Makes the block the calling thread's trap stack.
pub fn use_block(block: Block) {
    // SAFETY: the block is the calling thread's own kernel stack.
    unsafe { set_trap_stack(block.address(), STACK_SIZE) };
}

/// Registers of a fresh program.
pub fn fresh_context(entry: u64, stack: u64) -> UserContext {
    UserContext { rip: entry, rsp: stack, eflags: FLAGS, ..UserContext::default() }
}

/// Goes to the application with these registers, after what waits for the thread has been done.
pub fn leave_to(thread: &Thread, mut context: UserContext) -> ! {
    let block = thread.block();
    context.flags = CONTEXT_FLAGS;
    context.link = 0;
    context.stack_base = block.address();
    context.stack_flags = 0;
    context.stack_size = STACK_SIZE;
    context.segments = SEGMENTS;
    context.fp_state = 0;
    context.mask = 0;
    let context = core::ptr::from_mut(&mut context);
    if thread.attention.load(core::sync::atomic::Ordering::SeqCst) {
        // SAFETY: the context lives on this stack frame, which is never left.
        let context = unsafe { &mut *context };
        let mut frame = HostFrame { context };
        deliver(thread, &mut frame, None);
    }
    // SAFETY: the context is complete; the host checks it.
    unsafe { return_from_signal(context) }
}

/// `ExceptionReturn`: the host takes the frame at the stack pointer.
#[unsafe(naked)]
unsafe extern "C" fn return_from_signal(context: *const UserContext) -> ! {
    naked_asm!("mov rsp, rdi", "mov eax, {number}", "syscall", "ud2", number = const nr::RT_SIGRETURN)
}

/// What the host's signal handlers return to.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn restorer() -> ! {
    naked_asm!("mov eax, {number}", "syscall", "ud2", number = const nr::RT_SIGRETURN)
}
