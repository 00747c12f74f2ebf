//! What the monitor tells the kernel at start-up.
//!
//! The monitor enters the image at its ELF entry point, on a stack of its own, with the address of a
//! [`Handoff`] in `rdi`. The encoded [`BootConfig`] lies in the shared region, where the handoff says.
//! The stack is the top of the first block at [`crate::layout::STACKS_BASE`]; FS base is 0. Every
//! signal is unblocked and has its default action, but for `SIGPIPE`, which is ignored.
//!
//! A process that ends by `exit_group(0)` has told the kernel so; any other end is reported by
//! [`crate::stream::Event::ProcessDied`].

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::network::NetworkConfig;

/// Version of this ABI; a kernel refuses a monitor that does not serve it.
pub const ABI_VERSION: u32 = 2;

/// The C structure passed to the kernel's entry point (upcall `initialise`).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Handoff {
    /// [`ABI_VERSION`] that the monitor serves.
    pub version: u32,
    /// Request channel of the first process (see [`crate::stream`]): a `SOCK_SEQPACKET` descriptor.
    pub channel_fd: i32,
    /// Channel on which the monitor sends [`crate::stream::Event`]s: `SOCK_SEQPACKET`.
    pub event_fd: i32,
    /// The instance memfd, mapped at [`crate::layout::MEMFD_BASE`].
    pub memfd: i32,
    /// Bytes of the instance memfd.
    pub memfd_size: u64,
    /// Address of the encoded [`BootConfig`].
    pub config: u64,
    /// Bytes of the encoded [`BootConfig`].
    pub config_len: u64,
    /// Address of the zeroed words of [`crate::counts`], in the shared region.
    pub counts: u64,
    /// First address of the shared region that the kernel heap may use.
    pub heap_start: u64,
    /// Address of the host vDSO's `__vdso_clock_gettime`, or 0 where it would need a system call.
    pub vdso_clock_gettime: u64,
    /// Host process id of the first process, as the instance's PID namespace counts it.
    pub host_pid: i32,
    /// A pair of connected stream sockets by which any thread wakes the kernel's I/O thread:
    /// `[read end, write end]`.
    pub wake_fds: [i32; 2],
    /// Seed of the kernel's random generator.
    pub seed: [u8; 32],
}

/// A directory or file of the host that the instance may see, by the manifest.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Absolute path in the instance, without `.`/`..`/trailing slash.
    pub guest: String,
    /// Whether the instance may change it.
    pub writable: bool,
    /// Whether names, negative look-ups and attributes may be cached for ever.
    pub immutable: bool,
    /// Whether the instance is the only one that changes it, as far as the monitor knows: what has been learnt of it
    /// is then good for longer.
    pub private: bool,
    /// Whether the grant is one regular file and not a directory.
    pub file: bool,
}

/// What stands behind one of the first process's standard descriptors.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Stdio {
    /// Nothing: `/dev/null`.
    Null,
    /// The controlling terminal; the kernel's line discipline runs on the raw host terminal behind
    /// `stdio:0` (reads) and `stdio:1` (writes).
    Terminal,
    /// A pipe, socket or file of the host, opened by the URI `stdio:N`.
    Stream,
}

/// A file that the kernel makes in its root file system before the first process starts.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SyntheticFile {
    /// Absolute path in the instance.
    pub path: String,
    /// Permission bits; with `S_IFLNK` (`0o120000`) a symbolic link, with `S_IFDIR` (`0o040000`) an
    /// empty directory, else a regular file.
    pub mode: u32,
    /// Contents; of a symbolic link, its target.
    pub contents: Vec<u8>,
}

/// Everything the kernel needs to start the first process.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct BootConfig {
    /// Absolute path or name (looked up in `PATH`) of the first program.
    pub program: String,
    /// `argv`, the first element included.
    pub arguments: Vec<String>,
    /// `envp`, as `NAME=value`.
    pub environment: Vec<String>,
    /// Initial working directory.
    pub directory: String,
    /// User and group id of every process.
    pub uid: u32,
    /// See `uid`.
    pub gid: u32,
    /// `uname` node name.
    pub hostname: String,
    /// Host files that the instance sees; every other path is the instance's own tmpfs.
    pub grants: Vec<Grant>,
    /// Files made at boot (`/etc/passwd` and its kin); they win over grants.
    pub files: Vec<SyntheticFile>,
    /// Standard input, output and error.
    pub stdio: [Stdio; 3],
    /// Initial terminal size: rows, columns.
    pub terminal: [u16; 2],
    /// Whether a display stream may be opened (`display:`, seen as `/dev/bailey/display`).
    pub display: bool,
    /// The network beside the instance's own loopback interface.
    pub network: Option<NetworkConfig>,
    /// Most processes and threads.
    pub max_tasks: u32,
    /// Most bytes of memory that a process may map privately (0: no bound).
    pub max_memory: u64,
    /// Processors that the instance may use.
    pub cpus: u32,
    /// Bytes of memory that `/proc/meminfo` and `sysinfo` report as the machine's.
    pub memory_total: u64,
    /// Whether sites are patched; off means that every call is trapped (for tests and benchmarks).
    pub patching: bool,
    /// Whether unknown calls and other oddities are written to the debug stream.
    pub verbose: bool,
}
