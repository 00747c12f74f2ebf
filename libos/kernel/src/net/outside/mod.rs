//! The network outside the instance: connections and datagrams to what the manifest grants.
//!
//! A socket's part inside (names, options, its inbox) is as for the instance's own loopback. What is
//! connected to a peer outside has beside it a connected socket of the host, one a peer: a stream has
//! one, a datagram socket one for each address that it has sent to.
//!
//! * [`route`]: what there is of the network; [`host`]: the host's sockets.
//! * [`stream`]: TCP; [`datagram`]: UDP, and [`resolver`]: names, asked by UDP; [`dns`]: their packets.

mod datagram;
mod dns;
mod host;
mod resolver;
mod route;
mod stream;

pub(super) use host::{Outside, host_option};
pub use route::init;
pub(super) use route::{config, is_own, source};
