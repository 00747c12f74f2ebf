//! Sites with an instruction right before the `syscall` that does the same anywhere: a jump takes its place, and the
//! trampoline does it first. The `syscall` stays as it is, so such a site may change while other threads are at it.
//!
//! Where the instruction is shorter than a jump, the bytes that follow are the rest of the jump, as they are: those of
//! the `syscall` are the high part of the distance, and the trampoline is put where that leads.

use super::code::{Code, SIZE};
use super::{
    JUMP_LENGTH, SYSCALL_LENGTH, alone, at_once, place_trampoline, place_trampoline_between, text_protection,
    write_jump,
};
use crate::mm::AddressSpace;
use crate::task::Process;

/// Bytes before a `syscall` that are looked at.
const LOOK: usize = 5;

/// Length of the instruction at the end of `bytes`, if it is one of those that C libraries and Go have there and that
/// can be moved: between registers, or between a register and memory that another register points to.
fn movable(bytes: &[u8; LOOK]) -> Option<usize> {
    // ModRM: two registers; a register and `disp8` from another; `disp8` from a SIB byte.
    let registers = |modrm: u8| modrm >= 0xc0;
    let near = |modrm: u8| modrm >> 6 == 1 && modrm & 7 != 4;
    let by_sib = |modrm: u8| modrm >> 6 == 1 && modrm & 7 == 4;
    match *bytes {
        // add, or, and, sub, xor, cmp, test, mov, movsxd
        [
            _,
            _,
            0x40..=0x4f,
            0x01 | 0x09 | 0x21 | 0x29 | 0x31 | 0x33 | 0x39 | 0x63 | 0x85 | 0x89 | 0x8b,
            modrm,
        ] if registers(modrm) => Some(3),
        // mov, load or store; xor of a byte
        [_, 0x40..=0x4f, 0x89 | 0x8b, modrm, _] if near(modrm) => Some(4),
        [_, 0x40, 0x80, 0xf4..=0xf7, _] => Some(4),
        // mov, load or store, on the stack
        [0x40..=0x4f, 0x89 | 0x8b, modrm, 0x24, _] if by_sib(modrm) => Some(5),
        _ => None,
    }
}

/// Lowest and highest distance of a jump whose last bytes, those behind an instruction of `length`, are the
/// `syscall`'s; nothing where they are free.
const fn distances(length: usize) -> Option<(u64, u64)> {
    match length {
        3 => Some((0x050f_0000, 0x050f_ffff)),
        4 => Some((0x0f00_0000, 0x0fff_ffff)),
        _ => None,
    }
}

/// Patches the site whose `syscall` is at `syscall` and has these bytes before it.
pub(super) fn patch(
    process: &Process,
    space: &mut AddressSpace,
    syscall: u64,
    bytes: &[u8; LOOK],
) -> Option<()> {
    let length = movable(bytes)?;
    let start = syscall - length as u64;
    let protection = text_protection(space, start, syscall + SYSCALL_LENGTH)?;
    if !at_once(start, length as u64) && !alone(process) {
        return None;
    }
    let from = start + JUMP_LENGTH;
    let trampoline = match distances(length) {
        Some((low, high)) => place_trampoline_between(space, from + low, from + high, SIZE)?,
        None => place_trampoline(space, start, SIZE)?,
    };
    let mut code = Code::new();
    code.put(&bytes[LOOK - length..]);
    code.enter();
    code.jump_to_site();
    code.write(trampoline, syscall);
    write_jump(start, trampoline, protection, length as u64);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{distances, movable};

    #[test]
    fn instructions_of_the_known_forms_are_movable() {
        // Go: mov rdi, rbx; glibc: xor r10d, r10d; mov rdi, [rbx + 8]; xor sil, 0x80; musl: mov [rsp + 8], r11.
        assert_eq!(movable(&[0x48, 0x89, 0x48, 0x89, 0xdf]), Some(3));
        assert_eq!(movable(&[0, 0, 0x45, 0x31, 0xd2]), Some(3));
        assert_eq!(movable(&[0, 0x48, 0x8b, 0x7b, 8]), Some(4));
        assert_eq!(movable(&[0, 0x40, 0x80, 0xf6, 0x80]), Some(4));
        assert_eq!(movable(&[0x4c, 0x89, 0x5c, 0x24, 8]), Some(5));
        // lea rdi, [rip + …]; call; a short jump; mov edi, eax; push
        for other in [
            [0x3d, 0x10, 0, 0, 0],
            [0xe8, 0x10, 0, 0, 0],
            [0x90, 0x90, 0x90, 0xeb, 0x10],
            [0x90, 0x90, 0x90, 0x89, 0xc7],
            [0x90, 0x90, 0x90, 0x41, 0x54],
        ] {
            assert_eq!(movable(&other), None, "{other:x?}");
        }
    }

    #[test]
    fn distances_end_in_the_opcode_of_syscall() {
        for (length, kept) in [(3, &[0x0f, 0x05][..]), (4, &[0x0f])] {
            let (low, high) = distances(length).unwrap();
            for distance in [low, high] {
                assert_eq!(&(distance as u32).to_le_bytes()[length - 1..], kept);
            }
        }
        assert_eq!(distances(5), None);
    }
}
