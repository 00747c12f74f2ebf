//! The instance's log: lines on standard error, bounded in rate and cleaned of control characters.

use std::io::Write;
use std::time::{Duration, Instant};

const MOST_LINE_BYTES: usize = 4096;
/// Lines that an instance may write in [`PERIOD`]; what is more is counted and left out.
const MOST_LINES: u32 = 200;
const PERIOD: Duration = Duration::from_secs(1);

/// Writes log lines.
#[derive(Debug)]
pub struct Log {
    name: String,
    /// Whether the terminal is raw, so that lines need a carriage return.
    raw: bool,
    unbounded: bool,
    since: Instant,
    lines: u32,
    dropped: u32,
}

impl Log {
    /// A log of the instance `name`. `unbounded` lifts the limit on the rate (for tracing).
    #[must_use]
    pub fn new(name: &str, raw: bool, unbounded: bool) -> Self {
        Self { name: name.to_owned(), raw, unbounded, since: Instant::now(), lines: 0, dropped: 0 }
    }

    /// A line of the monitor's own.
    pub fn line(&mut self, text: &str) {
        self.write(text);
    }

    /// A line that the instance has written.
    pub fn guest(&mut self, text: &str) {
        if !self.unbounded && !self.within_rate() {
            self.dropped += 1;
            return;
        }
        if self.dropped > 0 {
            let dropped = std::mem::take(&mut self.dropped);
            self.write(&format!("{dropped} lines left out"));
        }
        for line in text.trim_end().lines() {
            self.write(line);
        }
    }

    fn within_rate(&mut self) -> bool {
        if self.since.elapsed() >= PERIOD {
            self.since = Instant::now();
            self.lines = 0;
        }
        self.lines += 1;
        self.lines <= MOST_LINES
    }

    fn write(&self, text: &str) {
        let clean = |character: char| if character.is_control() { '?' } else { character };
        let text: String = text.chars().take(MOST_LINE_BYTES).map(clean).collect();
        let end = if self.raw { "\r\n" } else { "\n" };
        let line = format!("bailey[{}]: {text}{end}", self.name);
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
