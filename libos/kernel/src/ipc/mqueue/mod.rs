//! POSIX message queues (`mq_overview(7)`): names in a space of their own, and queues that are files.

mod file;
mod names;
mod notice;
mod queue;

pub use file::Descriptor;
pub use names::{open, unlink};
pub use notice::Notice;
pub use queue::{Attributes, HIGHEST_PRIORITY, Queue};

/// `/proc/sys/fs/mqueue/msg_max` and `msg_default`: most messages of a queue.
const MOST_MESSAGES: u64 = 10;
/// `/proc/sys/fs/mqueue/msgsize_max` and `msgsize_default`: most bytes of a message.
const LONGEST_MESSAGE: u64 = 8192;
/// `/proc/sys/fs/mqueue/queues_max`
const MOST_QUEUES: usize = 256;
