//! Upcall `ExceptionDispatch`: the host's signals.

use core::sync::atomic::{AtomicBool, Ordering};

use bailey_abi::layout::{
    HOST_CODE_BASE, INTERRUPT_SIGNAL, KERNEL_BASE, KERNEL_END, KERNEL_TEXT_END, STACKS_BASE,
};

use crate::errno::Errno;
use crate::host::raw::{nr, syscall};
use crate::signal::number::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
use crate::signal::{HostFrame, SigInfo, UserContext, deliver, force, sigreturn};
use crate::syscall::{Args, counts, dispatch};
use crate::task::{self, ExitCode, Thread};
use crate::trap::{copy, entry, leave, patch};

const SA_SIGINFO: u64 = 4;
const SA_RESTORER: u64 = 0x0400_0000;
const SA_ONSTACK: u64 = 0x0800_0000;
const SA_NODEFER: u64 = 0x4000_0000;
const RT_SIGRETURN: u64 = 15;

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Whether every system call is written to the debug stream.
pub fn verbose(on: bool) {
    VERBOSE.store(on, Ordering::Relaxed);
}

/// Installs the handlers; they are inherited by every process and thread.
///
/// # Errors
/// Those of the host; then the instance cannot run.
pub fn install() -> Result<(), Errno> {
    let interrupt = 1 << (INTERRUPT_SIGNAL - 1);
    set(SIGSYS, on_system_call, interrupt)?;
    for signo in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP] {
        set(signo, on_fault, interrupt)?;
    }
    const INTERRUPT: u8 = INTERRUPT_SIGNAL as u8;
    set(INTERRUPT, on_interrupt, 0)
}

type Handler = extern "C" fn(i32, *const [u64; 16], *mut UserContext);

fn set(signo: u8, handler: Handler, mask: u64) -> Result<(), Errno> {
    let flags = SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER;
    let action = [handler as *const () as u64, flags, leave::restorer as *const () as u64, mask];
    let args = [u64::from(signo), action.as_ptr() as u64, 0, 8, 0, 0];
    // SAFETY: the call reads the four words of `struct kernel_sigaction`; the handlers live as long as the image.
    unsafe { syscall(nr::RT_SIGACTION, args) }.map(drop)
}

/// Whether the kernel was at work. The host's vDSO, in the kernel's range, is called by applications too.
fn in_kernel(context: &UserContext) -> bool {
    let on_stack = (STACKS_BASE..KERNEL_END).contains(&context.rsp);
    (KERNEL_BASE..HOST_CODE_BASE).contains(&context.rip)
        || ((HOST_CODE_BASE..KERNEL_TEXT_END).contains(&context.rip) && on_stack)
}

/// A system call that was trapped.
extern "C" fn on_system_call(_signo: i32, _info: *const [u64; 16], context: *mut UserContext) {
    // SAFETY: the host gives a frame that is this handler's until it returns.
    let context = unsafe { &mut *context };
    let mut frame = HostFrame { context };
    let thread = task::current();
    // The host has put the number back into the result register.
    let number = frame.context.rax & 0xffff_ffff;
    let address = frame.context.rip;
    if number == RT_SIGRETURN {
        counts::trapped(number);
        sigreturn(thread, &mut frame);
        if let Some(moved) = patch::moved::destination(thread, frame.context.rip) {
            frame.context.rip = moved;
        }
        deliver(thread, &mut frame, None);
        return;
    }
    let result = call(thread, number, &mut frame);
    // After a fork this may be the copy: another thread, on the same stack.
    let thread = task::current();
    frame.context.rcx = address;
    frame.context.r11 = frame.context.eflags;
    if frame.context.rip == address
        && let Some(moved) = patch::try_patch(thread, number, address)
    {
        frame.context.rip = moved;
    }
    let interrupted = match result {
        Some(Err(error)) if error.raw() >= Errno::ERESTARTSYS.raw() => Some((number, error)),
        _ => None,
    };
    if interrupted.is_some() || thread.attention.load(Ordering::SeqCst) {
        deliver(thread, &mut frame, interrupted);
    }
}

