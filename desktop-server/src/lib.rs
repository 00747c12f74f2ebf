//! The bailey command and the desktop daemon.
//!
//! * [`cli`]: the command line, a file for each verb.
//! * [`daemon`]: the desktop of one user: instances, viewers, RDP clients, and the control socket.
//! * [`protocol`]: what the two say to each other.
//! * [`paths`]: where things lie.
//! * [`counters`]: what instances count of their system calls.
//! * [`memory`]: memory shared with instances and viewers; the only unsafe code here.

pub mod cli;
pub mod counters;
pub mod daemon;
pub mod memory;
pub mod paths;
pub mod protocol;
