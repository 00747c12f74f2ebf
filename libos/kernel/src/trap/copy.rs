//! Copies that survive a fault of the application's side.

use core::arch::naked_asm;

/// Copies `count` bytes; returns how many were left when a page turned out to be missing (0: none). Of up to 32 bytes
/// all count as left then.
///
/// # Safety
/// Of both ranges, the kernel's is valid; the application's is in application memory, where a fault may happen.
#[unsafe(naked)]
pub unsafe extern "C" fn copy_with_faults(to: *mut u8, from: *const u8, count: usize) -> usize {
    naked_asm!(
        "cmp rdx, 32",
        "ja 8f",
        // Two pieces that may overlap, both read before either is written.
        "cmp edx, 16",
        "jae 7f",
        "cmp edx, 8",
        "jae 6f",
        "cmp edx, 4",
        "jae 5f",
        "test edx, edx",
        "jz 9f",
        "mov rcx, rdx",
        "shr rcx, 1",
        "movzx eax, byte ptr [rsi]",
        "movzx r8d, byte ptr [rsi + rcx]",
        "movzx r9d, byte ptr [rsi + rdx - 1]",
        "mov [rdi], al",
        "mov [rdi + rcx], r8b",
        "mov [rdi + rdx - 1], r9b",
        "9:",
        "xor eax, eax",
        "ret",
        "5:",
        "mov eax, [rsi]",
        "mov ecx, [rsi + rdx - 4]",
        "mov [rdi], eax",
        "mov [rdi + rdx - 4], ecx",
        "xor eax, eax",
        "ret",
        "6:",
        "mov rax, [rsi]",
        "mov rcx, [rsi + rdx - 8]",
        "mov [rdi], rax",
        "mov [rdi + rdx - 8], rcx",
        "xor eax, eax",
        "ret",
        "7:",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm1",
        "xor eax, eax",
        "ret",
        "8:",
        "mov rcx, rdx",
        // The fault handler knows this instruction by its address, and goes on behind it.
        ".globl bailey_kernel_copy_string",
        "bailey_kernel_copy_string:",
        "rep movsb",
        "mov rax, rcx",
        "ret",
        ".globl bailey_kernel_copy_failed",
        "bailey_kernel_copy_failed:",
        "mov rax, rdx",
        "ret",
    )
}

unsafe extern "C" {
    /// The string instruction; only its address means something.
    static bailey_kernel_copy_string: u8;
    /// Where a small copy goes on that has faulted; only its address means something.
    static bailey_kernel_copy_failed: u8;
}

/// Bytes of `rep movsb`.
const STRING_LENGTH: u64 = 2;

/// Where the kernel goes on after a fault at `rip`, if that is in the copy.
pub(super) fn after_fault(rip: u64) -> Option<u64> {
    let string = (&raw const bailey_kernel_copy_string) as u64;
    let failed = (&raw const bailey_kernel_copy_failed) as u64;
    if rip == string {
        return Some(string + STRING_LENGTH);
    }
    (copy_with_faults as *const () as u64..string).contains(&rip).then_some(failed)
}

#[cfg(test)]
mod tests {
    use super::copy_with_faults;
    use std::vec::Vec;

    #[test]
    fn every_length_is_copied_and_no_more() {
        let from: Vec<u8> = (1..=100).collect();
        for count in 0..=from.len() {
            let mut to = [0_u8; 101];
            // SAFETY: both ranges are the test's own.
            assert_eq!(unsafe { copy_with_faults(to.as_mut_ptr(), from.as_ptr(), count) }, 0);
            assert_eq!(&to[..count], &from[..count]);
            assert!(to[count..].iter().all(|byte| *byte == 0));
        }
    }
}
