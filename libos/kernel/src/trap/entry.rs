//! The stub by which patched sites call, and its way back.
//!
//! A patched site jumps to a trampoline near it, which loads `rcx` with the address of its [`Site`] and jumps here.
//! `rax` is free (the site's `mov` would have set it), and so are `rcx` and `r11`, which `syscall` clobbers. The stub
//! finds the thread's block by the FS base; where the table has none it goes to the site's own `syscall`, which traps.
//! Where the site is just a `syscall` the number is in `rax`, and its trampoline has found the block already.
//!
//! The flags are as they were behind a call, as on Linux: compilers rely on that (`lahf` and `seto` take them before
//! anything changes them, `add` and `sahf` give them back).

use core::arch::naked_asm;
use core::mem::offset_of;
use core::sync::atomic::Ordering;

use bailey_abi::layout::{STACK_SIZE, THREAD_TABLE, THREAD_TABLE_SIZE};

use crate::errno::{Errno, Result};
use crate::signal::{HostFrame, something_waits};
use crate::syscall::{Args, counts, dispatch};
use crate::task::{Block, THREAD_ENTRY, Thread, current, offset};
use crate::trap::handlers::trace;
use crate::user;

/// What a trampoline says of its site.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    /// System call number.
    pub(super) number: u64,
    /// Address of the site's `syscall` instruction.
    pub(super) address: u64,
}

/// Registers on the kernel stack during a patched call, at the top of the block.
#[repr(C)]
#[derive(Debug)]
struct Saved {
    vectors: [[u64; 2]; 16],
    /// MXCSR, and in the upper half the flags.
    control: u64,
    /// The call's number on the way in.
    result: u64,
    rdi: u64,
    rsi: u64,
    rdx: u64,
    r10: u64,
    r8: u64,
    r9: u64,
    rbx: u64,
    rbp: u64,
    r12: u64,
    r13: u64,
    r14: u64,
    r15: u64,
}

const SAVED: usize = size_of::<Saved>();
// The stack is aligned at calls.
const _: () = assert!(SAVED.is_multiple_of(16));

/// The stub of sites with a `mov`. The way ends with a jump behind the site's `syscall`, all registers but `rax`,
/// `rcx`, `r11` as they were, and the flags.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter() -> ! {
    naked_asm!(
        // The flags go into the upper bits of the site's address: there is no other place yet.
        "lahf",
        "seto al",
        "shl rax, 48",
        "or rcx, rax",
        "rdfsbase rax",
        "mov r11, rax",
        "shr r11, 8",
        "and r11d, {mask}",
        "cmp rax, [r11 + {table}]",
        "jne 9f",
        "mov r11, [r11 + {table} + 8]",
        // An FS base of 0 is that of an empty entry.
        "test rax, rax",
        "jz 9f",
        "mov rax, rcx",
        "shr rax, 48",
        "shl rax, 32",
        "shl rcx, 16",
        "shr rcx, 16",
        "or rax, [rcx]",
        "jmp {save}",
        "9:",
        "mov rax, rcx",
        "shr rax, 48",
        "shl rcx, 16",
        "shr rcx, 16",
        "add al, 0x7f",
        "sahf",
        "mov eax, [rcx]",
        "jmp [rcx + 8]",
        mask = const THREAD_TABLE_SIZE - THREAD_ENTRY,
        table = const THREAD_TABLE,
        save = sym save,
    )
}

/// The stub of sites without: `r11` is the block, `rcx` the site, `rax` the number with the flags in its upper half.
/// Calls that need the trap's frame get it (the numbers are those of [`super::NEVER_PATCHED`]).
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter_with_number() -> ! {
    naked_asm!(
        "cmp eax, 15",
        "je 9f",
        "cmp eax, 131",
        "je 9f",
        "cmp eax, 322",
        "je 9f",
        "cmp eax, 435",
        "je 9f",
        "cmp eax, 56",
        "jb {save}",
        "cmp eax, 59",
        "ja {save}",
        "9:",
        "mov r11, rcx",
        "mov ecx, eax",
        "shr rax, 32",
        "add al, 0x7f",
        "sahf",
        "mov eax, ecx",
        "jmp [r11 + 8]",
        save = sym save,
    )
}

