//! System V IPC: `shmget` to `msgctl`.

use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::ipc::sysv::message::{self, QUEUES, Queue};
use crate::ipc::sysv::semaphore::{MAX_OPERATIONS, MAX_SEMAPHORES, Operation, SETS, Set};
use crate::ipc::sysv::shared_memory::{self, SEGMENTS, Segment};
use crate::ipc::sysv::{Permissions, Registry};
use crate::mm::{self, Backing, MapRequest};
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::time::{self, Deadline};
use crate::user;
use crate::vfs::OpenFile;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    partial(29, "shmget", shmget, "no huge pages"),
    partial(30, "shmat", shmat, "no SHM_REMAP"),
    partial(31, "shmctl", shmctl, "IPC_STAT, IPC_SET, IPC_RMID"),
    full(64, "semget", semget),
    partial(65, "semop", semop, "SEM_UNDO undoes nothing"),
    partial(66, "semctl", semctl, "GETNCNT and GETZCNT answer 0; no *_INFO"),
    full(67, "shmdt", shmdt),
    full(68, "msgget", msgget),
    full(69, "msgsnd", msgsnd),
    partial(70, "msgrcv", msgrcv, "no MSG_COPY"),
    partial(71, "msgctl", msgctl, "IPC_STAT, IPC_SET, IPC_RMID"),
    partial(220, "semtimedop", semtimedop, "SEM_UNDO undoes nothing"),
];

const IPC_NOWAIT: u32 = 0o4000;
const IPC_RMID: i32 = 0;
const IPC_SET: i32 = 1;
const IPC_STAT: i32 = 2;
const GETPID: i32 = 11;
const GETVAL: i32 = 12;
const GETALL: i32 = 13;
const GETNCNT: i32 = 14;
const GETZCNT: i32 = 15;
const SETVAL: i32 = 16;
const SETALL: i32 = 17;
const MSG_NOERROR: u32 = 0o10000;
const SHM_RDONLY: u32 = 0o10000;
const SHM_RND: u32 = 0o20000;
const SHM_EXEC: u32 = 0o100000;
const PAGE: u64 = 4096;

fn pid(args: &Args<'_>) -> i32 {
    args.thread.process().pid()
}

fn word(value: usize) -> [u8; 8] {
    (value as u64).to_le_bytes()
}

/// `IPC_SET`: reads owner and mode of a `struct ipc64_perm`.
fn change<T>(registry: &Registry<T>, id: i32, address: u64) -> Result<u64> {
    let [_, uid, gid, _, _, mode]: [u32; 6] = user::read(address)?;
    registry.change(id, uid, gid, mode)?;
    Ok(0)
}

fn id_of(id: i32) -> u64 {
    u64::from(id.unsigned_abs())
}

fn semget(args: &Args<'_>) -> Result<u64> {
    let count =
        usize::try_from(args.int(1)).ok().filter(|count| *count <= MAX_SEMAPHORES).ok_or(Errno::EINVAL)?;
    let check = |set: &Set| {
        if count <= set.count() { Ok(()) } else { Err(Errno::EINVAL) }
    };
    let make = || {
        if count > 0 { Ok(Set::new(count)) } else { Err(Errno::EINVAL) }
    };
    SETS.get(args.int(0), args.uint(2), check, make).map(id_of)
}

fn semop(args: &Args<'_>) -> Result<u64> {
    operate(args, None)
}

fn semtimedop(args: &Args<'_>) -> Result<u64> {
    match args.word(3) {
        0 => operate(args, None),
        at => operate(args, Some(Deadline::after(time::read_timespec(at)?))),
    }
}

fn operate(args: &Args<'_>, deadline: Option<Deadline>) -> Result<u64> {
    let count = args.length(2);
    if count == 0 {
        return Err(Errno::EINVAL);
    }
    if count > MAX_OPERATIONS {
        return Err(Errno::E2BIG);
    }
    let raw: Vec<[i16; 3]> = user::read_array(args.word(1), count)?;
    let operations: Vec<Operation> = raw
        .iter()
        .map(|[number, change, flags]| Operation {
            number: number.cast_unsigned(),
            change: *change,
            flags: *flags,
        })
        .collect();
    let (_, set) = SETS.find(args.int(0))?;
    set.operate(&operations, deadline, pid(args))?;
    Ok(0)
}

