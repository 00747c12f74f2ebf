//! Signals (signal(7)): their state, sending, and delivery on the way out of the kernel.

mod action;
mod deliver;
mod frame;
pub mod info;
mod pending;
mod send;
mod set;
mod timers;

pub use action::{Action, DefaultAction, default_action};
pub use deliver::{deliver, must_return, sigreturn, something_waits};
pub use frame::{HostFrame, UserContext};
pub use info::{SigInfo, code};
pub use pending::{Added, AltStack, Pending, ProcessSignals, ThreadSignals, next_signal, take_from};
pub use send::{
    force, forget_for_threads, ignores_or_blocks, send_by_user, send_to_group, send_to_group_from_kernel,
    send_to_process, send_to_process_from_kernel, send_to_thread,
};
pub use set::SigSet;
pub use timers::{PosixTimer, fire_due, interval_left, set_interval};

#[expect(missing_docs, reason = "signal(7) documents them")]
pub mod number {
    pub const SIGHUP: u8 = 1;
    pub const SIGQUIT: u8 = 3;
    pub const SIGILL: u8 = 4;
    pub const SIGTRAP: u8 = 5;
    pub const SIGABRT: u8 = 6;
    pub const SIGBUS: u8 = 7;
    pub const SIGFPE: u8 = 8;
    pub const SIGKILL: u8 = 9;
    pub const SIGSEGV: u8 = 11;
    pub const SIGPIPE: u8 = 13;
    pub const SIGALRM: u8 = 14;
    pub const SIGCHLD: u8 = 17;
    pub const SIGCONT: u8 = 18;
    pub const SIGSTOP: u8 = 19;
    pub const SIGTSTP: u8 = 20;
    pub const SIGTTIN: u8 = 21;
    pub const SIGTTOU: u8 = 22;
    pub const SIGURG: u8 = 23;
    pub const SIGXCPU: u8 = 24;
    pub const SIGXFSZ: u8 = 25;
    pub const SIGVTALRM: u8 = 26;
    pub const SIGPROF: u8 = 27;
    pub const SIGWINCH: u8 = 28;
    pub const SIGSYS: u8 = 31;
    /// First real-time signal.
    pub const SIGRTMIN: u8 = 32;
    /// Last signal.
    pub const SIGRTMAX: u8 = 64;
}
