//! `epoll(7)`.
//!
//! * [`item`]: one registered file: its interest, and what the file's wait queue tells it.
//! * [`set`]: the set itself: registration, collection of ready items, waiting, nesting.

mod item;
mod set;

pub use item::Interest;
pub use set::{Epoll, Ready, earliest};

#[cfg(test)]
mod tests;
