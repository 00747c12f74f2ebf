//! `struct timespec` and `struct timeval` in application memory.

use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::user;

/// Reads a `struct timespec`.
///
/// # Errors
/// `EFAULT`; `EINVAL` for a negative time or too many nanoseconds.
pub fn read_timespec(address: u64) -> Result<Duration> {
    let [seconds, nanos]: [i64; 2] = user::read(address)?;
    if !(0..1_000_000_000).contains(&nanos) {
        return Err(Errno::EINVAL);
    }
    let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
    Ok(Duration::new(seconds, u32::try_from(nanos).map_err(|_| Errno::EINVAL)?))
}

/// Reads a `struct timeval`.
///
/// # Errors
/// `EFAULT`; `EINVAL` for a negative time or too many microseconds.
pub fn read_timeval(address: u64) -> Result<Duration> {
    let [seconds, micros]: [i64; 2] = user::read(address)?;
    if !(0..1_000_000).contains(&micros) {
        return Err(Errno::EINVAL);
    }
    let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
    Ok(Duration::new(seconds, u32::try_from(micros * 1000).map_err(|_| Errno::EINVAL)?))
}

/// Writes a `struct timespec`.
///
/// # Errors
/// `EFAULT`
pub fn write_timespec(address: u64, time: Duration) -> Result<()> {
    user::write(address, &[time.as_secs(), u64::from(time.subsec_nanos())])
}

/// Writes a `struct timeval`.
///
/// # Errors
/// `EFAULT`
pub fn write_timeval(address: u64, time: Duration) -> Result<()> {
    user::write(address, &[time.as_secs(), u64::from(time.subsec_micros())])
}
