//! The filter of the network process: what it takes to connect sockets and to ask the host's resolver,
//! whose modules are the host's own choice. Any other call fails with `EPERM` and does nothing.

use libc::sock_filter;

use super::own::{Allowed, allowed, only};

/// Everything that the network process may call.
pub const CALLS: &[Allowed] = allowed![
    socket = libc::SYS_socket => "connections, the resolver",
    socketpair = libc::SYS_socketpair => "answers of look-ups",
    connect = libc::SYS_connect => "granted destinations, the resolver",
    bind = libc::SYS_bind => "the resolver: its own port; Landlock forbids those of TCP",
    getsockname = libc::SYS_getsockname => "the resolver",
    getpeername = libc::SYS_getpeername => "the resolver",
    getsockopt = libc::SYS_getsockopt => "the resolver",
    setsockopt = libc::SYS_setsockopt => "the resolver",
    shutdown = libc::SYS_shutdown => "the resolver",
    sendto = libc::SYS_sendto => "answers, questions to the resolver",
    sendmsg = libc::SYS_sendmsg => "answers, questions to the resolver",
    sendmmsg = libc::SYS_sendmmsg => "questions to the resolver",
    recvfrom = libc::SYS_recvfrom => "questions, the resolver's answers",
    recvmsg = libc::SYS_recvmsg => "questions, the resolver's answers",
    recvmmsg = libc::SYS_recvmmsg => "the resolver's answers",
    poll = libc::SYS_poll => "the resolver",
    ppoll = libc::SYS_ppoll => "the resolver",
    select = libc::SYS_select => "the resolver",
    epoll_create1 = libc::SYS_epoll_create1 => "the resolver's modules",
    epoll_ctl = libc::SYS_epoll_ctl => "the resolver's modules",
    epoll_wait = libc::SYS_epoll_wait => "the resolver's modules",
    epoll_pwait = libc::SYS_epoll_pwait => "the resolver's modules",
    eventfd2 = libc::SYS_eventfd2 => "the resolver's modules",
    timerfd_create = libc::SYS_timerfd_create => "the resolver's modules",
    timerfd_settime = libc::SYS_timerfd_settime => "the resolver's modules",
    read = libc::SYS_read => "configuration of the resolver",
    readv = libc::SYS_readv => "configuration of the resolver",
    pread64 = libc::SYS_pread64 => "modules of the resolver",
    write = libc::SYS_write => "answers of look-ups",
    writev = libc::SYS_writev => "the resolver",
    openat = libc::SYS_openat => "configuration and modules of the resolver; Landlock keeps it to reading",
    open = libc::SYS_open => "configuration and modules of the resolver; Landlock keeps it to reading",
    access = libc::SYS_access => "configuration of the resolver",
    faccessat = libc::SYS_faccessat => "configuration of the resolver",
    faccessat2 = libc::SYS_faccessat2 => "configuration of the resolver",
    stat = libc::SYS_stat => "configuration of the resolver",
    fstat = libc::SYS_fstat => "configuration of the resolver",
    lstat = libc::SYS_lstat => "configuration of the resolver",
    newfstatat = libc::SYS_newfstatat => "configuration of the resolver",
    statx = libc::SYS_statx => "configuration of the resolver",
    readlink = libc::SYS_readlink => "configuration of the resolver",
    readlinkat = libc::SYS_readlinkat => "configuration of the resolver",
    getdents64 = libc::SYS_getdents64 => "configuration of the resolver",
    lseek = libc::SYS_lseek => "configuration of the resolver",
    close = libc::SYS_close => "descriptors",
    fcntl = libc::SYS_fcntl => "descriptors",
    dup = libc::SYS_dup => "descriptors",
    ioctl = libc::SYS_ioctl => "the resolver: bytes that wait, blocking",
    uname = libc::SYS_uname => "the resolver",
    sysinfo = libc::SYS_sysinfo => "the resolver's modules",
    getpid = libc::SYS_getpid => "libc",
    gettid = libc::SYS_gettid => "libc",
    getuid = libc::SYS_getuid => "the resolver's modules",
    geteuid = libc::SYS_geteuid => "the resolver's modules",
    getgid = libc::SYS_getgid => "the resolver's modules",
    getegid = libc::SYS_getegid => "the resolver's modules",
    getrandom = libc::SYS_getrandom => "numbers of questions",
    clock_gettime = libc::SYS_clock_gettime => "time-outs",
    gettimeofday = libc::SYS_gettimeofday => "time-outs",
    clock_nanosleep = libc::SYS_clock_nanosleep => "time-outs",
    nanosleep = libc::SYS_nanosleep => "time-outs",
    time = libc::SYS_time => "time-outs",
    clone = libc::SYS_clone => "a thread for each look-up",
    clone3 = libc::SYS_clone3 => "a thread for each look-up",
    set_robust_list = libc::SYS_set_robust_list => "threads",
    rseq = libc::SYS_rseq => "threads",
    prctl = libc::SYS_prctl => "names of threads",
    sched_getaffinity = libc::SYS_sched_getaffinity => "allocator, threads",
    sched_yield = libc::SYS_sched_yield => "threads",
    membarrier = libc::SYS_membarrier => "threads",
    prlimit64 = libc::SYS_prlimit64 => "stacks of threads",
    futex = libc::SYS_futex => "threads",
    brk = libc::SYS_brk => "allocator",
    mmap = libc::SYS_mmap => "allocator, modules of the resolver",
    mremap = libc::SYS_mremap => "allocator",
    munmap = libc::SYS_munmap => "allocator",
    mprotect = libc::SYS_mprotect => "allocator, modules of the resolver",
    madvise = libc::SYS_madvise => "allocator",
    sigaltstack = libc::SYS_sigaltstack => "threads",
    rt_sigaction = libc::SYS_rt_sigaction => "the resolver, abort",
    rt_sigprocmask = libc::SYS_rt_sigprocmask => "threads",
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

#[cfg(test)]
mod tests {
    use super::CALLS;

    #[test]
    fn it_starts_no_program_and_listens_nowhere() {
        let forbidden = [
            "execve", "execveat", "listen", "accept", "accept4", "ptrace", "mount", "setuid", "kill",
            "unshare",
        ];
        for name in forbidden {
            assert!(CALLS.iter().all(|allowed| allowed.name != name), "{name}");
        }
    }
}
