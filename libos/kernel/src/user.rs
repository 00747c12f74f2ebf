//! Application memory: the only way by which the kernel reads and writes it.
//!
//! Every access checks that the range is the application's and survives a fault (`EFAULT`): the
//! exception handler knows the copy routine and makes it return how much was left.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering;

use bailey_abi::layout::{APP_END, APP_START, PAGE_SIZE};

use crate::errno::{Errno, Result};
use crate::trap::copy_with_faults;

/// A type that may be read from any bytes and written as bytes.
///
/// # Safety
/// Every bit pattern is a value, and there is no padding.
pub unsafe trait Pod: Copy + 'static {}

macro_rules! pod {
    ($($type:ty),*) => { $(
        // SAFETY: integers have no padding and no invalid patterns; nor have arrays of them.
        unsafe impl Pod for $type {}
    )* };
}
pod!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

// SAFETY: an array of Pods has no padding between its elements.
unsafe impl<T: Pod, const N: usize> Pod for [T; N] {}

fn check(address: u64, length: usize) -> Result<()> {
    let end = address.checked_add(length as u64).ok_or(Errno::EFAULT)?;
    if address < APP_START || end > APP_END { Err(Errno::EFAULT) } else { Ok(()) }
}

/// After a fault: whether the range has pages now that were missing, or that a stack has grown to. Not while a lock is
/// held, which finding them may need; the buffers of reads and writes are looked through before.
#[cold]
fn page_found(address: u64, length: usize) -> bool {
    let Some(thread) = crate::task::try_current() else { return false };
    if thread.locks.load(Ordering::Relaxed) != 0 {
        return false;
    }
    let process = thread.process();
    let missing = process.pages_missing.load(Ordering::Relaxed);
    if missing {
        crate::mm::resolve_range(process, address, length as u64);
    }
    crate::mm::grow(process, address) || missing
}

/// How many missing pages of a call's buffers are given bytes before the call: more than one call moves, so that a large
/// buffer for few bytes does not take all the memory there is.
const FOUND_AHEAD: u64 = (16 << 20) / PAGE_SIZE;

/// Gives pages of a buffer bytes that were missing, as long as `pages` are left. Returns how much of it may be used.
fn find_pages(address: u64, length: usize, pages: &mut u64) -> usize {
    let Some(thread) = crate::task::try_current() else { return length };
    crate::mm::resolve_some(thread.process(), address, length as u64, pages) as usize
}

