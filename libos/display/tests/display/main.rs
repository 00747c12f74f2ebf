//! The real service over plain Linux, with a test host at the other end of the display stream.

mod chaos;
mod client;
mod guests;
mod host;
mod programs;
mod protocol;
