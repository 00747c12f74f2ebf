//! Sites become jumps.
//!
//! A site `mov $number, %eax; syscall` has its five-byte `mov` overwritten by a jump to a trampoline no further than
//! 2 GiB away; the `syscall` stays, so that a jump to it, and the slow path, still work. There is no state in
//! between: the five bytes change at once, or nobody else can be there. Other sites are for `moved`.

pub(super) mod moved;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::host::memory::{self, PROT_EXEC, PROT_READ, PROT_WRITE};
use crate::mm::{AddressSpace, Area, Backing, vdso};
use crate::task::{Process, Thread};
use crate::trap::entry;

/// Calls that need the trap's frame: rt_sigreturn, clone, fork, vfork, execve, sigaltstack, execveat, clone3.
pub const NEVER_PATCHED: &[u64] = &[15, 56, 57, 58, 59, 131, 322, 435];

const MOV_LENGTH: u64 = 5;
const SYSCALL_LENGTH: u64 = 2;
const MOV_EAX: u8 = 0xb8;
const JMP: u8 = 0xe9;
const JUMP_LENGTH: u64 = 5;
const NOP: u8 = 0x90;
const SYSCALL: [u8; 2] = [0x0f, 0x05];
const PAGE: u64 = 4096;
/// Bytes of a run of trampolines, and of one.
const RUN: u64 = 16 << 10;
const TRAMPOLINE: u64 = 48;
/// How far a jump may go, with room to spare.
const REACH: u64 = 0x7000_0000;

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Whether sites are patched at all.
pub fn enable(on: bool) {
    ENABLED.store(on, Ordering::Relaxed);
}

/// Patches the site of a call that has been trapped, if it is of the right form and has been trapped often; `after`
/// is the address behind its `syscall`. Gives the place where the call goes on if that has moved. Nothing is lost
/// where the site cannot be patched: it traps again.
pub(super) fn try_patch(thread: &Thread, number: u64, after: u64) -> Option<u64> {
    if !ENABLED.load(Ordering::Relaxed) || NEVER_PATCHED.contains(&number) {
        return None;
    }
    let process = thread.process();
    let mut space = process.mm.try_lock()?;
    if !is_hot(&mut space, after) {
        return None;
    }
    let start = after.checked_sub(SYSCALL_LENGTH + MOV_LENGTH)?;
    let mut bytes = [0; 7];
    crate::user::copy_in(&mut bytes, start).ok()?;
    let [opcode, b0, b1, b2, b3, s0, s1] = bytes;
    let immediate = u32::from_le_bytes([b0, b1, b2, b3]);
    // A patched site's calls go on behind its `syscall`: that must stay.
    if [s0, s1] != SYSCALL || opcode == JMP {
        return None;
    }
    if opcode != MOV_EAX || u64::from(immediate) != number {
        return moved::patch(process, &mut space, after - SYSCALL_LENGTH);
    }
    let protection = text_protection(&space, start, after)?;
    if !at_once(start) && !alone(process) {
        return None;
    }
    let trampoline = place_trampoline(&mut space, start, TRAMPOLINE)?;
    write_trampoline(trampoline, number, start + MOV_LENGTH);
    write_jump(start, trampoline, protection, MOV_LENGTH);
    None
}

/// Counts a trap of a site; says whether it has had so many that a patch is worth its price (two changes of
/// protection and a copy of the page, in every process anew).
fn is_hot(space: &mut AddressSpace, site: u64) -> bool {
    const PLACES: usize = 512;
    const WORTH: u8 = 5;
    if space.heat.is_empty() {
        space.heat.resize(PLACES, 0);
    }
    let place = (site ^ site >> 9) as usize % PLACES;
    let Some(heat) = space.heat.get_mut(place) else { return true };
    *heat = heat.saturating_add(1);
    *heat >= WORTH
}

