//! Host system calls. The seccomp filter lets them through from this text only (`bailey_abi::host::RULES`).

use core::arch::asm;

use crate::errno::{Errno, Result};

/// Linux x86-64 numbers of the reachable calls.
#[expect(missing_docs, reason = "named as Linux names them")]
pub mod nr {
    pub const CLOSE: u64 = 3;
    pub const FSTAT: u64 = 5;
    pub const MMAP: u64 = 9;
    pub const MPROTECT: u64 = 10;
    pub const MUNMAP: u64 = 11;
    pub const RT_SIGACTION: u64 = 13;
    pub const RT_SIGRETURN: u64 = 15;
    pub const MREMAP: u64 = 25;
    pub const MADVISE: u64 = 28;
    pub const RECVMSG: u64 = 47;
    pub const CLONE: u64 = 56;
    pub const EXIT: u64 = 60;
    pub const SIGALTSTACK: u64 = 131;
    pub const FUTEX: u64 = 202;
    pub const CLOCK_GETTIME: u64 = 228;
    pub const EXIT_GROUP: u64 = 231;
    pub const TGKILL: u64 = 234;
    pub const PPOLL: u64 = 271;
    pub const PREADV2: u64 = 327;
    pub const PWRITEV2: u64 = 328;
}

/// Makes a host system call.
///
/// # Safety
/// As the call and its arguments demand.
pub unsafe fn syscall(number: u64, args: [u64; 6]) -> Result<u64> {
    let result: u64;
    // SAFETY: the instruction clobbers what is said here; the caller answers for the call.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    check(result)
}

/// A result register as a result.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "error numbers are small")]
pub const fn check(result: u64) -> Result<u64> {
    if result > u64::MAX - 4095 { Err(Errno::from_raw(-(result as i64) as i32)) } else { Ok(result) }
}
