//! The image itself: headers, dynamic section, one hash bucket, the functions (System V ABI, LSB symbol versions).

use core::arch::global_asm;

use crate::host::thread::CPU_SEGMENT;

/// Clock ids that the host's vDSO reads: all of clock_gettime(2) but those of processor time and the alarms.
const CLOCKS: u32 = 1 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 11;
/// Of these, the clocks of one nanosecond's resolution.
const FINE_CLOCKS: u32 = CLOCKS & !(1 << 5 | 1 << 6);

global_asm!(
    ".macro vdso_symbol label, name, size",
    ".long \\name - bailey_vdso_strings",
    ".byte 0x12, 0", // STB_GLOBAL, STT_FUNC
    ".short 1",      // any section but the undefined one
    ".quad \\label - bailey_vdso_start, \\size - \\label",
    ".endm",
    ".pushsection .rodata.bailey_vdso, \"a\", @progbits",
    ".balign 16",
    ".globl bailey_vdso_start",
    ".globl bailey_vdso_slots",
    ".globl bailey_vdso_end",
    ".hidden bailey_vdso_start",
    ".hidden bailey_vdso_slots",
    ".hidden bailey_vdso_end",
    "bailey_vdso_start:",
    // ELF header: 64 bits, little-endian, ET_DYN, x86-64, two program headers, no sections.
    ".byte 0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0",
    ".short 3, 62",
    ".long 1",
    ".quad 0, 64, 0",
    ".long 0",
    ".short 64, 56, 2, 64, 0, 0",
    // PT_LOAD, readable and executable: all of it.
    ".long 1, 5",
    ".quad 0, 0, 0, bailey_vdso_end - bailey_vdso_start, bailey_vdso_end - bailey_vdso_start, 4096",
    // PT_DYNAMIC, read-only: its addresses are not relocated in place.
    ".long 2, 4",
    ".quad 40f - bailey_vdso_start, 40f - bailey_vdso_start, 40f - bailey_vdso_start",
    ".quad 41f - 40f, 41f - 40f, 8",
    "40:",
    ".quad 14, 50f - bailey_vdso_strings",       // DT_SONAME
    ".quad 4, 42f - bailey_vdso_start",          // DT_HASH
    ".quad 5, bailey_vdso_strings - bailey_vdso_start", // DT_STRTAB
    ".quad 6, 43f - bailey_vdso_start",          // DT_SYMTAB
    ".quad 10, 59f - bailey_vdso_strings",       // DT_STRSZ
    ".quad 11, 24",                              // DT_SYMENT
    ".quad 0x6ffffff0, 44f - bailey_vdso_start", // DT_VERSYM
    ".quad 0x6ffffffc, 45f - bailey_vdso_start", // DT_VERDEF
    ".quad 0x6ffffffd, 2",                       // DT_VERDEFNUM
    ".quad 0, 0",
    "41:",
    // One bucket, whose chain has every symbol.
    "42: .long 1, 6, 1, 0, 2, 3, 4, 5, 0",
    "43: .zero 24",
    "vdso_symbol 60f, 51f, 61f",
    "vdso_symbol 61f, 52f, 62f",
    "vdso_symbol 62f, 53f, 63f",
    "vdso_symbol 63f, 54f, 64f",
    "vdso_symbol 64f, 55f, 65f",
    "44: .short 0, 2, 2, 2, 2, 2",
    ".balign 8",
    // The image's own version, then that of the symbols; the hashes are those of the names.
    "45: .short 1, 1, 1, 1",
    ".long {soname_hash}, 20, 28",
    ".long 50f - bailey_vdso_strings, 0",
    ".short 1, 0, 2, 1",
    ".long {version_hash}, 20, 0",
    ".long 56f - bailey_vdso_strings, 0",
    "bailey_vdso_strings: .byte 0",
    "50: .asciz \"linux-vdso.so.1\"",
    "51: .asciz \"__vdso_clock_gettime\"",
    "52: .asciz \"__vdso_gettimeofday\"",
    "53: .asciz \"__vdso_time\"",
    "54: .asciz \"__vdso_clock_getres\"",
    "55: .asciz \"__vdso_getcpu\"",
    "56: .asciz \"LINUX_2.6\"",
    "59:",
    ".balign 16",
    // Address of the cell that has the address of the host's function, or 0; number of processors.
    "bailey_vdso_slots: .quad 0, 0",
    // clock_gettime(edi: clock, rsi: time): the host's function returns to our caller.
    "60: cmp edi, 31",
    "ja 2f",
    "mov eax, {clocks}",
    "bt eax, edi",
    "jnc 2f",
    "mov rax, [rip + bailey_vdso_slots]",
    "mov rax, [rax]",
    "test rax, rax",
    "jz 2f",
    "jmp rax",
    "2: mov eax, 228",
    "syscall",
    "ret",
    ".balign 16",
    // gettimeofday(rdi: time or 0, rsi: zone or 0)
    "61: test rdi, rdi",
    "jz 2f",
    "push rdi",
    "push rsi",
    "sub rsp, 24",
    "xor edi, edi",
    "mov rsi, rsp",
    "call 60b",
    "mov rcx, [rsp]",
    "mov rax, [rsp + 8]",
    "add rsp, 24",
    "pop rsi",
    "pop rdi",
    // Below 2^30, divided by 1000.
    "imul rax, rax, 274877907",
    "shr rax, 38",
    "mov [rdi], rcx",
    "mov [rdi + 8], rax",
    "2: test rsi, rsi",
    "jz 3f",
    "mov qword ptr [rsi], 0",
    "3: xor eax, eax",
    "ret",
    ".balign 16",
    // time(rdi: seconds or 0), by CLOCK_REALTIME_COARSE
    "62: push rdi",
    "sub rsp, 16",
    "mov edi, 5",
    "mov rsi, rsp",
    "call 60b",
    "mov rax, [rsp]",
    "add rsp, 16",
    "pop rdi",
    "test rdi, rdi",
    "jz 2f",
    "mov [rdi], rax",
    "2: ret",
    ".balign 16",
    // clock_getres(edi: clock, rsi: time or 0)
    "63: cmp edi, 31",
    "ja 3f",
    "mov eax, {fine_clocks}",
    "bt eax, edi",
    "jnc 3f",
    "test rsi, rsi",
    "jz 2f",
    "mov qword ptr [rsi], 0",
    "mov qword ptr [rsi + 8], 1",
    "2: xor eax, eax",
    "ret",
    "3: mov eax, 229",
    "syscall",
    "ret",
    ".balign 16",
    // getcpu(rdi: processor or 0, rsi: node or 0): there is one node.
    "64: mov eax, {segment}",
    "lsl eax, eax",
    "and eax, 0xfff",
    "mov ecx, [rip + bailey_vdso_slots + 8]",
    "cmp eax, ecx",
    "jb 2f",
    "xor edx, edx",
    "div ecx",
    "mov eax, edx",
    "2: test rdi, rdi",
    "jz 3f",
    "mov [rdi], eax",
    "3: test rsi, rsi",
    "jz 4f",
    "mov dword ptr [rsi], 0",
    "4: xor eax, eax",
    "ret",
    "65:",
    "bailey_vdso_end:",
    ".popsection",
    clocks = const CLOCKS,
    fine_clocks = const FINE_CLOCKS,
    segment = const CPU_SEGMENT,
    soname_hash = const hash(b"linux-vdso.so.1"),
    version_hash = const hash(b"LINUX_2.6"),
);

