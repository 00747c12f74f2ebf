//! Sites whose number is not loaded right before the `syscall`: the jump takes the place of the `syscall` and of the
//! comparison of its result that follows, which the trampoline does in its stead.
//!
//! Such a site changes only while its process has one thread: nobody else can be between the two instructions. What a
//! signal handler of that thread returns to is looked up by [`destination`].

use super::code::{Code, ENTERING, SIZE};
use super::{
    JMP, JUMP_LENGTH, PAGE, SYSCALL, SYSCALL_LENGTH, alone, place_trampoline, text_protection, write_jump,
};
use crate::mm::AddressSpace;
use crate::task::{Process, Thread};
use crate::user;

/// Where in a trampoline what follows its own `syscall` is.
const TAIL: u64 = ENTERING + SYSCALL_LENGTH;

/// Length of an instruction that compares `rax` with a constant: `cmp rax, imm32`, `cmp eax, imm32`,
/// `cmp rax, imm8`, `cmp eax, imm8`.
fn comparison(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0x48, 0x3d, ..] => Some(6),
        [0x3d, ..] => Some(5),
        [0x48, 0x83, 0xf8, ..] => Some(4),
        [0x83, 0xf8, ..] => Some(3),
        _ => None,
    }
}

/// Patches the site whose `syscall` is at `start`; gives the place where its calls go on.
pub(super) fn patch(process: &Process, space: &mut AddressSpace, start: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    user::copy_in(&mut bytes, start).ok()?;
    if bytes[..2] != SYSCALL {
        return None;
    }
    let length = comparison(&bytes[2..])?;
    let end = start + SYSCALL_LENGTH + length as u64;
    let protection = text_protection(space, start, end)?;
    if !alone(process) || is_jumped_into(space, start, end) {
        return None;
    }
    let trampoline = place_trampoline(space, start, SIZE)?;
    write_trampoline(trampoline, end, &bytes[2..2 + length])?;
    write_jump(start, trampoline, protection, end - start);
    space.moved_sites.insert(start, trampoline + TAIL);
    Some(trampoline + TAIL)
}

/// Whether anything near that could be a jump leads between `start` and `end`: bytes are looked at wherever they
/// begin, so that no jump is missed, though some may be taken for one.
fn is_jumped_into(space: &AddressSpace, start: u64, end: u64) -> bool {
    const NEAR: u64 = 4 * PAGE;
    let Some((area_start, area)) = space.find(start) else { return true };
    let from = start.saturating_sub(NEAR).max(area_start);
    let mut code = alloc::vec![0; ((start + NEAR).min(area.end) - from) as usize];
    if user::copy_in(&mut code, from).is_err() {
        return true;
    }
    let hit = |target: u64| target > start && target < end;
    code.windows(6).enumerate().any(|(index, window)| {
        let at = from + index as u64;
        let near = |skip: u64, bytes: &[u8]| {
            let offset = bytes.try_into().map_or(0, i32::from_le_bytes);
            hit((at + skip + 4).wrapping_add_signed(i64::from(offset)))
        };
        match window {
            [0x70..=0x7f | 0xeb | 0xe0..=0xe3, offset, ..] => {
                hit((at + 2).wrapping_add_signed(i64::from(offset.cast_signed())))
            }
            [0xe8 | 0xe9, offset @ .., _] => near(1, offset),
            [0x0f, 0x80..=0x8f, offset @ ..] => near(2, offset),
            _ => false,
        }
    })
}

/// Enters the kernel, or makes the call by its own `syscall`; then the comparison, and back behind the site.
fn write_trampoline(place: u64, end: u64, comparison: &[u8]) -> Option<()> {
    let mut code = Code::new();
    code.enter();
    let slow = place + code.length();
    code.put(&SYSCALL);
    code.put(comparison);
    code.jump(place, end)?;
    code.write(place, slow);
    Some(())
}

/// Where a thread goes on that was to go on at `rip`, in a site that has been patched meanwhile.
pub(in crate::trap) fn destination(thread: &Thread, rip: u64) -> Option<u64> {
    let space = thread.process().mm.lock();
    let (site, tail) = space.moved_sites.range(..rip).next_back()?;
    if rip != site + SYSCALL_LENGTH {
        return None;
    }
    // The site may be gone, and other text in its place.
    let mut bytes = [0; 5];
    user::copy_in(&mut bytes, *site).ok()?;
    let [opcode, offset @ ..] = bytes;
    let target = (site + JUMP_LENGTH).wrapping_add_signed(i64::from(i32::from_le_bytes(offset)));
    (opcode == JMP && target == tail - TAIL).then_some(*tail)
}

#[cfg(test)]
mod tests {
    use super::comparison;

    #[test]
    fn comparisons_of_results_are_known_by_their_bytes() {
        assert_eq!(comparison(&[0x48, 0x3d, 0, 0xf0, 0xff, 0xff]), Some(6));
        assert_eq!(comparison(&[0x3d, 0, 0xf0, 0xff, 0xff, 0x77]), Some(5));
        assert_eq!(comparison(&[0x48, 0x83, 0xf8, 0xff, 0x74, 0]), Some(4));
        assert_eq!(comparison(&[0x83, 0xf8, 0xff, 0x74, 0, 0]), Some(3));
        // test rax, rax; mov rdi, rax
        assert_eq!(comparison(&[0x48, 0x85, 0xc0, 0x78, 0, 0]), None);
        assert_eq!(comparison(&[0x48, 0x89, 0xc7, 0, 0, 0]), None);
    }
}
