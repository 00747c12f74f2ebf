//! What processes of ours the host has, by `/proc`.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// A process of the host.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// State letter of `proc(5)`.
    pub state: char,
}

/// Every process of the host.
pub fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found: Vec<Process> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn read(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything; the fields follow its last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some(Process { pid, parent: fields.next()?.parse().ok()?, state })
}

/// The live descendants of a process, itself left out, oldest first.
pub fn descendants(root: u32) -> Vec<u32> {
    let all = all();
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(
            all.iter()
                .filter(|process| process.parent == parent && process.state != 'Z')
                .map(|process| process.pid),
        );
        next += 1;
    }
    found.remove(0);
    found.sort_unstable();
    found
}

/// The processes that run an executable below `folder`.
pub fn running_from(folder: &Path) -> Vec<u32> {
    let inside =
        |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.starts_with(folder));
    all().into_iter().map(|process| process.pid).filter(|pid| inside(*pid)).collect()
}

/// Memory that belongs to a process, shared pages in proportion, in KiB (`proc(5)`, `smaps_rollup`).
pub fn proportional_set_size(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The same of its mappings of one file, whose name begins so (`proc(5)`, `smaps`).
pub fn proportional_size_of(pid: u32, file: &str) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).ok()?;
    let (mut of_file, mut size) = (false, 0);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("Pss:") if of_file => size += words.next()?.parse::<u64>().ok()?,
            // A mapping: addresses, permissions, offset, device, inode, name.
            Some(first) if !first.ends_with(':') => {
                of_file = words.nth(4).is_some_and(|name| name.starts_with(file));
            }
            _ => {}
        }
    }
    Some(size)
}

/// How often a process's threads have slept so far (`proc(5)`, `voluntary_ctxt_switches`): each sleep ends by a wake-up.
pub fn sleeps(pid: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let sleeps = threads.filter_map(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Some(sleeps.sum())
}

/// Processor time that a process has used, its ended threads included (`clock_getcpuclockid(3)`).
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let pid = i32::try_from(pid).ok()?;
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the variable that it is given.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    // SAFETY: the call fills the variable that it is given.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// Processor time of all children that have ended and were waited for, and of theirs (`getrusage(2)`).
pub fn cpu_time_of_ended_children() -> Duration {
    // SAFETY: a usage of zeroes is a valid one.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the call fills the variable that it is given.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) } != 0 {
        return Duration::ZERO;
    }
    let time = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// A process of the test's own; ends with the value.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
