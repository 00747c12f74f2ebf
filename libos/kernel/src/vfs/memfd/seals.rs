//! Seals of a memfd (`F_ADD_SEALS` in `fcntl(2)`).

use core::sync::atomic::{AtomicU32, Ordering};

use crate::errno::{Errno, Result};

/// `F_SEAL_SEAL`
pub const SEAL_SEAL: u32 = 1;
/// `F_SEAL_SHRINK`
pub const SEAL_SHRINK: u32 = 2;
/// `F_SEAL_GROW`
pub const SEAL_GROW: u32 = 4;
/// `F_SEAL_WRITE`
pub const SEAL_WRITE: u32 = 8;
/// `F_SEAL_FUTURE_WRITE`
pub const SEAL_FUTURE_WRITE: u32 = 16;
/// `F_SEAL_EXEC`
const SEAL_EXEC: u32 = 32;
const ALL: u32 = 63;

/// The seals of a file.
#[derive(Debug)]
pub struct Seals(AtomicU32);

impl Seals {
    /// No seals; more can be added only where `allowed` (`MFD_ALLOW_SEALING`).
    pub const fn new(allowed: bool) -> Self {
        Self(AtomicU32::new(if allowed { 0 } else { SEAL_SEAL }))
    }

    /// `F_GET_SEALS`
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// `F_ADD_SEALS`
    ///
    /// # Errors
    /// `EINVAL` for an unknown seal, `EPERM` where no seal can be added.
    pub fn add(&self, seals: u32) -> Result<()> {
        if seals & !ALL != 0 {
            return Err(Errno::EINVAL);
        }
        if self.get() & SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        let implied =
            if seals & SEAL_EXEC != 0 { SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE } else { 0 };
        self.0.fetch_or(seals | implied, Ordering::Relaxed);
        Ok(())
    }

    /// Whether bytes may be written.
    ///
    /// # Errors
    /// `EPERM`
    pub fn check_write(&self) -> Result<()> {
        if self.get() & (SEAL_WRITE | SEAL_FUTURE_WRITE) != 0 { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Whether the length may go from `old` to `new`.
    ///
    /// # Errors
    /// `EPERM`
    pub fn check_resize(&self, old: u64, new: u64) -> Result<()> {
        let needed = match new.cmp(&old) {
            core::cmp::Ordering::Less => SEAL_SHRINK,
            core::cmp::Ordering::Equal => 0,
            core::cmp::Ordering::Greater => SEAL_GROW,
        };
        if self.get() & needed != 0 { Err(Errno::EPERM) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_hold() {
        let seals = Seals::new(true);
        seals.add(SEAL_SHRINK | SEAL_SEAL).unwrap();
        assert_eq!(seals.add(SEAL_GROW), Err(Errno::EPERM));
        assert_eq!(seals.check_resize(5, 4), Err(Errno::EPERM));
        assert!(seals.check_resize(4, 5).is_ok() && seals.check_write().is_ok());
        assert_eq!(Seals::new(false).add(SEAL_GROW), Err(Errno::EPERM));
        assert_eq!(Seals::new(true).add(1 << 9), Err(Errno::EINVAL));
    }
}
