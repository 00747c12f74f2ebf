//! The real service over plain Linux, with a test host at the other end of the display stream.

mod host;
mod programs;
