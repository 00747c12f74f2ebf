//! `bailey run --no-display --count-syscalls`

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result};
use bailey_abi::counts::Counts;
use bailey_monitor::control::FromMonitor;
use rustix::net::SocketType;
use rustix::process::{Pid, Signal};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::syscalls;
use crate::counters::Counters;
use crate::daemon::{inherit, pair, receive};

/// Runs the monitor as a child, with a line on which it says where the instance counts; prints that after its end.
pub(super) fn run(mut monitor: Command, command: &[String], json: bool) -> Result<ExitCode> {
    let (line, theirs) = pair(SocketType::SEQPACKET)?;
    inherit(&theirs)?;
    monitor.args(["--control-fd", &theirs.as_raw_fd().to_string()]).arg("--").args(command);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(wait(monitor, theirs))?;
    let counts = counters(&line).map(|counters| counters.read()).transpose()?.unwrap_or_default();
    print(&counts, json)?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

/// Waits for the monitor. The terminal's signals reach it by themselves; one meant for us is passed on.
async fn wait(monitor: Command, line: OwnedFd) -> Result<ExitStatus> {
    let mut child = tokio::process::Command::from(monitor).spawn().context("the monitor cannot be run")?;
    drop(line);
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut quits = signal(SignalKind::quit())?;
    let mut terminations = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupts.recv() => {}
            _ = quits.recv() => {}
            _ = terminations.recv() => {
                if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
                    let _ = rustix::process::kill_process(pid, Signal::TERM);
                }
            }
        }
    }
}

/// What the monitor said about its counters.
fn counters(line: &OwnedFd) -> Option<Counters> {
    loop {
        let (bytes, fd) = receive(line).ok().filter(|(bytes, _)| !bytes.is_empty())?;
        if let (Ok(FromMonitor::Counts { offset }), Some(fd)) = (serde_json::from_slice(&bytes), fd) {
            return Some(Counters::new(fd, offset));
        }
    }
}

/// On standard error: standard output is the program's.
fn print(counts: &Counts, json: bool) -> Result<()> {
    if json {
        let document =
            json!({"calls": syscalls::counts_json(counts), "missed": syscalls::missed_json(counts)});
        eprintln!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        eprint!("{}{}", syscalls::counts_text(counts), syscalls::missed_text(counts));
    }
    Ok(())
}
