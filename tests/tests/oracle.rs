//! Conformance: the programs of `tests/oracle/` run on Linux and in an instance, and must agree.

use bailey_tests::conformance;

/// Lines that may differ, each with the reason: (program, text that the line holds, reason).
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "coreutils_listing.sh",
        " /bin -> usr/bin",
        "the link is made when the instance starts, so its time differs",
    ),
    (
        "coreutils_listing.sh",
        "rules.d",
        "system files are shown as root's; this one belongs to a service's user",
    ),
    (
        "files.c",
        "open(\".\", O_TMPFILE | O_RDWR, 0640): ",
        "a file of the home cannot be given a name later without names of descriptors, which the monitor lacks",
    ),
    (
        "files.c",
        "preadv2(fd, &in, 1, 0, RWF_NOWAIT): ",
        "Linux's tmpfs does not know RWF_NOWAIT; here it never waits",
    ),
    (
        "inotify.c",
        "setxattr(\"x\", \"user.first\", \"value\", 5, 0): ",
        "files of the home have no extended attributes",
    ),
    ("mmap.c", "resident ", "which pages are in memory is not asked of the host: every mapped page counts"),
    (
        "sched.c",
        "6 MiB of stack: ",
        "the first thread's stack has the size that its limit gave when the program began",
    ),
    (
        "procfs.c",
        "resident is",
        "which pages are in memory is not asked of the host: every mapped page counts",
    ),
    ("procfs.c", "auxv: ", "what a program was started with is on its stack only"),
    ("procfs.c", "adjusted: ", "nothing here ends programs for want of memory, so no score is kept"),
    ("procfs.c", "/proc/new", "Linux finds no such name before it looks at the mode, which forbids both"),
    ("procfs.c", "unlink(", "Linux finds that procfs removes nothing before it looks at the mode"),
    (
        "threads.c",
        "SYS_membarrier",
        "there is none: programs go on by other barriers, as on kernels without it",
    ),
    ("threads.c", "SYS_rseq", "there is none: glibc and allocators go on without, as on kernels before it"),
    (
        "ipc_epoll.c",
        "[1 3]",
        "of two ready files the one that was queued before, and then found not ready, comes first",
    ),
];

macro_rules! programs {
    ($($name:ident: $program:literal),* $(,)?) => { $(
        #[test]
        fn $name() {
            conformance::agrees_with_linux($program, DIFFERENCES);
        }
    )* };
}

programs! {
    bash_jobs: "bash_jobs.sh",
    bash_pipelines: "bash_pipelines.sh",
    bash_traps: "bash_traps.sh",
    call_sites: "call_sites.sh",
    clocks: "clocks.c",
    coreutils_files: "coreutils_files.sh",
    coreutils_listing: "coreutils_listing.sh",
    directories: "directories.c",
    edges: "edges.c",
    execs: "execs.c",
    files: "files.c",
    gcc_hello: "gcc_hello.sh",
    git_history: "git_history.sh",
    inotify: "inotify.c",
    ipc_clone: "ipc_clone.c",
    ipc_epoll: "ipc_epoll.c",
    ipc_futexes: "ipc_futexes.c",
    ipc_pipes: "ipc_pipes.c",
    ipc_sockets: "ipc_sockets.c",
    jobs: "jobs.c",
    memfd: "memfd.c",
    mmap: "mmap.c",
    perl_basics: "perl_basics.sh",
    posix_ipc: "posix_ipc.c",
    processes: "processes.c",
    procfs: "procfs.c",
    ptys: "ptys.c",
    python_basics: "python_basics.py",
    python_files: "python_files.py",
    python_pty: "python_pty.py",
    read_ahead: "read_ahead.c",
    sched: "sched.c",
    signal_frames: "signal_frames.c",
    signals: "signals.c",
    stacks: "stacks.c",
    threads: "threads.c",
    sysv: "sysv.c",
    vdso: "vdso.sh",
}
