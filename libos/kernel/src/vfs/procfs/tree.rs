//! The tree of `/proc`.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::task::{self, Process};
use crate::vfs::OpenFile;
use crate::vfs::procfs::{cpuinfo, descriptors, maps, net, process, system, sysvipc};
use crate::vfs::synthetic::{Listing, Node, Subject, SyntheticFs, SyntheticInode};

static PROCFS: SyntheticFs = SyntheticFs { name: "proc", dev: 0x0ff0_0002, magic: 0x9fa0 };

struct Processes;

impl Listing for Processes {
    fn names(&self, _: &Subject) -> Result<Vec<String>> {
        let mut pids: Vec<i32> = task::all_processes().iter().map(|process| process.pid()).collect();
        pids.sort_unstable();
        Ok(pids.iter().map(ToString::to_string).collect())
    }

    fn find(&self, _: &Subject, name: &str) -> Result<(&'static Node, Subject)> {
        let pid: i32 = name.parse().map_err(|_| Errno::ENOENT)?;
        // A thread's number leads to its process, though it is not listed.
        let found = task::find_process(pid)
            .or_else(|| task::find_thread(pid).map(|thread| thread.process().clone()))
            .ok_or(Errno::ENOENT)?;
        Ok((&PROCESS, Subject { process: Some(found), ..Subject::default() }))
    }
}

struct Threads;

impl Listing for Threads {
    fn names(&self, subject: &Subject) -> Result<Vec<String>> {
        let process = subject.process.as_ref().ok_or(Errno::ENOENT)?;
        let mut tids: Vec<i32> = process.threads.lock().iter().map(|thread| thread.tid).collect();
        tids.sort_unstable();
        Ok(tids.iter().map(ToString::to_string).collect())
    }

    fn find(&self, subject: &Subject, name: &str) -> Result<(&'static Node, Subject)> {
        let tid: i32 = name.parse().map_err(|_| Errno::ENOENT)?;
        let process = subject.process.as_ref().ok_or(Errno::ENOENT)?;
        if process.threads.lock().iter().any(|thread| thread.tid == tid) {
            Ok((&THREAD, Subject { thread: Some(tid), ..subject.clone() }))
        } else {
            Err(Errno::ENOENT)
        }
    }
}

static THREAD: Node = Node::Directory(&[
    ("cgroup", Node::Fixed("0::/\n")),
    ("cmdline", Node::Text(process::command_line)),
    ("comm", Node::Store(process::name, process::set_name)),
    ("cwd", Node::Magic(process::directory)),
    ("environ", Node::Private(process::environment)),
    ("exe", Node::Magic(process::executable)),
    ("fd", Node::Dynamic(&descriptors::Links, &[])),
    ("fdinfo", Node::Dynamic(&descriptors::Infos, &[])),
    ("limits", Node::Text(process::limits)),
    ("maps", Node::Text(maps::maps)),
    ("mountinfo", Node::Text(system::mountinfo)),
    ("mounts", Node::Text(system::mounts)),
    ("oom_score_adj", Node::Store(process::zero, process::check_score)),
    ("root", Node::Magic(process::root_directory)),
    ("smaps", Node::Text(maps::smaps)),
    ("stat", Node::Text(process::stat)),
    ("statm", Node::Text(process::statm)),
    ("status", Node::Text(process::status)),
]);

static PROCESS: Node = Node::Directory(&[
    ("auxv", Node::Private(process::empty)),
    ("cgroup", Node::Fixed("0::/\n")),
    ("cmdline", Node::Text(process::command_line)),
    ("comm", Node::Store(process::name, process::set_name)),
    ("cwd", Node::Magic(process::directory)),
    ("environ", Node::Private(process::environment)),
    ("exe", Node::Magic(process::executable)),
    ("fd", Node::Dynamic(&descriptors::Links, &[])),
    ("fdinfo", Node::Dynamic(&descriptors::Infos, &[])),
    ("io", Node::Private(process::io)),
    ("limits", Node::Text(process::limits)),
    ("loginuid", Node::Fixed("4294967295")),
    ("maps", Node::Text(maps::maps)),
    ("mountinfo", Node::Text(system::mountinfo)),
    ("mounts", Node::Text(system::mounts)),
    ("net", Node::Directory(NET)),
    ("oom_adj", Node::Store(process::zero, process::ignore)),
    ("oom_score", Node::Fixed("0\n")),
    ("oom_score_adj", Node::Store(process::zero, process::check_score)),
    ("root", Node::Magic(process::root_directory)),
    ("sessionid", Node::Fixed("4294967295")),
    ("smaps", Node::Text(maps::smaps)),
    ("smaps_rollup", Node::Text(maps::rollup)),
    ("stat", Node::Text(process::stat)),
    ("statm", Node::Text(process::statm)),
    ("status", Node::Text(process::status)),
    ("task", Node::Dynamic(&Threads, &[])),
    ("timerslack_ns", Node::Store(process::slack, process::ignore)),
    ("wchan", Node::Fixed("0")),
]);

const NET: &[(&str, Node)] = &[
    ("dev", Node::Text(net::devices)),
    ("if_inet6", Node::Text(net::addresses_v6)),
    ("ipv6_route", Node::Text(net::routes_v6)),
    ("route", Node::Text(net::routes)),
    ("tcp", Node::Fixed(net::SOCKETS)),
    ("tcp6", Node::Fixed(net::SOCKETS)),
    ("udp", Node::Fixed(net::SOCKETS)),
    ("unix", Node::Fixed("Num       RefCount Protocol Flags    Type St Inode Path\n")),
];

