//! The libOS kernel: the Linux personality of one instance, freestanding.
//!
//! It is mapped into every process of the instance. A system call arrives by [`trap`], is looked up in
//! [`syscall`]'s table, decoded there, and done by a subsystem: [`task`], [`mm`], [`signal`], [`vfs`],
//! [`ipc`], [`net`], [`tty`], [`time`]. Only [`host`] leaves the process.
//!
//! All writable memory of the kernel (heap, statics) is one region, shared by all processes of the
//! instance at one address: an `Arc` made by one process is as good in another. Only kernel stacks,
//! and what lies in application memory, are private to a process.
//!
//! Rules:
//! * No lock is held while the thread sleeps, forks or touches application memory that may block.
//! * Lock order: task table, process, files, open file, inode or socket or pipe, wait queue, epoll.
//! * No thread-local storage, no vector instruction beyond SSE2 (the entry path saves xmm0–15).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod boot;
pub mod errno;
pub mod host;
pub mod ipc;
pub mod mm;
pub mod net;
pub mod signal;
pub mod sync;
pub mod syscall;
pub mod task;
pub mod time;
pub mod trap;
pub mod tty;
pub mod user;
pub mod vfs;
