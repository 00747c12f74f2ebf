//! From a freshly forked process of the monitor to the kernel's entry point.
//!
//! The process gives up everything it has of the monitor: descriptors, signal handlers, mappings. It
//! works with raw addresses by nature; every one of them is a constant of [`bailey_abi::layout`], or
//! comes from the checked [`Image`].

use std::ffi::CString;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;

use bailey_abi::boot::{ABI_VERSION, Handoff};
use bailey_abi::layout::{
    APP_START, HOST_CODE_BASE, KERNEL_BASE, KERNEL_END, MEMFD_BASE, PAGE_SIZE, SHARED_BASE, SHARED_SIZE,
    STACK_SIZE, STACKS_BASE, THREAD_TABLE, THREAD_TABLE_SIZE,
};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

use super::tail::{self, Plan};
use super::{HostVdso, Image, LoadError, Memories, Segment};

/// End of user addresses on x86-64 with four-level page tables.
const USER_END: u64 = 0x7fff_ffff_f000;
/// The tail's page: behind the vDSO, which is shorter than 256 KiB.
const TAIL_BASE: u64 = HOST_CODE_BASE + 0x8_0000;
/// Where the instance's descriptors are put, in the order of [`Descriptors`].
const FIRST_FD: RawFd = 3;

/// The descriptors that an instance's first process keeps.
#[derive(Debug)]
pub struct Descriptors {
    /// Its request channel.
    pub channel: OwnedFd,
    /// The event channel.
    pub events: OwnedFd,
    /// The pair by which its threads wake its I/O thread: read end, write end.
    pub wake: [OwnedFd; 2],
}

/// Everything that the first process is made from.
#[derive(Debug)]
pub struct Boot {
    /// The kernel image.
    pub image: Image,
    /// The memory objects.
    pub memories: Memories,
    /// The seccomp filter of the instance.
    pub filter: Vec<libc::sock_filter>,
    /// The host's vDSO.
    pub vdso: HostVdso,
    /// Random seed for the kernel.
    pub seed: [u8; 32],
    /// Name of the process, as `ps` shows it.
    pub name: String,
}