/// Does a call with a frame; nothing is returned where the call has set the registers itself.
fn call(thread: &Thread, number: u64, frame: &mut HostFrame) -> Option<Result<u64, Errno>> {
    let raw = {
        let context = &frame.context;
        [context.rdi, context.rsi, context.rdx, context.r10, context.r8, context.r9]
    };
    let rip = frame.context.rip;
    let args = Args::with_context(thread, raw, frame.context);
    counts::trapped(number);
    let result = dispatch(number, &args);
    trace(task::current(), number, &args, result);
    let context = &mut *frame.context;
    if context.rip != rip && result.is_ok() {
        return None;
    }
    context.rax = match result {
        Ok(value) => value,
        Err(error) => error.to_return(),
    };
    Some(result)
}

/// Writes a call to the debug stream, where that is asked for.
pub(super) fn trace(thread: &Thread, number: u64, args: &Args<'_>, result: Result<u64, Errno>) {
    if VERBOSE.load(Ordering::Relaxed) {
        let name = crate::syscall::name(number);
        crate::host::debug(&alloc::format!(
            "[{}] {name}({:#x}, {:#x}, {:#x}, {:#x}, {:#x}, {:#x}) = {result:x?}",
            thread.tid,
            args.raw[0],
            args.raw[1],
            args.raw[2],
            args.raw[3],
            args.raw[4],
            args.raw[5]
        ));
    }
}

/// The program has unmapped its code during a call, and what its patched calls go by with it. On Linux it would
/// fault at the instruction behind the call, with no handler that could run.
fn lost_its_code(thread: &Thread, frame: &mut HostFrame) {
    task::exit_group(thread.process(), ExitCode::signaled(SIGSEGV));
    thread.ending.store(true, Ordering::SeqCst);
    deliver(thread, frame, None);
}

/// A fault: of the application, of a copy from or to its memory, or a bug of ours.
extern "C" fn on_fault(signo: i32, info: *const [u64; 16], context: *mut UserContext) {
    // SAFETY: the host gives a frame that is this handler's until it returns.
    let context = unsafe { &mut *context };
    let mut frame = HostFrame { context };
    let rip = frame.context.rip;
    if in_kernel(frame.context) {
        if let Some(next) = copy::after_fault(rip) {
            frame.context.rip = next;
            return;
        }
        match entry::leave_gate(rip, &mut frame) {
            Some(Ok(())) => {
                let thread = task::current();
                deliver(thread, &mut frame, thread.take_interrupted());
            }
            Some(Err(_)) => lost_its_code(task::current(), &mut frame),
            None if entry::on_the_way_back(rip) => lost_its_code(task::current(), &mut frame),
            None => {
                let address = frame.context.fault_address;
                panic!("fault {signo} in the kernel at {rip:#x}, address {address:#x}");
            }
        }
        return;
    }
    let thread = task::current();
    let address = frame.context.fault_address;
    let process = thread.process();
    let found = match u8::try_from(signo) {
        Ok(SIGBUS) => crate::mm::resolve(process, address).unwrap_or(false),
        Ok(SIGSEGV) => crate::mm::grow(process, address),
        _ => false,
    };
    if found {
        return;
    }
    // SAFETY: the host gives a siginfo of 128 bytes.
    let words = unsafe { *info };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a signal number")]
    force(thread, SigInfo::from_words(words, signo as u8));
    deliver(thread, &mut frame, None);
}

/// Another thread has something for this one.
extern "C" fn on_interrupt(_signo: i32, _info: *const [u64; 16], context: *mut UserContext) {
    // SAFETY: the host gives a frame that is this handler's until it returns.
    let context = unsafe { &mut *context };
    let mut frame = HostFrame { context };
    let rip = frame.context.rip;
    if in_kernel(frame.context) && !entry::look_again(rip, &mut frame) {
        return;
    }
    if let Some(thread) = task::try_current() {
        deliver(thread, &mut frame, None);
    }
}
