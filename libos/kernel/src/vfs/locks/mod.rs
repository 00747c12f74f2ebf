//! Advisory locks: record locks of processes and of open file descriptions (`fcntl_locking(2)`), and
//! whole-file locks (`flock(2)`).

mod records;
mod wait;

pub use records::{Holder, Lock, Records};
pub use wait::{flock, release_description, release_owner_on, set, test};
