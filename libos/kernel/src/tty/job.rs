//! Job control: which session a terminal controls, which of its groups is in the foreground.

use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::signal;
use crate::task::{self, Process};
use crate::tty::Terminal;
use crate::vfs::Events;

pub(crate) const SIGHUP: u8 = 1;
pub(crate) const SIGCONT: u8 = 18;
pub(crate) const SIGTTIN: u8 = 21;
pub(crate) const SIGTTOU: u8 = 22;
pub(crate) const SIGWINCH: u8 = 28;

/// Whom a terminal controls; 0 is nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Job {
    pub(crate) session: i32,
    pub(crate) foreground: i32,
}

/// The calling process.
pub(crate) fn caller() -> &'static Arc<Process> {
    task::current().process()
}

impl Terminal {
    /// Whether it is the controlling terminal of `process`.
    pub(crate) fn controls(&self, process: &Process) -> bool {
        process.terminal().is_some_and(|terminal| core::ptr::eq(&*terminal, self))
    }

    /// Stops a caller of the background that reads (`SIGTTIN`) or changes or writes (`SIGTTOU`).
    ///
    /// # Errors
    /// `ERESTARTSYS` with the signal sent; `EIO` for an orphaned group, and for a read where the
    /// signal is blocked or ignored.
    pub(crate) fn check_background(&self, signo: u8) -> Result<()> {
        let process = caller();
        let group = process.pgid();
        let foreground = self.job.lock().foreground;
        if foreground == 0 || foreground == group || !self.controls(process) {
            return Ok(());
        }
        if signal::ignores_or_blocks(task::current(), signo) {
            return if signo == SIGTTIN { Err(Errno::EIO) } else { Ok(()) };
        }
        if task::is_orphaned(group) {
            return Err(Errno::EIO);
        }
        signal::send_to_group_from_kernel(group, signo);
        Err(Errno::ERESTARTSYS)
    }

    /// Makes it the controlling terminal of the caller's session, if the caller leads one without
    /// and the terminal has none (`open(2)` without `O_NOCTTY`).
    pub(crate) fn adopt(&self) {
        let process = caller();
        if process.pid() == process.sid() && process.terminal().is_none() && self.job.lock().session == 0 {
            self.start_session(process);
        }
    }

    /// Makes it the controlling terminal of the session that `process` leads.
    pub fn start_session(&self, process: &Arc<Process>) {
        *self.job.lock() = Job { session: process.sid(), foreground: process.pgid() };
        process.set_terminal(self.me.upgrade());
    }

    /// `TIOCSCTTY`
    pub(crate) fn set_controlling(&self, steal: bool) -> Result<()> {
        let process = caller();
        let session = self.job.lock().session;
        if process.pid() == process.sid() && session == process.sid() {
            return Ok(());
        }
        if process.pid() != process.sid() || process.terminal().is_some() {
            return Err(Errno::EPERM);
        }
        if session != 0 {
            if !steal || task::current_ids().0 != 0 {
                return Err(Errno::EPERM);
            }
            self.forget_session(session);
        }
        self.start_session(process);
        Ok(())
    }

    /// No process of `session` has it as controlling terminal any more.
    fn forget_session(&self, session: i32) {
        for process in task::all_processes() {
            if process.sid() == session && self.controls(&process) {
                process.set_terminal(None);
            }
        }
        *self.job.lock() = Job::default();
    }

    /// `TIOCSPGRP`
    pub(crate) fn set_foreground(&self, group: i32) -> Result<()> {
        self.check_background(SIGTTOU)?;
        let process = caller();
        if !self.controls(process) || self.job.lock().session != process.sid() {
            return Err(Errno::ENOTTY);
        }
        if group < 0 {
            return Err(Errno::EINVAL);
        }
        let member = task::all_processes().into_iter().find(|process| process.pgid() == group);
        match member {
            None => Err(Errno::ESRCH),
            Some(member) if member.sid() != process.sid() => Err(Errno::EPERM),
            Some(_) => {
                self.job.lock().foreground = group;
                Ok(())
            }
        }
    }

    /// The far side is gone: reads give the end of file, the session leader is told.
    pub(crate) fn hang_up(&self) {
        let mut line = self.line.lock();
        line.hung_up = true;
        line.discipline.flush_input();
        drop(line);
        let session = self.job.lock().session;
        if session != 0 {
            self.forget_session(session);
            signal::send_to_process_from_kernel(session, SIGHUP);
            signal::send_to_process_from_kernel(session, SIGCONT);
        }
        self.queue.wake(Events::ALL);
    }

    /// A new size; the foreground group is told.
    pub(crate) fn resize(&self, size: [u16; 4]) {
        let mut line = self.line.lock();
        if core::mem::replace(&mut line.size, size) == size {
            return;
        }
        drop(line);
        let group = self.job.lock().foreground;
        if group > 0 {
            signal::send_to_group_from_kernel(group, SIGWINCH);
        }
    }
}

/// `TIOCNOTTY`: the process gives up its controlling terminal; with a session leader the whole session does.
pub fn leave(process: &Process) {
    let Some(terminal) = process.terminal() else {
        return;
    };
    if process.pid() == process.sid() {
        let Job { session, foreground } = *terminal.job.lock();
        if foreground > 0 {
            signal::send_to_group_from_kernel(foreground, SIGHUP);
            signal::send_to_group_from_kernel(foreground, SIGCONT);
        }
        terminal.forget_session(session);
    } else {
        process.set_terminal(None);
    }
}

/// A process exits: if it leads a session, that loses its terminal, and the foreground group is
/// hung up (`_exit(2)`).
pub fn leader_exits(process: &Process) {
    if process.pid() == process.sid() {
        leave(process);
    }
}