/// The hash of the System V ABI.
const fn hash(name: &[u8]) -> u32 {
    let mut value: u32 = 0;
    let mut index = 0;
    while index < name.len() {
        value = (value << 4).wrapping_add(name[index] as u32);
        let high = value & 0xf000_0000;
        value = (value ^ high >> 24) & !high;
        index += 1;
    }
    value
}

unsafe extern "C" {
    static bailey_vdso_start: u8;
    static bailey_vdso_slots: u8;
    static bailey_vdso_end: u8;
}

/// The image's bytes, and the offset in them of its two slots.
pub(super) fn parts() -> (&'static [u8], u64) {
    let start = &raw const bailey_vdso_start;
    let length = (&raw const bailey_vdso_end).addr() - start.addr();
    // SAFETY: the symbols are defined above, in this order, in one section that never changes.
    let image = unsafe { core::slice::from_raw_parts(start, length) };
    (image, ((&raw const bailey_vdso_slots).addr() - start.addr()) as u64)
}

#[cfg(test)]
mod tests {
    use super::{hash, parts};

    #[test]
    fn the_image_is_less_than_a_page_with_aligned_slots() {
        let (image, slots) = parts();
        assert!(image.len() < 4096 && slots % 8 == 0 && (slots as usize) < image.len());
        assert_eq!(&image[..4], b"\x7fELF");
    }

    #[test]
    fn hashes_are_those_of_the_abi() {
        // As every vDSO of Linux has it.
        assert_eq!(hash(b"LINUX_2.6"), 0x03ae_75f6);
    }
}
