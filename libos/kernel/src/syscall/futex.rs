//! Futexes (futex(2)), in the shared region: what a program waits on never reaches the host.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::mm::Backing;
use crate::sync::{Mutex, WaitError, Waiter, Wakes, wait_event};
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::task::Thread;
use crate::time::{Clock, Deadline, read_timespec};
use crate::user;
use crate::vfs::InodeId;

/// This family's part of the table.
pub const CALLS: &[Call] = &[
    partial(202, "futex", sys_futex, "no priority inheritance"),
    full(273, "set_robust_list", sys_set_robust_list),
    full(274, "get_robust_list", sys_get_robust_list),
];

const WAIT: i32 = 0;
const WAKE: i32 = 1;
const REQUEUE: i32 = 3;
const CMP_REQUEUE: i32 = 4;
const WAKE_OP: i32 = 5;
const WAIT_BITSET: i32 = 9;
const WAKE_BITSET: i32 = 10;
const PRIVATE: i32 = 128;
const CLOCK_REALTIME: i32 = 256;
const ANY: u32 = u32::MAX;

const OWNER_DIED: u32 = 0x4000_0000;
const WAITERS: u32 = 0x8000_0000;
const TID_MASK: u32 = 0x3fff_ffff;
/// Most entries of a robust list (`ROBUST_LIST_LIMIT`).
const ROBUST_LIMIT: usize = 2048;
/// Size of `struct robust_list_head`.
const ROBUST_HEAD: u64 = 24;

/// What a futex is, apart from where it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// A word of one process: its id and the address.
    Private(i32, u64),
    /// A word of a named file that is mapped shared, however often it was opened: the inode and the offset.
    Inode(InodeId, u64),
    /// A word of memory that is shared without a name: the file object behind it and the offset.
    Shared(usize, u64),
}

struct Sleeper {
    key: Key,
    bits: u32,
    waiter: Arc<Waiter>,
}

const BUCKETS: usize = 256;
static TABLE: [Mutex<Vec<Sleeper>>; BUCKETS] = [const { Mutex::new(Vec::new()) }; BUCKETS];

