//! The monitor: sandbox, manifest and stream broker of one instance.
//!
//! * [`manifest`]: what the instance is and may see.
//! * [`loader`]: the kernel image into a fresh process.
//! * [`seccomp`]: which host calls remain, of the instance and of the monitor itself.
//! * [`sandbox`]: namespaces, an empty root with the grants, Landlock, limits, privileges.
//! * [`network`]: destinations outside, and the process that connects to them.
//! * [`broker`]: the server of the instance's requests.
//! * [`control`]: the daemon's line to the monitor.
//! * [`run`]: all of it in order.
//!
//! Three processes, and the network's where it is granted: the one that is started (*supervisor*: terminal, signals, exit status), the
//! *monitor* as first process of a PID namespace, and under it the instance's processes.

pub mod broker;
pub mod control;
pub mod loader;
pub mod manifest;
pub mod network;
pub mod run;
pub mod sandbox;
pub mod seccomp;
pub mod signals;
pub mod terminal;
