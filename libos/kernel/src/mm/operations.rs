//! Changing mappings: munmap(2), mprotect(2), mremap(2), madvise(2), brk(2).

use bailey_abi::layout::{APP_END, APP_START};

use crate::errno::{Errno, Result};
use crate::host::memory;
use crate::mm::area::{page_down, page_up};
use crate::mm::map::map_again;
use crate::mm::{Area, Backing, MapRequest, PAGE, mmap};
use crate::task::Process;

/// Checks a range of whole pages; returns its end.
fn range(address: u64, length: u64) -> Result<u64> {
    let length = page_up(length).ok_or(Errno::EINVAL)?;
    let end = address.checked_add(length).ok_or(Errno::EINVAL)?;
    if !address.is_multiple_of(PAGE) || end > APP_END || (length != 0 && address < APP_START) {
        return Err(Errno::EINVAL);
    }
    Ok(end)
}

/// `munmap(2)`.
///
/// # Errors
/// `EINVAL`
pub fn munmap(process: &Process, address: u64, length: u64) -> Result<()> {
    let end = range(address, length)?;
    if end == address {
        return Err(Errno::EINVAL);
    }
    let mut space = process.mm.lock();
    // SAFETY: the range is the application's.
    unsafe { memory::free(address, end - address)? };
    let gone = space.within(address, end);
    space.remove(address, end);
    drop(space);
    // Files are closed without the lock.
    drop(gone);
    Ok(())
}

/// `mprotect(2)`.
///
/// # Errors
/// `EINVAL`, `ENOMEM`, `EACCES`
pub fn mprotect(process: &Process, address: u64, length: u64, protection: u32) -> Result<()> {
    let end = range(address, length)?;
    if end == address {
        return Ok(());
    }
    let mut space = process.mm.lock();
    if !space.covers(address, end) {
        return Err(Errno::ENOMEM);
    }
    // SAFETY: the range is the application's.
    unsafe { memory::protect(address, end - address, protection)? };
    space.change(address, end, |area| area.protection = protection);
    Ok(())
}

/// `MREMAP_*`
const MAYMOVE: u32 = 1;
const FIXED: u32 = 2;
const DONTUNMAP: u32 = 4;

/// `mremap(2)`.
///
/// # Errors
/// `EINVAL`, `ENOMEM`, `EFAULT`
pub fn mremap(
    process: &Process,
    old: u64,
    old_length: u64,
    new_length: u64,
    flags: u32,
    wish: u64,
) -> Result<u64> {
    let old_end = range(old, old_length)?;
    let new_length = page_up(new_length).filter(|length| *length != 0).ok_or(Errno::EINVAL)?;
    let old_length = old_end - old;
    if flags & !(MAYMOVE | FIXED) != 0 || flags & FIXED != 0 && flags & MAYMOVE == 0 || old_length == 0 {
        // DONTUNMAP is refused as a kernel before 5.7 does.
        let _ = DONTUNMAP;
        return Err(Errno::EINVAL);
    }
    let mut space = process.mm.lock();
    let (_, area) = space.find(old).ok_or(Errno::EFAULT)?;
    if area.end < old_end || matches!(area.backing, Backing::Kernel) {
        return Err(Errno::EFAULT);
    }
    let moved = space.within(old, old_end).into_iter().next().map(|(_, area)| area).ok_or(Errno::EFAULT)?;
    if flags & FIXED == 0 {
        if new_length <= old_length {
            if new_length < old_length {
                // SAFETY: the tail of the application's range.
                unsafe { memory::free(old + new_length, old_length - new_length)? };
                space.remove(old + new_length, old_end);
            }
            return Ok(old);
        }
        let grown = old.checked_add(new_length).filter(|end| *end <= APP_END);
        if grown.is_some_and(|end| space.is_free(old_end, end)) && moved_as_one(&moved) {
            // SAFETY: the application's range, and free pages behind it.
            if unsafe { memory::resize(old, old_length, new_length) }.is_ok() {
                space.insert(old, Area { end: old + new_length, ..moved })?;
                return Ok(old);
            }
        }
        if flags & MAYMOVE == 0 {
            return Err(Errno::ENOMEM);
        }
    }
    let target = if flags & FIXED != 0 {
        let end = range(wish, new_length)?;
        if wish < old_end && end > old {
            return Err(Errno::EINVAL);
        }
        wish
    } else {
        space.place(0, new_length)?
    };
    move_pages(&moved, (old, old_length), (target, new_length))?;
    space.remove(old, old_end);
    space.insert(target, Area { end: target + new_length, ..moved })?;
    Ok(target)
}

