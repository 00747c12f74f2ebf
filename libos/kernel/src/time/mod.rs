//! Clocks, deadlines, and the C forms of time.

mod clock;
mod deadline;
mod schedule;
mod timespec;

pub(crate) use clock::clock_cell;
pub use clock::{Clock, now, set_vdso};
pub use deadline::Deadline;
pub use schedule::Schedule;
pub use timespec::{read_timespec, read_timeval, write_timespec, write_timeval};
