//! Caps for each instance.

use std::time::Duration;

/// What one instance may use up on its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLimits {
    /// Windows and popups at a time.
    pub windows: usize,
    /// Named buffers at a time.
    pub buffers: usize,
    /// Longest side of a buffer, in pixels.
    pub side: u32,
    /// Messages a second, in the long run.
    pub message_rate: u32,
    /// Messages at once, after a quiet time.
    pub message_burst: u32,
    /// Bytes for the instance that it has not read, beyond what the socket holds.
    pub unread_bytes: usize,
    /// How long it may go without reading any of them.
    pub unread_time: Duration,
    /// Presents of a window, or RDPGFX frames on average for each window, that wait for their acknowledgement.
    pub unacknowledged: usize,
}

impl Default for LinkLimits {
    fn default() -> Self {
        Self {
            windows: 500,
            buffers: 4000,
            side: bailey_link::limits::MAX_SIDE,
            message_rate: 10_000,
            message_burst: 20_000,
            unread_bytes: 256 << 10,
            unread_time: Duration::from_secs(20),
            unacknowledged: bailey_link::limits::MAX_UNACKED_PRESENTS,
        }
    }
}
