//! Trampolines of sites whose number is in `rax`: machine code and, behind it, the [`entry::Site`] and the entry's
//! address.

use bailey_abi::layout::{THREAD_TABLE, THREAD_TABLE_SIZE};

use super::{JMP, JUMP_LENGTH, NOP, entry};
use crate::task::THREAD_ENTRY;

/// Bytes of such a trampoline.
pub(super) const SIZE: u64 = 128;
/// Bytes of [`Code::enter`].
pub(super) const ENTERING: u64 = 84;
/// Where in it its site is, the site's address, and the entry's address.
const SITE: usize = 104;
const SITE_ADDRESS: usize = SITE + 8;
const ENTRY: usize = SITE + 16;
/// Bytes of `jmp [rip + …]`.
const FAR_JUMP: usize = 6;
/// Mask of a thread table index.
const MASK: [u8; 4] = ((THREAD_TABLE_SIZE - THREAD_ENTRY) as u32).to_le_bytes();
/// The table, and the second word of its first entry.
const TABLE: [u8; 4] = (THREAD_TABLE as u32).to_le_bytes();
const BLOCKS: [u8; 4] = (THREAD_TABLE as u32 + 8).to_le_bytes();

/// A trampoline in the making.
pub(super) struct Code {
    bytes: [u8; SIZE as usize],
    at: usize,
}

impl Code {
    pub(super) const fn new() -> Self {
        Self { bytes: [NOP; SIZE as usize], at: 0 }
    }

    /// Bytes so far.
    pub(super) const fn length(&self) -> u64 {
        self.at as u64
    }

    /// Appends instructions.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Makes `rax`, `rcx` and `r11` what [`entry::enter_with_number`] takes, and jumps there; goes on behind this, with
    /// number and flags as they were, where the thread is not found.
    pub(super) fn enter(&mut self) {
        self.put(&[0x89, 0xc1]); // mov ecx, eax
        self.put(&[0x9f, 0x0f, 0x90, 0xc0]); // lahf; seto al
        self.put(&[0x0f, 0xb7, 0xc0]); // movzx eax, ax
        self.put(&[0x48, 0xc1, 0xe0, 32]); // shl rax, 32
        self.put(&[0x48, 0x09, 0xc1]); // or rcx, rax
        self.put(&[0xf3, 0x48, 0x0f, 0xae, 0xc0]); // rdfsbase rax
        self.put(&[0x41, 0x89, 0xc3, 0x41, 0xc1, 0xeb, 8]); // mov r11d, eax; shr r11d, 8
        self.put(&[0x41, 0x81, 0xe3]); // and r11d, mask
        self.put(&MASK);
        self.put(&[0x49, 0x3b, 0x83]); // cmp rax, [r11 + table]
        self.put(&TABLE);
        self.put(&[0x75, 28, 0x48, 0x85, 0xc0, 0x74, 23]); // jne slow; test rax, rax; jz slow
        self.put(&[0x4d, 0x8b, 0x9b]); // mov r11, [r11 + table + 8]
        self.put(&BLOCKS);
        self.put(&[0x48, 0x89, 0xc8]); // mov rax, rcx
        let distance = SITE - (self.at + 7);
        self.put(&[0x48, 0x8d, 0x0d, distance as u8, 0, 0, 0]); // lea rcx, [rip + site]
        self.jump_by(ENTRY);
        self.put(&[0x48, 0x89, 0xc8, 0x48, 0xc1, 0xe8, 32]); // slow: mov rax, rcx; shr rax, 32
        self.put(&[0x04, 0x7f, 0x9e, 0x89, 0xc8]); // add al, 0x7f; sahf; mov eax, ecx
    }

    /// `jmp [rip + …]`, by an address that lies behind the code.
    fn jump_by(&mut self, address: usize) {
        let distance = address - (self.at + FAR_JUMP);
        self.put(&[0xff, 0x25, distance as u8, 0, 0, 0]);
    }

    /// Jumps to the site's own `syscall`.
    pub(super) fn jump_to_site(&mut self) {
        self.jump_by(SITE_ADDRESS);
    }

    /// Jumps to `target`, from where the trampoline will be.
    pub(super) fn jump(&mut self, place: u64, target: u64) -> Option<()> {
        let distance = target.wrapping_sub(place + self.length() + JUMP_LENGTH).cast_signed();
        self.put(&[JMP]);
        self.put(&i32::try_from(distance).ok()?.to_le_bytes());
        Some(())
    }

    /// Writes it to its place; `syscall` is the instruction that the slow path and the way back count from.
    pub(super) fn write(mut self, place: u64, syscall: u64) {
        self.at = SITE;
        let site = entry::Site { number: 0, address: syscall };
        for word in [site.number, site.address, entry::enter_with_number as *const () as u64] {
            self.put(&word.to_le_bytes());
        }
        // SAFETY: the place is in a run of trampolines, which is writable, and nobody jumps there yet.
        unsafe { core::ptr::copy_nonoverlapping(self.bytes.as_ptr(), place as *mut u8, self.bytes.len()) };
    }
}
