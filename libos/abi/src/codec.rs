//! The wire form of [`crate::stream`]'s messages and [`crate::boot::BootConfig`]: postcard, one
//! message a packet, bounded.

use alloc::vec::Vec;

use serde::{Serialize, de::DeserializeOwned};

/// Most bytes of a message on a channel.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Most bytes of an encoded boot configuration.
pub const MAX_CONFIG: usize = 4 * 1024 * 1024;
/// Most entries in one [`crate::stream::Reply::Entries`].
pub const MAX_ENTRIES: usize = 512;
/// Most names in one [`crate::stream::Request::StreamEnumerateAhead`].
pub const MAX_AHEAD: usize = 64;
/// Most bytes of a file that are told ahead.
pub const MAX_AHEAD_BYTES: u64 = 32 * 1024;

/// Why a message could not be coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// More than the bound for such a message.
    TooLong,
    /// Not a message of this type.
    Malformed,
}

/// Encodes a message.
///
/// # Errors
/// [`CodecError::TooLong`] where it exceeds `bound` bytes.
pub fn encode<T: Serialize>(message: &T, bound: usize) -> Result<Vec<u8>, CodecError> {
    let bytes = postcard::to_allocvec(message).map_err(|_| CodecError::Malformed)?;
    if bytes.len() > bound { Err(CodecError::TooLong) } else { Ok(bytes) }
}

/// Decodes a message that fills `bytes`.
///
/// # Errors
/// [`CodecError::TooLong`] past `bound` bytes, [`CodecError::Malformed`] for anything else amiss.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], bound: usize) -> Result<T, CodecError> {
    if bytes.len() > bound {
        return Err(CodecError::TooLong);
    }
    let (message, rest) = postcard::take_from_bytes(bytes).map_err(|_| CodecError::Malformed)?;
    if rest.is_empty() { Ok(message) } else { Err(CodecError::Malformed) }
}
