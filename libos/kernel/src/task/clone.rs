//! Making threads and processes (clone(2), fork(2), vfork(2)).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::host::{self, thread as host_thread};
use crate::ipc::pidfd::PidFd;
use crate::signal::number::{SIGCHLD, SIGRTMAX};
use crate::signal::{Pending, ProcessSignals, ThreadSignals, UserContext};
use crate::sync::{Mutex, wait_event};
use crate::task::process::Seed;
use crate::task::{
    Block, Process, Relations, Thread, count_tasks, insert, insert_thread, new_id, remove, remove_thread,
};
use crate::trap;
use crate::user;

#[expect(missing_docs, reason = "clone(2) documents them")]
pub mod flag {
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const NEWNS: u64 = 0x2_0000;
    pub const SIGHAND: u64 = 0x800;
    pub const PIDFD: u64 = 0x1000;
    pub const VFORK: u64 = 0x4000;
    pub const PARENT: u64 = 0x8000;
    pub const THREAD: u64 = 0x1_0000;
    pub const SETTLS: u64 = 0x8_0000;
    pub const PARENT_SETTID: u64 = 0x10_0000;
    pub const CHILD_CLEARTID: u64 = 0x20_0000;
    pub const CHILD_SETTID: u64 = 0x100_0000;
    pub const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
    /// Every `CLONE_NEW*`: not for an ordinary user.
    pub const NAMESPACES: u64 = 0x7e02_0000;
}

/// What `clone(2)` is asked for.
#[derive(Clone, Copy, Debug)]
pub struct CloneArgs {
    /// `CLONE_*`
    pub flags: u64,
    /// Stack pointer of the child; 0: the caller's.
    pub stack: u64,
    /// See [`flag::PARENT_SETTID`].
    pub parent_tid: u64,
    /// See [`flag::CHILD_SETTID`].
    pub child_tid: u64,
    /// Where a descriptor of the child is written, with [`flag::PIDFD`].
    pub pidfd: u64,
    /// FS base of the child, with [`flag::SETTLS`].
    pub tls: u64,
    /// Sent to the parent at the child's end.
    pub exit_signal: u8,
}

/// `clone(2)`; `context` is what the caller goes on with. In the child it is changed and 0 is returned.
///
/// # Errors
/// `EINVAL`, `EPERM`, `EAGAIN`, `ENOMEM`
pub fn clone(thread: &Thread, args: &CloneArgs, context: &mut UserContext) -> Result<i32> {
    if args.flags & (flag::FS | flag::NEWNS) == flag::FS | flag::NEWNS {
        return Err(Errno::EINVAL);
    }
    if args.flags & flag::NAMESPACES != 0 {
        return Err(Errno::EPERM);
    }
    if args.exit_signal > SIGRTMAX {
        return Err(Errno::EINVAL);
    }
    if args.flags & (flag::SIGHAND | flag::VM) == flag::SIGHAND {
        return Err(Errno::EINVAL);
    }
    if args.flags & flag::SETTLS != 0 {
        trap::checked_base(args.tls)?;
    }
    if args.flags & flag::THREAD != 0 {
        let shared = flag::VM | flag::SIGHAND;
        if args.flags & shared != shared || args.flags & flag::PIDFD != 0 {
            return Err(Errno::EINVAL);
        }
        check_room_for_task(thread.process())?;
        return create_thread(thread, args, context);
    }
    check_room_for_task(thread.process())?;
    fork(thread, args, context)
}

/// `RLIMIT_NPROC`: threads of all processes of the user.
fn check_room_for_task(process: &Process) -> Result<()> {
    const NPROC: usize = 6;
    let (_, threads) = count_tasks();
    if threads as u64 >= process.limits.lock().0[NPROC][0] { Err(Errno::EAGAIN) } else { Ok(()) }
}

