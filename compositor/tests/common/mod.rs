//! A desktop with instances for tests, and its picture
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test program uses a part of it"
)]

mod fixture;

pub use fixture::{Fixture, Picture, RED, key, top_level};