/// To the thread's kernel stack, with the registers saved there, and on.
#[unsafe(naked)]
unsafe extern "C" fn save() -> ! {
    naked_asm!(
        "mov [r11 + {user_rsp}], rsp",
        "mov [r11 + {site}], rcx",
        "lea rsp, [r11 + {stack} - {saved}]",
        "mov [rsp + {result}], rax",
        "mov [rsp + {control}], rax",
        "mov [rsp + {rdi}], rdi",
        "mov [rsp + {rdi} + 8], rsi",
        "mov [rsp + {rdi} + 16], rdx",
        "mov [rsp + {rdi} + 24], r10",
        "mov [rsp + {rdi} + 32], r8",
        "mov [rsp + {rdi} + 40], r9",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8",
        "movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10",
        "movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12",
        "movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14",
        "movups [rsp + 240], xmm15",
        "mov [rsp + {rbx}], rbx",
        "mov [rsp + {rbx} + 8], rbp",
        "mov [rsp + {rbx} + 16], r12",
        "mov [rsp + {rbx} + 24], r13",
        "mov [rsp + {rbx} + 32], r14",
        "mov [rsp + {rbx} + 40], r15",
        "stmxcsr [rsp + {control}]",
        "cld",
        "mov rdi, rsp",
        "call {work}",
        "jmp {back}",
        result = const offset_of!(Saved, result),
        user_rsp = const offset::USER_RSP,
        site = const offset::SITE,
        stack = const STACK_SIZE,
        saved = const SAVED,
        rdi = const offset_of!(Saved, rdi),
        rbx = const offset_of!(Saved, rbx),
        control = const offset_of!(Saved, control),
        work = sym work,
        back = sym back,
    )
}

/// The way back; `rsp` is at [`Saved`]. An interrupt anywhere in it makes it start again (see [`look_again`]). Where
/// something waits for the thread it ends in [`gate`] instead.
#[unsafe(naked)]
unsafe extern "C" fn back() -> ! {
    naked_asm!(
        "lea r11, [rsp - {stack} + {saved}]",
        "mov r11, [r11]",
        "movzx ecx, byte ptr [r11 + {attention}]",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]",
        "movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]",
        "movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]",
        "movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]",
        "movups xmm15, [rsp + 240]",
        "ldmxcsr [rsp + {control}]",
        "mov rdi, [rsp + {rdi}]",
        "mov rsi, [rsp + {rdi} + 8]",
        "mov rdx, [rsp + {rdi} + 16]",
        "mov r10, [rsp + {rdi} + 24]",
        "mov r8, [rsp + {rdi} + 32]",
        "mov r9, [rsp + {rdi} + 40]",
        "mov rbx, [rsp + {rbx}]",
        "mov rbp, [rsp + {rbx} + 8]",
        "mov r12, [rsp + {rbx} + 16]",
        "mov r13, [rsp + {rbx} + 24]",
        "mov r14, [rsp + {rbx} + 32]",
        "mov r15, [rsp + {rbx} + 40]",
        "mov eax, [rsp + {control} + 4]",
        "add al, 0x7f",
        "sahf",
        // From here on nothing changes the flags.
        "mov rax, [rsp + {result}]",
        "lea r11, [rsp - {stack} + {saved}]",
        "jecxz 2f",
        "mov rcx, [r11 + {site}]",
        "jmp {gate}",
        "2:",
        "mov rcx, [r11 + {site}]",
        "mov rcx, [rcx + 8]",
        "lea rcx, [rcx + 2]",
        "jmp {last}",
        ".globl bailey_kernel_back_end",
        "bailey_kernel_back_end:",
        attention = const offset_of!(Thread, attention),
        gate = sym gate,
        last = sym last,
        control = const offset_of!(Saved, control),
        result = const offset_of!(Saved, result),
        rdi = const offset_of!(Saved, rdi),
        rbx = const offset_of!(Saved, rbx),
        stack = const STACK_SIZE,
        saved = const SAVED,
        site = const offset::SITE,
    )
}

