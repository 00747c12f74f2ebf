//! Sockets, all of them inside the instance.
//!
//! * [`endpoint`]: what every kind of socket can do; the system calls know only this.
//! * [`socket`], [`connection`], [`transfer`], [`options`]: unix and internet sockets, which share one
//!   implementation: an internet stream is a unix stream between ports.
//! * [`inbox`]: the receive queue, [`rights`]: descriptors in flight.
//! * [`names`]: who is bound to which abstract name, path or port.
//! * [`address`], [`control`]: wire forms.
//! * [`netlink`]: enough of `NETLINK_ROUTE` to list the loopback interface; [`interface`]: its ioctls.

pub mod address;
mod connection;
pub mod control;
pub mod endpoint;
pub mod inbox;
mod interface;
mod names;
pub mod netlink;
mod options;
pub mod rights;
pub mod socket;
mod transfer;

pub use connection::pair;
pub use endpoint::{Endpoint, Incoming, Outgoing, endpoint_of};
pub use socket::{Kind, Socket};

#[cfg(test)]
mod tests;
