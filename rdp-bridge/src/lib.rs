//! Host end of each instance's link, and the RDP server.

#![forbid(unsafe_code)]

pub mod link;
pub mod server;