/// Copies `to.len()` bytes in from `address`.
///
/// # Errors
/// `EFAULT`
pub fn copy_in(to: &mut [u8], address: u64) -> Result<()> {
    let length = to.len();
    check(address, length)?;
    let mut copy = || {
        // SAFETY: the destination is ours, the source is checked to be application memory, faults are caught.
        unsafe { copy_with_faults(to.as_mut_ptr(), address as *const u8, to.len()) }
    };
    if copy() == 0 || page_found(address, length) && copy() == 0 { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Copies `from` out to `address`.
///
/// # Errors
/// `EFAULT`
pub fn copy_out(address: u64, from: &[u8]) -> Result<()> {
    check(address, from.len())?;
    let copy = || {
        // SAFETY: the source is ours, the destination is checked to be application memory, faults are caught.
        unsafe { copy_with_faults(address as *mut u8, from.as_ptr(), from.len()) }
    };
    if copy() == 0 || page_found(address, from.len()) && copy() == 0 { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Reads a value.
///
/// # Errors
/// `EFAULT`
pub fn read<T: Pod>(address: u64) -> Result<T> {
    check(address, size_of::<T>())?;
    let mut value = MaybeUninit::<T>::uninit();
    let mut copy = || {
        // SAFETY: as in `copy_in`, into a buffer of the value's size.
        unsafe { copy_with_faults(value.as_mut_ptr().cast(), address as *const u8, size_of::<T>()) }
    };
    if copy() != 0 && !(page_found(address, size_of::<T>()) && copy() == 0) {
        return Err(Errno::EFAULT);
    }
    // SAFETY: all bytes are written, and every pattern is a value of a Pod.
    Ok(unsafe { value.assume_init() })
}

/// Writes a value.
///
/// # Errors
/// `EFAULT`
pub fn write<T: Pod>(address: u64, value: &T) -> Result<()> {
    check(address, size_of::<T>())?;
    let copy = || {
        // SAFETY: as in `copy_out`; a Pod has no padding.
        unsafe { copy_with_faults(address as *mut u8, core::ptr::from_ref(value).cast(), size_of::<T>()) }
    };
    if copy() == 0 || page_found(address, size_of::<T>()) && copy() == 0 {
        Ok(())
    } else {
        Err(Errno::EFAULT)
    }
}

/// Reads `count` values.
///
/// # Errors
/// `EFAULT`
pub fn read_array<T: Pod>(address: u64, count: usize) -> Result<Vec<T>> {
    let length = count.checked_mul(size_of::<T>()).ok_or(Errno::EFAULT)?;
    if length == 0 {
        return Ok(Vec::new());
    }
    check(address, length)?;
    let mut values = Vec::<T>::with_capacity(count);
    // SAFETY: as in `copy_in`, into room for that many values.
    let left = unsafe { copy_with_faults(values.as_mut_ptr().cast(), address as *const u8, length) };
    if left != 0 {
        return Err(Errno::EFAULT);
    }
    // SAFETY: all bytes are written, and every pattern is a value of a Pod.
    unsafe { values.set_len(count) };
    Ok(values)
}

/// Reads bytes up to and without a NUL, at most `bound` of them.
///
/// # Errors
/// `EFAULT`; `ENAMETOOLONG` where there is no NUL within `bound` bytes.
pub fn read_cstr(address: u64, bound: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut at = address;
    while bytes.len() < bound {
        // Never past a page: the next one need not be mapped.
        let room = (PAGE_SIZE - at % PAGE_SIZE).min((bound - bytes.len()) as u64) as usize;
        let start = bytes.len();
        let step = room.min(256);
        bytes.resize(start + step, 0);
        copy_in(&mut bytes[start..], at)?;
        if let Some(end) = bytes[start..].iter().position(|byte| *byte == 0) {
            bytes.truncate(start + end);
            return Ok(bytes);
        }
        at += step as u64;
    }
    Err(Errno::ENAMETOOLONG)
}

/// Reads a path (`PATH_MAX` bytes); how bytes that are no UTF-8 are kept, see [`crate::vfs::bytes`].
///
/// # Errors
/// `EFAULT`, `ENAMETOOLONG`
pub fn read_path(address: u64) -> Result<String> {
    read_cstr(address, 4096).map(crate::vfs::bytes::from_bytes)
}

/// The buffers of a `readv` or `writev`: consumed from the front as bytes move. The kernel's own
/// buffers can be given as well.
#[derive(Debug)]
pub struct UserBuffers {
    pieces: Pieces,
    next: usize,
    kernel: bool,
}

/// Address and length of each piece, in order; the front is cut as bytes move.
#[derive(Debug)]
enum Pieces {
    /// What nearly all calls have, kept without the heap.
    One([(u64, usize); 1]),
    Many(Vec<(u64, usize)>),
}

impl Deref for Pieces {
    type Target = [(u64, usize)];
    fn deref(&self) -> &Self::Target {
        match self {
            Self::One(piece) => piece,
            Self::Many(pieces) => pieces,
        }
    }
}

impl DerefMut for Pieces {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::One(piece) => piece,
            Self::Many(pieces) => pieces,
        }
    }
}

impl UserBuffers {
    /// One buffer of the application.
    pub fn single(address: u64, length: usize) -> Self {
        let length = find_pages(address, length, &mut { FOUND_AHEAD });
        Self { pieces: Pieces::One([(address, length)]), next: 0, kernel: false }
    }

    /// Several buffers of the application.
    pub fn vectored(mut pieces: Vec<(u64, usize)>) -> Self {
        let mut pages = FOUND_AHEAD;
        let mut cut = false;
        for (address, length) in &mut pieces {
            let usable = if cut { 0 } else { find_pages(*address, *length, &mut pages) };
            cut |= usable < *length;
            *length = usable;
        }
        Self { pieces: Pieces::Many(pieces), next: 0, kernel: false }
    }

    /// A buffer of the kernel, to be read into or written from; it must outlive the result.
    pub fn kernel(buffer: &mut [u8]) -> Self {
        let piece = (buffer.as_mut_ptr() as u64, buffer.len());
        Self { pieces: Pieces::One([piece]), next: 0, kernel: true }
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.pieces[self.next..].iter().map(|(_, length)| length).sum()
    }

    /// The pieces left (address, length), for a host call that takes them as they are.
    pub fn pieces(&self) -> &[(u64, usize)] {
        &self.pieces[self.next..]
    }

    /// Whether every buffer left may be the application's: for a host call that takes them as they are.
    ///
    /// # Errors
    /// `EFAULT`
    pub fn check(&self) -> Result<()> {
        if self.kernel {
            return Ok(());
        }
        self.pieces().iter().try_for_each(|(address, length)| check(*address, *length))
    }

    /// As [`Self::pieces`], up to the first that cannot be the application's: for a host call that takes them as
    /// they are.
    ///
    /// # Errors
    /// `EFAULT` where that is the first.
    pub fn checked_pieces(&self) -> Result<&[(u64, usize)]> {
        let pieces = self.pieces();
        if self.kernel {
            return Ok(pieces);
        }
        let good = pieces.iter().take_while(|(address, length)| check(*address, *length).is_ok()).count();
        if good == 0 && !pieces.is_empty() { Err(Errno::EFAULT) } else { Ok(&pieces[..good]) }
    }

    /// Cuts what is left to at most `count` bytes.
    pub fn limit(&mut self, mut count: usize) {
        for (_, length) in self.pieces[self.next..].iter_mut() {
            *length = count.min(*length);
            count -= *length;
        }
    }

    /// Counts `count` bytes as moved.
    pub fn advance(&mut self, mut count: usize) {
        while count > 0 && self.next < self.pieces.len() {
            let (address, length) = self.pieces[self.next];
            let step = count.min(length);
            self.pieces[self.next] = (address + step as u64, length - step);
            count -= step;
            if step == length {
                self.next += 1;
            }
        }
    }

    /// Copies as much of `from` as there is room for; returns the count.
    ///
    /// # Errors
    /// `EFAULT` where nothing could be copied.
    pub fn copy_out(&mut self, from: &[u8]) -> Result<usize> {
        let mut done = 0;
        while done < from.len() && self.next < self.pieces.len() {
            let (address, length) = self.pieces[self.next];
            let step = length.min(from.len() - done);
            let part = &from[done..done + step];
            let result = if self.kernel {
                // SAFETY: the piece is a buffer that the caller of `kernel` has lent.
                unsafe { core::ptr::copy_nonoverlapping(part.as_ptr(), address as *mut u8, step) };
                Ok(())
            } else {
                copy_out(address, part)
            };
            if let Err(error) = result {
                return if done > 0 { Ok(done) } else { Err(error) };
            }
            done += step;
            self.advance_piece(step);
        }
        Ok(done)
    }

    /// Fills as much of `to` as there are bytes for; returns the count.
    ///
    /// # Errors
    /// `EFAULT` where nothing could be copied.
    pub fn copy_in(&mut self, to: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < to.len() && self.next < self.pieces.len() {
            let (address, length) = self.pieces[self.next];
            let step = length.min(to.len() - done);
            let part = &mut to[done..done + step];
            let result = if self.kernel {
                // SAFETY: the piece is a buffer that the caller of `kernel` has lent.
                unsafe { core::ptr::copy_nonoverlapping(address as *const u8, part.as_mut_ptr(), step) };
                Ok(())
            } else {
                copy_in(part, address)
            };
            if let Err(error) = result {
                return if done > 0 { Ok(done) } else { Err(error) };
            }
            done += step;
            self.advance_piece(step);
        }
        Ok(done)
    }

    fn advance_piece(&mut self, step: usize) {
        let (address, length) = self.pieces[self.next];
        self.pieces[self.next] = (address + step as u64, length - step);
        if step == length {
            self.next += 1;
        }
    }
}
