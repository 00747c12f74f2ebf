//! `struct iovec` arrays.

use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::user::{self, UserBuffers};

/// `MAX_RW_COUNT`: most bytes that one call moves.
const MAX_TOTAL: usize = 0x7fff_f000;

/// Reads `count` entries at `address`; the total is cut as Linux cuts it.
///
/// # Errors
/// `EFAULT`, `EINVAL` for a negative length.
pub fn read(address: u64, count: usize) -> Result<UserBuffers> {
    let mut pieces = Vec::with_capacity(count);
    let mut total = 0;
    for index in 0..count as u64 {
        let [base, length]: [u64; 2] = user::read(address.wrapping_add(index * 16))?;
        if i64::try_from(length).is_err() {
            return Err(Errno::EINVAL);
        }
        let length = usize::try_from(length).unwrap_or(MAX_TOTAL).min(MAX_TOTAL - total);
        total += length;
        if length > 0 {
            pieces.push((base, length));
        }
    }
    Ok(UserBuffers::vectored(pieces))
}
