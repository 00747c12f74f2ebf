//! Waiting for children (wait4(2), waitid(2)).

use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::signal::number::SIGCHLD;
use crate::signal::{SigInfo, code};
use crate::sync::{WaitError, wait_event};
use crate::task::{ExitCode, Process, Usage, children_of, remove};

/// Whom to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// Any child.
    Any,
    /// This child.
    Process(i32),
    /// A child of this group.
    Group(i32),
}

/// What has become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has ended.
    Ended(ExitCode),
    /// It has been stopped by this signal.
    Stopped(u8),
    /// It goes on.
    Continued,
}

/// A child whose change has been told.
#[derive(Clone, Copy, Debug)]
pub struct Waited {
    /// The child.
    pub pid: i32,
    /// What has become of it.
    pub change: Change,
    /// Its processor time, and that of its own children.
    pub usage: Usage,
    /// Its user id.
    pub uid: u32,
}

impl Waited {
    /// As `waitid(2)` gives it.
    pub fn info(&self) -> SigInfo {
        let (kind, status) = match self.change {
            Change::Ended(code) => code.child_info(),
            Change::Stopped(signo) => (code::CLD_STOPPED, i32::from(signo)),
            Change::Continued => (code::CLD_CONTINUED, 18),
        };
        SigInfo::child(kind, self.pid, self.uid, status)
    }

    /// As `wait(2)` gives it.
    pub const fn status(&self) -> i32 {
        match self.change {
            Change::Ended(code) => code.wait_status(),
            Change::Stopped(signo) => (signo as i32) << 8 | 0x7f,
            Change::Continued => 0xffff,
        }
    }
}

/// `W*` options.
#[expect(missing_docs, reason = "waitid(2) documents them")]
pub mod option {
    pub const NOHANG: u32 = 1;
    pub const STOPPED: u32 = 2;
    pub const EXITED: u32 = 4;
    pub const CONTINUED: u32 = 8;
    pub const NOWAIT: u32 = 0x0100_0000;
    pub const NOTHREAD: u32 = 0x2000_0000;
    pub const ALL: u32 = 0x4000_0000;
    pub const CLONE: u32 = 0x8000_0000;
}

fn matches(child: &Process, whom: WaitFor, options: u32) -> bool {
    let meant = match whom {
        WaitFor::Any => true,
        WaitFor::Process(pid) => child.pid() == pid,
        WaitFor::Group(group) => child.pgid() == group,
    };
    let clone = || child.relations.lock().exit_signal != SIGCHLD;
    meant && (options & option::ALL != 0 || clone() == (options & option::CLONE != 0))
}

fn change_of(child: &Process, options: u32) -> Option<Change> {
    let mut relations = child.relations.lock();
    if let Some(code) = relations.ended {
        return (options & option::EXITED != 0).then_some(Change::Ended(code));
    }
    let stop = &mut relations.stop;
    let change = match stop.stopped {
        Some(signo) if options & option::STOPPED != 0 => Change::Stopped(signo),
        None if stop.continued && options & option::CONTINUED != 0 => Change::Continued,
        _ => return None,
    };
    if !stop.unreported {
        return None;
    }
    if options & option::NOWAIT == 0 {
        stop.unreported = false;
    }
    Some(change)
}

/// Waits for a change of a child; `None` where `NOHANG` finds none. An ended child is forgotten unless `NOWAIT`.
///
/// # Errors
/// `ECHILD`, `ERESTARTSYS`
pub fn wait_child(process: &Arc<Process>, whom: WaitFor, options: u32) -> Result<Option<Waited>> {
    let look = || {
        let mut any = false;
        for child in children_of(process) {
            if !matches(&child, whom, options) {
                continue;
            }
            // One that has ended has nothing to tell but its end.
            any |= options & option::EXITED != 0 || !child.ended();
            if let Some(change) = change_of(&child, options)
                && (options & option::NOWAIT != 0 || reap(process, &child, change))
            {
                let usage = usage_of(&child);
                let uid = child.identity().uid;
                return Some(Ok(Some(Waited { pid: child.pid(), change, usage, uid })));
            }
        }
        if !any {
            return Some(Err(Errno::ECHILD));
        }
        (options & option::NOHANG != 0).then_some(Ok(None))
    };
    match wait_event(&[&process.children_changed], None, look) {
        Ok(result) => result,
        Err(WaitError::Interrupted | WaitError::TimedOut) => Err(Errno::ERESTARTSYS),
    }
}

/// What a child has used, of one that lives as far as it has got.
fn usage_of(child: &Process) -> Usage {
    let (ended, [own, children]) = {
        let relations = child.relations.lock();
        (relations.ended.is_some(), relations.usage)
    };
    if ended { own + children } else { Usage::of_process(child.host_pid()) + children }
}

/// Forgets an ended child; says whether this thread was the one to do so.
fn reap(process: &Process, child: &Process, change: Change) -> bool {
    let Change::Ended(_) = change else { return true };
    let mut relations = process.relations.lock();
    let Some(index) = relations.children.iter().position(|pid| *pid == child.pid()) else {
        return false;
    };
    relations.children.remove(index);
    let [own, children] = child.relations.lock().usage;
    relations.usage[1] += own + children;
    drop(relations);
    remove(child.pid());
    true
}
