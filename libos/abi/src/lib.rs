//! The host ABI: everything that may cross between an instance and its host.
//!
//! * [`table`]: the downcalls and upcalls, as data (`bailey abi` prints it).
//! * [`host`]: the host system calls that remain reachable, as data, with a reason each.
//! * [`layout`]: the fixed addresses of an instance's address space.
//! * [`boot`]: what the monitor tells the kernel at start-up.
//! * [`network`]: what an instance sees of the network, and the options of its sockets outside.
//! * [`stream`]: requests to the monitor, its replies and its events.
//! * [`counts`]: how often each call was made, counted where the host can read it.
//! * [`codec`]: their bounded wire form, one message a packet.
//!
//! It depends on nothing of ours, and both ends treat each other's bytes as hostile.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod boot;
pub mod codec;
pub mod counts;
pub mod host;
pub mod layout;
pub mod network;
pub mod stream;
pub mod table;
