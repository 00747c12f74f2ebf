//! Sockets: of the instance's own, and by the manifest's grants of the network outside.
//!
//! * [`endpoint`]: what every kind of socket can do; the system calls know only this.
//! * [`socket`], [`connection`], [`transfer`], [`options`]: unix and internet sockets, which share one
//!   implementation: an internet stream is a unix stream between ports.
//! * [`outside`]: peers beyond the instance.
//! * [`inbox`]: the receive queue, [`rights`]: descriptors in flight.
//! * [`names`]: who is bound to which abstract name, path or port.
//! * [`address`], [`control`]: wire forms.
//! * [`interface`]: the interfaces, and their ioctls; [`netlink`], [`rtnetlink`]: enough of
//!   `NETLINK_ROUTE` to list them, their addresses and routes.

pub mod address;
mod connection;
pub mod control;
pub mod endpoint;
pub mod inbox;
pub(crate) mod interface;
mod names;
pub mod netlink;
mod options;
pub mod outside;
pub mod rights;
mod rtnetlink;
pub mod socket;
mod transfer;

pub use connection::pair;
pub use endpoint::{Endpoint, Incoming, Outgoing, endpoint_of};
pub use netlink::Netlink;
pub use socket::{Kind, Socket};

#[cfg(test)]
mod tests;