fn semctl(args: &Args<'_>) -> Result<u64> {
    let (id, command, argument) = (args.int(0), args.int(2), args.word(3));
    let (perm, set) = SETS.find(id)?;
    let number = usize::try_from(args.int(1)).map_err(|_| Errno::EINVAL);
    match command {
        IPC_RMID => SETS.remove(id)?.destroy(),
        IPC_SET => return change(&SETS, id, argument),
        IPC_STAT => {
            let mut bytes = perm.encode();
            bytes.resize(80, 0);
            bytes.extend_from_slice(&word(set.count()));
            bytes.resize(104, 0);
            user::copy_out(argument, &bytes)?;
        }
        GETVAL => {
            let value = *set.values()?.get(number?).ok_or(Errno::EINVAL)?;
            return Ok(u64::from(value.unsigned_abs()));
        }
        GETPID => return set.last_pid(number?).map(id_of),
        GETNCNT | GETZCNT => {}
        GETALL => {
            for (index, value) in set.values()?.iter().enumerate() {
                let value = u16::try_from(*value).unwrap_or(0);
                user::write(argument + index as u64 * 2, &value)?;
            }
        }
        SETVAL => set.set(number?, &[args.int(3)], pid(args))?,
        SETALL => {
            let values: Vec<u16> = user::read_array(argument, set.count())?;
            let values: Vec<i32> = values.into_iter().map(i32::from).collect();
            set.set(0, &values, pid(args))?;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn msgget(args: &Args<'_>) -> Result<u64> {
    QUEUES.get(args.int(0), args.uint(1), |_| Ok(()), || Ok(Queue::default())).map(id_of)
}

fn msgsnd(args: &Args<'_>) -> Result<u64> {
    let kind: i64 = user::read(args.word(1))?;
    let length = args.length(2);
    if kind < 1 || length > message::MAX_MESSAGE {
        return Err(Errno::EINVAL);
    }
    let mut bytes = alloc::vec![0; length];
    user::copy_in(&mut bytes, args.word(1) + 8)?;
    let (_, queue) = QUEUES.find(args.int(0))?;
    queue.send(kind, &bytes, args.uint(3) & IPC_NOWAIT != 0, pid(args))?;
    Ok(0)
}

fn msgrcv(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(4);
    let (_, queue) = QUEUES.find(args.int(0))?;
    let (cut, nowait) = (flags & MSG_NOERROR != 0, flags & IPC_NOWAIT != 0);
    let (kind, bytes) = queue.receive(args.long(3), args.length(2), flags, cut, nowait, pid(args))?;
    user::write(args.word(1), &kind)?;
    user::copy_out(args.word(1) + 8, &bytes)?;
    Ok(bytes.len() as u64)
}

fn msgctl(args: &Args<'_>) -> Result<u64> {
    let (id, command, argument) = (args.int(0), args.int(1), args.word(2));
    let (perm, queue) = QUEUES.find(id)?;
    match command {
        IPC_RMID => QUEUES.remove(id)?.destroy(),
        IPC_SET => return change(&QUEUES, id, argument),
        IPC_STAT => {
            let counts = queue.counts();
            let mut bytes = perm.encode();
            bytes.resize(72, 0);
            for count in [counts.bytes, counts.messages, 16_384] {
                bytes.extend_from_slice(&word(count));
            }
            bytes.extend_from_slice(&counts.sender.to_le_bytes());
            bytes.extend_from_slice(&counts.receiver.to_le_bytes());
            bytes.resize(120, 0);
            user::copy_out(argument, &bytes)?;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn shmget(args: &Args<'_>) -> Result<u64> {
    shared_memory::sweep();
    let size = args.word(1);
    let check = |segment: &Segment| {
        if size <= segment.size { Ok(()) } else { Err(Errno::EINVAL) }
    };
    SEGMENTS.get(args.int(0), args.uint(2), check, || Segment::new(size, pid(args))).map(id_of)
}

fn shmat(args: &Args<'_>) -> Result<u64> {
    let (_, segment) = SEGMENTS.find(args.int(0))?;
    let flags = args.uint(2);
    let mut address = args.word(1);
    if flags & SHM_RND != 0 {
        address -= address % PAGE;
    }
    if !address.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let mut protection = if flags & SHM_RDONLY != 0 { 1 } else { 3 };
    if flags & SHM_EXEC != 0 {
        protection |= 4;
    }
    let request = MapRequest {
        file: Some((segment.file.clone(), 0)),
        shared: true,
        no_replace: address != 0,
        ..MapRequest::anonymous(address, segment.size, protection, false)
    };
    let at = mm::mmap(args.thread.process(), &request).map_err(|error| match error {
        Errno::EEXIST => Errno::EINVAL,
        error => error,
    })?;
    segment.last.store(pid(args), Ordering::Relaxed);
    Ok(at)
}

fn shmdt(args: &Args<'_>) -> Result<u64> {
    let process = args.thread.process();
    let address = args.word(0);
    let length = {
        let space = process.mm.lock();
        let (start, area) = space.find(address).ok_or(Errno::EINVAL)?;
        let attached =
            matches!(&area.backing, Backing::File { file, offset: 0, shared: true } if is_segment(file));
        if start != address || !attached {
            return Err(Errno::EINVAL);
        }
        area.end - start
    };
    mm::munmap(process, address, length)?;
    shared_memory::sweep();
    Ok(0)
}

fn is_segment(file: &OpenFile) -> bool {
    file.name().starts_with("/memfd:SYSV")
}

fn encode_segment(perm: &Permissions, segment: &Segment) -> Vec<u8> {
    let mut bytes = perm.encode();
    bytes.extend_from_slice(&segment.size.to_le_bytes());
    bytes.resize(80, 0);
    bytes.extend_from_slice(&segment.creator.to_le_bytes());
    bytes.extend_from_slice(&segment.last.load(Ordering::Relaxed).to_le_bytes());
    bytes.extend_from_slice(&segment.attached().to_le_bytes());
    bytes.resize(112, 0);
    bytes
}

fn shmctl(args: &Args<'_>) -> Result<u64> {
    let (id, command, argument) = (args.int(0), args.int(1), args.word(2));
    let (perm, segment) = SEGMENTS.find(id)?;
    match command {
        IPC_RMID => {
            segment.removed.store(true, Ordering::Relaxed);
            SEGMENTS.forget_key(id);
            drop(segment);
            shared_memory::sweep();
        }
        IPC_SET => return change(&SEGMENTS, id, argument),
        IPC_STAT => user::copy_out(argument, &encode_segment(&perm, &segment))?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
