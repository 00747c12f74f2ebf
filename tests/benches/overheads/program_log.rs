//! What a program in an instance prints, as it comes.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// The lines of a file that grows, for at most `limit`.
pub(crate) fn follow(path: &Path, limit: Duration) -> impl Iterator<Item = String> {
    let end = Instant::now() + limit;
    let mut file = File::open(path).expect("the instance's log");
    let mut waiting = Vec::new();
    std::iter::from_fn(move || {
        while Instant::now() < end {
            if let Some(length) = waiting.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = waiting.drain(..=length).collect();
                return Some(String::from_utf8_lossy(&line[..length]).into_owned());
            }
            if file.read_to_end(&mut waiting).unwrap_or(0) == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        None
    })
}
