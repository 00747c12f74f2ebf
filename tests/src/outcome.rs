//! What a program did, and how two outcomes differ.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit status; 128 + signal for a death by signal.
    pub status: i32,
}

/// Runs a command to its end with an empty standard input. One that takes longer than `limit` is killed with
/// its process group, and the test fails.
pub fn run(command: &mut Command, limit: Duration) -> Outcome {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let group = i32::try_from(child.id()).expect("a process id");
    let (done, finished) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let late = finished.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if late {
            // SAFETY: kill only takes numbers; the group is our child's, which we have not reaped.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
        late
    });
    let output = child.wait_with_output().expect("the child's output");
    drop(done);
    let late = watchdog.join().expect("the watchdog");
    let outcome = Outcome {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        status: output
            .status
            .code()
            .or_else(|| output.status.signal().map(|signal| 128 + signal))
            .unwrap_or(-1),
    };
    assert!(!late, "{command:?} took longer than {limit:?}\n{}", outcome.describe());
    outcome
}

impl Outcome {
    /// The outcome as text.
    pub fn describe(&self) -> String {
        format!("status {}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr)
    }

    /// How `self` differs from what Linux does; nothing where they agree. `explained` says of a line whether
    /// its difference has a known reason.
    pub fn difference(&self, linux: &Self, explained: impl Fn(&str) -> bool) -> Option<String> {
        let mut text = String::new();
        if self.status != linux.status {
            let _ = writeln!(text, "status {} where Linux gives {}", self.status, linux.status);
        }
        for (name, ours, theirs) in
            [("stdout", &self.stdout, &linux.stdout), ("stderr", &self.stderr, &linux.stderr)]
        {
            let ours: Vec<&str> = ours.lines().filter(|line| !explained(line)).collect();
            let theirs: Vec<&str> = theirs.lines().filter(|line| !explained(line)).collect();
            if ours != theirs {
                let first = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
                let _ = writeln!(text, "{name} differs from line {}:", first + 1);
                for line in theirs.iter().skip(first).take(6) {
                    let _ = writeln!(text, "  linux  {line}");
                }
                for line in ours.iter().skip(first).take(6) {
                    let _ = writeln!(text, "  bailey {line}");
                }
            }
        }
        (!text.is_empty()).then_some(text)
    }
}
