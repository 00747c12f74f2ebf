//! Making mappings.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bailey_abi::layout::{APP_END, APP_START, MEMFD_MAX};

use crate::errno::{Errno, Result};
use crate::host::memory;
use crate::mm::area::page_up;
use crate::mm::fault::mark_missing;
use crate::mm::{Area, Backing, PAGE};
use crate::task::Process;
use crate::vfs::{MapSource, OpenFile};

/// What `mmap(2)` is asked for, decoded.
#[derive(Debug)]
pub struct MapRequest {
    /// Address: a wish, or a must with `fixed`.
    pub address: u64,
    /// Bytes.
    pub length: u64,
    /// `PROT_*`
    pub protection: u32,
    /// File and offset; none for anonymous memory.
    pub file: Option<(Arc<OpenFile>, u64)>,
    /// `MAP_SHARED`
    pub shared: bool,
    /// `MAP_FIXED`
    pub fixed: bool,
    /// `MAP_FIXED_NOREPLACE`
    pub no_replace: bool,
    /// `MAP_POPULATE`
    pub populate: bool,
    /// `MAP_32BIT`
    pub low: bool,
    /// `MAP_GROWSDOWN`
    pub grows: bool,
    /// See [`Area::label`].
    pub label: &'static str,
}

impl MapRequest {
    /// Private anonymous memory.
    pub fn anonymous(address: u64, length: u64, protection: u32, fixed: bool) -> Self {
        Self {
            address,
            length,
            protection,
            file: None,
            shared: false,
            fixed,
            no_replace: false,
            populate: false,
            low: false,
            grows: false,
            label: "",
        }
    }
}

/// `mmap(2)` in the calling process; returns the address.
///
/// # Errors
/// `EINVAL`, `ENOMEM`, `EEXIST`, `EACCES`, `ENODEV`, `EPERM`
pub fn mmap(process: &Process, request: &MapRequest) -> Result<u64> {
    let length = page_up(request.length).filter(|length| *length != 0).ok_or(Errno::EINVAL)?;
    let source = match &request.file {
        Some((file, offset)) => {
            let write = request.protection & memory::PROT_WRITE != 0;
            Some((file.file.map(file, *offset, length, request.shared, write)?, *offset))
        }
        None => None,
    };
    let mut space = process.mm.lock();
    let start = if request.fixed || request.no_replace {
        let end = request.address.checked_add(length).ok_or(Errno::ENOMEM)?;
        if !request.address.is_multiple_of(PAGE) || request.address < APP_START || end > APP_END {
            return Err(if request.address.is_multiple_of(PAGE) { Errno::EPERM } else { Errno::EINVAL });
        }
        if request.no_replace && !space.is_free(request.address, end) {
            return Err(Errno::EEXIST);
        }
        request.address
    } else if request.low {
        space.place_near(0x4000_0000, length, 0x3fff_0000).ok_or(Errno::ENOMEM)?
    } else {
        space.place(request.address, length)?
    };
    let missing = host_map(start, length, request.protection, request.shared, source.as_ref())?;
    let backing = match &request.file {
        Some((file, offset)) => Backing::File { file: file.clone(), offset: *offset, shared: request.shared },
        None => Backing::Anonymous,
    };
    let area = Area::new(start + length, request.protection, backing, request.label);
    space.insert(start, Area { grows: request.grows, ..area })?;
    mark_missing(process, &mut space, &missing);
    drop(space);
    if request.populate {
        const MADV_POPULATE_READ: u64 = 22;
        // SAFETY: the mapping that was just made, whose contents stay.
        let _ = unsafe { memory::advise(start, length, MADV_POPULATE_READ) };
    }
    Ok(start)
}

/// An offset at which the instance memfd has no bytes: what is mapped there raises `SIGBUS`, as Linux has it for pages
/// beyond the end of a file.
const NOWHERE: u64 = MEMFD_MAX;

/// Runs of pages (start, end) that have no bytes.
pub(super) type Missing = Vec<(u64, u64)>;

/// Makes the host mappings of `[start, start + length)`; returns the pages that have no bytes.
pub(super) fn host_map(
    start: u64,
    length: u64,
    protection: u32,
    shared: bool,
    source: Option<&(MapSource, u64)>,
) -> Result<Missing> {
    let mut missing = Missing::new();
    match source {
        // SAFETY: the range is the application's: the callers have checked or chosen it.
        None | Some((MapSource::Zero, _)) => unsafe { memory::allocate(start, length, protection)? },
        Some((MapSource::Host(handle), offset)) => {
            let fd = handle.fd()?;
            // SAFETY: as above.
            unsafe { memory::map(fd, *offset, start, length, protection, shared)? };
        }
        Some((MapSource::Memfd(segments), offset)) => {
            let fd = crate::host::memfd();
            let mut fill = |from: u64, to: u64| -> Result<()> {
                if from < to {
                    missing.push((from, to));
                    let nowhere = NOWHERE + (from - start);
                    // SAFETY: as above.
                    unsafe { memory::map(fd, nowhere, from, to - from, protection, shared)? };
                }
                Ok(())
            };
            let mut at = start;
            for segment in segments {
                let from = start + (segment.file_offset - offset);
                let to = (from + segment.length).min(start + length);
                fill(at, from)?;
                // SAFETY: as above; the segments lie inside of the range asked for.
                unsafe { memory::map(fd, segment.memfd_offset, from, to - from, protection, shared)? };
                at = to;
            }
            fill(at, start + length)?;
        }
    }
    Ok(missing)
}

/// Makes the host mappings of `length` bytes at `start` as an area that begins there has them.
///
/// # Errors
/// As [`mmap`].
pub(super) fn map_again(area: &Area, start: u64, length: u64) -> Result<Missing> {
    let Backing::File { file, offset, shared } = &area.backing else {
        return host_map(start, length, area.protection, false, None);
    };
    let write = area.protection & memory::PROT_WRITE != 0;
    let source = file.file.map(file, *offset, length, *shared, write)?;
    host_map(start, length, area.protection, *shared, Some(&(source, *offset)))
}

/// Maps part of a file at a fixed place, for the program loader.
///
/// # Errors
/// As [`mmap`].
pub fn map_file_at(
    process: &Process,
    file: &Arc<OpenFile>,
    offset: u64,
    address: u64,
    length: u64,
    protection: u32,
) -> Result<()> {
    let request = MapRequest {
        file: Some((file.clone(), offset)),
        ..MapRequest::anonymous(address, length, protection, true)
    };
    mmap(process, &request).map(drop)
}
