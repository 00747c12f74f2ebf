//! Process groups and sessions (setpgid(2), setsid(2), credentials(7)).

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::signal;
use crate::signal::number::{SIGCONT, SIGHUP};
use crate::task::{Process, all_processes, children_of, find_process, group_members, whole_group};

/// Whether no member of the group has a parent in another group of the same session: nobody would continue it.
pub fn is_orphaned(group: i32) -> bool {
    group_members(group).iter().all(|member| {
        let relations = member.relations.lock().clone();
        find_process(relations.parent)
            .is_none_or(|parent| parent.pgid() == group || parent.sid() != relations.session)
    })
}

/// A process has ended, or its parent has: where a group that this orphans has stopped members, all are hung up and
/// go on (setpgid(2)).
pub fn continue_orphans(groups: &[i32]) {
    for group in groups {
        let members = group_members(*group);
        if members.iter().any(|member| member.is_stopped()) && is_orphaned(*group) {
            signal::send_to_group_from_kernel(*group, SIGHUP);
            signal::send_to_group_from_kernel(*group, SIGCONT);
        }
    }
}

/// The groups that an end of `process` may orphan: its own, and those of its children, where they are of its session.
pub(super) fn groups_tied_by(process: &Process) -> Vec<i32> {
    let session = process.sid();
    let mut groups: Vec<i32> = children_of(process)
        .iter()
        .filter(|child| child.sid() == session && child.pgid() != process.pgid())
        .map(|child| child.pgid())
        .collect();
    let parent = find_process(process.parent_pid());
    if parent.is_some_and(|parent| parent.sid() == session && parent.pgid() != process.pgid()) {
        groups.push(process.pgid());
    }
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// `setpgid(2)`; 0 means the caller, and the process itself.
///
/// # Errors
/// `EINVAL`, `ESRCH`, `EPERM`, `EACCES`
pub fn set_process_group(caller: &Arc<Process>, pid: i32, group: i32) -> Result<()> {
    if group < 0 || group == 0 && pid < 0 {
        return Err(Errno::EINVAL);
    }
    let process = if pid == 0 || pid == caller.pid() {
        caller.clone()
    } else {
        let child =
            find_process(pid).filter(|process| process.parent_pid() == caller.pid()).ok_or(Errno::ESRCH)?;
        if child.sid() != caller.sid() {
            return Err(Errno::EPERM);
        }
        if child.relations.lock().executed {
            return Err(Errno::EACCES);
        }
        child
    };
    let group = if group == 0 { process.pid() } else { group };
    if process.sid() == process.pid() {
        return Err(Errno::EPERM);
    }
    if group != process.pid() && !whole_group(group).iter().any(|member| member.sid() == caller.sid()) {
        return Err(Errno::EPERM);
    }
    process.relations.lock().group = group;
    Ok(())
}

/// `setsid(2)`; returns the session.
///
/// # Errors
/// `EPERM` for the leader of a group.
pub fn set_session(process: &Process) -> Result<i32> {
    let pid = process.pid();
    if all_processes().iter().any(|other| other.pgid() == pid) {
        return Err(Errno::EPERM);
    }
    let mut relations = process.relations.lock();
    relations.group = pid;
    relations.session = pid;
    drop(relations);
    process.set_terminal(None);
    Ok(pid)
}
