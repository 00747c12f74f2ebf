//! The host system calls that an instance can reach after start-up, as data. The monitor compiles
//! the seccomp filter from this list; `bailey abi --host-syscalls` prints it.
//!
//! The filter lets a call through only from the kernel's text and only with these arguments. The
//! address is plumbing (application code can jump there): the boundary is that each call, with these
//! arguments, is harmless in hostile hands. A call from any other address is trapped (`SIGSYS`) and
//! becomes a system call of the personality; any other call from the kernel's text kills the process.
//! `restart_syscall`, which Linux makes in a process's name after a stop, is answered with `EINTR`
//! and does not run.

/// A constraint on one argument, checked on its low 32 bits unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// The argument equals the value (all 64 bits).
    Equals(u64),
    /// `argument & mask == value` (all 64 bits).
    Masked {
        /// Bits that are looked at.
        mask: u64,
        /// What they must be.
        value: u64,
    },
}

/// One argument's constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Which argument, from 0.
    pub index: u8,
    /// What it must satisfy.
    pub constraint: Constraint,
}

/// A host system call with the arguments it is allowed with. A call may have several rules.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Linux x86-64 number.
    pub number: u32,
    /// Linux name.
    pub name: &'static str,
    /// All must hold.
    pub arguments: &'static [Argument],
    /// Why the kernel needs it and why it is harmless.
    pub reason: &'static str,
}

/// `CLONE_*` flags of a thread: VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, CHILD_CLEARTID, PARENT_SETTID.
pub const CLONE_THREAD_FLAGS: u64 = 0x0035_0f00;
/// `CLONE_*` flags of a process: PARENT (the monitor reaps it), CHILD_SETTID, CHILD_CLEARTID; exit signal `SIGCHLD`.
pub const CLONE_PROCESS_FLAGS: u64 = 0x0120_8011;

const fn equals(index: u8, value: u64) -> Argument {
    Argument { index, constraint: Constraint::Equals(value) }
}

const fn masked(index: u8, mask: u64, value: u64) -> Argument {
    Argument { index, constraint: Constraint::Masked { mask, value } }
}

const fn rule(number: u32, name: &'static str, arguments: &'static [Argument], reason: &'static str) -> Rule {
    Rule { number, name, arguments, reason }
}

/// Everything that is reachable after start-up.
pub const RULES: &[Rule] = &[
    rule(9, "mmap", &[], "memory of its own process; descriptors only from the monitor"),
    rule(10, "mprotect", &[], "memory of its own process"),
    rule(11, "munmap", &[], "memory of its own process"),
    rule(13, "rt_sigaction", &[], "the kernel's handlers of traps and faults; signals of its own process"),
    rule(15, "rt_sigreturn", &[], "return from a trap"),
    rule(25, "mremap", &[], "memory of its own process"),
    rule(28, "madvise", &[], "give pages back; memory of its own process"),
    rule(3, "close", &[], "descriptors of its own process"),
    rule(5, "fstat", &[], "attributes of descriptors from the monitor, which it tells of them too"),
    rule(47, "recvmsg", &[], "replies of the monitor, bytes of connections, on descriptors it gave"),
    rule(56, "clone", &[equals(0, CLONE_THREAD_FLAGS)], "a thread: no new namespace can be asked for"),
    rule(56, "clone", &[equals(0, CLONE_PROCESS_FLAGS)], "a process, child of the monitor"),
    rule(60, "exit", &[], "end of a thread"),
    rule(231, "exit_group", &[], "end of a process"),
    rule(131, "sigaltstack", &[], "the trap stack of a thread"),
    rule(202, "futex", &[masked(1, !0x180, 0)], "FUTEX_WAIT (private or shared, either clock)"),
    rule(202, "futex", &[masked(1, !0x180, 1)], "FUTEX_WAKE"),
    rule(202, "futex", &[masked(1, !0x180, 9)], "FUTEX_WAIT_BITSET: an absolute deadline"),
    rule(
        234,
        "tgkill",
        &[equals(2, 23)],
        "make a thread of the instance look at its pending work; the PID namespace holds no others",
    ),
    rule(228, "clock_gettime", &[], "time, where the host vDSO has none"),
    rule(271, "ppoll", &[], "wait for host streams, in the kernel's I/O thread"),
    rule(327, "preadv2", &[], "bytes of descriptors from the monitor"),
    rule(
        328,
        "pwritev2",
        &[],
        "requests to the monitor; bytes of descriptors from it: only to where they lead",
    ),
];

/// `restart_syscall(2)`: answered with `EINTR` wherever it comes from.
pub const RESTART_SYSCALL: u32 = 219;

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::RULES;
    use crate::table::{DOWNCALLS, UPCALLS};

    fn names() -> BTreeSet<&'static str> {
        RULES.iter().map(|rule| rule.name).collect()
    }

    #[test]
    fn no_more_than_twenty_calls_are_reachable() {
        assert!(names().len() <= 20, "{} host calls", names().len());
        assert!(DOWNCALLS.len() <= 45 && UPCALLS.len() <= 3);
    }

    #[test]
    fn the_table_and_the_rules_name_the_same_calls() {
        let used: BTreeSet<_> = DOWNCALLS.iter().flat_map(|call| call.host).copied().collect();
        assert_eq!(used, names());
    }

    #[test]
    fn downcalls_are_numbered_without_gaps() {
        for (index, call) in DOWNCALLS.iter().enumerate() {
            assert_eq!(usize::from(call.number), index + 1, "{}", call.name);
        }
    }
}
