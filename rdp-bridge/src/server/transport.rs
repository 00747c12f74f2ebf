//! Whole protocol units out of a byte stream, each within a size that its place in the protocol allows.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Largest X.224 or fast-path PDU (TPKT carries a 16-bit length).
pub(crate) const MAX_PDU: usize = 65_535;

/// Why no further unit can be read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error("the connection is closed")]
    Closed,
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    #[error("a message of {0} bytes is longer than allowed here")]
    TooLong(usize),
    #[error("not a message: {0}")]
    Framing(String),
}

/// Reads units from `R`, buffering what arrives beyond one.
#[derive(Debug)]
pub(crate) struct UnitReader<R> {
    stream: R,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out by the last `read`.
    consumed: usize,
}

impl<R: AsyncRead + Unpin> UnitReader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, buffer: Vec::new(), consumed: 0 }
    }

    /// The next unit, of at most `limit` bytes; `size` finds its length from the bytes there are, or asks for more.
    ///
    /// Cancel safe: bytes read stay in the buffer.
    pub(crate) async fn read(
        &mut self,
        limit: usize,
        size: impl Fn(&[u8]) -> Result<Option<usize>, String>,
    ) -> Result<&[u8], ReadError> {
        self.buffer.drain(..std::mem::take(&mut self.consumed));
        loop {
            match size(&self.buffer).map_err(ReadError::Framing)? {
                Some(length) if length > limit => return Err(ReadError::TooLong(length)),
                Some(0) => return Err(ReadError::Framing("a message of no bytes".to_owned())),
                Some(length) if length <= self.buffer.len() => {
                    self.consumed = length;
                    return Ok(&self.buffer[..length]);
                }
                _ if self.buffer.len() > limit => return Err(ReadError::TooLong(self.buffer.len())),
                _ => {}
            }
            let mut chunk = [0; 8192];
            let count = match self.stream.read(&mut chunk).await {
                Ok(0) => return Err(ReadError::Closed),
                // Clients close the connection without a TLS goodbye.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(ReadError::Closed),
                result => result?,
            };
            self.buffer.extend_from_slice(&chunk[..count]);
        }
    }

    /// The stream, unless bytes of a further unit have already been read.
    pub(crate) fn into_stream(self) -> Result<R, ReadError> {
        if self.buffer.len() > self.consumed {
            return Err(ReadError::Framing("unexpected data before the security upgrade".to_owned()));
        }
        Ok(self.stream)
    }

    /// The stream itself, for writing.
    pub(crate) fn stream_mut(&mut self) -> &mut R {
        &mut self.stream
    }

    /// Stream and bytes not yet handed out, to read on with another reader.
    pub(crate) fn into_parts(mut self) -> (R, Vec<u8>) {
        self.buffer.drain(..self.consumed);
        (self.stream, self.buffer)
    }

    /// A reader that has already read `buffer`.
    pub(crate) fn with_buffer(stream: R, buffer: Vec<u8>) -> Self {
        Self { stream, buffer, consumed: 0 }
    }
}

/// Length of the X.224 or fast-path PDU at the start of `bytes` (MS-RDPBCGR 2.2.1.1 and 2.2.8.1.2).
pub(crate) fn pdu_size(bytes: &[u8]) -> Result<Option<usize>, String> {
    ironrdp_pdu::find_size(bytes).map(|info| info.map(|info| info.length)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixed(bytes: &[u8]) -> Result<Option<usize>, String> {
        Ok(bytes.first().map(|&length| usize::from(length)))
    }

    #[tokio::test]
    async fn units_come_one_by_one_however_they_arrive() {
        let (mut near, far) = tokio::io::duplex(3);
        let writer = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut near, &[3, 1, 2, 1, 4, 7, 8, 9]).await.unwrap();
        });
        let mut reader = UnitReader::new(far);
        assert_eq!(reader.read(10, prefixed).await.unwrap(), [3, 1, 2]);
        assert_eq!(reader.read(10, prefixed).await.unwrap(), [1]);
        assert_eq!(reader.read(10, prefixed).await.unwrap(), [4, 7, 8, 9]);
        assert!(matches!(reader.read(10, prefixed).await, Err(ReadError::Closed)));
        writer.await.unwrap();
    }

    #[tokio::test]
    async fn too_long_empty_and_early_are_errors() {
        let reader = |bytes: &'static [u8]| UnitReader::new(bytes);
        assert!(matches!(reader(&[9, 1]).read(8, prefixed).await, Err(ReadError::TooLong(9))));
        assert!(matches!(reader(&[0, 1]).read(8, prefixed).await, Err(ReadError::Framing(_))));
        let endless = |_: &[u8]| Ok(None);
        assert!(matches!(reader(&[1; 64]).read(8, endless).await, Err(ReadError::TooLong(_))));
        let mut early = reader(&[2, 0, 5]);
        early.read(8, prefixed).await.unwrap();
        assert!(early.into_stream().is_err());
    }

    #[test]
    fn pdu_sizes() {
        assert_eq!(pdu_size(&[3, 0, 0, 20]), Ok(Some(20)));
        assert_eq!(pdu_size(&[0x04, 0x81, 0x02]), Ok(Some(0x102)));
        assert_eq!(pdu_size(&[3, 0]), Ok(None));
        assert!(pdu_size(&[1, 2]).is_err());
    }
}