fn bucket(key: Key) -> usize {
    let (a, b) = match key {
        Key::Private(pid, address) => (u64::from(pid.cast_unsigned()), address),
        Key::Inode(id, offset) => (id.dev.rotate_left(32) ^ id.ino, offset),
        Key::Shared(file, offset) => (file as u64, offset),
    };
    let mixed = (a ^ b.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize
}

fn key_of(thread: &Thread, address: u64, private: bool) -> Result<Key> {
    if !address.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    let own = Key::Private(thread.process().pid(), address);
    if private {
        return Ok(own);
    }
    let space = thread.process().mm.lock();
    Ok(match space.find(address) {
        Some((start, area)) => match &area.backing {
            Backing::File { file, offset, shared: true } => {
                let offset = offset + (address - start);
                match &file.dentry {
                    Some(dentry) => Key::Inode(dentry.inode.id(), offset),
                    None => Key::Shared(Arc::as_ptr(&file.file).cast::<()>() as usize, offset),
                }
            }
            _ => own,
        },
        None => return Err(Errno::EFAULT),
    })
}

fn sys_futex(args: &Args<'_>) -> Result<u64> {
    let operation = args.int(1);
    let private = operation & PRIVATE != 0;
    let address = args.word(0);
    let count = args.uint(2);
    let key = key_of(args.thread, address, private)?;
    match operation & !(PRIVATE | CLOCK_REALTIME) {
        WAIT => {
            let timeout = timeout(args.word(3))?;
            wait(args.thread, key, address, count, timeout.map(Deadline::after), ANY)
        }
        WAIT_BITSET => {
            let clock = if operation & CLOCK_REALTIME != 0 { Clock::Realtime } else { Clock::Monotonic };
            let deadline = timeout(args.word(3))?.map(|time| Deadline::on(clock, time));
            wait(args.thread, key, address, count, deadline, bits(args.uint(5))?)
        }
        WAKE => Ok(wake(key, count, ANY)),
        WAKE_BITSET => Ok(wake(key, count, bits(args.uint(5))?)),
        operation @ (REQUEUE | CMP_REQUEUE) => {
            let target = key_of(args.thread, args.word(4), private)?;
            let expected = (operation == CMP_REQUEUE).then_some((address, args.uint(5)));
            requeue(key, target, count, args.uint(3), expected)
        }
        WAKE_OP => {
            let target = key_of(args.thread, args.word(4), private)?;
            let also = apply(args.word(4), args.uint(5))?;
            let woken = wake(key, count, ANY);
            Ok(woken + if also { wake(target, args.uint(3), ANY) } else { 0 })
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn bits(bits: u32) -> Result<u32> {
    if bits == 0 { Err(Errno::EINVAL) } else { Ok(bits) }
}

fn timeout(address: u64) -> Result<Option<Duration>> {
    if address == 0 { Ok(None) } else { read_timespec(address).map(Some) }
}

fn wait(
    thread: &Thread,
    key: Key,
    address: u64,
    expected: u32,
    deadline: Option<Deadline>,
    bits: u32,
) -> Result<u64> {
    let granted = &thread.waiter.granted;
    {
        // The word is read under the bucket's lock: a waker that changes it first finds us after.
        let mut sleepers = TABLE[bucket(key)].lock();
        if user::read::<u32>(address)? != expected {
            return Err(Errno::EAGAIN);
        }
        granted.store(false, Ordering::SeqCst);
        sleepers.push(Sleeper { key, bits, waiter: thread.waiter.clone() });
    }
    let waited = wait_event(&[], deadline, || granted.load(Ordering::SeqCst).then_some(()));
    if waited.is_ok() {
        return Ok(0);
    }
    // A requeue may take the sleeper to where the search has been: who has been given nothing is still in the table.
    while !forget(key, &thread.waiter) {
        if granted.load(Ordering::SeqCst) {
            return Ok(0);
        }
    }
    match waited {
        Err(WaitError::TimedOut) => Err(Errno::ETIMEDOUT),
        _ if deadline.is_some() => Err(Errno::EINTR),
        _ => Err(Errno::ERESTARTSYS),
    }
}

/// Takes a sleeper out; says whether it was still there. It may have been moved from `key` by a requeue.
fn forget(key: Key, waiter: &Arc<Waiter>) -> bool {
    let elsewhere = TABLE.iter();
    core::iter::once(&TABLE[bucket(key)]).chain(elsewhere).any(|bucket| {
        let mut sleepers = bucket.lock();
        let found = sleepers.iter().position(|sleeper| Arc::ptr_eq(&sleeper.waiter, waiter));
        found.map(|index| sleepers.remove(index)).is_some()
    })
}

/// Gives a sleeper that has been taken out what it waits for. The lock of its bucket is held.
fn rouse(sleeper: &Sleeper, wakes: &mut Wakes) {
    sleeper.waiter.granted.store(true, Ordering::SeqCst);
    sleeper.waiter.tell(wakes);
}

fn wake(key: Key, count: u32, bits: u32) -> u64 {
    let mut wakes = Wakes::new();
    let mut woken = 0;
    let mut sleepers = TABLE[bucket(key)].lock();
    let mut index = 0;
    while index < sleepers.len() && woken < u64::from(count) {
        if sleepers[index].key == key && sleepers[index].bits & bits != 0 {
            rouse(&sleepers.remove(index), &mut wakes);
            woken += 1;
        } else {
            index += 1;
        }
    }
    drop(sleepers);
    woken
}

fn requeue(
    from: Key,
    to: Key,
    wake_count: u32,
    move_count: u32,
    expected: Option<(u64, u32)>,
) -> Result<u64> {
    let (source, target) = (bucket(from), bucket(to));
    let mut wakes = Wakes::new();
    let mut first = TABLE[source.min(target)].lock();
    let mut second = (source != target).then(|| TABLE[source.max(target)].lock());
    if let Some((address, value)) = expected
        && user::read::<u32>(address)? != value
    {
        return Err(Errno::EAGAIN);
    }
    let mut woken = 0;
    let mut moved = Vec::new();
    let sleepers = match &mut second {
        Some(second) if source > target => &mut **second,
        _ => &mut *first,
    };
    let mut index = 0;
    while index < sleepers.len() {
        let room = woken < wake_count as usize || moved.len() < move_count as usize;
        if sleepers[index].key != from || !room {
            index += 1;
        } else if woken < wake_count as usize {
            rouse(&sleepers.remove(index), &mut wakes);
            woken += 1;
        } else {
            moved.push(Sleeper { key: to, ..sleepers.remove(index) });
        }
    }
    let total = woken + moved.len();
    match &mut second {
        Some(second) if source < target => second.append(&mut moved),
        _ => first.append(&mut moved),
    }
    drop((first, second));
    Ok(total as u64)
}

/// `FUTEX_WAKE_OP`'s operation on the second word; says whether its comparison holds.
fn apply(address: u64, encoded: u32) -> Result<bool> {
    let operand = |shift: u32| ((encoded >> shift & 0xfff) << 20).cast_signed() >> 20;
    let (argument, comparand) = (operand(12), operand(0));
    let argument = if encoded >> 31 != 0 { 1_i32.wrapping_shl(argument.cast_unsigned()) } else { argument };
    let old: i32 = user::read(address)?;
    let new = match encoded >> 28 & 7 {
        0 => argument,
        1 => old.wrapping_add(argument),
        2 => old | argument,
        3 => old & !argument,
        4 => old ^ argument,
        _ => return Err(Errno::ENOSYS),
    };
    user::write(address, &new)?;
    Ok(match encoded >> 24 & 0xf {
        0 => old == comparand,
        1 => old != comparand,
        2 => old < comparand,
        3 => old <= comparand,
        4 => old > comparand,
        5 => old >= comparand,
        _ => return Err(Errno::ENOSYS),
    })
}

fn sys_set_robust_list(args: &Args<'_>) -> Result<u64> {
    if args.word(1) != ROBUST_HEAD {
        return Err(Errno::EINVAL);
    }
    args.thread.robust_list.store(args.word(0), Ordering::Relaxed);
    Ok(0)
}

fn sys_get_robust_list(args: &Args<'_>) -> Result<u64> {
    let tid = args.int(0);
    let thread = if tid == 0 { None } else { Some(crate::task::find_thread(tid).ok_or(Errno::ESRCH)?) };
    let list = thread.as_ref().map_or(args.thread, |thread| &**thread).robust_list.load(Ordering::Relaxed);
    user::write(args.word(1), &list)?;
    user::write(args.word(2), &ROBUST_HEAD)?;
    Ok(0)
}

/// A thread ends: its robust mutexes are marked, the word that joiners wait on is cleared.
pub fn thread_exits(thread: &Thread) {
    let list = thread.robust_list.swap(0, Ordering::Relaxed);
    if list != 0 {
        // A list that cannot be read ends there, as on Linux.
        let _ = walk_robust_list(thread, list);
    }
    let word = thread.clear_child_tid.swap(0, Ordering::Relaxed);
    if word != 0
        && user::write(word, &0_u32).is_ok()
        && let Ok(key) = key_of(thread, word, false)
    {
        wake(key, 1, ANY);
    }
}

fn walk_robust_list(thread: &Thread, head: u64) -> Result<()> {
    let offset: u64 = user::read(head + 8)?;
    let pending: u64 = user::read(head + 16)?;
    let mut entry: u64 = user::read(head)?;
    for _ in 0..ROBUST_LIMIT {
        if entry & !1 == head {
            break;
        }
        let next: u64 = user::read(entry & !1)?;
        if entry & !1 != pending & !1 {
            owner_died(thread, (entry & !1).wrapping_add(offset))?;
        }
        entry = next;
    }
    if pending != 0 {
        owner_died(thread, (pending & !1).wrapping_add(offset))?;
    }
    Ok(())
}

fn owner_died(thread: &Thread, address: u64) -> Result<()> {
    let word: u32 = user::read(address)?;
    if word & TID_MASK == thread.tid.cast_unsigned() {
        user::write(address, &(word & WAITERS | OWNER_DIED))?;
        if word & WAITERS != 0 {
            wake(key_of(thread, address, false)?, 1, ANY);
        }
    }
    Ok(())
}
