//! What System V IPC tells of itself: the structures of `*ctl(2)` and the files of `/proc/sysvipc`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use crate::errno::Result;
use crate::ipc::sysv::message::{MAX_MESSAGE, MAX_QUEUE, QUEUES, Queue};
use crate::ipc::sysv::semaphore::{MAX_OPERATIONS, MAX_SEMAPHORES, MAX_VALUE, SETS, Set};
use crate::ipc::sysv::shared_memory::{MAX_SEGMENT, SEGMENTS, Segment, sweep};
use crate::ipc::sysv::{MAX_OBJECTS, Permissions};

/// `SEMMNI` and `MSGMNI`, as Linux has them; fewer can be made, see [`MAX_OBJECTS`].
const MAX_SETS: u32 = 32_000;

fn put(bytes: &mut Vec<u8>, words: &[u64]) {
    words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
}

fn put_ints(bytes: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
}

/// A count in a 32-bit field.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// `struct ipc64_perm`
fn permissions(perm: &Permissions) -> Vec<u8> {
    let mut bytes = perm.key.to_le_bytes().to_vec();
    put_ints(&mut bytes, &[perm.uid, perm.gid, perm.cuid, perm.cgid, perm.mode, u32::from(perm.seq)]);
    bytes.resize(48, 0);
    bytes
}

/// `struct shmid64_ds`
pub fn segment(perm: &Permissions, segment: &Segment) -> Vec<u8> {
    let mut bytes = permissions(perm);
    put(&mut bytes, &[segment.size]);
    let times = segment.times.each_ref().map(|time| time.load(Ordering::Relaxed));
    put(&mut bytes, &times);
    let pids = [segment.creator, segment.last.load(Ordering::Relaxed)];
    put_ints(&mut bytes, &pids.map(i32::cast_unsigned));
    put(&mut bytes, &[segment.attached(), 0, 0]);
    bytes
}

/// `struct semid64_ds`
///
/// # Errors
/// `EIDRM`
pub fn set(perm: &Permissions, set: &Set) -> Result<Vec<u8>> {
    let mut bytes = permissions(perm);
    let [operated, changed] = set.times()?;
    put(&mut bytes, &[operated, 0, changed, 0, set.count() as u64, 0, 0]);
    Ok(bytes)
}

/// `struct msqid64_ds`
pub fn queue(perm: &Permissions, queue: &Queue) -> Vec<u8> {
    let counts = queue.counts();
    let mut bytes = permissions(perm);
    put(&mut bytes, &counts.times);
    put(&mut bytes, &[counts.bytes, counts.messages, counts.most].map(|count| count as u64));
    put_ints(&mut bytes, &[counts.sender, counts.receiver].map(i32::cast_unsigned));
    put(&mut bytes, &[0, 0]);
    bytes
}

/// `struct shminfo`
pub fn segment_limits() -> Vec<u8> {
    let most = MAX_OBJECTS as u64;
    let mut bytes = Vec::new();
    put(&mut bytes, &[MAX_SEGMENT, 1, most, most, MAX_SEGMENT, 0, 0, 0, 0]);
    bytes
}

/// `struct shm_info`: how many there are, and their pages.
pub fn segment_use() -> Vec<u8> {
    sweep();
    let all = SEGMENTS.all();
    let pages = all.iter().map(|(_, _, segment)| segment.size.div_ceil(4096)).sum::<u64>();
    let mut bytes = Vec::new();
    put(&mut bytes, &[all.len() as u64, pages, pages, 0, 0, 0]);
    bytes
}

/// `struct seminfo`; with `used` the last fields say how many sets and semaphores there are (`SEM_INFO`).
pub fn semaphore_limits(used: bool) -> Vec<u8> {
    let all = SETS.all();
    let semaphores = all.iter().map(|(_, _, set)| set.count()).sum();
    let last = if used { [small(all.len()), small(semaphores)] } else { [20, MAX_VALUE.cast_unsigned()] };
    let (operations, most) = (small(MAX_OPERATIONS), small(MAX_SEMAPHORES));
    let all = MAX_SETS * most;
    let mut bytes = Vec::new();
    put_ints(&mut bytes, &[all, MAX_SETS, all, all, most, operations, operations]);
    put_ints(&mut bytes, &[last[0], MAX_VALUE.cast_unsigned(), last[1]]);
    bytes
}

/// `struct msginfo`; with `used` some fields say how much there is (`MSG_INFO`).
pub fn message_limits(used: bool) -> Vec<u8> {
    let all = QUEUES.all();
    let counts: Vec<_> = all.iter().map(|(_, _, queue)| queue.counts()).collect();
    let most = small(MAX_QUEUE);
    let (pool, map, total) = if used {
        let messages = counts.iter().map(|count| count.messages).sum();
        (small(all.len()), small(messages), small(counts.iter().map(|count| count.bytes).sum()))
    } else {
        (MAX_SETS * (most / 1024), most, most)
    };
    let mut bytes = Vec::new();
    put_ints(&mut bytes, &[pool, map, small(MAX_MESSAGE), most, MAX_SETS, 16, total, 0xffff]);
    bytes
}

/// `/proc/sysvipc/shm`
pub fn segments_text() -> String {
    sweep();
    let mut text = String::from(
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n",
    );
    for (id, perm, segment) in SEGMENTS.all() {
        let [attached, detached, changed] = segment.times.each_ref().map(|time| time.load(Ordering::Relaxed));
        let (last, rss) = (segment.last.load(Ordering::Relaxed), segment.size.next_multiple_of(4096));
        text += &format!(
            "{:>10} {id:>10}  {:>4o} {:>21} {:>5} {last:>5}  {:>5} {:>5} {:>5} {:>5} {:>5} {attached:>10} {detached:>10} {changed:>10} {rss:>21} {:>21}\n",
            perm.key,
            perm.mode,
            segment.size,
            segment.creator,
            segment.attached(),
            perm.uid,
            perm.gid,
            perm.cuid,
            perm.cgid,
            0,
        );
    }
    text
}

/// `/proc/sysvipc/sem`
pub fn sets_text() -> String {
    let mut text = String::from(
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n",
    );
    for (id, perm, set) in SETS.all() {
        let [operated, changed] = set.times().unwrap_or_default();
        text += &format!(
            "{:>10} {id:>10}  {:>4o} {:>10} {:>5} {:>5} {:>5} {:>5} {operated:>10} {changed:>10}\n",
            perm.key,
            perm.mode,
            set.count(),
            perm.uid,
            perm.gid,
            perm.cuid,
            perm.cgid,
        );
    }
    text
}

/// `/proc/sysvipc/msg`
pub fn queues_text() -> String {
    let mut text = String::from(
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n",
    );
    for (id, perm, queue) in QUEUES.all() {
        let counts = queue.counts();
        let [sent, received, changed] = counts.times;
        text += &format!(
            "{:>10} {id:>10}  {:>4o}  {:>10} {:>10} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {sent:>10} {received:>10} {changed:>10}\n",
            perm.key,
            perm.mode,
            counts.bytes,
            counts.messages,
            counts.sender,
            counts.receiver,
            perm.uid,
            perm.gid,
            perm.cuid,
            perm.cgid,
        );
    }
    text
}
