//! System V IPC: `shmget` to `msgctl`.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::ipc::sysv::message::{self, QUEUES, Queue};
use crate::ipc::sysv::semaphore::{MAX_OPERATIONS, MAX_SEMAPHORES, Operation, SETS, Set};
use crate::ipc::sysv::shared_memory::{self, SEGMENTS, Segment, Time};
use crate::ipc::sysv::{Permissions, Registry, access, report};
use crate::mm::{self, Backing, MapRequest};
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::time::{self, Deadline};
use crate::user;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    partial(29, "shmget", shmget, "no huge pages; 4096 segments at most"),
    full(30, "shmat", shmat),
    partial(31, "shmctl", shmctl, "shm_dtime is when shmdt was called last"),
    partial(64, "semget", semget, "4096 sets at most"),
    full(65, "semop", semop),
    full(66, "semctl", semctl),
    full(67, "shmdt", shmdt),
    partial(68, "msgget", msgget, "4096 queues at most"),
    full(69, "msgsnd", msgsnd),
    full(70, "msgrcv", msgrcv),
    full(71, "msgctl", msgctl),
    full(220, "semtimedop", semtimedop),
];

const IPC_RMID: i32 = 0;
const IPC_SET: i32 = 1;
const IPC_STAT: i32 = 2;
const IPC_INFO: i32 = 3;
const MSG_STAT: i32 = 11;
const MSG_INFO: i32 = 12;
const MSG_STAT_ANY: i32 = 13;
const SHM_LOCK: i32 = 11;
const SHM_UNLOCK: i32 = 12;
const SHM_STAT: i32 = 13;
const SHM_INFO: i32 = 14;
const SHM_STAT_ANY: i32 = 15;
const SEM_STAT: i32 = 18;
const SEM_INFO: i32 = 19;
const SEM_STAT_ANY: i32 = 20;
const GETPID: i32 = 11;
const GETVAL: i32 = 12;
const GETALL: i32 = 13;
const GETNCNT: i32 = 14;
const GETZCNT: i32 = 15;
const SETVAL: i32 = 16;
const SETALL: i32 = 17;
const SHM_RDONLY: u32 = 0o10000;
const SHM_RND: u32 = 0o20000;
const SHM_REMAP: u32 = 0o40000;
const SHM_EXEC: u32 = 0o100000;
const PAGE: u64 = 4096;

fn pid(args: &Args<'_>) -> i32 {
    args.thread.process().pid()
}

/// `IPC_SET`: reads owner and mode of a `struct ipc64_perm`.
fn change<T>(registry: &Registry<T>, id: i32, address: u64) -> Result<u64> {
    let [_, uid, gid, _, _, mode]: [u32; 6] = user::read(address)?;
    registry.change(id, uid, gid, mode)?;
    Ok(0)
}

/// `*_STAT`: the object at a place, with its identifier; its permissions are looked at unless it is for anybody.
fn at_place<T>(registry: &Registry<T>, place: i32, anybody: bool) -> Result<(i32, Permissions, Arc<T>)> {
    let found = registry.find_at(place)?;
    if !anybody {
        found.1.check(access::READ)?;
    }
    Ok(found)
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
    let alters = operations.iter().any(|operation| operation.change != 0);
    let (_, set) = SETS.find_for(args.int(0), if alters { access::WRITE } else { access::READ })?;
    if operations.iter().any(Operation::is_undone) {
        args.thread.process().undoes.store(true, Ordering::Relaxed);
    }
    set.operate(&operations, deadline, pid(args))?;
    Ok(0)
}