/// Takes the host's mapping of `old` (address and length) away and makes that of `new`. What lies in a file is
/// mapped anew: the host's own resizing would show what is behind the file's pages in the instance memfd.
fn move_pages(area: &Area, old: (u64, u64), new: (u64, u64)) -> Result<()> {
    let kept = old.1.min(new.1);
    match &area.backing {
        Backing::File { shared: true, .. } => {
            map_again(area, new.0, new.1)?;
            // SAFETY: the application's range, whose bytes are the file's own.
            return unsafe { memory::free(old.0, old.1) };
        }
        Backing::File { .. } if new.1 > kept => {
            map_again(&area.advanced(kept), new.0 + kept, new.1 - kept)?;
            // SAFETY: both ranges are the application's, and do not overlap.
            unsafe { memory::relocate(old.0, kept, new.0, kept)? };
        }
        // SAFETY: as above.
        _ => unsafe { memory::relocate(old.0, kept, new.0, new.1)? },
    }
    if new.1 < old.1 {
        // SAFETY: the rest of the old range.
        unsafe { memory::free(old.0 + kept, old.1 - kept)? };
    }
    Ok(())
}

/// Whether the host has one mapping for the area: file areas of the memfd may be of several.
fn moved_as_one(area: &Area) -> bool {
    matches!(area.backing, Backing::Anonymous)
}

/// `madvise(2)`.
///
/// # Errors
/// `EINVAL`, `ENOMEM`
pub fn advise(process: &Process, address: u64, length: u64, advice: i32) -> Result<()> {
    /// DONTNEED, FREE, and what only guides the host: NORMAL to WILLNEED, COLD, PAGEOUT, POPULATE.
    const PASSED_ON: &[i32] = &[0, 1, 2, 3, 4, 8, 20, 21, 22, 23, 102, 103];
    /// DONTFORK, DOFORK, MERGEABLE, HUGEPAGE, DUMP and their opposites: no difference to a program.
    const IGNORED: &[i32] = &[10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
    const REMOVE: i32 = 9;
    let end = range(address, length)?;
    if end == address || IGNORED.contains(&advice) {
        return Ok(());
    }
    let space = process.mm.lock();
    if !space.covers(address, end) {
        return Err(Errno::ENOMEM);
    }
    let shared = space
        .within(address, end)
        .iter()
        .any(|(_, area)| matches!(area.backing, Backing::File { shared: true, .. }));
    if !(PASSED_ON.contains(&advice) || advice == REMOVE && shared) {
        return Err(Errno::EINVAL);
    }
    // SAFETY: the range is the application's.
    unsafe { memory::advise(address, end - address, u64::from(advice.cast_unsigned())) }
}

/// `msync(2)`: shared pages are the file's own, so that there is only the range to check.
///
/// # Errors
/// `EINVAL`, `ENOMEM`
pub fn sync(process: &Process, address: u64, length: u64) -> Result<()> {
    let end = range(address, length).map_err(|_| Errno::ENOMEM)?;
    if process.mm.lock().covers(address, end) { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// `brk(2)`: the new end of the heap, or the old one where that cannot be.
pub fn brk(process: &Process, wish: u64) -> u64 {
    let (start, end) = process.mm.lock().heap;
    if wish < start || wish > APP_END {
        return end;
    }
    let (Some(old), Some(new)) = (page_up(end), page_up(wish)) else {
        return end;
    };
    if new > old {
        let request = MapRequest {
            no_replace: true,
            label: "[heap]",
            ..MapRequest::anonymous(old, new - old, memory::PROT_READ | memory::PROT_WRITE, false)
        };
        if mmap(process, &request).is_err() {
            return end;
        }
    } else if new < old && munmap(process, new, old - new).is_err() {
        return end;
    }
    if wish < end && !wish.is_multiple_of(PAGE) {
        // What is given back reads zero when it is taken again, the rest of the last page too.
        let zeroes = alloc::vec![0; (page_down(wish) + PAGE - wish) as usize];
        let _ = crate::user::copy_out(wish, &zeroes);
    }
    process.mm.lock().heap.1 = wish;
    wish
}
