//! Changing mappings: munmap(2), mprotect(2), mremap(2), madvise(2), brk(2).

use bailey_abi::layout::{APP_END, APP_START};

use crate::errno::{Errno, Result};
use crate::host::memory;
use crate::mm::area::{page_down, page_up};
use crate::mm::fault::mark_missing;
use crate::mm::map::{Missing, map_again};
use crate::mm::{AddressSpace, Area, AtFork, Backing, MapRequest, PAGE, mmap};
use crate::task::{Process, all_processes};
use crate::vfs::{OpenFile, memfd, tmpfs};

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
    // As Linux does it: up to the first page where it cannot be.
    let (mut at, mut refused) = (address, Errno::ENOMEM);
    for (start, area) in space.within(address, end) {
        if start != at {
            break;
        }
        if protection & memory::PROT_WRITE != 0 && !may_be_written(&area) {
            refused = Errno::EACCES;
            break;
        }
        at = area.end;
    }
    if at > address {
        // SAFETY: the range is the application's.
        unsafe { memory::protect(address, at - address, protection)? };
        space.change(address, at, |area| area.protection = protection);
    }
    if at == end { Ok(()) } else { Err(refused) }
}

/// Whether an area's pages may be made writable: not where they are those of a file that was opened for reading, or
/// sealed.
fn may_be_written(area: &Area) -> bool {
    let Backing::File { file, shared: true, .. } = &area.backing else {
        return true;
    };
    file.writable() && tmpfs::seals_of(file).is_none_or(|seals| seals.get() & memfd::SEAL_WRITE == 0)
}

/// Whether a process of the instance has a file mapped so that it may write it (`EBUSY` of `F_ADD_SEALS`).
pub fn writably_mapped(file: &OpenFile) -> bool {
    let id = |file: &OpenFile| file.dentry.as_ref().map(|dentry| dentry.inode.id());
    let wanted = id(file);
    let writes = |area: &Area| {
        matches!(&area.backing, Backing::File { file, shared: true, .. } if file.writable() && id(file) == wanted)
            && area.protection & memory::PROT_WRITE != 0
    };
    all_processes().iter().any(|process| process.mm.lock().iter().any(|(_, area)| writes(area)))
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
    check_moving(flags, old_length, new_length)?;
    let moves = flags & MAYMOVE != 0;
    let mut space = process.mm.lock();
    let (start, area) = space.find(old).ok_or(Errno::EFAULT)?;
    if matches!(area.backing, Backing::Kernel) {
        return Err(Errno::EFAULT);
    }
    // Of no bytes: a second mapping of what is shared.
    let twice = old_length == 0;
    if twice && !(moves && matches!(area.backing, Backing::File { shared: true, .. })) {
        return Err(Errno::EINVAL);
    }
    let whole = joined(&space, start, area);
    if whole.end < old_end {
        return Err(Errno::EFAULT);
    }
    let moved = Area { end: old_end, ..whole.advanced(old - start) };
    if flags & (FIXED | DONTUNMAP) == 0 && !twice {
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
        if !moves {
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
    let keeps = flags & DONTUNMAP != 0 || twice;
    let missing = move_pages(&moved, (old, old_length), (target, new_length), keeps)?;
    if !keeps {
        space.remove(old, old_end);
    }
    space.insert(target, Area { end: target + new_length, missing: false, ..moved })?;
    mark_missing(process, &mut space, &missing);
    Ok(target)
}

/// Whether the flags of `mremap(2)` go together.
fn check_moving(flags: u32, old_length: u64, new_length: u64) -> Result<()> {
    let needs_move = flags & (FIXED | DONTUNMAP) != 0 && flags & MAYMOVE == 0;
    let resizes = flags & DONTUNMAP != 0 && old_length != new_length;
    let unknown = flags & !(MAYMOVE | FIXED | DONTUNMAP) != 0;
    if unknown || needs_move || resizes { Err(Errno::EINVAL) } else { Ok(()) }
}

/// An area with those behind it that differ only in whether their pages have bytes.
fn joined(space: &AddressSpace, start: u64, area: &Area) -> Area {
    let mut whole = area.clone();
    while let Some((_, next)) = space.find(whole.end)
        && whole.continues_in(whole.end - start, &Area { missing: whole.missing, ..next.clone() })
    {
        whole.end = next.end;
    }
    whole
}

/// Makes the host's mapping of `new` (address and length) from that of `old`, which `keeps` says is left. What lies
/// in a file is mapped anew: the host's own resizing would show what is behind the file's pages in the instance
/// memfd. Returns the new pages without bytes.
fn move_pages(area: &Area, old: (u64, u64), new: (u64, u64), keeps: bool) -> Result<Missing> {
    let kept = old.1.min(new.1);
    let mut missing = Missing::new();
    match &area.backing {
        Backing::File { shared: true, .. } => {
            missing = map_again(area, new.0, new.1)?;
            if !keeps {
                // SAFETY: the application's range, whose bytes are the file's own.
                unsafe { memory::free(old.0, old.1)? };
            }
            return Ok(missing);
        }
        Backing::File { .. } if new.1 > kept => {
            missing = map_again(&area.advanced(kept), new.0 + kept, new.1 - kept)?;
            // SAFETY: both ranges are the application's, and do not overlap.
            unsafe { memory::relocate(old.0, kept, new.0, kept, keeps)? };
        }
        // SAFETY: as above.
        _ => unsafe { memory::relocate(old.0, kept, new.0, new.1, keeps)? },
    }
    if new.1 < old.1 {
        // SAFETY: the rest of the old range.
        unsafe { memory::free(old.0 + kept, old.1 - kept)? };
    }
    Ok(missing)
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
    /// DONTNEED, FREE, and what only guides the host: NORMAL to WILLNEED, COLD, PAGEOUT, POPULATE; WIPEONFORK and
    /// KEEPONFORK.
    const PASSED_ON: &[i32] = &[0, 1, 2, 3, 4, 8, 18, 19, 20, 21, 22, 23, 102, 103];
    /// MERGEABLE, HUGEPAGE, DUMP and their opposites: no difference to a program.
    const IGNORED: &[i32] = &[12, 13, 14, 15, 16, 17];
    const REMOVE: i32 = 9;
    const DONTFORK: i32 = 10;
    const DOFORK: i32 = 11;
    let end = range(address, length)?;
    let known = PASSED_ON.contains(&advice) || IGNORED.contains(&advice);
    if !known && !matches!(advice, REMOVE | DONTFORK | DOFORK) {
        return Err(Errno::EINVAL);
    }
    if end == address {
        return Ok(());
    }
    let mut space = process.mm.lock();
    let parts = space.within(address, end);
    let shared = |area: &Area| matches!(area.backing, Backing::File { shared: true, .. });
    if advice == REMOVE && !parts.iter().all(|(_, area)| shared(area)) {
        return Err(Errno::EINVAL);
    }
    for (start, part) in &parts {
        if !IGNORED.contains(&advice) {
            // SAFETY: the range is the application's.
            unsafe { memory::advise(*start, part.end - start, u64::from(advice.cast_unsigned()))? };
        }
    }
    match advice {
        DONTFORK => space.change(address, end, |area| area.at_fork = AtFork::Left),
        DOFORK => space.change(address, end, |area| area.at_fork = AtFork::Copied),
        _ => {}
    }
    // What is mapped has been advised of; that not everything is, is said afterwards.
    if space.covers(address, end) { Ok(()) } else { Err(Errno::ENOMEM) }
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