/// A step that failed in the child, for the message on standard error.
type Step = Result<(), (&'static str, rustix::io::Errno)>;

impl Boot {
    /// Checks what the entry relies on.
    ///
    /// # Errors
    /// [`LoadError::NoFsGsBase`] on a processor or host kernel without it.
    pub fn check_host(&self) -> Result<(), LoadError> {
        const HWCAP2_FSGSBASE: libc::c_ulong = 2;
        // SAFETY: `getauxval` only reads the auxiliary vector.
        let capabilities = unsafe { libc::getauxval(libc::AT_HWCAP2) };
        if capabilities & HWCAP2_FSGSBASE == 0 {
            return Err(LoadError::NoFsGsBase);
        }
        Ok(())
    }

    /// Turns this process into the instance's first. It comes back only with what failed.
    ///
    /// # Safety
    /// The process must be a fresh fork with one thread: all of its memory, descriptors and signal
    /// handlers are taken away.
    pub unsafe fn enter(&self, descriptors: &Descriptors) -> (&'static str, rustix::io::Errno) {
        // SAFETY: the caller vouches for a single-threaded process of our own, so that nothing else
        // uses what the steps below replace or unmap.
        let error = unsafe { self.try_enter(descriptors) };
        match error {
            Ok(()) => ("enter the kernel", rustix::io::Errno::INVAL),
            Err(error) => error,
        }
    }

    unsafe fn try_enter(&self, descriptors: &Descriptors) -> Step {
        set_process_name(&format!("bailey:{}", self.name));
        map_image(&self.image)?;
        map_memories(&self.memories)?;
        let vdso_clock_gettime = move_vdso(&self.vdso);
        place_descriptors(&self.memories, descriptors)?;
        release_thread_state()?;
        let handoff = Handoff {
            version: ABI_VERSION,
            channel_fd: FIRST_FD,
            event_fd: FIRST_FD + 1,
            memfd: FIRST_FD + 2,
            memfd_size: self.memories.memfd_size,
            config: self.memories.config,
            config_len: self.memories.config_len,
            counts: self.memories.counts,
            heap_start: self.memories.heap_start,
            vdso_clock_gettime,
            host_pid: rustix::process::getpid().as_raw_nonzero().get(),
            wake_fds: [FIRST_FD + 3, FIRST_FD + 4],
            seed: self.seed,
        };
        let handoff_at = (STACKS_BASE + STACK_SIZE - size_of::<Handoff>() as u64)
            / align_of::<Handoff>() as u64
            * align_of::<Handoff>() as u64;
        // SAFETY: the stack block was mapped by `map_memories`; the address is aligned and in it.
        unsafe { at::<Handoff>(handoff_at).write(handoff) };
        let plan = Plan {
            below: [APP_START, KERNEL_BASE - APP_START],
            above: [KERNEL_END, USER_END - KERNEL_END],
            filter: TAIL_BASE + tail::FILTER_OFFSET as u64,
            handoff: handoff_at,
            stack: handoff_at / 16 * 16 - 8,
            entry: self.image.entry,
        };
        self.write_tail(plan)?;
        reset_signals();
        // Kept open so far for the message of a failed step.
        close_range(0, FIRST_FD - 1).map_err(|errno| ("close the standard streams", errno))?;
        // SAFETY: the page at `TAIL_BASE` holds the tail's code, position-independent, and its plan;
        // it never returns, and all that it uses lies on pages that it does not unmap.
        unsafe {
            let enter: extern "C" fn(u64) -> ! = std::mem::transmute(at::<u8>(TAIL_BASE));
            enter(TAIL_BASE + tail::PLAN_OFFSET as u64)
        }
    }

    /// Puts code, plan and filter on the tail's page and makes it executable.
    fn write_tail(&self, plan: Plan) -> Step {
        let program_at = tail::FILTER_OFFSET + size_of::<libc::sock_fprog>();
        let filter_bytes = size_of_val(self.filter.as_slice());
        if program_at + filter_bytes > PAGE_SIZE as usize {
            return Err(("fit the seccomp filter", rustix::io::Errno::TOOBIG));
        }
        map_anonymous(TAIL_BASE, PAGE_SIZE).map_err(|errno| ("map the loader's tail", errno))?;
        let code = tail::code();
        let program = libc::sock_fprog {
            len: u16::try_from(self.filter.len()).unwrap_or(u16::MAX),
            filter: at(TAIL_BASE + program_at as u64),
        };
        // SAFETY: the page was just mapped writable; code, plan, program and filter were checked or
        // are known at compile time to fit it one behind the other, each at an aligned address.
        unsafe {
            ptr::copy_nonoverlapping(code.as_ptr(), at(TAIL_BASE), code.len());
            at::<Plan>(TAIL_BASE + tail::PLAN_OFFSET as u64).write(plan);
            at::<libc::sock_fprog>(TAIL_BASE + tail::FILTER_OFFSET as u64).write(program);
            ptr::copy_nonoverlapping(self.filter.as_ptr(), program.filter, self.filter.len());
        }
        let executable = MprotectFlags::READ | MprotectFlags::EXEC;
        // SAFETY: changes only the page mapped above.
        unsafe { rustix::mm::mprotect(at(TAIL_BASE), PAGE_SIZE as usize, executable) }
            .map_err(|errno| ("protect the loader's tail", errno))
    }
}

/// A fixed address of the layout as a pointer.
fn at<T>(address: u64) -> *mut T {
    ptr::with_exposed_provenance_mut(address as usize)
}

fn map_image(image: &Image) -> Step {
    for segment in image.segments.iter().filter(|segment| !segment.writable) {
        map_segment(image, segment).map_err(|errno| ("map the kernel image", errno))?;
    }
    Ok(())
}

/// Maps a read-only segment privately from the file, so that all instances share its pages.
fn map_segment(image: &Image, segment: &Segment) -> rustix::io::Result<()> {
    let skew = segment.address % PAGE_SIZE;
    let mut protection = ProtFlags::READ;
    if segment.executable {
        protection |= ProtFlags::EXEC;
    }
    let bytes = (segment.file_bytes + skew).next_multiple_of(PAGE_SIZE);
    // SAFETY: the range lies in the kernel's own addresses (checked by `Image::open`), where this
    // process has nothing else; `MAP_FIXED_NOREPLACE` refuses to replace anything.
    unsafe {
        rustix::mm::mmap(
            at(segment.address - skew),
            bytes as usize,
            protection,
            MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE,
            &image.file,
            segment.offset - skew,
        )?;
    }
    let end = (segment.address + segment.memory_bytes).next_multiple_of(PAGE_SIZE);
    let mapped = segment.address - skew + bytes;
    if end > mapped {
        map_anonymous(mapped, end - mapped)?;
    }
    Ok(())
}

fn map_anonymous(address: u64, length: u64) -> rustix::io::Result<()> {
    // SAFETY: a constant range of the layout; `MAP_FIXED_NOREPLACE` refuses to replace anything.
    unsafe {
        rustix::mm::mmap_anonymous(
            at(address),
            length as usize,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE,
        )?;
    }
    Ok(())
}

fn map_shared(fd: &OwnedFd, address: u64, length: u64) -> rustix::io::Result<()> {
    // SAFETY: a constant range of the layout; `MAP_FIXED_NOREPLACE` refuses to replace anything.
    unsafe {
        rustix::mm::mmap(
            at(address),
            length as usize,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED | MapFlags::FIXED_NOREPLACE | MapFlags::NORESERVE,
            fd,
            0,
        )?;
    }
    Ok(())
}

fn map_memories(memories: &Memories) -> Step {
    map_shared(&memories.shared, SHARED_BASE, SHARED_SIZE)
        .map_err(|errno| ("map the shared region", errno))?;
    map_shared(&memories.memfd, MEMFD_BASE, memories.memfd_size)
        .map_err(|errno| ("map the instance's memory", errno))?;
    map_anonymous(THREAD_TABLE, THREAD_TABLE_SIZE).map_err(|errno| ("map the thread table", errno))?;
    map_anonymous(STACKS_BASE, STACK_SIZE).map_err(|errno| ("map the first stack", errno))
}

/// Moves the vDSO into the kernel's addresses; gives the clock's new address, or 0 where the host
/// refuses (the kernel then asks by `clock_gettime(2)`).
fn move_vdso(vdso: &HostVdso) -> u64 {
    let (moves, clock) = vdso.moved();
    for (old, length, new) in moves {
        // SAFETY: moves a mapping of the vDSO to a free constant range of the layout; nothing in
        // this process calls the vDSO from here on.
        let moved = unsafe {
            rustix::mm::mremap_fixed(
                at(old),
                length as usize,
                length as usize,
                rustix::mm::MremapFlags::MAYMOVE,
                at(new),
            )
        };
        if moved.is_err() {
            return 0;
        }
    }
    clock
}

/// Leaves exactly the instance's descriptors open, from [`FIRST_FD`] on, without close-on-exec.
fn place_descriptors(memories: &Memories, descriptors: &Descriptors) -> Step {
    let fail = |errno| ("place the descriptors", errno);
    let [wake_read, wake_write] = &descriptors.wake;
    let wanted = [&descriptors.channel, &descriptors.events, &memories.memfd, wake_read, wake_write];
    let mut copies = Vec::new();
    for fd in wanted {
        copies.push(rustix::io::fcntl_dupfd_cloexec(fd, 64).map_err(fail)?);
    }
    for (target, copy) in (FIRST_FD..).zip(&copies) {
        // SAFETY: plain system call on numbers; whatever the target number was is given up here, as
        // `enter` promises, and the owners of it in this process never run again.
        if unsafe { libc::dup2(copy.as_raw_fd(), target) } < 0 {
            return Err(fail(last_errno()));
        }
    }
    let end = FIRST_FD + wanted.len() as RawFd;
    close_range(end, RawFd::MAX).map_err(fail)?;
    std::mem::forget(copies);
    Ok(())
}

fn close_range(first: RawFd, last: RawFd) -> rustix::io::Result<()> {
    // SAFETY: plain system call on numbers; the process gives up these descriptors.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        0 => Ok(()),
        _ => Err(last_errno()),
    }
}

