//! A byte ring in the kernel heap that grows as it is used, up to a limit.

use alloc::vec::Vec;

use crate::errno::Result;

/// Smallest buffer that is allocated.
const FIRST_CAPACITY: usize = 4096;
/// An empty ring gives back a buffer larger than this.
const KEEP_CAPACITY: usize = 64 * 1024;

/// First in, first out, at most `limit` bytes.
#[derive(Debug)]
pub struct Ring {
    buffer: Vec<u8>,
    head: usize,
    len: usize,
    limit: usize,
}

impl Ring {
    /// An empty ring without a buffer.
    pub const fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), head: 0, len: 0, limit }
    }

    /// Bytes in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    pub fn free(&self) -> usize {
        self.limit.saturating_sub(self.len)
    }

    /// Most bytes it may hold.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Changes the limit; bytes beyond it stay until they are read.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.head = 0;
        self.len = 0;
        self.trim();
    }

    /// Appends at most `count` bytes: `source` fills slices, and says how much of each it filled;
    /// less than the whole slice ends it. Returns the bytes appended.
    ///
    /// # Errors
    /// That of `source`, where nothing was appended.
    pub fn fill(
        &mut self,
        count: usize,
        mut source: impl FnMut(&mut [u8]) -> Result<usize>,
    ) -> Result<usize> {
        let count = count.min(self.free());
        self.reserve(count);
        let mut done = 0;
        while done < count {
            let capacity = self.buffer.len();
            let tail = (self.head + self.len) % capacity;
            let step = (count - done).min(capacity - tail);
            match source(&mut self.buffer[tail..tail + step]) {
                Ok(filled) => {
                    self.len += filled;
                    done += filled;
                    if filled < step {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Appends as much of `bytes` as fits; returns the count.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        self.fill(bytes.len(), |slice| {
            slice.copy_from_slice(&bytes[at..at + slice.len()]);
            at += slice.len();
            Ok(slice.len())
        })
        .unwrap_or(0)
    }

    /// Shows at most `count` bytes from `offset` on to `sink`, which says how much of each slice it
    /// took; less than the whole slice ends it. Nothing is removed. Returns the bytes taken.
    ///
    /// # Errors
    /// That of `sink`, where nothing was taken.
    pub fn peek(
        &self,
        offset: usize,
        count: usize,
        mut sink: impl FnMut(&[u8]) -> Result<usize>,
    ) -> Result<usize> {
        let count = count.min(self.len.saturating_sub(offset));
        let mut done = 0;
        while done < count {
            let capacity = self.buffer.len();
            let start = (self.head + offset + done) % capacity;
            let step = (count - done).min(capacity - start);
            match sink(&self.buffer[start..start + step]) {
                Ok(taken) => {
                    done += taken;
                    if taken < step {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Removes at most `count` bytes from the front through `sink`, as [`Self::peek`].
    ///
    /// # Errors
    /// That of `sink`, where nothing was removed.
    pub fn drain(&mut self, count: usize, sink: impl FnMut(&[u8]) -> Result<usize>) -> Result<usize> {
        let taken = self.peek(0, count, sink)?;
        self.skip(taken);
        Ok(taken)
    }

    /// Removes `count` bytes from the front unseen.
    pub fn skip(&mut self, count: usize) {
        let count = count.min(self.len);
        self.len -= count;
        if self.len == 0 {
            self.head = 0;
            self.trim();
        } else {
            self.head = (self.head + count) % self.buffer.len();
        }
    }

    /// Removes `count` bytes from the back.
    pub fn unpush(&mut self, count: usize) {
        self.len -= count.min(self.len);
    }

    /// The byte at `index` from the front.
    pub fn get(&self, index: usize) -> Option<u8> {
        if index >= self.len {
            return None;
        }
        Some(self.buffer[(self.head + index) % self.buffer.len()])
    }

    fn trim(&mut self) {
        if self.buffer.len() > KEEP_CAPACITY {
            self.buffer = Vec::new();
        }
    }

    /// Makes room for `count` more bytes, in order from the start of a new buffer.
    fn reserve(&mut self, count: usize) {
        let wanted = self.len + count;
        if wanted <= self.buffer.len() {
            return;
        }
        let capacity = wanted.next_power_of_two().max(FIRST_CAPACITY).min(self.limit.max(wanted));
        let mut buffer = alloc::vec![0; capacity];
        let first = self.len.min(self.buffer.len() - self.head);
        buffer[..first].copy_from_slice(&self.buffer[self.head..self.head + first]);
        buffer[first..self.len].copy_from_slice(&self.buffer[..self.len - first]);
        self.buffer = buffer;
        self.head = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::Errno;

    fn take(ring: &mut Ring, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        ring.drain(count, |slice| {
            bytes.extend_from_slice(slice);
            Ok(slice.len())
        })
        .unwrap();
        bytes
    }

    #[test]
    fn bytes_come_out_in_order_across_growth_and_wrap() {
        let mut ring = Ring::new(10_000);
        let mut written = 0u32;
        let mut expected = 0u32;
        for round in 0..2000usize {
            let bytes: Vec<u8> = (0..round % 97).map(|index| (written + index as u32) as u8).collect();
            written += ring.push(&bytes) as u32;
            for byte in take(&mut ring, round % 89) {
                assert_eq!(byte, expected as u8);
                expected += 1;
            }
            assert_eq!(ring.len() as u32, written - expected);
        }
        for byte in take(&mut ring, usize::MAX) {
            assert_eq!(byte, expected as u8);
            expected += 1;
        }
        assert_eq!(written, expected);
    }

    #[test]
    fn limit_holds() {
        let mut ring = Ring::new(100);
        assert_eq!(ring.push(&[7; 300]), 100);
        assert_eq!(ring.push(&[7; 1]), 0);
        assert_eq!(take(&mut ring, 30).len(), 30);
        assert_eq!(ring.push(&[8; 300]), 30);
    }

    #[test]
    fn faults_keep_what_was_moved() {
        let mut ring = Ring::new(100);
        assert_eq!(ring.fill(10, |_| Err(Errno::EFAULT)), Err(Errno::EFAULT));
        assert_eq!(
            ring.fill(10, |slice| {
                slice[..4].fill(1);
                Ok(4)
            }),
            Ok(4)
        );
        assert_eq!(ring.len(), 4);
        assert_eq!(ring.drain(4, |_| Err(Errno::EFAULT)), Err(Errno::EFAULT));
        assert_eq!(ring.drain(4, |_| Ok(1)), Ok(1));
        assert_eq!(ring.len(), 3);
    }

    #[test]
    fn peek_leaves_bytes_and_unpush_removes_the_last() {
        let mut ring = Ring::new(100);
        ring.push(b"hello");
        ring.unpush(1);
        let mut seen = Vec::new();
        ring.peek(1, 10, |slice| {
            seen.extend_from_slice(slice);
            Ok(slice.len())
        })
        .unwrap();
        assert_eq!(seen, b"ell");
        assert_eq!(ring.len(), 4);
        assert_eq!(ring.get(3), Some(b'l'));
        assert_eq!(ring.get(4), None);
    }
}
