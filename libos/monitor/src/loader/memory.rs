//! The memory objects of an instance: the shared region, the instance memfd, and where the boot
//! configuration goes.

use std::os::fd::OwnedFd;

use bailey_abi::boot::BootConfig;
use bailey_abi::codec::{self, MAX_CONFIG};
use bailey_abi::counts;
use bailey_abi::layout::{MEMFD_MAX, PAGE_SIZE, SHARED_BASE, SHARED_SIZE};
use rustix::fs::{MemfdFlags, SealFlags};

use super::{Image, LoadError};

/// The memory objects, and addresses within them.
#[derive(Debug)]
pub struct Memories {
    /// The shared region: the image's data and the boot configuration are in it.
    pub shared: OwnedFd,
    /// The instance memfd, of fixed size.
    pub memfd: OwnedFd,
    /// Bytes of the instance memfd.
    pub memfd_size: u64,
    /// Address of the encoded boot configuration.
    pub config: u64,
    /// Its length in bytes.
    pub config_len: u64,
    /// Address of the counters of system calls.
    pub counts: u64,
    /// First free address of the shared region.
    pub heap_start: u64,
}

/// Makes the memory objects of an instance that boots `image` with `config`.
///
/// `memfd_size` is rounded up to pages and bounded by [`MEMFD_MAX`].
///
/// # Errors
/// [`LoadError::Memory`] where the host refuses, [`LoadError::ConfigTooLong`] past [`MAX_CONFIG`].
pub fn prepare(image: &Image, config: &BootConfig, memfd_size: u64) -> Result<Memories, LoadError> {
    let memfd_size = memfd_size.clamp(PAGE_SIZE, MEMFD_MAX).next_multiple_of(PAGE_SIZE);
    let memfd = sized_memfd("bailey-memory", memfd_size, "memory")?;
    let shared = sized_memfd("bailey-shared", SHARED_SIZE, "shared region")?;
    for segment in image.segments.iter().filter(|segment| segment.writable) {
        let mut bytes = vec![0; usize::try_from(segment.file_bytes).unwrap_or(usize::MAX)];
        read_exact(image, &mut bytes, segment.offset)?;
        write_all(&shared, &bytes, segment.address - SHARED_BASE)?;
    }
    let encoded =
        codec::encode(config, MAX_CONFIG).map_err(|_| LoadError::ConfigTooLong { limit: MAX_CONFIG })?;
    let config = image.shared_end();
    write_all(&shared, &encoded, config - SHARED_BASE)?;
    let config_len = encoded.len() as u64;
    let counts = (config + config_len).next_multiple_of(PAGE_SIZE);
    Ok(Memories {
        shared,
        memfd,
        memfd_size,
        config,
        config_len,
        counts,
        heap_start: (counts + counts::BYTES as u64).next_multiple_of(PAGE_SIZE),
    })
}

/// A memfd whose size nobody can change any more, so that whoever maps it never meets `SIGBUS`.
fn sized_memfd(name: &str, size: u64, what: &'static str) -> Result<OwnedFd, LoadError> {
    let fail = LoadError::memory(what);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memfd = rustix::fs::memfd_create(name, flags).map_err(&fail)?;
    rustix::fs::ftruncate(&memfd, size).map_err(&fail)?;
    rustix::fs::fcntl_add_seals(&memfd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .map_err(&fail)?;
    Ok(memfd)
}

fn read_exact(image: &Image, bytes: &mut [u8], offset: u64) -> Result<(), LoadError> {
    use std::os::unix::fs::FileExt;
    image
        .file
        .read_exact_at(bytes, offset)
        .map_err(|source| LoadError::Image { path: image.path.clone(), source })
}

fn write_all(memfd: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> Result<(), LoadError> {
    while !bytes.is_empty() {
        let written = rustix::io::pwrite(memfd, bytes, offset).map_err(LoadError::memory("shared region"))?;
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}
