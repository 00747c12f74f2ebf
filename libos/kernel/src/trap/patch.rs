//! Sites become jumps.
//!
//! A site `mov $number, %eax; syscall` has its five-byte `mov` overwritten by a jump to a trampoline no further than
//! 2 GiB away; the `syscall` stays, so that a jump to it, and the slow path, still work. There is no state in
//! between: the five bytes change at once, or nobody else can be there. Other sites are for `before`, and, while there
//! is one thread, for `moved`.

mod before;
mod code;
pub(super) mod moved;

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

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
    if [s0, s1] != SYSCALL || is_patched(&space, start, &bytes) {
        return None;
    }
    if opcode != MOV_EAX || u64::from(immediate) != number {
        let syscall = after - SYSCALL_LENGTH;
        return match before::patch(process, &mut space, syscall, &[opcode, b0, b1, b2, b3]) {
            Some(()) => None,
            None => moved::patch(process, &mut space, syscall),
        };
    }
    let protection = text_protection(&space, start, after)?;
    if !at_once(start, JUMP_LENGTH) && !alone(process) {
        return None;
    }
    let trampoline = place_trampoline(&mut space, start, TRAMPOLINE)?;
    write_trampoline(trampoline, number, start + MOV_LENGTH);
    write_jump(start, trampoline, protection, MOV_LENGTH);
    None
}

/// Whether one of the first bytes begins a jump to a trampoline.
fn is_patched(space: &AddressSpace, start: u64, bytes: &[u8; 7]) -> bool {
    let targets = (0..3).filter(|at| bytes[*at] == JMP).filter_map(|at| {
        let distance = i32::from_le_bytes(bytes[at + 1..at + 5].try_into().ok()?);
        Some((start + at as u64 + JUMP_LENGTH).wrapping_add_signed(i64::from(distance)))
    });
    let mut targets =
        targets.filter(|target| space.trampolines.iter().any(|(run, _)| (*run..*run + RUN).contains(target)));
    targets.next().is_some()
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
    *heat = heat.wrapping_add(1);
    // A site that cannot be patched now is looked at again, but less and less often.
    *heat == WORTH || (*heat > WORTH && heat.is_power_of_two())
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

/// Whether so many bytes at the address can be stored as part of one aligned pair of words.
const fn at_once(start: u64, length: u64) -> bool {
    start % 16 + length <= 16
}

/// Whether no other thread can be at the site.
fn alone(process: &Process) -> bool {
    process.threads.try_lock().is_some_and(|threads| threads.len() == 1)
}

fn place_trampoline(space: &mut AddressSpace, near: u64, bytes: u64) -> Option<u64> {
    let found = used_run(space, bytes, |place| place.abs_diff(near) < REACH);
    found.or_else(|| new_run(space, space.place_near(near, RUN, REACH)?, bytes))
}

/// As [`place_trampoline`], between two addresses.
fn place_trampoline_between(space: &mut AddressSpace, low: u64, high: u64, bytes: u64) -> Option<u64> {
    let found = used_run(space, bytes, |place| (low..=high).contains(&place));
    found.or_else(|| new_run(space, space.place_between(low, high, RUN)?, bytes))
}

/// Place in a run that there is.
fn used_run(space: &mut AddressSpace, bytes: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
    let mut runs = space.trampolines.iter_mut();
    let (start, used) = runs.find(|(start, used)| *used + bytes <= RUN && fits(*start + *used))?;
    *used += bytes;
    Some(*start + *used - bytes)
}

/// Makes a run.
fn new_run(space: &mut AddressSpace, start: u64, bytes: u64) -> Option<u64> {
    // SAFETY: the place is free, and marked as the kernel's in what follows.
    unsafe { memory::allocate(start, RUN, PROT_READ | PROT_WRITE | PROT_EXEC) }.ok()?;
    let area = Area::new(start + RUN, PROT_READ | PROT_EXEC, Backing::Kernel, "");
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

/// Overwrites `length` bytes with a jump, and one-byte `nop`s where they are more than its five. Where they are fewer
/// the jump's last bytes are there already.
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
    if at_once(start, length) {
        let pair = start & !15;
        // SAFETY: the pair is in the text that has just been made writable, and aligned.
        let mut bytes = unsafe { *(pair as *const [u8; 16]) };
        let offset = (start - pair) as usize;
        bytes[offset..offset + jump.len()].copy_from_slice(jump);
        // SAFETY: as above.
        unsafe { store_pair(pair, bytes) };
    } else {
        // SAFETY: as above; no other thread is in the process.
        unsafe { core::ptr::copy_nonoverlapping(jump.as_ptr(), start as *mut u8, jump.len()) };
    }
    // SAFETY: the same pages, as they were.
    let _ = unsafe { memory::protect(page, pages, protection) };
}

/// Stores sixteen bytes at once.
///
/// # Safety
/// The address is that of two words that may be written, and a multiple of 16.
unsafe fn store_pair(address: u64, bytes: [u8; 16]) {
    let value = u128::from_le_bytes(bytes);
    // SAFETY: the caller's promise; rbx, which the compiler keeps for itself, is put back.
    unsafe {
        asm!(
            "xchg rbx, rsi",
            "2: lock cmpxchg16b [rdi]",
            "jnz 2b",
            "mov rbx, rsi",
            in("rdi") address,
            inout("rsi") value as u64 => _,
            in("rcx") (value >> 64) as u64,
            inout("rax") 0_u64 => _,
            inout("rdx") 0_u64 => _,
            options(nostack),
        );
    }
}
