//! Pipes, events and other things that processes talk by, beside sockets.
//!
//! All are plain objects of the shared kernel heap: whatever process holds a description of one uses
//! the same object. [`block`] is how each of them waits.

pub mod anonymous;
pub mod block;
pub mod epoll;
pub mod eventfd;
pub mod fifo;
pub mod hoststream;
pub mod mqueue;
pub mod pidfd;
pub mod pipe;
pub mod ring;
pub mod signalfd;
pub mod stdio;
pub mod sysv;
pub mod timerfd;