fn create_thread(thread: &Thread, args: &CloneArgs, context: &UserContext) -> Result<i32> {
    let process = thread.process();
    process.threaded.store(true, Ordering::SeqCst);
    let tid = new_id()?;
    let block = Block::take(&process.blocks)?;
    let signals = ThreadSignals { mask: thread.signals.lock().mask, ..ThreadSignals::default() };
    let name = *thread.name.lock();
    let child = Thread::new(tid, process.clone(), block, signals, name);
    let mut registers = Box::new(*context);
    registers.rax = 0;
    if args.stack != 0 {
        registers.rsp = args.stack;
    }
    let fs = if args.flags & flag::SETTLS != 0 { args.tls } else { trap::fs_base() };
    registers.old_mask = fs;
    *child.start.lock() = Some(registers);
    if args.flags & flag::CHILD_CLEARTID != 0 {
        child.clear_child_tid.store(args.child_tid, Ordering::Relaxed);
    }
    // As on Linux a bad address harms nobody.
    if args.flags & flag::PARENT_SETTID != 0 {
        let _ = user::write(args.parent_tid, &tid);
    }
    if args.flags & flag::CHILD_SETTID != 0 {
        let _ = user::write(args.child_tid, &tid);
    }
    *child.scheduling.lock() = thread.scheduling.lock().inherited();
    block.set_thread(&child);
    insert_thread(&child);
    let ended = {
        let mut threads = process.threads.lock();
        threads.push(child.clone());
        process.ending.lock().is_some() || thread.ending.load(Ordering::SeqCst)
    };
    if ended {
        child.ending.store(true, Ordering::SeqCst);
        child.attention.store(true, Ordering::SeqCst);
    }
    // SAFETY: the block is the new thread's alone; its cell for the thread id outlives it.
    match unsafe { host_thread::create(thread_main, block.top() - 64, block.host_tid_cell()) } {
        Ok(_) => Ok(tid),
        Err(error) => {
            process.threads.lock().retain(|other| other.tid != tid);
            remove_thread(tid);
            block.release_later();
            Err(error)
        }
    }
}

/// First code of a new thread (upcall `ThreadStart`).
extern "C" fn thread_main() -> ! {
    let thread = crate::task::current();
    let block = thread.block();
    thread.set_host_tid(block.host_tid());
    trap::use_block(block);
    let mut context = *thread.start.lock().take().expect("a new thread has registers");
    let fs = core::mem::take(&mut context.old_mask);
    trap::set_fs_base(fs);
    block.register(fs);
    trap::leave_to(thread, context)
}

fn fork(thread: &Thread, args: &CloneArgs, context: &mut UserContext) -> Result<i32> {
    let parent = thread.process();
    let pid = new_id()?;
    parent.wishes.grant();
    let child = copy_process(parent, args, pid);
    if args.flags & flag::VFORK != 0 {
        *child.vfork_stack.lock() = Some((context.rsp, Vec::new()));
    }
    let signals = {
        let own = thread.signals.lock();
        ThreadSignals { pending: Pending::default(), saved_mask: None, ..own.clone() }
    };
    let twin = Thread::new(pid, child.clone(), thread.block(), signals, *thread.name.lock());
    if args.flags & flag::CHILD_CLEARTID != 0 {
        twin.clear_child_tid.store(args.child_tid, Ordering::Relaxed);
    }
    *twin.scheduling.lock() = thread.scheduling.lock().inherited();
    child.threads.lock().push(twin.clone());
    insert(&child, &twin);
    let pidfd = match open_pidfd(parent, &child, args) {
        Ok(pidfd) => pidfd,
        Err(error) => {
            undo(&child);
            return Err(error);
        }
    };
    parent_of(parent, args).relations.lock().children.push(pid);
    let block = thread.block();
    let host_tid = block.host_tid();
    // The parent may be gone before the copy runs: it looks at nothing of the parent's.
    let parent_channel = parent.channel().fd();
    // SAFETY: the copy puts its block right in `start_copy` before it takes any lock.
    match unsafe { host_thread::fork(block.host_tid_cell()) } {
        Ok(0) => {
            start_copy(parent_channel, &child, &twin, args, context);
            // The stack is a copy: the references on it are the parent's, which drops them itself.
            core::mem::forget((child, twin));
            Ok(0)
        }
        Ok(host_pid) => {
            debug_assert_eq!(block.host_tid(), host_tid);
            child.set_host_pid(host_pid);
            twin.set_host_tid(host_pid);
            if child.processor_limit.load(Ordering::Relaxed) != u64::MAX {
                host::io::wake();
            }
            if args.flags & flag::PARENT_SETTID != 0 {
                let _ = user::write(args.parent_tid, &pid);
            }
            if args.flags & flag::VFORK != 0 {
                wait_for_vfork(thread, &child);
                let written = child.vfork_stack.lock().take();
                if let Some((address, bytes)) = written.filter(|(_, bytes)| !bytes.is_empty()) {
                    user::copy_out(address, &bytes)?;
                }
            }
            Ok(pid)
        }
        Err(error) => {
            parent_of(parent, args).relations.lock().children.retain(|other| *other != pid);
            if let Some(fd) = pidfd {
                // Another thread may have closed it.
                let _ = parent.files().remove(fd);
            }
            undo(&child);
            Err(error)
        }
    }
}

/// A process that could not be made is forgotten.
fn undo(child: &Process) {
    remove_thread(child.pid());
    remove(child.pid());
    child.threads.lock().clear();
}

/// With [`flag::PIDFD`]: a descriptor of the child, for the parent alone.
fn open_pidfd(parent: &Process, child: &Arc<Process>, args: &CloneArgs) -> Result<Option<i32>> {
    if args.flags & flag::PIDFD == 0 {
        return Ok(None);
    }
    let fd = parent.files().insert(PidFd::open(child.clone(), 0), true, 0)?;
    if let Err(error) = user::write(args.pidfd, &fd) {
        parent.files().remove(fd)?;
        return Err(error);
    }
    Ok(Some(fd))
}