fn semctl(args: &Args<'_>) -> Result<u64> {
    let (id, command, argument) = (args.int(0), args.int(2), args.word(3));
    match command {
        IPC_INFO | SEM_INFO => {
            user::copy_out(argument, &report::semaphore_limits(command == SEM_INFO))?;
            Ok(id_of(SETS.highest()))
        }
        SEM_STAT | SEM_STAT_ANY => {
            let (id, perm, set) = at_place(&SETS, id, command == SEM_STAT_ANY)?;
            user::copy_out(argument, &report::set(&perm, &set)?)?;
            Ok(id_of(id))
        }
        IPC_RMID => {
            SETS.remove(id)?.destroy();
            Ok(0)
        }
        IPC_SET => {
            change(&SETS, id, argument)?;
            SETS.find(id)?.1.touch();
            Ok(0)
        }
        IPC_STAT => {
            let (perm, set) = SETS.find_for(id, access::READ)?;
            user::copy_out(argument, &report::set(&perm, &set)?)?;
            Ok(0)
        }
        _ => semaphore_values(args, command),
    }
}

/// The commands of `semctl(2)` that are about the values.
fn semaphore_values(args: &Args<'_>, command: i32) -> Result<u64> {
    let argument = args.word(3);
    let number = usize::try_from(args.int(1)).map_err(|_| Errno::EINVAL);
    let wanted = if matches!(command, SETVAL | SETALL) { access::WRITE } else { access::READ };
    if !matches!(command, GETPID..=SETALL) {
        return Err(Errno::EINVAL);
    }
    let (_, set) = SETS.find_for(args.int(0), wanted)?;
    match command {
        GETVAL => {
            let value = *set.values()?.get(number?).ok_or(Errno::EINVAL)?;
            return Ok(u64::from(value.unsigned_abs()));
        }
        GETPID => return set.last_pid(number?).map(id_of),
        GETNCNT | GETZCNT => return set.waiting(number?, command == GETZCNT).map(|count| count as u64),
        GETALL => {
            for (index, value) in set.values()?.iter().enumerate() {
                let value = u16::try_from(*value).unwrap_or(0);
                user::write(argument + index as u64 * 2, &value)?;
            }
        }
        SETVAL => set.set(number?, &[args.int(3)], pid(args))?,
        _ => {
            let values: Vec<u16> = user::read_array(argument, set.count())?;
            let values: Vec<i32> = values.into_iter().map(i32::from).collect();
            set.set(0, &values, pid(args))?;
        }
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
    let (_, queue) = QUEUES.find_for(args.int(0), access::WRITE)?;
    queue.send(kind, &bytes, args.uint(3) & message::NOWAIT != 0, pid(args))?;
    Ok(0)
}

fn msgrcv(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(4);
    if args.long(2) < 0 {
        return Err(Errno::EINVAL);
    }
    if flags & message::COPY != 0 && (flags & message::EXCEPT != 0 || flags & message::NOWAIT == 0) {
        return Err(Errno::EINVAL);
    }
    let (_, queue) = QUEUES.find_for(args.int(0), access::READ)?;
    let (kind, bytes) = queue.receive(args.long(3), args.length(2), flags, pid(args))?;
    user::write(args.word(1), &kind)?;
    user::copy_out(args.word(1) + 8, &bytes)?;
    Ok(bytes.len() as u64)
}

fn msgctl(args: &Args<'_>) -> Result<u64> {
    let (id, command, argument) = (args.int(0), args.int(1), args.word(2));
    match command {
        IPC_INFO | MSG_INFO => {
            user::copy_out(argument, &report::message_limits(command == MSG_INFO))?;
            return Ok(id_of(QUEUES.highest()));
        }
        MSG_STAT | MSG_STAT_ANY => {
            let (id, perm, queue) = at_place(&QUEUES, id, command == MSG_STAT_ANY)?;
            user::copy_out(argument, &report::queue(&perm, &queue))?;
            return Ok(id_of(id));
        }
        IPC_RMID => QUEUES.remove(id)?.destroy(),
        IPC_SET => {
            // `msg_qbytes` of a `struct msqid64_ds`
            let most: u64 = user::read(argument + 88)?;
            let (perm, queue) = QUEUES.find(id)?;
            perm.check_owner()?;
            let most = usize::try_from(most).ok().filter(|most| *most <= message::MAX_QUEUE);
            let most = most.ok_or(Errno::EPERM)?;
            change(&QUEUES, id, argument)?;
            queue.set_most(most);
        }
        IPC_STAT => {
            let (perm, queue) = QUEUES.find_for(id, access::READ)?;
            user::copy_out(argument, &report::queue(&perm, &queue))?;
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
    let flags = args.uint(2);
    let mut address = args.word(1);
    if flags & SHM_RND != 0 {
        address -= address % PAGE;
    }
    if !address.is_multiple_of(PAGE) || (address == 0 && flags & SHM_REMAP != 0) {
        return Err(Errno::EINVAL);
    }
    let (mut protection, mut wanted) =
        if flags & SHM_RDONLY != 0 { (1, access::READ) } else { (3, access::READ | access::WRITE) };
    if flags & SHM_EXEC != 0 {
        (protection, wanted) = (protection | 4, wanted | 1);
    }
    let (_, segment) = SEGMENTS.find_for(args.int(0), wanted)?;
    let file = if flags & SHM_RDONLY != 0 { &segment.read_only } else { &segment.file };
    let request = MapRequest {
        file: Some((file.clone(), 0)),
        shared: true,
        fixed: address != 0 && flags & SHM_REMAP != 0,
        no_replace: address != 0 && flags & SHM_REMAP == 0,
        ..MapRequest::anonymous(address, segment.size, protection, false)
    };
    let at = mm::mmap(args.thread.process(), &request).map_err(|error| match error {
        Errno::EEXIST => Errno::EINVAL,
        error => error,
    })?;
    segment.last.store(pid(args), Ordering::Relaxed);
    segment.touch(Time::Attached);
    Ok(at)
}

fn shmdt(args: &Args<'_>) -> Result<u64> {
    let process = args.thread.process();
    let address = args.word(0);
    let (segment, length) = {
        let space = process.mm.lock();
        let (start, area) =
            space.find(address).filter(|(start, _)| *start == address).ok_or(Errno::EINVAL)?;
        let Backing::File { file, offset: 0, shared: true } = &area.backing else {
            return Err(Errno::EINVAL);
        };
        (Segment::of(file).ok_or(Errno::EINVAL)?, area.end - start)
    };
    mm::munmap(process, address, length)?;
    segment.last.store(pid(args), Ordering::Relaxed);
    segment.touch(Time::Detached);
    drop(segment);
    shared_memory::sweep();
    Ok(0)
}

fn shmctl(args: &Args<'_>) -> Result<u64> {
    let (id, command, argument) = (args.int(0), args.int(1), args.word(2));
    shared_memory::sweep();
    match command {
        IPC_INFO => {
            user::copy_out(argument, &report::segment_limits())?;
            return Ok(id_of(SEGMENTS.highest()));
        }
        SHM_INFO => {
            user::copy_out(argument, &report::segment_use())?;
            return Ok(id_of(SEGMENTS.highest()));
        }
        SHM_STAT | SHM_STAT_ANY => {
            let (id, perm, segment) = at_place(&SEGMENTS, id, command == SHM_STAT_ANY)?;
            user::copy_out(argument, &report::segment(&perm, &segment))?;
            return Ok(id_of(id));
        }
        IPC_RMID => {
            SEGMENTS.doom(id)?.removed.store(true, Ordering::Relaxed);
            shared_memory::sweep();
        }
        IPC_SET => {
            change(&SEGMENTS, id, argument)?;
            SEGMENTS.find(id)?.1.touch(Time::Changed);
        }
        // Nothing of an instance is ever paged out by its own kernel.
        SHM_LOCK | SHM_UNLOCK => SEGMENTS.find(id)?.0.check_owner()?,
        IPC_STAT => {
            let (perm, segment) = SEGMENTS.find_for(id, access::READ)?;
            user::copy_out(argument, &report::segment(&perm, &segment))?;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
