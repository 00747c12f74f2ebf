//! Reading and writing of bodies.

use ironrdp_core::{Encode, ReadCursor, WriteCursor};

use crate::error::Fault;

/// Reads the little-endian fields of our own PDUs.
pub(crate) trait Fields {
    fn u8(&mut self) -> Result<u8, Fault>;
    fn u32(&mut self) -> Result<u32, Fault>;
    fn u64(&mut self) -> Result<u64, Fault>;
    /// Checks that nothing is left over.
    fn end(&self) -> Result<(), Fault>;
}

fn need(src: &ReadCursor<'_>, bytes: usize) -> Result<(), Fault> {
    if src.len() < bytes {
        Err(Fault::new(format!("{bytes} bytes needed, {} left", src.len())))
    } else {
        Ok(())
    }
}

impl Fields for ReadCursor<'_> {
    fn u8(&mut self) -> Result<u8, Fault> {
        need(self, 1)?;
        Ok(self.read_u8())
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        need(self, 4)?;
        Ok(self.read_u32())
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        need(self, 8)?;
        Ok(self.read_u64())
    }

    fn end(&self) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { Err(Fault::new(format!("{} bytes left over", self.len()))) }
    }
}

/// Appends little-endian fields.
pub(crate) fn put(out: &mut Vec<u8>, fields: &[u32]) {
    for field in fields {
        out.extend_from_slice(&field.to_le_bytes());
    }
}

/// Appends a PDU of RDP.
pub(crate) fn put_pdu(out: &mut Vec<u8>, pdu: &impl Encode) -> Result<(), Fault> {
    let start = out.len();
    out.resize(start + pdu.size(), 0);
    pdu.encode(&mut WriteCursor::new(&mut out[start..]))?;
    Ok(())
}
