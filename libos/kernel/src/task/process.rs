//! A process.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

use crate::errno::Result;
use crate::host::{Channel, DescriptorCache, HostHandle, Wishes};
use crate::mm::AddressSpace;
use crate::signal::ProcessSignals;
use crate::sync::{Mutex, WaitQueue};
use crate::task::{Blocks, ExitCode, Relations, Thread};
use crate::time::Schedule;
use crate::tty::Terminal;
use crate::vfs::{FileTable, FsContext, OpenFile, Use};

/// User and group of a process; all instances of a kernel have just one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "credentials(7) documents them")]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
}

/// `getrlimit(2)`: soft and hard, by `RLIMIT_*`.
#[derive(Clone, Debug)]
pub struct Limits(pub [[u64; 2]; 16]);

impl Limits {
    /// `RLIMIT_MSGQUEUE`, soft.
    pub fn message_queues(&self) -> u64 {
        self.0[12][0]
    }
}

impl Default for Limits {
    fn default() -> Self {
        const INFINITY: u64 = u64::MAX;
        let mut limits = [[INFINITY; 2]; 16];
        limits[3] = [8 << 20, INFINITY]; // RLIMIT_STACK
        limits[4] = [0, INFINITY]; // RLIMIT_CORE
        limits[6] = [4096; 2]; // RLIMIT_NPROC
        limits[7] = [1024, 1 << 16]; // RLIMIT_NOFILE
        limits[8] = [8 << 20; 2]; // RLIMIT_MEMLOCK
        limits[11] = [4096; 2]; // RLIMIT_SIGPENDING
        limits[12] = [819_200; 2]; // RLIMIT_MSGQUEUE
        limits[13] = [0; 2]; // RLIMIT_NICE
        limits[14] = [0; 2]; // RLIMIT_RTPRIO
        Self(limits)
    }
}

/// What `/proc` says of the program.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Absolute path of the executable.
    pub exe: String,
    /// `argv`, NUL-separated.
    pub command_line: Vec<u8>,
    /// `envp`, NUL-separated.
    pub environment: Vec<u8>,
    /// What keeps the executable from being written to.
    pub running: Option<Arc<Use>>,
}

/// A process, in the shared region.
pub struct Process {
    pid: i32,
    host_pid: AtomicI32,
    files: Mutex<Arc<FileTable>>,
    /// Whether it has, or has had, more than one thread since its program began.
    pub threaded: AtomicBool,
    /// Working directory and umask.
    pub fs: Arc<Mutex<FsContext>>,
    channel: Channel,
    descriptors: Arc<DescriptorCache>,
    /// See [`Wishes`].
    pub wishes: Wishes,
    /// Its address space.
    pub mm: Mutex<AddressSpace>,
    /// See [`Blocks`].
    pub blocks: Mutex<Blocks>,
    /// Signal actions and what is pending for any thread.
    pub signals: Mutex<ProcessSignals>,
    /// Its live threads, the leader first.
    pub threads: Mutex<Vec<Arc<Thread>>>,
    /// Parent, children, group, session, state.
    pub relations: Mutex<Relations>,
    /// Woken when a child ends, stops or goes on.
    pub children_changed: WaitQueue,
    /// Woken when a signal has been sent to it (signalfd).
    pub signal_queue: WaitQueue,
    /// Whether it may be stopped.
    pub stop_flag: AtomicBool,
    /// Woken when it has ended, stopped, gone on or has a new program (vfork, pidfd).
    pub changed: WaitQueue,
    terminal: Mutex<Option<Arc<Terminal>>>,
    /// See [`Program`].
    pub program: Mutex<Program>,
    /// See [`Limits`].
    pub limits: Mutex<Limits>,
    /// Whether it ever had areas whose pages had no bytes: nobody looks for such pages else.
    pub pages_missing: AtomicBool,
    /// Whether operations on semaphores are undone at its end (`SEM_UNDO`).
    pub undoes: AtomicBool,
    /// `RLIMIT_FSIZE`, soft: every write looks at it.
    pub file_size_limit: AtomicU64,
    /// `RLIMIT_CPU`, soft: looked at whenever timers are.
    pub processor_limit: AtomicU64,
    /// `ITIMER_REAL`, `ITIMER_VIRTUAL`, `ITIMER_PROF`: see `signal/timers`.
    pub interval_timers: Mutex<[Schedule; 3]>,
    /// POSIX timers, by id.
    pub timers: Mutex<Vec<Option<crate::signal::PosixTimer>>>,
    /// Counts programs: a vfork parent waits for a change.
    pub generation: AtomicU32,
    /// Of a child by vfork(2): the stack of its parent that it may write to, and what it has written there when it
    /// ended. The child has a copy of the memory; a program looks there only for what became of an exec.
    pub vfork_stack: Mutex<Option<(u64, Vec<u8>)>>,
    /// `nice(2)`: 0 to 19; kept for programs that ask, the host schedules.
    pub nice: AtomicI32,
    /// `personality(2)`
    pub personality: AtomicU32,
    /// How it ends, once that is decided (0: it lives).
    pub ending: Mutex<Option<ExitCode>>,
    /// When it started, nanoseconds of `CLOCK_BOOTTIME`.
    pub started: u64,
    /// `PR_SET_DUMPABLE`, `PR_SET_PDEATHSIG`, `PR_SET_CHILD_SUBREAPER`.
    pub options: [AtomicU64; 3],
    identity: Identity,
}

