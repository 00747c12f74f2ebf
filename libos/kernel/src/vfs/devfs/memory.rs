//! The memory devices (`null(4)`, `full(4)`, `random(4)`).

use alloc::sync::Arc;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::user::UserBuffers;
use crate::vfs::devfs::register_char_device;
use crate::vfs::{File, FileKind, MapSource, OpenFile, Stat};

/// Their major number.
const MAJOR: u32 = 1;
/// Names, minor numbers and permissions.
pub const NODES: &[(&str, u32, u32)] = &[
    ("null", 3, 0o666),
    ("zero", 5, 0o666),
    ("full", 7, 0o666),
    ("random", 8, 0o666),
    ("urandom", 9, 0o666),
];

#[derive(Clone, Copy, Debug)]
enum Memory {
    Null,
    Zero,
    Full,
    Random,
}

#[derive(Debug)]
struct MemoryDevice {
    memory: Memory,
    number: u64,
}

/// Registers the memory devices.
pub fn init() {
    register_char_device(MAJOR, 0, u32::MAX, open);
}

fn open(number: u64, _flags: u32) -> Result<Arc<dyn File>> {
    let memory = match number & 0xff {
        3 => Memory::Null,
        5 => Memory::Zero,
        7 => Memory::Full,
        8 | 9 => Memory::Random,
        _ => return Err(Errno::ENXIO),
    };
    Ok(Arc::new(MemoryDevice { memory, number }))
}

impl File for MemoryDevice {
    fn stat(&self) -> Result<Stat> {
        let mut stat = crate::ipc::anonymous::stat(FileKind::CharDevice, 0o666, self.number);
        stat.rdev = self.number;
        Ok(stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn seekable(&self) -> bool {
        true
    }

    fn has_places(&self) -> bool {
        false
    }

    fn size(&self) -> Result<u64> {
        Ok(0)
    }

    fn read(&self, _open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        let mut chunk = [0_u8; 1024];
        let mut done = 0;
        if matches!(self.memory, Memory::Null) {
            return Ok(0);
        }
        while to.remaining() > 0 {
            let step = to.remaining().min(chunk.len());
            if matches!(self.memory, Memory::Random) {
                crate::host::random_bytes(&mut chunk[..step]);
            }
            match to.copy_out(&chunk[..step]) {
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn write(&self, _open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        if matches!(self.memory, Memory::Full) {
            return Err(Errno::ENOSPC);
        }
        let count = from.remaining();
        from.advance(count);
        Ok(count)
    }

    fn map(
        &self,
        _open: &OpenFile,
        _offset: u64,
        _length: u64,
        _shared: bool,
        _write: bool,
    ) -> Result<MapSource> {
        match self.memory {
            Memory::Zero => Ok(MapSource::Zero),
            _ => Err(Errno::ENODEV),
        }
    }
}
