//! Copies that survive a fault of the application's side.

use core::arch::naked_asm;

/// Copies `count` bytes; returns how many were left when a page turned out to be missing (0: none).
///
/// # Safety
/// Of both ranges, the kernel's is valid; the application's is in application memory, where a fault may happen.
#[unsafe(naked)]
pub unsafe extern "C" fn copy_with_faults(to: *mut u8, from: *const u8, count: usize) -> usize {
    naked_asm!(
        "mov rcx, rdx",
        // The fault handler knows this instruction by its address, and goes on behind it.
        "rep movsb",
        "mov rax, rcx",
        "ret",
    )
}

/// Address of the instruction that may fault, and of the next.
pub(super) fn faulting_instruction() -> (u64, u64) {
    // `mov rcx, rdx` has three bytes, `rep movsb` two.
    let start = copy_with_faults as *const () as u64 + 3;
    (start, start + 2)
}
