//! The desktop of one user: instances, viewers, RDP clients, and the control socket.
//!
//! One task owns the [`Desktop`](bailey_compositor::Desktop) and everything that changes it (`core`). Small tasks read
//! sockets and hand it what they read, each one chunk at a time, so that nobody can fill its queue. It writes without
//! waiting; what does not fit into a socket waits in that connection's own bounded buffer.

mod attach;
mod connection;
mod control;
mod convert;
mod core;
mod end;
mod event;
mod feed;
mod frame;
mod instance;
mod launch;
mod line;
mod link;
mod listing;
mod output;
mod pace;
mod rdp;
mod request;
mod router;
mod serve;
mod viewer;

pub(crate) use launch::{inherit, pair};
pub(crate) use line::receive;
pub use serve::{DaemonError, Settings, serve};
