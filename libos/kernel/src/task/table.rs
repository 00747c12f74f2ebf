//! All processes and threads of the instance, by id.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::task::{Process, Thread};

/// Highest id; then numbers start again (`/proc/sys/kernel/pid_max`).
const MAX_ID: i32 = 32_768;
/// The first program's id: 1 is the kernel itself, which orphans belong to.
const FIRST_ID: i32 = 2;
/// The kernel's own process id.
pub(super) const KERNEL_PID: i32 = 1;

struct Table {
    processes: BTreeMap<i32, Arc<Process>>,
    threads: BTreeMap<i32, Arc<Thread>>,
    next: i32,
    bound: usize,
}

static TABLE: Mutex<Table> =
    Mutex::new(Table { processes: BTreeMap::new(), threads: BTreeMap::new(), next: FIRST_ID, bound: 4096 });

/// Sets how many tasks there may be.
pub fn set_bound(bound: usize) {
    TABLE.lock().bound = bound;
}

/// A free id for a process or thread.
///
/// # Errors
/// `EAGAIN` past the instance's bound.
pub fn new_id() -> Result<i32> {
    let mut table = TABLE.lock();
    if table.threads.len() + table.processes.len() >= table.bound * 2 {
        return Err(Errno::EAGAIN);
    }
    for _ in 0..MAX_ID {
        let id = table.next;
        table.next = if id + 1 >= MAX_ID { FIRST_ID } else { id + 1 };
        if !table.processes.contains_key(&id) && !table.threads.contains_key(&id) && !in_use(&table, id) {
            return Ok(id);
        }
    }
    Err(Errno::EAGAIN)
}

/// Whether the id names a group or session.
fn in_use(table: &Table, id: i32) -> bool {
    id < table.next
        && table.processes.len() > 1
        && table.processes.values().any(|process| {
            process
                .relations
                .try_lock()
                .is_some_and(|relations| relations.group == id || relations.session == id)
        })
}

/// Adds a process with its first thread.
pub fn insert(process: &Arc<Process>, thread: &Arc<Thread>) {
    let mut table = TABLE.lock();
    table.processes.insert(process.pid(), process.clone());
    table.threads.insert(thread.tid, thread.clone());
}

/// Adds a thread.
pub fn insert_thread(thread: &Arc<Thread>) {
    TABLE.lock().threads.insert(thread.tid, thread.clone());
}

/// Forgets a process that has been waited for.
pub fn remove(pid: i32) {
    let gone = TABLE.lock().processes.remove(&pid);
    drop(gone);
}

/// Forgets a thread that has ended.
pub fn remove_thread(tid: i32) {
    let gone = TABLE.lock().threads.remove(&tid);
    drop(gone);
}

/// The process of this id, live or ended.
pub fn find_process(pid: i32) -> Option<Arc<Process>> {
    TABLE.lock().processes.get(&pid).cloned()
}

/// The process of this id, or the one that the live thread of this id belongs to.
pub fn find_task(id: i32) -> Option<Arc<Process>> {
    let table = TABLE.lock();
    table.processes.get(&id).or_else(|| table.threads.get(&id).map(|thread| thread.process())).cloned()
}

/// The live thread of this id.
pub fn find_thread(tid: i32) -> Option<Arc<Thread>> {
    TABLE.lock().threads.get(&tid).cloned()
}

/// Every process, by id.
pub fn all_processes() -> Vec<Arc<Process>> {
    TABLE.lock().processes.values().cloned().collect()
}

/// The processes of a group, those that have ended and not been waited for among them.
pub fn whole_group(group: i32) -> Vec<Arc<Process>> {
    all_processes().into_iter().filter(|process| process.pgid() == group).collect()
}

/// The processes of a group that have not ended.
pub fn group_members(group: i32) -> Vec<Arc<Process>> {
    all_processes().into_iter().filter(|process| process.pgid() == group && !process.ended()).collect()
}

/// Processes and threads that there are.
pub fn count_tasks() -> (usize, usize) {
    let table = TABLE.lock();
    (table.processes.len(), table.threads.len())
}