fn parent_of(caller: &Arc<Process>, args: &CloneArgs) -> Arc<Process> {
    let own = || crate::task::find_process(caller.parent_pid());
    if args.flags & flag::PARENT != 0 { own().unwrap_or_else(|| caller.clone()) } else { caller.clone() }
}

fn inherited_signals(parent: &Process, args: &CloneArgs) -> ProcessSignals {
    let mut signals = parent.signals.lock().inherited();
    if args.flags & flag::CLEAR_SIGHAND != 0 {
        signals.reset_handlers();
    }
    signals
}

fn copy_process(parent: &Arc<Process>, args: &CloneArgs, pid: i32) -> Arc<Process> {
    let files = parent.files();
    let files = if args.flags & flag::FILES != 0 {
        files.share();
        files
    } else {
        Arc::new(files.clone_table())
    };
    let fs = if args.flags & flag::FS != 0 {
        parent.fs.clone()
    } else {
        Arc::new(Mutex::new(parent.fs.lock().clone()))
    };
    let relations = {
        let own = parent.relations.lock();
        Relations { group: own.group, session: own.session, ..Relations::default() }
    };
    let child = Process::new(
        pid,
        Seed {
            files,
            fs,
            descriptors: parent.descriptors().inherited(),
            mm: parent.mm.lock().for_child(),
            blocks: parent.blocks.lock().inherited(crate::task::current().block()),
            signals: inherited_signals(parent, args),
            relations: Relations {
                parent: parent_of(parent, args).pid(),
                exit_signal: if args.exit_signal == 0 && args.flags & flag::VFORK != 0 {
                    SIGCHLD
                } else {
                    args.exit_signal
                },
                ..relations
            },
            terminal: parent.terminal(),
            program: parent.program.lock().clone(),
            limits: parent.limits.lock().clone(),
            identity: parent.identity(),
        },
    );
    child.nice.store(parent.nice.load(Ordering::Relaxed), Ordering::Relaxed);
    child.personality.store(parent.personality.load(Ordering::Relaxed), Ordering::Relaxed);
    child.options[0].store(parent.options[0].load(Ordering::Relaxed), Ordering::Relaxed);
    child
}

/// First code of a cloned process.
fn start_copy(
    parent_channel: Option<i32>,
    child: &Arc<Process>,
    thread: &Arc<Thread>,
    args: &CloneArgs,
    context: &mut UserContext,
) {
    let block = thread.block();
    block.forget_shelf();
    block.set_thread(thread);
    let host_pid = block.host_tid();
    thread.set_host_tid(host_pid);
    child.set_host_pid(host_pid);
    if let Some(fd) = parent_channel {
        host::close_descriptor(fd);
    }
    if args.stack != 0 {
        context.rsp = args.stack;
    }
    let fs = if args.flags & flag::SETTLS != 0 { args.tls } else { trap::fs_base() };
    trap::set_fs_base(fs);
    block.register(fs);
    if args.flags & flag::CHILD_SETTID != 0 {
        // As on Linux a bad address harms nobody.
        let _ = user::write(args.child_tid, &thread.tid);
    }
    if thread.process().ending.lock().is_some() {
        thread.ending.store(true, Ordering::SeqCst);
    }
    thread.attention.store(true, Ordering::SeqCst);
}

/// Bytes of the parent's stack that a vfork child may write to (`posix_spawn` puts its error there).
const VFORK_STACK: u64 = 8 << 10;

/// In a vfork child that ends without a new program: keeps what it has written to its parent's stack.
pub(super) fn keep_vfork_stack(process: &Process) {
    let Some((address, _)) = *process.vfork_stack.lock() else {
        return;
    };
    if process.generation.load(Ordering::SeqCst) != 0 {
        return;
    }
    let end = process.mm.lock().find(address).map_or(address, |(_, area)| area.end);
    let mut bytes = alloc::vec![0; (end - address).min(VFORK_STACK) as usize];
    if user::copy_in(&mut bytes, address).is_ok() {
        *process.vfork_stack.lock() = Some((address, bytes));
    }
}

/// Until the child has a new program or has ended; only an end of the caller comes before.
fn wait_for_vfork(thread: &Thread, child: &Process) {
    let first = 0;
    loop {
        let over = || {
            let done = child.generation.load(Ordering::SeqCst) != first || child.ended();
            (done || thread.ending.load(Ordering::SeqCst)).then_some(())
        };
        thread.attention.store(false, Ordering::SeqCst);
        let waited = wait_event(&[&child.changed], None, over);
        thread.attention.store(true, Ordering::SeqCst);
        if waited.is_ok() {
            return;
        }
    }
}
