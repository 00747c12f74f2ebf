//! A daemon that is no more than a script, and a screen to show it on
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test program uses a part of it"
)]

mod fixture;

pub use fixture::{Daemon, LIMIT, Screen, Viewer};