/// Back into the application. Once the stack is the application's, an interrupt's frame takes the place of
/// [`Saved`]: before that the way back can begin again, after it only the jump is left.
#[unsafe(naked)]
unsafe extern "C" fn last() -> ! {
    naked_asm!("mov rsp, [r11 + {user_rsp}]", "jmp rcx", user_rsp = const offset::USER_RSP)
}

/// All registers are the application's but `rip` (`rcx` has the site): the trap gives a host frame of them. `hlt` is
/// for no program; where the host is itself a guest, `ud2` takes eight times as long (its hypervisor looks at it).
#[unsafe(naked)]
unsafe extern "C" fn gate() -> ! {
    naked_asm!("mov rsp, [r11 + {user_rsp}]", "hlt", user_rsp = const offset::USER_RSP)
}

/// Bytes of `last`; `gate` has one less.
const STUB_LENGTH: u64 = 6;

/// Whether `rip` is in a stub behind its first instruction.
fn behind(stub: unsafe extern "C" fn() -> !, rip: u64) -> bool {
    let start = stub as *const () as u64;
    rip > start && rip < start + STUB_LENGTH
}

/// Does the call of a site.
extern "C" fn work(saved: &mut Saved) {
    let thread = current();
    // As on Linux, the upper half of the number is not looked at.
    let number = saved.result & 0xffff_ffff;
    let raw = [saved.rdi, saved.rsi, saved.rdx, saved.r10, saved.r8, saved.r9];
    let args = Args::new(thread, raw);
    counts::patched(number);
    let result = dispatch(number, &args);
    trace(thread, number, &args, result);
    saved.result = match result {
        Ok(value) => value,
        Err(error) => {
            if error.raw() >= Errno::ERESTARTSYS.raw() {
                thread.set_interrupted(number, error);
                thread.attention.store(true, Ordering::SeqCst);
            }
            error.to_return()
        }
    };
    settle(thread);
}

/// Spares the thread the gate where nothing waits for it any more: most masks that change let nothing through.
fn settle(thread: &Thread) {
    if thread.attention.load(Ordering::SeqCst) && !thread.has_interrupted() {
        thread.attention.store(false, Ordering::SeqCst);
        if something_waits(thread) {
            thread.attention.store(true, Ordering::SeqCst);
        }
    }
}

fn saved_of(block: Block) -> *mut Saved {
    (block.top() - SAVED as u64) as *mut Saved
}

/// If `rip` is the gate: makes the frame that of the application behind its call; nothing where it is not.
///
/// # Errors
/// `EFAULT` where the application has unmapped the site.
pub(super) fn leave_gate(rip: u64, frame: &mut HostFrame) -> Option<Result<()>> {
    if !behind(gate, rip) {
        return None;
    }
    // At the gate rcx has the site of the call that ends.
    let address = frame.context.rcx.wrapping_add(offset_of!(Site, address) as u64);
    Some(user::read::<u64>(address).map(|address| {
        frame.context.rip = address + 2;
        frame.context.rcx = address + 2;
        frame.context.r11 = frame.context.eflags;
    }))
}

/// Whether `rip` is on the way back, where the only memory that an application can take away is the site.
pub(super) fn on_the_way_back(rip: u64) -> bool {
    let start = back as *const () as u64;
    let end = (&raw const bailey_kernel_back_end) as u64;
    (start..end).contains(&rip)
}

/// An interrupt has come while the kernel ran: the way back begins again, anything else looks by itself. Says
/// whether the frame is the application's by now.
pub(super) fn look_again(rip: u64, frame: &mut HostFrame) -> bool {
    if behind(last, rip) {
        frame.context.rip = frame.context.rcx;
        return true;
    }
    let start = back as *const () as u64;
    if on_the_way_back(rip) || rip == last as *const () as u64 || rip == gate as *const () as u64 {
        frame.context.rip = start;
        frame.context.rsp = saved_of(Block::current()) as u64;
    }
    false
}

unsafe extern "C" {
    /// Where `back` ends; only its address means something.
    static bailey_kernel_back_end: u8;
}
