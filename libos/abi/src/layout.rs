//! Fixed addresses of an instance's address space, in bytes.
//!
//! All processes of an instance map the same things at the same places, so that pointers into the
//! shared region mean the same in each of them, and a snapshot can be brought back as it was.
//!
//! ```text
//! 0x0000_0002_0000  per-process page table of threads by FS base ([`THREAD_TABLE`]), private
//! 0x0000_0040_0000  the application: non-PIE images and their brk
//!        ...        the application: everything else, up to [`APP_END`]
//! 0x6000_0000_0000  kernel image: text and read-only data, shared page cache
//! 0x6000_4000_0000  shared region: the image's data and bss, then the kernel heap
//! 0x6100_0000_0000  the instance memfd, mapped whole, read and write
//! 0x6200_0000_0000  kernel stacks, private, one aligned block a thread
//! ```
//!
//! When the kernel is entered, these are all the mappings there are: the monitor has taken everything
//! else away, itself included.

/// Size of a page.
pub const PAGE_SIZE: u64 = 4096;

/// Private page by which the patched system-call path finds its thread (index: hash of FS base).
pub const THREAD_TABLE: u64 = 0x2_0000;
/// Bytes at [`THREAD_TABLE`].
pub const THREAD_TABLE_SIZE: u64 = 0x1_0000;

/// Lowest address that an application mapping may have.
pub const APP_START: u64 = 0x4_0000;
/// First address above application mappings that the kernel chooses or grants.
pub const APP_END: u64 = 0x5fff_0000_0000;
/// Where position-independent executables are placed.
pub const APP_PIE_BASE: u64 = 0x5555_5555_4000;

/// Where the kernel image is linked.
pub const KERNEL_BASE: u64 = 0x6000_0000_0000;
/// Upper bound of the kernel's text; the seccomp filter lets host system calls through below it.
pub const KERNEL_TEXT_END: u64 = KERNEL_BASE + 0x1000_0000;
/// The host's vDSO and the monitor's last instructions: the end of the kernel's text range, so that
/// the vDSO's own fallback to `clock_gettime` counts as the kernel's.
pub const HOST_CODE_BASE: u64 = KERNEL_TEXT_END - 0x10_0000;
/// The kernel's writable memory, shared by all processes of the instance.
pub const SHARED_BASE: u64 = KERNEL_BASE + 0x4000_0000;
/// Bytes at [`SHARED_BASE`]: sparse, and the bound on kernel state.
pub const SHARED_SIZE: u64 = 0x4000_0000;
/// The instance memfd (shared and temporary file bytes), mapped whole.
pub const MEMFD_BASE: u64 = 0x6100_0000_0000;
/// Largest instance memfd.
pub const MEMFD_MAX: u64 = 0x100_0000_0000;
/// Kernel stacks.
pub const STACKS_BASE: u64 = 0x6200_0000_0000;
/// Size and alignment of a kernel stack block.
pub const STACK_SIZE: u64 = 0x2_0000;
/// First address above the kernel's.
pub const KERNEL_END: u64 = 0x6300_0000_0000;

/// Signal by which one thread of an instance makes another look at its pending work: `SIGURG`,
/// whose default action is to do nothing.
pub const INTERRUPT_SIGNAL: i32 = 23;
