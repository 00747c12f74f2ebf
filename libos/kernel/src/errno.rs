//! Linux error numbers, and every conversion to them.

use core::fmt;

/// A Linux error number (`errno(3)`), positive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(i32);

/// What every operation of the kernel returns.
pub type Result<T, E = Errno> = core::result::Result<T, E>;

impl Errno {
    /// The error of this number, if it is one.
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The number, positive.
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// What a system call returns for it.
    pub const fn to_return(self) -> u64 {
        (-(self.0 as i64)) as u64
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(number, _)| *number == self.0).map_or("errno", |(_, name)| name);
        write!(f, "{name}({})", self.0)
    }
}

macro_rules! errnos {
    ($($name:ident = $number:literal),* $(,)?) => {
        #[expect(missing_docs, reason = "errno(3) documents them")]
        impl Errno { $(pub const $name: Errno = Errno($number);)* }
        const NAMES: &[(i32, &str)] = &[$(($number, stringify!($name))),*];
    };
}

errnos! {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8, EBADF = 9,
    ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EFAULT = 14, ENOTBLK = 15, EBUSY = 16,
    EEXIST = 17, EXDEV = 18, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENFILE = 23,
    EMFILE = 24, ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENOSPC = 28, ESPIPE = 29, EROFS = 30,
    EMLINK = 31, EPIPE = 32, EDOM = 33, ERANGE = 34, EDEADLK = 35, ENAMETOOLONG = 36, ENOLCK = 37,
    ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, ENOMSG = 42, EIDRM = 43, ENOSTR = 60, ENODATA = 61,
    ETIME = 62, EPROTO = 71, EBADMSG = 74, EOVERFLOW = 75, EILSEQ = 84, ENOTSOCK = 88,
    EDESTADDRREQ = 89, EMSGSIZE = 90, EPROTOTYPE = 91, ENOPROTOOPT = 92, EPROTONOSUPPORT = 93,
    ESOCKTNOSUPPORT = 94, EOPNOTSUPP = 95, EPFNOSUPPORT = 96, EAFNOSUPPORT = 97, EADDRINUSE = 98,
    EADDRNOTAVAIL = 99, ENETDOWN = 100, ENETUNREACH = 101, ENETRESET = 102, ECONNABORTED = 103,
    ECONNRESET = 104, ENOBUFS = 105, EISCONN = 106, ENOTCONN = 107, ESHUTDOWN = 108, ETIMEDOUT = 110,
    ECONNREFUSED = 111, EHOSTDOWN = 112, EHOSTUNREACH = 113, EALREADY = 114, EINPROGRESS = 115,
    ESTALE = 116, EDQUOT = 122, ECANCELED = 125, EOWNERDEAD = 130,
    // Kernel-internal, never seen by a program (include/linux/errno.h): how an interrupted call goes on.
    ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516,
}

impl From<bailey_abi::codec::CodecError> for Errno {
    fn from(error: bailey_abi::codec::CodecError) -> Self {
        match error {
            bailey_abi::codec::CodecError::TooLong => Self::ENAMETOOLONG,
            bailey_abi::codec::CodecError::Malformed => Self::EIO,
        }
    }
}
