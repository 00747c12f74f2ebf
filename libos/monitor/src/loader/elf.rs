//! The kernel image's ELF header and segments, read by hand: only what a static executable at fixed
//! addresses needs (System V ABI, ELF-64).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bailey_abi::layout::{HOST_CODE_BASE, KERNEL_BASE, PAGE_SIZE, SHARED_BASE, SHARED_SIZE};

use super::LoadError;

const HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;
const MOST_SEGMENTS: u16 = 16;
const LOAD: u32 = 1;
const EXECUTABLE: u32 = 1;
const WRITABLE: u32 = 2;

/// A `PT_LOAD` segment. Addresses and lengths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset in the file.
    pub offset: u64,
    /// Address in memory.
    pub address: u64,
    /// Bytes taken from the file.
    pub file_bytes: u64,
    /// Bytes in memory; those past `file_bytes` are zero.
    pub memory_bytes: u64,
    /// Whether it is part of the shared region.
    pub writable: bool,
    /// Whether it holds code.
    pub executable: bool,
}

/// The kernel image: an open file and what its headers say.
#[derive(Debug)]
pub struct Image {
    /// The file.
    pub file: File,
    /// Where it lies, for messages.
    pub path: PathBuf,
    /// Entry point.
    pub entry: u64,
    /// The segments, each where the layout wants it.
    pub segments: Vec<Segment>,
}

impl Image {
    /// Opens and checks the image.
    ///
    /// # Errors
    /// [`LoadError::Image`] where the file cannot be read, [`LoadError::Malformed`] where it is not a
    /// static x86-64 executable whose segments lie where [`bailey_abi::layout`] puts them.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Image { path: path.to_path_buf(), source };
        let malformed = |reason| LoadError::Malformed { path: path.to_path_buf(), reason };
        let file = File::open(path).map_err(unreadable)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0).map_err(|_| malformed("it is too short"))?;
        let (entry, table, count) = parse_header(&header).map_err(malformed)?;
        let mut segments = Vec::new();
        for index in 0..count {
            let mut entry = [0; PROGRAM_HEADER_BYTES];
            let at = table.saturating_add(u64::from(index) * PROGRAM_HEADER_BYTES as u64);
            file.read_exact_at(&mut entry, at).map_err(|_| malformed("its program headers are cut off"))?;
            segments.extend(parse_segment(&entry).map_err(malformed)?);
        }
        let holds_entry = |segment: &Segment| {
            segment.executable && (segment.address..segment.address + segment.memory_bytes).contains(&entry)
        };
        if !segments.iter().any(holds_entry) {
            return Err(malformed("its entry point lies outside its text"));
        }
        Ok(Self { file, path: path.to_path_buf(), entry, segments })
    }

    /// First address of the shared region that the image leaves free, a page boundary.
    #[must_use]
    pub fn shared_end(&self) -> u64 {
        let ends = self.segments.iter().filter(|segment| segment.writable);
        ends.map(|segment| segment.address + segment.memory_bytes)
            .fold(SHARED_BASE, u64::max)
            .next_multiple_of(PAGE_SIZE)
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

fn parse_header(header: &[u8; HEADER_BYTES]) -> Result<(u64, u64, u16), &'static str> {
    const IDENTITY: [u8; 7] = [0x7f, b'E', b'L', b'F', 2, 1, 1];
    const EXECUTABLE_FILE: u16 = 2;
    const X86_64: u16 = 62;
    if header[..7] != IDENTITY {
        return Err("it is no 64-bit little-endian ELF file");
    }
    if u16::from_le_bytes(field(header, 16)) != EXECUTABLE_FILE {
        return Err("it is not linked at fixed addresses (ET_EXEC)");
    }
    if u16::from_le_bytes(field(header, 18)) != X86_64 {
        return Err("it is not for x86-64");
    }
    let count = u16::from_le_bytes(field(header, 56));
    let size = usize::from(u16::from_le_bytes(field(header, 54)));
    if size != PROGRAM_HEADER_BYTES || count > MOST_SEGMENTS {
        return Err("its program headers are odd");
    }
    let entry = u64::from_le_bytes(field(header, 24));
    let table = u64::from_le_bytes(field(header, 32));
    Ok((entry, table, count))
}

fn parse_segment(entry: &[u8; PROGRAM_HEADER_BYTES]) -> Result<Option<Segment>, &'static str> {
    if u32::from_le_bytes(field(entry, 0)) != LOAD {
        return Ok(None);
    }
    let flags = u32::from_le_bytes(field(entry, 4));
    let segment = Segment {
        offset: u64::from_le_bytes(field(entry, 8)),
        address: u64::from_le_bytes(field(entry, 16)),
        file_bytes: u64::from_le_bytes(field(entry, 32)),
        memory_bytes: u64::from_le_bytes(field(entry, 40)),
        writable: flags & WRITABLE != 0,
        executable: flags & EXECUTABLE != 0,
    };
    if segment.memory_bytes == 0 {
        return Ok(None);
    }
    if segment.writable && segment.executable {
        return Err("a segment is both writable and executable");
    }
    let (low, high) = if segment.writable {
        (SHARED_BASE, SHARED_BASE + SHARED_SIZE / 2)
    } else {
        (KERNEL_BASE, HOST_CODE_BASE)
    };
    let end = segment.address.checked_add(segment.memory_bytes);
    if segment.address < low || end.is_none_or(|end| end > high) {
        return Err("a segment lies outside the kernel's addresses");
    }
    if segment.file_bytes > segment.memory_bytes {
        return Err("a segment is longer in the file than in memory");
    }
    if segment.offset % PAGE_SIZE != segment.address % PAGE_SIZE {
        return Err("a segment is not aligned to pages");
    }
    Ok(Some(segment))
}