/// What a new process takes from the one that makes it.
#[derive(Debug)]
pub struct Seed {
    /// See the field of [`Process`].
    pub files: Arc<FileTable>,
    /// See the field of [`Process`].
    pub fs: Arc<Mutex<FsContext>>,
    /// See the field of [`Process`].
    pub descriptors: DescriptorCache,
    /// See the field of [`Process`].
    pub mm: AddressSpace,
    /// See the field of [`Process`].
    pub blocks: Blocks,
    /// See the field of [`Process`].
    pub signals: ProcessSignals,
    /// See the field of [`Process`].
    pub relations: Relations,
    /// See the field of [`Process`].
    pub terminal: Option<Arc<Terminal>>,
    /// See the field of [`Process`].
    pub program: Program,
    /// See the field of [`Process`].
    pub limits: Limits,
    /// See the field of [`Process`].
    pub identity: Identity,
}

impl Process {
    /// A process without threads.
    pub fn new(pid: i32, seed: Seed) -> Arc<Self> {
        let started = crate::time::now(crate::time::Clock::Boottime);
        let pages_missing = seed.mm.iter().any(|(_, area)| area.missing);
        Arc::new(Self {
            pid,
            host_pid: AtomicI32::new(0),
            files: Mutex::new(seed.files),
            threaded: AtomicBool::new(false),
            fs: seed.fs,
            channel: Channel::new(),
            descriptors: Arc::new(seed.descriptors),
            wishes: Wishes::default(),
            pages_missing: AtomicBool::new(pages_missing),
            undoes: AtomicBool::new(false),
            mm: Mutex::new(seed.mm),
            blocks: Mutex::new(seed.blocks),
            signals: Mutex::new(seed.signals),
            threads: Mutex::new(Vec::new()),
            relations: Mutex::new(seed.relations),
            children_changed: WaitQueue::new(),
            signal_queue: WaitQueue::new(),
            stop_flag: AtomicBool::new(false),
            changed: WaitQueue::new(),
            terminal: Mutex::new(seed.terminal),
            program: Mutex::new(seed.program),
            file_size_limit: AtomicU64::new(seed.limits.0[1][0]),
            processor_limit: AtomicU64::new(seed.limits.0[0][0]),
            limits: Mutex::new(seed.limits),
            interval_timers: Mutex::new([Schedule::default(); 3]),
            timers: Mutex::new(Vec::new()),
            generation: AtomicU32::new(0),
            vfork_stack: Mutex::new(None),
            nice: AtomicI32::new(0),
            personality: AtomicU32::new(0),
            ending: Mutex::new(None),
            started: u64::try_from(started.as_nanos()).unwrap_or(0),
            options: [AtomicU64::new(1), AtomicU64::new(0), AtomicU64::new(0)],
            identity: seed.identity,
        })
    }

    /// `getpid(2)`
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its host process, as the instance's PID namespace counts; 0 before it runs.
    pub fn host_pid(&self) -> i32 {
        self.host_pid.load(Ordering::Acquire)
    }

    /// Says which host process it is.
    pub fn set_host_pid(&self, pid: i32) {
        self.host_pid.store(pid, Ordering::Release);
    }

    /// Its descriptor table.
    pub fn files(&self) -> Arc<FileTable> {
        self.files.lock().clone()
    }

    /// Gives it another descriptor table.
    pub fn set_files(&self, files: Arc<FileTable>) -> Arc<FileTable> {
        core::mem::replace(&mut *self.files.lock(), files)
    }

    /// The file behind one of its descriptors; asked for by a thread of its own.
    ///
    /// # Errors
    /// `EBADF`, also for an `O_PATH` descriptor.
    pub fn file(&self, fd: i32) -> Result<Arc<OpenFile>> {
        if self.threaded.load(Ordering::Acquire) {
            return self.files.lock().get(fd);
        }
        // SAFETY: only a process's own threads ask for its files by number and put another table in place, and this
        // process has just one.
        unsafe { self.files.unlocked().get_alone(fd) }
    }

    /// Its channel to the monitor.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Its host descriptors.
    pub fn descriptors(&self) -> &DescriptorCache {
        &self.descriptors
    }

    /// `getppid(2)`; 0 without a parent.
    pub fn parent_pid(&self) -> i32 {
        self.relations.lock().parent
    }

    /// `getpgid(2)`
    pub fn pgid(&self) -> i32 {
        self.relations.lock().group
    }

    /// `getsid(2)`
    pub fn sid(&self) -> i32 {
        self.relations.lock().session
    }

    /// Its controlling terminal.
    pub fn terminal(&self) -> Option<Arc<Terminal>> {
        self.terminal.lock().clone()
    }

    /// Gives it a controlling terminal, or takes it.
    pub fn set_terminal(&self, terminal: Option<Arc<Terminal>>) {
        let old = core::mem::replace(&mut *self.terminal.lock(), terminal);
        drop(old);
    }

    /// User and group.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// `RLIMIT_STACK`, soft: bytes that its stack may have.
    pub fn stack_limit(&self) -> u64 {
        const RLIMIT_STACK: usize = 3;
        self.limits.lock().0[RLIMIT_STACK][0]
    }

    /// Whether it has ended (it may still be waited for).
    pub fn ended(&self) -> bool {
        self.relations.lock().ended.is_some()
    }

    /// Its leading thread, while one lives.
    pub fn leader(&self) -> Option<Arc<Thread>> {
        let threads = self.threads.lock();
        threads.iter().find(|thread| thread.tid == self.pid).or_else(|| threads.first()).cloned()
    }
}

/// A process has had to fetch a handle that it might have inherited.
pub fn wish_to_inherit(process: &Process, handle: &Arc<HostHandle>) {
    if let Some(parent) = crate::task::find_process(process.parent_pid()) {
        parent.wishes.add(handle);
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("pid", &self.pid).finish_non_exhaustive()
    }
}
