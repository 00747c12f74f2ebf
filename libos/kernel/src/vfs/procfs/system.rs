//! Files of `/proc` that are about the whole instance.

use alloc::format;
use alloc::string::{String, ToString};

use crate::errno::Result;
use crate::sync::Once;
use crate::syscall::system::{RELEASE, VERSION};
use crate::task;
use crate::time::{Clock, now};
use crate::vfs::procfs::process;
use crate::vfs::synthetic::Subject;
use crate::vfs::{memfd, setup};

pub(super) const FILE_SYSTEMS: &str = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevpts\n\text4\n";
pub(super) const DEVICES: &str =
    "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n";

pub(super) fn hostname(_: &Subject) -> Result<String> {
    Ok(format!("{}\n", setup::machine().hostname))
}

pub(super) fn release(_: &Subject) -> Result<String> {
    Ok(format!("{RELEASE}\n"))
}

pub(super) fn version(_: &Subject) -> Result<String> {
    Ok(format!("Linux version {RELEASE} (bailey) {VERSION}\n"))
}

pub(super) fn version_only(_: &Subject) -> Result<String> {
    Ok(format!("{VERSION}\n"))
}

fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    crate::host::random_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('\n');
    text
}

pub(super) fn fresh_uuid(_: &Subject) -> Result<String> {
    Ok(uuid())
}

pub(super) fn boot_id(_: &Subject) -> Result<String> {
    static BOOT_ID: Once<String> = Once::new();
    if BOOT_ID.get().is_none() {
        BOOT_ID.set(uuid());
    }
    Ok(BOOT_ID.get().cloned().unwrap_or_default())
}

pub(super) fn uptime(_: &Subject) -> Result<String> {
    let up = now(Clock::Boottime);
    Ok(format!("{}.{:02} 0.00\n", up.as_secs(), up.subsec_millis() / 10))
}

pub(super) fn loadavg(_: &Subject) -> Result<String> {
    let processes = task::all_processes();
    let last = processes.iter().map(|process| process.pid()).max().unwrap_or(1);
    Ok(format!("0.00 0.00 0.00 1/{} {last}\n", processes.len()))
}

pub(super) fn meminfo(_: &Subject) -> Result<String> {
    let total = setup::machine().memory / 1024;
    let shared = (memfd::total_pages() - memfd::free_pages()) * 4;
    let free = total.saturating_sub(shared) / 2;
    let lines = [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", shared),
        ("SwapCached", 0),
        ("Active", 0),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", 0),
        ("Mapped", 0),
        ("Shmem", shared),
        ("Slab", 0),
        ("SReclaimable", 0),
        ("SUnreclaim", 0),
        ("KernelStack", 0),
        ("PageTables", 0),
        ("CommitLimit", total),
        ("Committed_AS", 0),
    ];
    Ok(lines.iter().fold(String::new(), |text, (name, value)| {
        format!("{text}{:<16}{value:>8} kB\n", format!("{name}:"))
    }))
}

pub(super) fn stat(_: &Subject) -> Result<String> {
    let up = now(Clock::Boottime);
    let boot = now(Clock::Realtime).saturating_sub(up).as_secs();
    let processes = task::all_processes();
    // What the instance's processes have used, spread evenly: which processor it was is not known.
    let used: u64 =
        processes.iter().map(|process| process::processor_ticks(process).iter().sum::<u64>()).sum();
    let cpus = u64::from(setup::machine().cpus.max(1));
    let (busy, all) = (used / cpus, up.as_secs() * 100);
    let idle = all.saturating_sub(busy);
    let mut text = format!("cpu  {used} 0 0 {} 0 0 0 0 0 0\n", idle * cpus);
    for cpu in 0..cpus {
        text.push_str(&format!("cpu{cpu} {busy} 0 0 {idle} 0 0 0 0 0 0\n"));
    }
    let processes = processes.len();
    text.push_str(&format!(
        "intr 0\nctxt 0\nbtime {boot}\nprocesses {processes}\nprocs_running 1\nprocs_blocked 0\nsoftirq 0\n"
    ));
    Ok(text)
}

pub(super) fn mounts(_: &Subject) -> Result<String> {
    Ok(setup::mounts().iter().fold(String::new(), |text, [source, path, kind, options]| {
        format!("{text}{source} {} {kind} {options} 0 0\n", path.replace(' ', "\\040"))
    }))
}

pub(super) fn mountinfo(_: &Subject) -> Result<String> {
    let mut text = String::new();
    for (index, [source, path, kind, options]) in setup::mounts().iter().enumerate() {
        let (id, parent) = (index + 1, usize::from(index > 0));
        let path = path.replace(' ', "\\040");
        text.push_str(&format!("{id} {parent} 0:{id} / {path} {options} - {kind} {source} rw\n"));
    }
    Ok(text)
}

pub(super) fn mounts_link(_: &Subject) -> Result<String> {
    Ok("self/mounts".to_string())
}

pub(super) fn net_link(_: &Subject) -> Result<String> {
    Ok("self/net".to_string())
}
