//! The host ABI as data: every downcall and upcall. After Drawbridge (ASPLOS 2011).

/// One downcall or upcall.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Number, stable for ever.
    pub number: u8,
    /// Name; requests of [`crate::stream::Request`] bear the same.
    pub name: &'static str,
    /// Arguments and result, in order.
    pub signature: &'static str,
    /// Errors (Linux names) besides a broken channel.
    pub errors: &'static str,
    /// Host system calls it may use.
    pub host: &'static [&'static str],
    /// One line of meaning.
    pub meaning: &'static str,
}

const fn entry(
    number: u8,
    name: &'static str,
    signature: &'static str,
    errors: &'static str,
    host: &'static [&'static str],
    meaning: &'static str,
) -> Entry {
    Entry { number, name, signature, errors, host, meaning }
}

const RPC: &[&str] = &["pwritev2", "recvmsg"];

/// Kernel to host.
pub const DOWNCALLS: &[Entry] = &[
    entry(
        1,
        "VirtualMemoryAllocate",
        "(address, length, protection)",
        "ENOMEM EINVAL",
        &["mmap"],
        "anonymous private memory at an exact address",
    ),
    entry(2, "VirtualMemoryFree", "(address, length)", "EINVAL", &["munmap"], "unmap"),
    entry(
        3,
        "VirtualMemoryProtect",
        "(address, length, protection)",
        "ENOMEM EACCES",
        &["mprotect"],
        "change protection",
    ),
    entry(
        4,
        "VirtualMemoryAdvise",
        "(address, length, advice)",
        "EINVAL",
        &["madvise"],
        "give back or punch out pages",
    ),
    entry(
        5,
        "VirtualMemoryMove",
        "(old, old_length, new, new_length)",
        "ENOMEM EFAULT",
        &["mremap"],
        "move or resize a mapping",
    ),
    entry(
        6,
        "StreamMap",
        "(fd, offset, address, length, protection, shared)",
        "ENOMEM EACCES",
        &["mmap"],
        "map a stream's bytes or a window of the instance memfd",
    ),
    entry(
        7,
        "ThreadCreate",
        "(entry, stack, thread) -> host tid",
        "EAGAIN",
        &["clone"],
        "a host thread of this process",
    ),
    entry(8, "ThreadExit", "(status)", "", &["exit", "munmap"], "end of the calling thread"),
    entry(
        9,
        "ThreadInterrupt",
        "(host pid, host tid)",
        "ESRCH",
        &["tgkill"],
        "make a thread take the exception upcall",
    ),
    entry(
        10,
        "ThreadSetTrapStack",
        "(address, length)",
        "EINVAL",
        &["sigaltstack", "rt_sigaction"],
        "where the calling thread's exceptions run",
    ),
    entry(
        11,
        "ProcessClone",
        "() -> host pid",
        "EAGAIN",
        &["clone"],
        "a copy-on-write copy of the calling process",
    ),
    entry(12, "ProcessExit", "(status)", "", &["exit_group"], "end of the calling process"),
    entry(13, "ProcessChannel", "() -> fd", "EMFILE", RPC, "a request channel for a process to be cloned"),
    entry(14, "InstanceExit", "(status)", "", RPC, "end of the instance"),
    entry(
        15,
        "FutexWait",
        "(word, value, deadline)",
        "EAGAIN ETIMEDOUT EINTR",
        &["futex"],
        "sleep while the word has the value",
    ),
    entry(16, "FutexWake", "(word, count)", "", &["futex"], "wake sleepers"),
    entry(
        17,
        "StreamOpen",
        "(uri, mode) -> handle, attributes, fd",
        "EACCES ENOENT EEXIST EROFS EMFILE ECONNREFUSED ENETUNREACH",
        RPC,
        "open a stream by name, under the manifest",
    ),
    entry(
        18,
        "StreamRead",
        "(fd, offset or none, buffers) -> length",
        "EAGAIN EFAULT EIO ECONNRESET ETIMEDOUT",
        &["preadv2", "recvmsg"],
        "read bytes; of a socket also without taking them",
    ),
    entry(
        19,
        "StreamWrite",
        "(fd, offset or none, buffers) -> length",
        "EAGAIN EFAULT ENOSPC EPIPE EIO",
        &["pwritev2"],
        "write bytes",
    ),
    entry(
        20,
        "StreamWaitEvents",
        "(fds, deadline) -> events",
        "EINTR",
        &["ppoll"],
        "wait until streams are ready",
    ),
    entry(21, "StreamGetEvent", "() -> event", "", &["recvmsg"], "what the monitor tells unasked"),
    entry(22, "StreamSetLength", "(handle, length)", "EROFS EFBIG ENOSPC", RPC, "set the length of a file"),
    entry(23, "StreamFlush", "(handle)", "EIO", RPC, "write a file's bytes to its device"),
    entry(
        24,
        "StreamDelete",
        "(uri, directory)",
        "ENOENT EROFS ENOTEMPTY EISDIR ENOTDIR",
        RPC,
        "remove a name",
    ),
    entry(25, "StreamRename", "(from, to, flags)", "ENOENT EROFS EXDEV EEXIST ENOTEMPTY", RPC, "rename"),
    entry(26, "StreamLink", "(from, to)", "EEXIST EROFS EXDEV", RPC, "a hard link"),
    entry(27, "StreamSymlink", "(uri, target)", "EEXIST EROFS", RPC, "a symbolic link"),
    entry(28, "StreamReadLink", "(uri) -> target", "EINVAL ENOENT", RPC, "a symbolic link's target"),
    entry(29, "StreamMakeDirectory", "(uri, mode)", "EEXIST EROFS", RPC, "a directory"),
    entry(
        30,
        "StreamEnumerate",
        "(uri, cursor) -> entries, cursor; (directory, names) -> entries and bytes of these",
        "ENOTDIR ENOENT",
        RPC,
        "names and attributes in a directory; what a reader of some of its names asks for next",
    ),
    entry(
        31,
        "StreamAttributesQuery",
        "(uri) -> attributes",
        "ENOENT EACCES",
        RPC,
        "attributes by name, links not followed",
    ),
    entry(
        32,
        "StreamAttributesQueryByHandle",
        "(handle or fd) -> attributes",
        "EBADF",
        &["fstat", "pwritev2", "recvmsg"],
        "attributes of an open stream",
    ),
    entry(33, "StreamAttributesSet", "(uri, change)", "EROFS EPERM", RPC, "mode and times"),
    entry(34, "StreamSpaceQuery", "(uri) -> space", "ENOENT", RPC, "space of the file system behind a name"),
    entry(
        35,
        "HandleFetch",
        "(handle) -> fd",
        "EBADF",
        RPC,
        "a descriptor of an open stream for this process",
    ),
    entry(36, "HandleClose", "(handles)", "", &["pwritev2"], "forget open streams; nothing is answered"),
    entry(37, "DescriptorClose", "(fd)", "", &["close"], "give up this process's descriptor of a stream"),
    entry(38, "SystemTimeQuery", "(clock) -> time", "EINVAL", &["clock_gettime"], "time"),
    entry(39, "ExceptionReturn", "(frame)", "", &["rt_sigreturn"], "go on after an exception"),
    entry(40, "DebugOutput", "(text)", "", RPC, "a line for the instance's log"),
    entry(
        41,
        "SocketShutdown",
        "(handle, read, write)",
        "EBADF ENOTCONN",
        RPC,
        "end half of a connection, or all",
    ),
    entry(42, "SocketSetOption", "(handle, option, value)", "EBADF EINVAL", RPC, "an option of a connection"),
    entry(43, "SocketSendEmpty", "(handle)", "EBADF EAGAIN ECONNREFUSED", RPC, "an empty datagram"),
    entry(
        44,
        "StreamAllocate",
        "(handle, mode, offset, length)",
        "EROFS EFBIG ENOSPC EOPNOTSUPP",
        RPC,
        "take space for a file, or punch a hole into it",
    ),
    entry(
        45,
        "StreamSeek",
        "(handle, offset, hole) -> offset",
        "ENXIO EBADF",
        RPC,
        "where a file's next data or hole is",
    ),
];

/// Host to kernel.
pub const UPCALLS: &[Entry] = &[
    entry(1, "Initialise", "(handoff)", "", &[], "the kernel's entry point, once an instance"),
    entry(2, "ThreadStart", "(thread)", "", &[], "first code of a thread or cloned process"),
    entry(3, "ExceptionDispatch", "(exception, frame)", "", &[], "trapped system call, fault or interrupt"),
];
