//! The trusted server of an instance's requests: it opens what the manifest grants and passes
//! descriptors, reaps processes, and tells the kernel what happens outside.
//!
//! [`Broker::answer`] turns one request into one reply; [`serve`] is the event loop around it.

mod ahead;
mod answer;
mod attributes;
mod channel;
mod files;
mod handles;
mod log;
mod place;
mod serve;
mod sockets;
mod streams;

pub use answer::{Answer, Broker};
pub(crate) use channel::{pair as channel_pair, send as channel_send};
pub use log::Log;

pub use place::{Root, Source, open_source};
pub use serve::{Connections, Outcome, serve};
pub use streams::Streams;
