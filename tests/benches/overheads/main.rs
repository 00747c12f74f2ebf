//! Overheads against the host's own kernel and beside other sandboxes, as ratios within one run: `./bench`.
//! Nothing is asserted about time.

mod calls;
mod frames;
mod program_log;
mod programs;
mod sandbox;
mod size;
mod table;
mod window;

use std::process::ExitCode;

/// A part: its name, what it measures, and how.
type Part = (&'static str, &'static str, fn());

const PARTS: &[Part] = &[
    ("calls", "nanoseconds a system call, patched and by SIGSYS", calls::report),
    ("starts", "seconds to start a new instance and end it", programs::starts),
    ("programs", "seconds of whole work within a running instance", programs::report),
    ("window", "mousepad: seconds from exec to the first frame, and memory while idle", window::report),
    ("frames", "host CPU for a full frame of 1280x720, by either link", frames::report),
    ("size", "bytes on disk of what an instance consists of", size::report),
];

fn main() -> ExitCode {
    // Cargo adds options of its own harness.
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let Some(unknown) = named.iter().find(|name| PARTS.iter().all(|(part, ..)| part != name)) {
        eprintln!("there is no part {unknown}; there are:");
        PARTS.iter().for_each(|(name, what, _)| eprintln!("  {name:<10} {what}"));
        return ExitCode::from(2);
    }
    for (name, what, report) in PARTS {
        if named.is_empty() || named.iter().any(|named| named == name) {
            println!("== {name}: {what}\n");
            report();
            println!();
        }
    }
    ExitCode::SUCCESS
}
