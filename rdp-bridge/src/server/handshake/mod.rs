//! From an accepted TCP connection to an authenticated, active RDP connection.

mod accept;
mod capabilities;
mod nla;

pub(crate) use accept::{Accepted, HandshakeError, handshake};
pub(crate) use capabilities::{ClientProfile, RemoteFx, server_capabilities};
pub(crate) use nla::NlaError;
