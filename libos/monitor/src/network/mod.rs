//! The network of an instance: nothing but what its manifest names.
//!
//! The instance and its monitor live in a network namespace without interfaces. A process of its own, in
//! the host's, makes sockets for them: it checks each destination against the manifest's rules, connects, and
//! passes the connected socket, which reaches that one peer and nobody else with the host calls an
//! instance has. It also asks the host's resolver for names.
//!
//! * [`rules`]: what is granted, as data; [`policy`]: the decisions, without I/O.
//! * [`agent`]: the process; [`lookup`]: its questions to the resolver; [`confine`]: what it may do itself.
//! * [`line`]: the messages between it and the monitor.

mod agent;
mod confine;
mod line;
mod lookup;
mod policy;
mod rules;

pub use agent::start;
pub(crate) use line::is_network;
pub use line::{Network, Opened};
pub use policy::Policy;
pub use rules::{Access, Host, Rule, RuleError, Transport};
