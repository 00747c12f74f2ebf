//! Signal frames: the host's, by which the kernel is entered, and the application's, by which it hears of a signal
//! (arch/x86/include/asm/sigframe.h).

use crate::errno::{Errno, Result};
use crate::signal::info::SigInfo;
use crate::signal::{Action, AltStack, SigSet};
use crate::user;

/// `struct ucontext` with the kernel's 64-bit mask.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "named as Linux names them")]
pub struct UserContext {
    pub flags: u64,
    pub link: u64,
    pub stack_base: u64,
    pub stack_flags: u64,
    pub stack_size: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rsp: u64,
    pub rip: u64,
    pub eflags: u64,
    pub segments: u64,
    pub error: u64,
    pub trap_number: u64,
    pub old_mask: u64,
    pub fault_address: u64,
    pub fp_state: u64,
    pub reserved: [u64; 8],
    pub mask: u64,
}

// SAFETY: 38 words of 64 bits, without padding.
unsafe impl user::Pod for UserContext {}

/// Bytes below the stack pointer that the application may use (System V ABI, red zone).
const RED_ZONE: u64 = 128;
const INFO_SIZE: u64 = 128;
/// Return address, context, siginfo.
const FRAME_SIZE: u64 = 8 + size_of::<UserContext>() as u64 + INFO_SIZE;
/// `FP_XSTATE_MAGIC1`, at byte 464 of the legacy area.
const XSTATE_MAGIC: u32 = 0x4650_5853;
const LEGACY_SIZE: u64 = 512;
const MAX_STATE: u64 = 16 << 10;
/// Flags that a handler does not start with: TF, DF, RF.
const CLEARED_FLAGS: u64 = 1 << 8 | 1 << 10 | 1 << 16;

/// The frame that the host has made on the kernel stack; what it holds is what the thread goes on with.
#[derive(Debug)]
pub struct HostFrame {
    /// Registers and mask.
    pub context: &'static mut UserContext,
}

impl HostFrame {
    /// The floating-point state: address and bytes.
    fn state(&self) -> (u64, u64) {
        let address = self.context.fp_state;
        if address == 0 {
            return (0, 0);
        }
        // SAFETY: the host has put an FXSAVE area of 512 bytes there, with its own words in the last 48.
        let [magic, size] = unsafe { [464, 468].map(|offset| ((address + offset) as *const u32).read()) };
        if magic == XSTATE_MAGIC { (address, u64::from(size).min(MAX_STATE)) } else { (address, LEGACY_SIZE) }
    }

    /// Makes the thread go on in a handler, with a frame on the application's stack.
    ///
    /// # Errors
    /// `EFAULT` where the stack is not there.
    pub fn enter_handler(
        &mut self,
        info: &SigInfo,
        action: &Action,
        mask: SigSet,
        alternate: AltStack,
    ) -> Result<()> {
        let on_alternate = alternate.holds(self.context.rsp);
        let mut top = self.context.rsp.wrapping_sub(RED_ZONE);
        if action.flags & Action::ONSTACK != 0 && alternate.size != 0 && !on_alternate {
            top = alternate.base + alternate.size;
        }
        let (state, state_size) = self.state();
        let fp_state = (top.wrapping_sub(state_size)) & !63;
        let frame = (fp_state.wrapping_sub(FRAME_SIZE) & !15).wrapping_sub(8);
        if state != 0 {
            // SAFETY: the host's frame holds that many bytes of state there.
            let bytes = unsafe { core::slice::from_raw_parts(state as *const u8, state_size as usize) };
            user::copy_out(fp_state, bytes)?;
        }
        let mut context = *self.context;
        context.mask = mask.0;
        context.stack_base = alternate.base;
        context.stack_size = alternate.size;
        context.stack_flags =
            u64::from(if alternate.size == 0 { 2 } else { alternate.flags | u32::from(on_alternate) });
        context.fp_state = if state == 0 { 0 } else { fp_state };
        context.old_mask = mask.0;
        user::write(frame, &action.restorer)?;
        user::write(frame + 8, &context)?;
        user::write(frame + 8 + size_of::<UserContext>() as u64, info.words())?;
        self.context.rip = action.handler;
        self.context.rsp = frame;
        self.context.rdi = u64::from(info.signo());
        self.context.rsi = frame + 8 + size_of::<UserContext>() as u64;
        self.context.rdx = frame + 8;
        self.context.rax = 0;
        self.context.eflags &= !CLEARED_FLAGS;
        Ok(())
    }

    /// Takes the registers back from the frame that a handler returns to. Returns the mask and alternate stack
    /// that were saved in it.
    ///
    /// # Errors
    /// `EFAULT`
    pub fn leave_handler(&mut self) -> Result<(SigSet, AltStack)> {
        let saved: UserContext = user::read(self.context.rsp)?;
        let (state, state_size) = self.state();
        if saved.fp_state != 0 && state != 0 {
            restore_state(state, state_size, saved.fp_state)?;
        }
        let host = *self.context;
        *self.context = UserContext {
            flags: host.flags,
            link: host.link,
            stack_base: host.stack_base,
            stack_flags: host.stack_flags,
            stack_size: host.stack_size,
            segments: host.segments,
            fp_state: host.fp_state,
            reserved: host.reserved,
            mask: host.mask,
            eflags: saved.eflags & 0x0024_4dd5 | 0x202,
            ..saved
        };
        #[expect(clippy::cast_possible_truncation, reason = "an int and its padding")]
        let flags = saved.stack_flags as u32;
        let size = if flags & 2 != 0 { 0 } else { saved.stack_size };
        Ok((SigSet(saved.mask), AltStack { base: saved.stack_base, size, flags: flags & !3 }))
    }
}

/// Copies the application's floating-point state over the host frame's, whose own words are kept: they say what
/// the host may load.
fn restore_state(state: u64, size: u64, from: u64) -> Result<()> {
    let mut bytes = alloc::vec![0_u8; size as usize];
    user::copy_in(&mut bytes, from)?;
    // MXCSR bits beyond the mask would fault in the host's restore.
    let Some(mxcsr) = bytes.get_mut(24..28) else {
        return Err(Errno::EFAULT);
    };
    mxcsr[2] = 0;
    mxcsr[3] = 0;
    // SAFETY: the host's frame holds that many bytes of state there; the thread's own registers are reloaded from
    // it on the way out, and nobody else looks.
    let host = unsafe { core::slice::from_raw_parts_mut(state as *mut u8, size as usize) };
    host[..464].copy_from_slice(&bytes[..464]);
    if size > LEGACY_SIZE + 64 {
        // The header's first word says which components are not in their initial state.
        host[512..520].copy_from_slice(&bytes[512..520]);
        let end = size as usize - 4;
        host[576..end].copy_from_slice(&bytes[576..end]);
    }
    Ok(())
}
