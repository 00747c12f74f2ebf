//! The monitor's own filter, armed once the first process has been made: what the broker, the reaper
//! and the event loop need. Any other call fails with `EPERM` and does nothing.

use libc::sock_filter;

use super::bpf::{answer, if_equal, native_only};

/// A host call that the monitor needs, with the reason.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// Linux x86-64 number.
    pub number: i64,
    /// Linux name.
    pub name: &'static str,
    /// Why.
    pub reason: &'static str,
}

macro_rules! allowed {
    ($($name:ident = $number:expr => $reason:literal),* $(,)?) => {
        &[$(Allowed { number: $number, name: stringify!($name), reason: $reason }),*]
    };
}

pub(super) use allowed;

/// Everything that the monitor may call.
pub const CALLS: &[Allowed] = allowed![
    poll = libc::SYS_poll => "wait for requests, signals and the daemon",
    ppoll = libc::SYS_ppoll => "wait for requests, signals and the daemon",
    read = libc::SYS_read => "signals as a descriptor, the life line, bytes of small files",
    write = libc::SYS_write => "log lines",
    writev = libc::SYS_writev => "log lines",
    recvmsg = libc::SYS_recvmsg => "requests",
    recvfrom = libc::SYS_recvfrom => "requests",
    sendmsg = libc::SYS_sendmsg => "replies, events",
    sendto = libc::SYS_sendto => "replies, events",
    socketpair = libc::SYS_socketpair => "a channel for a new process",
    setsockopt = libc::SYS_setsockopt => "the buffer of a channel, options of a connection",
    shutdown = libc::SYS_shutdown => "end of a connection",
    close = libc::SYS_close => "descriptors",
    fcntl = libc::SYS_fcntl => "descriptors",
    dup = libc::SYS_dup => "descriptors",
    wait4 = libc::SYS_wait4 => "reap processes",
    waitid = libc::SYS_waitid => "reap processes",
    kill = libc::SYS_kill => "end processes of the instance; the PID namespace holds no others",
    openat = libc::SYS_openat => "files below a grant",
    openat2 = libc::SYS_openat2 => "files below a grant",
    fstat = libc::SYS_fstat => "attributes",
    newfstatat = libc::SYS_newfstatat => "attributes",
    statx = libc::SYS_statx => "attributes",
    getdents64 = libc::SYS_getdents64 => "names in a directory",
    lseek = libc::SYS_lseek => "position in a directory",
    readlinkat = libc::SYS_readlinkat => "targets of links",
    unlinkat = libc::SYS_unlinkat => "remove below a writable grant",
    renameat2 = libc::SYS_renameat2 => "rename below a writable grant",
    renameat = libc::SYS_renameat => "rename below a writable grant",
    linkat = libc::SYS_linkat => "link below a writable grant",
    symlinkat = libc::SYS_symlinkat => "link below a writable grant",
    mkdirat = libc::SYS_mkdirat => "make a directory below a writable grant",
    fchmod = libc::SYS_fchmod => "permissions below a writable grant",
    fchmodat = libc::SYS_fchmodat => "permissions below a writable grant",
    fchmodat2 = 452 => "permissions below a writable grant",
    utimensat = libc::SYS_utimensat => "times below a writable grant",
    ftruncate = libc::SYS_ftruncate => "length of a file below a writable grant",
    fallocate = libc::SYS_fallocate => "space of a file below a writable grant",
    fsync = libc::SYS_fsync => "write a file to its device",
    fstatfs = libc::SYS_fstatfs => "space below a grant",
    ioctl = libc::SYS_ioctl => "size of the terminal",
    clock_gettime = libc::SYS_clock_gettime => "rate of log lines",
    getpid = libc::SYS_getpid => "libc",
    gettid = libc::SYS_gettid => "libc",
    getrandom = libc::SYS_getrandom => "libc: hash seeds",
    brk = libc::SYS_brk => "allocator",
    mmap = libc::SYS_mmap => "allocator",
    mremap = libc::SYS_mremap => "allocator",
    munmap = libc::SYS_munmap => "allocator",
    mprotect = libc::SYS_mprotect => "allocator",
    madvise = libc::SYS_madvise => "allocator",
    futex = libc::SYS_futex => "libc",
    sigaltstack = libc::SYS_sigaltstack => "end of the main thread",
    rt_sigaction = libc::SYS_rt_sigaction => "abort",
    rt_sigprocmask = libc::SYS_rt_sigprocmask => "abort",
    rt_sigreturn = libc::SYS_rt_sigreturn => "libc",
    restart_syscall = libc::SYS_restart_syscall => "waits that a stop has interrupted",
    tgkill = libc::SYS_tgkill => "abort",
    exit = libc::SYS_exit => "end",
    exit_group = libc::SYS_exit_group => "end",
];

/// The filter that [`CALLS`] stand for.
#[must_use]
pub fn filter() -> Vec<sock_filter> {
    only(CALLS)
}

/// The filter that lets these calls through; any other fails with `EPERM`.
pub(super) fn only(calls: &[Allowed]) -> Vec<sock_filter> {
    let mut filter = native_only();
    for call in calls {
        // All numbers are small and positive.
        filter.push(if_equal(call.number as u32, 0, 1));
        filter.push(answer(libc::SECCOMP_RET_ALLOW));
    }
    filter.push(answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    filter
}

#[cfg(test)]
mod tests {
    use super::super::bpf::ARCH_X86_64;
    use super::super::bpf::interpreter::{Call, run};
    use super::{CALLS, filter};

    #[test]
    fn only_what_is_listed_runs() {
        let filter = filter();
        for number in 0..600 {
            let call = Call { number, arch: ARCH_X86_64, address: 0, arguments: [0; 6] };
            let listed = CALLS.iter().any(|allowed| allowed.number == i64::from(number));
            let expected =
                if listed { libc::SECCOMP_RET_ALLOW } else { libc::SECCOMP_RET_ERRNO | libc::EPERM as u32 };
            assert_eq!(run(&filter, &call), expected, "{number}");
        }
        for name in ["execve", "ptrace", "socket", "mount", "clone", "setuid"] {
            assert!(CALLS.iter().all(|allowed| allowed.name != name), "{name}");
        }
    }
}