/// Protection of `[start, end)` if it is a program's text that this process has for itself.
fn text_protection(space: &AddressSpace, start: u64, end: u64) -> Option<u32> {
    let (_, area) = space.find(start)?;
    let private_text =
        matches!(area.backing, Backing::File { shared: false, .. }) || area.label == vdso::LABEL;
    let protection = area.protection;
    let fits = private_text && protection & (PROT_EXEC | PROT_WRITE) == PROT_EXEC && area.end >= end;
    fits.then_some(protection)
}

/// Whether five bytes at the address can be stored as part of one aligned word.
const fn at_once(start: u64) -> bool {
    start % 8 <= 3
}

/// Whether no other thread can be at the site.
fn alone(process: &Process) -> bool {
    process.threads.try_lock().is_some_and(|threads| threads.len() == 1)
}

fn place_trampoline(space: &mut AddressSpace, near: u64, bytes: u64) -> Option<u64> {
    for (start, used) in &mut space.trampolines {
        if start.abs_diff(near) < REACH && *used + bytes <= RUN {
            *used += bytes;
            return Some(*start + *used - bytes);
        }
    }
    let start = space.place_near(near, RUN, REACH)?;
    // SAFETY: the place is free, and marked as the kernel's in what follows.
    unsafe { memory::allocate(start, RUN, PROT_READ | PROT_WRITE | PROT_EXEC) }.ok()?;
    let area =
        Area { end: start + RUN, protection: PROT_READ | PROT_EXEC, backing: Backing::Kernel, label: "" };
    space.insert(start, area).ok()?;
    space.trampolines.push((start, bytes));
    Some(start)
}

/// `lea rcx, [rip + site]; jmp [rip + entry]`, then the site's [`entry::Site`] and the entry's address.
fn write_trampoline(place: u64, number: u64, syscall: u64) {
    let mut code = [0x90_u8; TRAMPOLINE as usize];
    code[..7].copy_from_slice(&[0x48, 0x8d, 0x0d, 9, 0, 0, 0]);
    code[7..13].copy_from_slice(&[0xff, 0x25, 19, 0, 0, 0]);
    let site = entry::Site { number, address: syscall };
    code[16..24].copy_from_slice(&site.number.to_le_bytes());
    code[24..32].copy_from_slice(&site.address.to_le_bytes());
    code[32..40].copy_from_slice(&(entry::enter as *const () as u64).to_le_bytes());
    // SAFETY: the place is in a run of trampolines, which is writable, and nobody jumps there yet.
    unsafe { core::ptr::copy_nonoverlapping(code.as_ptr(), place as *mut u8, code.len()) };
}

/// Overwrites `length` bytes, at least the jump's five, with a jump and one-byte `nop`s.
fn write_jump(start: u64, trampoline: u64, protection: u32, length: u64) {
    let distance = trampoline.wrapping_sub(start + JUMP_LENGTH).cast_signed();
    let Ok(distance) = i32::try_from(distance) else {
        return;
    };
    let page = start & !(PAGE - 1);
    let pages = (start + length - page).div_ceil(PAGE) * PAGE;
    // SAFETY: pages of the application's text; the mapping is private, so only this process sees the change.
    if unsafe { memory::protect(page, pages, protection | PROT_WRITE) }.is_err() {
        return;
    }
    let mut jump = [NOP; 8];
    jump[0] = JMP;
    jump[1..5].copy_from_slice(&distance.to_le_bytes());
    let jump = &jump[..length as usize];
    if at_once(start) && length == JUMP_LENGTH {
        let word = start & !7;
        // SAFETY: the word is in the text that has just been made writable.
        let cell = unsafe { &*(word as *const AtomicU64) };
        let mut bytes = cell.load(Ordering::Relaxed).to_le_bytes();
        let offset = (start - word) as usize;
        bytes[offset..offset + jump.len()].copy_from_slice(jump);
        cell.store(u64::from_le_bytes(bytes), Ordering::SeqCst);
    } else {
        // SAFETY: as above; no other thread is in the process.
        unsafe { core::ptr::copy_nonoverlapping(jump.as_ptr(), start as *mut u8, jump.len()) };
    }
    // SAFETY: the same pages, as they were.
    let _ = unsafe { memory::protect(page, pages, protection) };
}
