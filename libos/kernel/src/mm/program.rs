//! Loading ELF programs (elf(5), execve(2)).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bailey_abi::layout::{APP_END, APP_PIE_BASE, APP_START};

use crate::errno::{Errno, Result};
use crate::host::memory::{PROT_EXEC, PROT_READ, PROT_WRITE};
use crate::mm::area::{page_down, page_up};
use crate::mm::{MapRequest, PAGE, map_file_at, mmap};
use crate::task::Process;
use crate::vfs::{OpenFile, read_kernel};

const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_PHDR: u32 = 6;
const PT_GNU_STACK: u32 = 0x6474_e551;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const EM_X86_64: u16 = 62;
const HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
const MAX_PROGRAM_HEADERS: usize = 128;

/// A program header.
#[derive(Clone, Copy, Debug)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    file_size: u64,
    size: u64,
    align: u64,
}

/// An ELF file's headers, checked.
#[derive(Debug)]
pub struct Elf {
    file: Arc<OpenFile>,
    movable: bool,
    entry: u64,
    header_offset: u64,
    segments: Vec<Segment>,
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut value = [0; N];
    if let Some(found) = bytes.get(at..at + N) {
        value.copy_from_slice(found);
    }
    value
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(field(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(bytes, at))
}

impl Elf {
    /// Reads and checks the headers.
    ///
    /// # Errors
    /// `ENOEXEC` for what is no x86-64 executable.
    pub fn read(file: Arc<OpenFile>) -> Result<Self> {
        let mut header = [0; HEADER_SIZE];
        if read_kernel(&file, &mut header, 0)? < HEADER_SIZE || header[..6] != *b"\x7fELF\x02\x01" {
            return Err(Errno::ENOEXEC);
        }
        let kind = u16_at(&header, 16);
        let count = usize::from(u16_at(&header, 56));
        let sizes_fit =
            usize::from(u16_at(&header, 54)) == PROGRAM_HEADER_SIZE && count <= MAX_PROGRAM_HEADERS;
        if !matches!(kind, ET_EXEC | ET_DYN) || u16_at(&header, 18) != EM_X86_64 || !sizes_fit {
            return Err(Errno::ENOEXEC);
        }
        let header_offset = u64_at(&header, 32);
        let mut table = alloc::vec![0; count * PROGRAM_HEADER_SIZE];
        if read_kernel(&file, &mut table, header_offset)? < table.len() {
            return Err(Errno::ENOEXEC);
        }
        let segments = table.chunks_exact(PROGRAM_HEADER_SIZE).map(Segment::parse).collect();
        Ok(Self { file, movable: kind == ET_DYN, entry: u64_at(&header, 24), header_offset, segments })
    }

    /// The program interpreter's path.
    ///
    /// # Errors
    /// `ENOEXEC`
    pub fn interpreter(&self) -> Result<Option<String>> {
        let Some(segment) = self.segments.iter().find(|segment| segment.kind == PT_INTERP) else {
            return Ok(None);
        };
        let length = usize::try_from(segment.file_size).ok().filter(|length| (2..4096).contains(length));
        let mut path = alloc::vec![0; length.ok_or(Errno::ENOEXEC)?];
        read_kernel(&self.file, &mut path, segment.offset)?;
        path.pop();
        String::from_utf8(path).map(Some).map_err(|_| Errno::ENOEXEC)
    }

    /// Whether the stack must be executable.
    pub fn executable_stack(&self) -> bool {
        self.segments.iter().any(|segment| segment.kind == PT_GNU_STACK && segment.flags & 1 != 0)
    }

    fn loads(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.kind == PT_LOAD && segment.size != 0)
    }

    /// Lowest and highest address of the segments, whole pages.
    fn span(&self) -> Result<(u64, u64)> {
        let low = self.loads().map(|segment| page_down(segment.address)).min().ok_or(Errno::ENOEXEC)?;
        let mut high = 0;
        for segment in self.loads() {
            let end = segment.address.checked_add(segment.size).and_then(page_up).ok_or(Errno::ENOEXEC)?;
            high = high.max(end);
        }
        if high > APP_END { Err(Errno::ENOEXEC) } else { Ok((low, high)) }
    }
}

