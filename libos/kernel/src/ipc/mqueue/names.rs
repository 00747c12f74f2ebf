//! The names of message queues (`mq_open(3)`, `mq_unlink(3)`), without the slash that the library strips.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::ipc::mqueue::{Attributes, Descriptor, MOST_QUEUES, Queue};
use crate::sync::Mutex;
use crate::task::Process;
use crate::vfs::{Credentials, OpenFile};

const O_ACCMODE: u32 = 0o3;
const O_CREAT: u32 = 0o100;
const O_EXCL: u32 = 0o200;
/// Flags of `open(2)` that a description does not keep: `O_CREAT`, `O_EXCL`, `O_NOCTTY`, `O_TRUNC`, `O_CLOEXEC`.
const NOT_KEPT: u32 = 0o1700 | 0o2_000_000;
const NAME_MAX: usize = 255;
const READ: u32 = 4;
const WRITE: u32 = 2;

static QUEUES: Mutex<BTreeMap<String, Arc<Queue>>> = Mutex::new(BTreeMap::new());

/// # Errors
/// `ENOENT` for no name, `EACCES` for what cannot be one, `ENAMETOOLONG`
fn check_name(name: &str) -> Result<()> {
    match name {
        "" => Err(Errno::ENOENT),
        "." | ".." => Err(Errno::EACCES),
        name if name.contains('/') => Err(Errno::EACCES),
        name if name.len() > NAME_MAX => Err(Errno::ENAMETOOLONG),
        _ => Ok(()),
    }
}

/// `mq_open(3)`: a description of the queue of that name, which is made where there is none and `O_CREAT` is asked for.
///
/// # Errors
/// `ENOENT`, `EEXIST`, `EACCES`, `EINVAL`, `ENAMETOOLONG`; `ENOSPC` for too many queues, `EMFILE` for too many bytes
/// in queues (`RLIMIT_MSGQUEUE`).
pub fn open(
    process: &Process,
    name: &str,
    flags: u32,
    mode: u32,
    wanted: Option<Attributes>,
) -> Result<Arc<OpenFile>> {
    check_name(name)?;
    let mut queues = QUEUES.lock();
    let queue = match queues.get(name) {
        Some(_) if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL => return Err(Errno::EEXIST),
        Some(queue) => {
            let mask = match flags & O_ACCMODE {
                0 => READ,
                1 => WRITE,
                2 => READ | WRITE,
                _ => return Err(Errno::EINVAL),
            };
            Credentials::current().check_owner(queue.owner(), false, mask)?;
            queue.clone()
        }
        None if flags & O_CREAT == 0 => return Err(Errno::ENOENT),
        None if queues.len() >= MOST_QUEUES => return Err(Errno::ENOSPC),
        None => {
            let attributes = wanted.map_or_else(|| Ok(Attributes::default()), Attributes::checked)?;
            let limit = process.limits.lock().message_queues();
            let queue = Arc::new(Queue::new(attributes, mode, limit)?);
            queues.insert(name.into(), queue.clone());
            queue
        }
    };
    drop(queues);
    Ok(OpenFile::new(Arc::new(Descriptor { queue }), flags & !NOT_KEPT, alloc::format!("/{name}")))
}

/// `mq_unlink(3)`: the queue lives on for those that have it open.
///
/// # Errors
/// `ENOENT`, `EACCES`, `ENAMETOOLONG`
pub fn unlink(name: &str) -> Result<()> {
    check_name(name)?;
    let mut queues = QUEUES.lock();
    // As in any directory that all may write to, a name goes only by its owner.
    let owner = queues.get(name).ok_or(Errno::ENOENT)?.owner().uid;
    let caller = Credentials::current();
    if !caller.privileged() && owner != caller.uid {
        return Err(Errno::EPERM);
    }
    let queue = queues.remove(name);
    drop(queues);
    if let Some(queue) = queue {
        queue.unlinked();
    }
    Ok(())
}