fn last_errno() -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(rustix::io::Errno::IO)
}

/// Takes from the host kernel every address in the monitor's memory that it would write to later:
/// the restartable-sequence area, the robust list, the thread id to clear.
fn release_thread_state() -> Step {
    // SAFETY: plain system calls that only make the host kernel forget addresses.
    unsafe {
        libc::syscall(libc::SYS_set_tid_address, 0);
        libc::syscall(libc::SYS_set_robust_list, 0, 24);
    }
    unregister_rseq().map_err(|errno| ("give up restartable sequences", errno))
}

fn unregister_rseq() -> rustix::io::Result<()> {
    const UNREGISTER: libc::c_int = 1;
    const SIGNATURE: u32 = 0x5305_3053;
    // SAFETY: looks up data symbols of libc by NUL-terminated names.
    let [offset, size] = unsafe {
        [c"__rseq_offset", c"__rseq_size"].map(|name| libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()))
    };
    if offset.is_null() || size.is_null() {
        return Ok(());
    }
    // SAFETY: glibc defines them as `ptrdiff_t` and `unsigned int` (manual, "Restartable Sequences").
    let (offset, size) = unsafe { (*offset.cast::<isize>(), *size.cast::<u32>()) };
    let thread: usize;
    // SAFETY: on x86-64 the first word of the thread control block is its own address.
    unsafe { std::arch::asm!("mov {}, fs:0", out(reg) thread, options(nostack, readonly)) };
    let area = thread.wrapping_add_signed(offset);
    for length in [32, size, size.next_multiple_of(32)] {
        // SAFETY: only makes the host kernel forget the area; a wrong length is refused.
        let done = unsafe { libc::syscall(libc::SYS_rseq, area, length, UNREGISTER, SIGNATURE) };
        if done == 0 {
            return Ok(());
        }
    }
    if size == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Default actions, nothing blocked, no alternate stack; `SIGPIPE` ignored, so that a write to a
/// closed stream is an error and no death.
fn reset_signals() {
    // SAFETY: plain calls with initialised arguments; handlers of the monitor are taken away, and
    // the set that is emptied is on this stack.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        let off = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        libc::sigaltstack(&raw const off, ptr::null_mut());
    }
}

/// Names this process as `ps` shows it, at most 15 characters of it.
pub(crate) fn set_process_name(name: &str) {
    let name: Vec<u8> = name.bytes().filter(u8::is_ascii_graphic).take(15).collect();
    if let Ok(name) = CString::new(name) {
        let _ = rustix::thread::set_name(&name);
    }
}