impl Segment {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            kind: u32_at(bytes, 0),
            flags: u32_at(bytes, 4),
            offset: u64_at(bytes, 8),
            address: u64_at(bytes, 16),
            file_size: u64_at(bytes, 32),
            size: u64_at(bytes, 40),
            align: u64_at(bytes, 48),
        }
    }

    const fn protection(&self) -> u32 {
        let read = if self.flags & 4 != 0 { PROT_READ } else { 0 };
        let write = if self.flags & 2 != 0 { PROT_WRITE } else { 0 };
        let execute = if self.flags & 1 != 0 { PROT_EXEC } else { 0 };
        read | write | execute
    }
}

/// A program in memory.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// What is added to the addresses in the file.
    pub bias: u64,
    /// Where it starts.
    pub entry: u64,
    /// Where its program headers are, and how many.
    pub headers: (u64, u64),
    /// First address above it.
    pub end: u64,
}

/// Maps the segments of an ELF file into the calling process, whose old program is gone.
///
/// # Errors
/// `ENOEXEC`, `ENOMEM`
pub fn load(process: &Process, elf: &Elf, interpreter: bool) -> Result<Loaded> {
    let (low, high) = elf.span()?;
    let bias = if !elf.movable {
        if low < APP_START {
            return Err(Errno::ENOEXEC);
        }
        0
    } else {
        let wish = if interpreter { 0 } else { APP_PIE_BASE };
        let align = elf.loads().map(|segment| segment.align).max().unwrap_or(PAGE).clamp(PAGE, 1 << 30);
        let place = process.mm.lock().place(wish, high - low + align)?;
        let start = place.checked_add(align - 1).ok_or(Errno::ENOMEM)? / align * align;
        start.wrapping_sub(low)
    };
    for segment in elf.loads() {
        load_segment(process, elf, segment, bias)?;
    }
    let by_segment =
        elf.segments.iter().find(|segment| segment.kind == PT_PHDR).map(|segment| segment.address);
    let by_offset = elf
        .loads()
        .find(|segment| {
            segment.offset <= elf.header_offset && elf.header_offset < segment.offset + segment.file_size
        })
        .map(|segment| segment.address + (elf.header_offset - segment.offset));
    let headers = by_segment.or(by_offset).unwrap_or(0).wrapping_add(bias);
    Ok(Loaded {
        bias,
        entry: elf.entry.wrapping_add(bias),
        headers: (headers, elf.segments.len() as u64),
        end: high.wrapping_add(bias),
    })
}

fn load_segment(process: &Process, elf: &Elf, segment: &Segment, bias: u64) -> Result<()> {
    let address = segment.address.wrapping_add(bias);
    let start = page_down(address);
    let shift = address - start;
    let protection = segment.protection();
    let file_end = address.checked_add(segment.file_size).ok_or(Errno::ENOEXEC)?;
    let end = page_up(address.checked_add(segment.size).ok_or(Errno::ENOEXEC)?).ok_or(Errno::ENOEXEC)?;
    let mapped = page_up(file_end).ok_or(Errno::ENOEXEC)?;
    if segment.file_size != 0 {
        let offset =
            segment.offset.checked_sub(shift).filter(|offset| offset % PAGE == 0).ok_or(Errno::ENOEXEC)?;
        map_file_at(process, &elf.file, offset, start, mapped - start, protection)?;
    }
    if segment.size > segment.file_size {
        let first_zero = if segment.file_size == 0 { start } else { mapped };
        if end > first_zero {
            mmap(process, &MapRequest::anonymous(first_zero, end - first_zero, protection, true))?;
        }
        if segment.file_size != 0 && protection & PROT_WRITE != 0 && file_end < mapped {
            let zeroes = alloc::vec![0; (mapped - file_end) as usize];
            crate::user::copy_out(file_end, &zeroes)?;
        }
    }
    Ok(())
}
