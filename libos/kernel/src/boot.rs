//! From the monitor's handoff to the first program.

use alloc::sync::Arc;
use core::panic::PanicInfo;

use bailey_abi::boot::{ABI_VERSION, BootConfig, Handoff};
use bailey_abi::codec::{MAX_CONFIG, decode};
use bailey_abi::layout::{APP_START, KERNEL_BASE, KERNEL_END, SHARED_BASE, SHARED_SIZE};
use bailey_abi::stream::{Event, ExitStatus};

use crate::errno::Result;
use crate::host::heap::SharedHeap;
use crate::host::io::{self, Work};
use crate::host::{self, DescriptorCache, memory, thread as host_thread};
use crate::mm::AddressSpace;
use crate::signal::{self, ProcessSignals, ThreadSignals};
use crate::sync::{Mutex, Once};
use crate::syscall::counts;
use crate::task::{self, Block, Blocks, Identity, Limits, Process, Program, Relations, Seed, Thread};
use crate::trap;
use crate::vfs::{FileTable, FsContext};
use crate::{ipc, net, tty, vfs};

/// What the I/O thread needs when it starts.
static IO: Once<(i32, i32)> = Once::new();
/// The kernel's own process id.
const KERNEL_PID: i32 = 1;

/// Starts the instance; never returns.
pub fn start(handoff: &Handoff, heap: &'static SharedHeap) -> ! {
    let block = Block::FIRST;
    block.set_host_tid(handoff.host_pid);
    // SAFETY: the monitor has put them there.
    unsafe { counts::set_region(handoff.counts) };
    // SAFETY: the rest of the shared region is nobody's yet.
    unsafe { heap.claim(handoff.heap_start, SHARED_BASE + SHARED_SIZE - handoff.heap_start) };
    forget_the_monitor();
    host::seed(handoff.seed);
    host::set_memfd(handoff.memfd);
    host::set_door(handoff.channel_fd);
    crate::time::set_vdso(handoff.vdso_clock_gettime);
    // SAFETY: the monitor has put the encoded configuration there.
    let bytes =
        unsafe { core::slice::from_raw_parts(handoff.config as *const u8, handoff.config_len as usize) };
    let config: BootConfig = match decode(bytes, MAX_CONFIG) {
        Ok(config) if handoff.version == ABI_VERSION => config,
        _ => host_thread::exit_process(70),
    };
    task::set_bound(config.max_tasks as usize);
    trap::verbose(config.verbose);
    trap::enable_patching(config.patching);
    let kernel = new_process(KERNEL_PID, &config, FsContext::default_at_boot());
    let thread = Thread::new(
        KERNEL_PID,
        kernel.clone(),
        block,
        ThreadSignals::default(),
        *b"kernel\0\0\0\0\0\0\0\0\0\0",
    );
    kernel.set_host_pid(handoff.host_pid);
    thread.set_host_tid(handoff.host_pid);
    block.set_thread(&thread);
    trap::use_block(block);
    if let Err(error) = trap::install().and_then(|()| run(handoff, &config, &kernel, block)) {
        host::debug(&alloc::format!("bailey: {}: {error:?}", config.program));
        // As a shell says it: 127 for a program that is not there, 126 for one that cannot be run.
        let status = if error == crate::errno::Errno::ENOENT { 127 } else { 126 };
        host::instance_exit(ExitStatus::Exited(status));
    }
    host_thread::exit_process(0)
}

/// Unmaps everything that was the monitor's: the copy of it that this process began as.
fn forget_the_monitor() {
    const TOP: u64 = 0x7fff_ffff_f000;
    // SAFETY: nothing of the kernel lies there; the host's vDSO and its data have been put into the kernel's range.
    let _ = unsafe { memory::free(APP_START, KERNEL_BASE - APP_START) };
    // SAFETY: as above.
    let _ = unsafe { memory::free(KERNEL_END, TOP - KERNEL_END) };
}

fn new_process(pid: i32, config: &BootConfig, fs: FsContext) -> Arc<Process> {
    Process::new(
        pid,
        Seed {
            files: Arc::new(FileTable::new()),
            fs: Arc::new(Mutex::new(fs)),
            descriptors: DescriptorCache::default(),
            mm: AddressSpace::default(),
            blocks: Blocks::default(),
            signals: ProcessSignals::default(),
            relations: Relations { parent: KERNEL_PID, group: pid, session: pid, ..Relations::default() },
            terminal: None,
            program: Program::default(),
            limits: Limits::default(),
            identity: Identity { uid: config.uid, gid: config.gid },
        },
    )
}

fn run(handoff: &Handoff, config: &BootConfig, kernel: &Arc<Process>, block: Block) -> Result<()> {
    io::set_wake(handoff.wake_fds[1]);
    vfs::init(config, handoff.memfd_size, &|text| host::debug(text))?;
    ipc::stdio::init(config)?;
    net::outside::init(config.network);
    IO.set((handoff.wake_fds[0], handoff.event_fd));
    start_io_thread(kernel)?;
    let pid = task::new_id()?;
    let process = new_process(pid, config, FsContext::at(&config.directory)?);
    *process.blocks.lock() = kernel.blocks.lock().clone();
    process.set_host_pid(handoff.host_pid);
    let thread = Thread::new(pid, process.clone(), block, ThreadSignals::default(), [0; 16]);
    thread.set_host_tid(handoff.host_pid);
    process.threads.lock().push(thread.clone());
    task::insert(&process, &thread);
    ipc::stdio::open(config, &process)?;
    block.set_thread(&thread);
    let executed = task::start_first(&thread, &config.program, &config.arguments, &config.environment)?;
    trap::set_fs_base(0);
    trap::leave_to(&thread, trap::fresh_context(executed.entry, executed.stack))
}

/// The I/O thread belongs to the kernel's own process, in the host process of the first program.
fn start_io_thread(kernel: &Arc<Process>) -> Result<()> {
    let block = Block::take(&kernel.blocks)?;
    let thread =
        Thread::new(KERNEL_PID, kernel.clone(), block, ThreadSignals::default(), *b"kernel-io\0\0\0\0\0\0\0");
    block.set_thread(&thread);
    // SAFETY: the block is the new thread's alone.
    unsafe { host_thread::create(io_main, block.top() - 64, block.host_tid_cell()) }.map(drop)
}

extern "C" fn io_main() -> ! {
    trap::use_block(Block::current());
    let (wake, events) = IO.get().copied().unwrap_or((-1, -1));
    io::run(wake, events, Work { timers: signal::fire_due, event: on_event })
}

fn on_event(event: Event) {
    match event {
        Event::Signal { signo } => tty::console::signal_from_host(signo),
        Event::TerminalSize { rows, columns } => tty::console::resize(rows, columns),
        Event::ProcessDied { host_pid, signo } => task::host_killed(host_pid, signo),
    }
}

/// A panic of the kernel: the instance ends, and its log says why.
pub fn fail(info: &PanicInfo<'_>, heap: &SharedHeap) -> ! {
    heap.break_lock();
    if task::try_current().is_some() {
        host::debug(&alloc::format!("bailey: the libOS kernel has failed: {info}"));
        host::instance_exit(ExitStatus::KernelFailure);
    }
    host_thread::exit_process(70)
}
