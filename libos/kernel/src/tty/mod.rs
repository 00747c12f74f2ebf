//! Terminals (`tty_ioctl(4)`, `pty(7)`).
//!
//! * [`ldisc`]: the line discipline, a pure state machine; [`termios`]: its modes.
//! * [`terminal`]: a terminal as programs see it: reads, writes, readiness.
//! * [`job`]: sessions, foreground groups, hang-up; [`ioctl`]: everything set by `ioctl`.
//! * [`pty`]: the master side of pseudo-terminals and `/dev/pts`.
//! * [`console`]: the terminal whose far side is the host's.
//! * [`device`]: what opening a terminal's device number gives.

pub mod console;
pub mod device;
mod ioctl;
mod job;
pub mod ldisc;
pub mod pty;
mod terminal;
pub mod termios;

pub use job::{leader_exits, leave};
pub use terminal::Terminal;
