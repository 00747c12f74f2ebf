//! What a process does about a signal (sigaction(2)).

use crate::signal::SigSet;
use crate::signal::number::{
    SIGABRT, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGSTOP, SIGSYS, SIGTRAP, SIGTSTP,
    SIGTTIN, SIGTTOU, SIGURG, SIGWINCH, SIGXCPU, SIGXFSZ,
};

/// `struct sigaction` as the kernel has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// `SIG_DFL` (0), `SIG_IGN` (1) or a function of the application.
    pub handler: u64,
    /// `SA_*`
    pub flags: u64,
    /// What the handler returns to.
    pub restorer: u64,
    /// Blocked while the handler runs.
    pub mask: SigSet,
}

#[expect(missing_docs, reason = "sigaction(2) documents them")]
impl Action {
    pub const DEFAULT: u64 = 0;
    pub const IGNORE: u64 = 1;
    pub const NOCLDSTOP: u64 = 1;
    pub const NOCLDWAIT: u64 = 2;
    pub const SIGINFO: u64 = 4;
    pub const RESTORER: u64 = 0x0400_0000;
    pub const ONSTACK: u64 = 0x0800_0000;
    pub const RESTART: u64 = 0x1000_0000;
    pub const NODEFER: u64 = 0x4000_0000;
    pub const RESETHAND: u64 = 0x8000_0000;
    const EXPOSE_TAGBITS: u64 = 0x800;
    /// What is kept of the flags: a program sees by that which ones there are.
    pub const KNOWN: u64 = Self::NOCLDSTOP
        | Self::NOCLDWAIT
        | Self::SIGINFO
        | Self::EXPOSE_TAGBITS
        | Self::RESTORER
        | Self::ONSTACK
        | Self::RESTART
        | Self::NODEFER
        | Self::RESETHAND;
}

impl Action {
    /// Whether the signal goes to a function of the application.
    pub const fn is_handled(&self) -> bool {
        self.handler > Self::IGNORE
    }

    /// Whether the signal would have no effect.
    pub fn ignores(&self, signo: u8) -> bool {
        self.handler == Self::IGNORE
            || self.handler == Self::DEFAULT && default_action(signo) == DefaultAction::Ignore
    }
}

/// What happens by default (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends, and its wait status says that it would have dumped core.
    Core,
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
    /// The process goes on.
    Continue,
}

/// The default action of a signal.
pub const fn default_action(signo: u8) -> DefaultAction {
    match signo {
        SIGQUIT | SIGILL | SIGTRAP | SIGABRT | SIGBUS | SIGFPE | SIGSEGV | SIGXCPU | SIGXFSZ | SIGSYS => {
            DefaultAction::Core
        }
        SIGCHLD | SIGURG | SIGWINCH => DefaultAction::Ignore,
        SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU => DefaultAction::Stop,
        SIGCONT => DefaultAction::Continue,
        _ => DefaultAction::Terminate,
    }
}
