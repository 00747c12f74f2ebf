//! The last instructions that run for the monitor in an instance's process: they outlive the
//! monitor's own mappings, take those away, arm the seccomp filter and jump into the kernel.

use std::arch::global_asm;
use std::mem::{offset_of, size_of};

/// What the tail works from; it lies behind the code on the tail's page.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Plan {
    /// Address and length in bytes of what lies below the kernel's addresses.
    pub(super) below: [u64; 2],
    /// Address and length in bytes of what lies above them.
    pub(super) above: [u64; 2],
    /// Address of a `sock_fprog`.
    pub(super) filter: u64,
    /// Address of the [`bailey_abi::boot::Handoff`].
    pub(super) handoff: u64,
    /// Stack pointer at the kernel's entry.
    pub(super) stack: u64,
    /// The kernel's entry point.
    pub(super) entry: u64,
}

/// Exit status of a process whose filter could not be armed.
pub(crate) const FILTER_FAILED: i32 = 121;

// Position-independent. In: rdi = address of a `Plan`. No stack is used after rsp is set, and
// nothing is read outside the tail's own page.
global_asm!(
    ".pushsection .rodata.bailey_tail, \"a\", @progbits",
    ".globl bailey_tail_start",
    ".globl bailey_tail_end",
    ".hidden bailey_tail_start",
    ".hidden bailey_tail_end",
    "bailey_tail_start:",
    "mov r15, rdi",
    "mov rsp, [r15 + {stack}]",
    "mov rdi, [r15 + {below}]",
    "mov rsi, [r15 + {below} + 8]",
    "mov eax, {munmap}",
    "syscall",
    "mov rdi, [r15 + {above}]",
    "mov rsi, [r15 + {above} + 8]",
    "mov eax, {munmap}",
    "syscall",
    "xor edi, edi",
    "wrfsbase rdi",
    "mov edi, {set_mode_filter}",
    "xor esi, esi",
    "mov rdx, [r15 + {filter}]",
    "mov eax, {seccomp}",
    "syscall",
    "test rax, rax",
    "jnz 2f",
    "mov rdi, [r15 + {handoff}]",
    "mov rax, [r15 + {entry}]",
    "xor ebx, ebx",
    "xor ecx, ecx",
    "xor edx, edx",
    "xor esi, esi",
    "xor ebp, ebp",
    "xor r8d, r8d",
    "xor r9d, r9d",
    "xor r10d, r10d",
    "xor r11d, r11d",
    "xor r12d, r12d",
    "xor r13d, r13d",
    "xor r14d, r14d",
    "xor r15d, r15d",
    "cld",
    "jmp rax",
    "2:",
    "mov edi, {failed}",
    "mov eax, {exit_group}",
    "syscall",
    "ud2",
    "bailey_tail_end:",
    ".popsection",
    stack = const offset_of!(Plan, stack),
    below = const offset_of!(Plan, below),
    above = const offset_of!(Plan, above),
    filter = const offset_of!(Plan, filter),
    handoff = const offset_of!(Plan, handoff),
    entry = const offset_of!(Plan, entry),
    munmap = const libc::SYS_munmap,
    seccomp = const libc::SYS_seccomp,
    exit_group = const libc::SYS_exit_group,
    set_mode_filter = const libc::SECCOMP_SET_MODE_FILTER,
    failed = const FILTER_FAILED,
);

unsafe extern "C" {
    static bailey_tail_start: u8;
    static bailey_tail_end: u8;
}

/// The tail's machine code.
pub(super) fn code() -> &'static [u8] {
    let start = &raw const bailey_tail_start;
    let length = (&raw const bailey_tail_end).addr() - start.addr();
    // SAFETY: both symbols are defined by the assembly above, in this order and in one read-only
    // section; the bytes between them are initialised and never change.
    unsafe { std::slice::from_raw_parts(start, length) }
}

/// Offset of the plan on the tail's page.
pub(super) const PLAN_OFFSET: usize = 0x200;
/// Offset of the `sock_fprog`, and behind it the filter.
pub(super) const FILTER_OFFSET: usize = PLAN_OFFSET + size_of::<Plan>().next_multiple_of(16);

#[cfg(test)]
mod tests {
    use super::{PLAN_OFFSET, code};

    #[test]
    fn the_code_fits_before_the_plan() {
        assert!(!code().is_empty() && code().len() <= PLAN_OFFSET);
    }
}
