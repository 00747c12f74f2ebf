//! Pages that have no bytes yet: of a file that may grow, or whose holes are larger than what is free.

use core::sync::atomic::Ordering;

use crate::errno::Result;
use crate::mm::area::page_down;
use crate::mm::map::{Missing, host_map};
use crate::mm::{AddressSpace, Area, Backing, PAGE};
use crate::task::Process;
use crate::vfs::{InodeId, MapSource};

/// How much of a shared mapping is given bytes at once, in bytes.
const STEP: u64 = 2 << 20;

/// Says of pages that have just been mapped that they have no bytes.
pub(super) fn mark_missing(process: &Process, space: &mut AddressSpace, missing: &Missing) {
    for (start, end) in missing {
        space.change(*start, *end, |area| area.missing = true);
        process.pages_missing.store(true, Ordering::Relaxed);
    }
}

/// A page has been touched that the host has nothing for: gives it bytes if its file has some now. Returns whether it
/// is worth trying again.
///
/// # Errors
/// Those of the host.
pub fn resolve(process: &Process, address: u64) -> Result<bool> {
    if !process.pages_missing.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let mut space = process.mm.lock();
    match space.find(address) {
        Some((start, area)) if area.missing => {
            let (start, area) = (start, area.clone());
            resolve_in(&mut space, start, &area, page_down(address))
        }
        _ => Ok(false),
    }
}

/// As [`resolve`], for a range that the kernel is about to use: before any lock is taken.
pub fn resolve_range(process: &Process, address: u64, length: u64) {
    resolve_some(process, address, length, &mut { u64::MAX });
}

/// As [`resolve_range`], for as many missing pages as are left in `pages`, which is counted down. Returns how many bytes
/// at the range's beginning are met by that.
pub fn resolve_some(process: &Process, address: u64, length: u64, pages: &mut u64) -> u64 {
    if !process.pages_missing.load(Ordering::Relaxed) {
        return length;
    }
    let mut at = page_down(address);
    let end = address.saturating_add(length);
    while at < end {
        let next = {
            let space = process.mm.lock();
            let found = space.within(at, end).into_iter().find(|(_, area)| area.missing);
            found.map(|(start, _)| start)
        };
        let Some(start) = next else { return length };
        if *pages == 0 {
            return start.saturating_sub(address);
        }
        // One that stays without bytes will be met by whoever touches it.
        let found = resolve(process, start).unwrap_or(false);
        *pages = pages.saturating_sub(if found { STEP / PAGE } else { 1 });
        at = if found { start } else { start + PAGE };
    }
    length
}

/// Maps what there is at `page` of a missing area that begins at `start`.
fn resolve_in(space: &mut AddressSpace, start: u64, area: &Area, page: u64) -> Result<bool> {
    let Backing::File { file, offset, shared } = &area.backing else {
        return Ok(false);
    };
    let length = if *shared { (area.end - page).min(STEP) } else { PAGE };
    let offset = offset + (page - start);
    let MapSource::Memfd(segments) = file.file.map(file, offset, length, *shared, false)? else {
        return Ok(false);
    };
    let Some(first) = segments.first().filter(|first| first.file_offset == offset).copied() else {
        return Ok(false);
    };
    let length = first.length.min(length);
    let source = MapSource::Memfd(alloc::vec![first]);
    host_map(page, length, area.protection, *shared, Some(&(source, offset)))?;
    space.change(page, page + length, |area| area.missing = false);
    Ok(true)
}

/// Pages between an area that grows and the next one below it (`stack_guard_gap`).
pub(super) const GUARD: u64 = 256 * PAGE;

/// A page has been touched where nothing is mapped: an area above it may grow down to it (the initial stack,
/// `MAP_GROWSDOWN`), as far as a stack may (`RLIMIT_STACK`).
pub fn grow(process: &Process, address: u64) -> bool {
    let limit = process.stack_limit();
    let mut space = process.mm.lock();
    let page = page_down(address);
    if space.find(page).is_some() {
        return false;
    }
    let Some((start, area)) = space.find_above(page).map(|(start, area)| (start, area.clone())) else {
        return false;
    };
    let free = page.checked_sub(GUARD).is_some_and(|lowest| space.is_free(lowest, start));
    if !area.grows || area.end - page > limit || !free {
        return false;
    }
    host_map(page, start - page, area.protection, false, None).is_ok()
        && space.insert(page, Area { end: start, ..area }).is_ok()
}

/// A file of the instance memfd has been cut to `length` bytes: its pages beyond are missing from now on.
///
/// # Errors
/// Those of the host.
pub fn cut(process: &Process, id: InodeId, length: u64) -> Result<()> {
    let first_gone = length.next_multiple_of(PAGE);
    let mut space = process.mm.lock();
    let beyond: alloc::vec::Vec<(u64, Area)> = space
        .iter()
        .filter_map(|(start, area)| {
            let Backing::File { file, offset, .. } = &area.backing else { return None };
            let cut = file.dentry.as_ref().is_some_and(|dentry| dentry.inode.id() == id);
            let from = start + first_gone.saturating_sub(*offset);
            (cut && !area.missing && from < area.end).then(|| (from, area.advanced(from - start)))
        })
        .collect();
    for (start, area) in beyond {
        let Backing::File { offset, shared, .. } = &area.backing else { continue };
        let nothing = (MapSource::Memfd(alloc::vec::Vec::new()), *offset);
        let missing = host_map(start, area.end - start, area.protection, *shared, Some(&nothing))?;
        mark_missing(process, &mut space, &missing);
    }
    Ok(())
}
