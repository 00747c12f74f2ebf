//! Counters of system calls: words of the shared region that the kernel counts in and the host reads.
//!
//! ```text
//! word 0 ..     calls by the patched path, by number ([`NUMBERS`] words; the last is for all higher numbers)
//! then          calls that were trapped, likewise
//! then          [`MISSES`] times: number and error, what was asked for, how often
//! last          misses that found no place
//! ```
//!
//! Where they lie [`crate::boot::Handoff::counts`] says. What an instance writes there is believed as far as it
//! goes: it counts its own calls.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Numbers that are counted apart.
pub const NUMBERS: usize = 512;
/// Different misses that are kept.
pub const MISSES: usize = 256;
/// Word where trapped calls begin.
pub const TRAPPED: usize = NUMBERS;
/// Word where misses begin.
pub const FIRST_MISS: usize = 2 * NUMBERS;
/// Words of a miss: number in the high half and error in the low of the first, then detail and count.
pub const MISS_WORDS: usize = 3;
/// Word of the misses that found no place.
pub const LOST: usize = FIRST_MISS + MISSES * MISS_WORDS;
/// Words in all.
pub const WORDS: usize = LOST + 1;
/// Bytes in all.
pub const BYTES: usize = WORDS * 8;

/// How often a call was made.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct CallCount {
    /// Linux x86-64 number; 511 stands for all from there on.
    pub number: u32,
    /// By a patched site.
    pub patched: u64,
    /// By a trap (`SIGSYS`).
    pub trapped: u64,
}

/// Something asked for in vain.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Miss {
    /// Linux x86-64 number of the call.
    pub number: u32,
    /// Linux error number of the answer.
    pub error: u32,
    /// The argument that says what was asked for (command of ioctl(2), option of prctl(2), …), or 0.
    pub detail: u64,
    /// How often.
    pub count: u64,
}

/// What the counters show.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Calls that were made, by number.
    pub calls: Vec<CallCount>,
    /// What was asked for in vain.
    pub missed: Vec<Miss>,
    /// Misses that are not listed for want of place.
    pub lost: u64,
}

impl Counts {
    /// Reads counters from their bytes; missing bytes count as zero.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let word = |index: usize| {
            let bytes = bytes.get(index * 8..index * 8 + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u64::from_le_bytes)
        };
        let call = |number: usize| CallCount {
            number: u32::try_from(number).unwrap_or(u32::MAX),
            patched: word(number),
            trapped: word(TRAPPED + number),
        };
        let miss = |index: usize| {
            let at = FIRST_MISS + index * MISS_WORDS;
            let [high, low] = [(word(at) >> 32) as u32, word(at) as u32];
            Miss { number: high, error: low, detail: word(at + 1), count: word(at + 2) }
        };
        let calls = (0..NUMBERS).map(call).filter(|call| call.patched != 0 || call.trapped != 0);
        let missed = (0..MISSES).map(miss).filter(|miss| miss.count != 0);
        Self { calls: calls.collect(), missed: missed.collect(), lost: word(LOST) }
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, CallCount, Counts, FIRST_MISS, LOST, Miss, NUMBERS, TRAPPED};

    #[test]
    fn words_are_read_by_their_places() {
        let mut bytes = alloc::vec![0; BYTES];
        let mut put = |word: usize, value: u64| bytes[word * 8..][..8].copy_from_slice(&value.to_le_bytes());
        put(39, 5);
        put(TRAPPED + NUMBERS - 1, 6);
        put(FIRST_MISS, 16 << 32 | 25);
        put(FIRST_MISS + 1, 0x5401);
        put(FIRST_MISS + 2, 7);
        put(LOST, 8);
        let counts = Counts::read(&bytes);
        assert_eq!(
            counts.calls,
            [
                CallCount { number: 39, patched: 5, trapped: 0 },
                CallCount { number: 511, patched: 0, trapped: 6 }
            ]
        );
        assert_eq!(counts.missed, [Miss { number: 16, error: 25, detail: 0x5401, count: 7 }]);
        assert_eq!(counts.lost, 8);
        assert_eq!(Counts::read(&bytes[..100]), Counts::default());
    }
}
