//! Processes and namespaces.

use std::fs;

use super::SandboxError;

/// Which side of a fork this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forked {
    /// The new process.
    Child,
    /// The old one, with the new one's process id.
    Parent(i32),
}

const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Forks a process that is the first of its own user, mount, PID, network, IPC, UTS and cgroup
/// namespaces.
///
/// # Errors
/// [`SandboxError`] where the host forbids it, with the setting that does.
///
/// # Safety
/// The process must have one thread: the child is a copy of it alone.
pub unsafe fn new_instance() -> Result<Forked, SandboxError> {
    let flags = NAMESPACES | libc::SIGCHLD;
    // SAFETY: a fork by another name: no stack and no addresses are passed, so the child goes on on
    // its copy of this stack, and the caller vouches for a single thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        0 => Ok(Forked::Child),
        pid if pid > 0 => Ok(Forked::Parent(pid as i32)),
        _ => Err(SandboxError::namespaces("make the instance's namespaces", std::io::Error::last_os_error())),
    }
}

/// Forks.
///
/// # Errors
/// [`SandboxError`] where the host refuses.
///
/// # Safety
/// The process must have one thread: the child is a copy of it alone.
pub unsafe fn fork() -> Result<Forked, SandboxError> {
    // SAFETY: the caller vouches for a single thread.
    match unsafe { libc::fork() } {
        0 => Ok(Forked::Child),
        pid if pid > 0 => Ok(Forked::Parent(pid)),
        _ => Err(SandboxError::plain("make the first process", std::io::Error::last_os_error())),
    }
}

/// Maps this user and group, and nobody else, into the user namespace that this process is the first
/// of. `outside` are the ids before, `inside` those from here on; everybody else is shown as the host's
/// overflow id, which must not be one of them.
///
/// # Errors
/// [`SandboxError`] where the host refuses.
pub fn enter_user_namespace(outside: (u32, u32), inside: (u32, u32)) -> Result<(), SandboxError> {
    let write = |path: &str, text: String| {
        fs::write(path, text).map_err(|error| SandboxError::namespaces(format!("write {path}"), error))
    };
    write("/proc/self/setgroups", "deny".into())?;
    write("/proc/self/uid_map", format!("{} {} 1", inside.0, outside.0))?;
    write("/proc/self/gid_map", format!("{} {} 1", inside.1, outside.1))
}
