//! An instance's counters of system calls, as the host reads them.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

use bailey_abi::counts::{BYTES, Counts};

/// Where an instance counts.
#[derive(Debug)]
pub struct Counters {
    memory: File,
    offset: u64,
}

impl Counters {
    /// By what the monitor said.
    pub fn new(memory: OwnedFd, offset: u64) -> Self {
        Self { memory: memory.into(), offset }
    }

    /// What they show now.
    ///
    /// # Errors
    /// What the host says.
    pub fn read(&self) -> io::Result<Counts> {
        let mut bytes = vec![0; BYTES];
        self.memory.read_exact_at(&mut bytes, self.offset)?;
        Ok(Counts::read(&bytes))
    }
}