const SYS_KERNEL: &[(&str, Node)] = &[
    ("cap_last_cap", Node::Fixed("40\n")),
    ("core_pattern", Node::Fixed("core\n")),
    ("domainname", Node::Fixed("(none)\n")),
    ("hostname", Node::Text(system::hostname)),
    ("msgmax", Node::Fixed("8192\n")),
    ("msgmnb", Node::Fixed("16384\n")),
    ("msgmni", Node::Fixed("32000\n")),
    ("ngroups_max", Node::Fixed("65536\n")),
    ("osrelease", Node::Text(system::release)),
    ("ostype", Node::Fixed("Linux\n")),
    ("overflowuid", Node::Fixed("65534\n")),
    ("overflowgid", Node::Fixed("65534\n")),
    ("pid_max", Node::Fixed("4194304\n")),
    (
        "random",
        Node::Directory(&[
            ("boot_id", Node::Text(system::boot_id)),
            ("entropy_avail", Node::Fixed("256\n")),
            ("poolsize", Node::Fixed("256\n")),
            ("uuid", Node::Text(system::fresh_uuid)),
        ]),
    ),
    ("pty", Node::Directory(&[("max", Node::Fixed("4096\n"))])),
    ("randomize_va_space", Node::Fixed("2\n")),
    ("seccomp", Node::Directory(&[("actions_avail", Node::Fixed("kill_process\n"))])),
    ("sem", Node::Fixed("32000\t1024000000\t500\t32000\n")),
    ("shm_rmid_forced", Node::Fixed("0\n")),
    ("shmall", Node::Fixed("18446744073692774399\n")),
    ("shmmax", Node::Fixed("18446744073692774399\n")),
    ("shmmni", Node::Fixed("4096\n")),
    ("threads-max", Node::Fixed("4096\n")),
    ("version", Node::Text(system::version_only)),
    ("yama", Node::Directory(&[("ptrace_scope", Node::Fixed("3\n"))])),
];

const SYS_FS: &[(&str, Node)] = &[
    ("file-max", Node::Fixed("1048576\n")),
    ("file-nr", Node::Fixed("0\t0\t1048576\n")),
    (
        "inotify",
        Node::Directory(&[
            ("max_queued_events", Node::Fixed("16384\n")),
            ("max_user_instances", Node::Fixed("128\n")),
            ("max_user_watches", Node::Fixed("65536\n")),
        ]),
    ),
    (
        "mqueue",
        Node::Directory(&[
            ("msg_default", Node::Fixed("10\n")),
            ("msg_max", Node::Fixed("10\n")),
            ("msgsize_default", Node::Fixed("8192\n")),
            ("msgsize_max", Node::Fixed("8192\n")),
            ("queues_max", Node::Fixed("256\n")),
        ]),
    ),
    ("nr_open", Node::Fixed("65536\n")),
    ("pipe-max-size", Node::Fixed("1048576\n")),
    ("pipe-user-pages-hard", Node::Fixed("0\n")),
    ("pipe-user-pages-soft", Node::Fixed("16384\n")),
    ("protected_symlinks", Node::Fixed("0\n")),
];

const SYS_VM: &[(&str, Node)] = &[
    ("max_map_count", Node::Fixed("65530\n")),
    ("mmap_min_addr", Node::Fixed("65536\n")),
    ("overcommit_memory", Node::Fixed("0\n")),
    ("overcommit_ratio", Node::Fixed("50\n")),
    ("swappiness", Node::Fixed("0\n")),
];

static ROOT: Node = Node::Dynamic(
    &Processes,
    &[
        ("cgroups", Node::Fixed("#subsys_name\thierarchy\tnum_cgroups\tenabled\n")),
        ("cmdline", Node::Fixed("\n")),
        ("cpuinfo", Node::Text(cpuinfo::cpuinfo)),
        ("devices", Node::Fixed(system::DEVICES)),
        ("filesystems", Node::Fixed(system::FILE_SYSTEMS)),
        ("interrupts", Node::Fixed("")),
        ("loadavg", Node::Text(system::loadavg)),
        ("meminfo", Node::Text(system::meminfo)),
        ("modules", Node::Fixed("")),
        ("mounts", Node::Link(system::mounts_link)),
        ("net", Node::Link(system::net_link)),
        ("partitions", Node::Fixed("major minor  #blocks  name\n\n")),
        ("self", Node::Link(process::own_pid)),
        ("stat", Node::Text(system::stat)),
        ("swaps", Node::Fixed("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")),
        (
            "sys",
            Node::Directory(&[
                ("fs", Node::Directory(SYS_FS)),
                ("kernel", Node::Directory(SYS_KERNEL)),
                (
                    "net",
                    Node::Directory(&[("core", Node::Directory(&[("somaxconn", Node::Fixed("4096\n"))]))]),
                ),
                ("vm", Node::Directory(SYS_VM)),
            ]),
        ),
        (
            "sysvipc",
            Node::Directory(&[
                ("msg", Node::Text(sysvipc::queues)),
                ("sem", Node::Text(sysvipc::sets)),
                ("shm", Node::Text(sysvipc::segments)),
            ]),
        ),
        ("thread-self", Node::Link(process::own_thread)),
        ("uptime", Node::Text(system::uptime)),
        ("version", Node::Text(system::version)),
        ("vmstat", Node::Fixed("nr_free_pages 0\n")),
    ],
);

/// The root of `/proc`.
pub fn root() -> Arc<SyntheticInode> {
    SyntheticInode::root(&PROCFS, &ROOT)
}

/// The process whose directory `/proc/PID` is open there: it names the process as a pidfd does.
pub fn process_at(file: &OpenFile) -> Option<Arc<Process>> {
    let inode = file.dentry.as_ref()?.inode.as_any().downcast_ref::<SyntheticInode>()?;
    inode.subject_of(&PROCESS)?.process.clone()
}
