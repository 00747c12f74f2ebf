//! `siginfo_t`, as the application sees it: 128 bytes.

/// `SI_USER`, `SI_KERNEL`, …
#[expect(missing_docs, reason = "sigaction(2) documents them")]
pub mod code {
    pub const SI_USER: i32 = 0;
    pub const SI_KERNEL: i32 = 0x80;
    pub const SI_QUEUE: i32 = -1;
    pub const SI_TIMER: i32 = -2;
    pub const SI_MESGQ: i32 = -3;
    pub const SI_TKILL: i32 = -6;
    pub const CLD_EXITED: i32 = 1;
    pub const CLD_KILLED: i32 = 2;
    pub const CLD_DUMPED: i32 = 3;
    pub const CLD_STOPPED: i32 = 5;
    pub const CLD_CONTINUED: i32 = 6;
}

/// A signal with what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigInfo {
    words: [u64; 16],
}

const fn pair(low: i32, high: i32) -> u64 {
    low.cast_unsigned() as u64 | (high.cast_unsigned() as u64) << 32
}

impl SigInfo {
    /// From the application's bytes (`rt_sigqueueinfo(2)`), for this signal.
    pub fn from_words(mut words: [u64; 16], signo: u8) -> Self {
        words[0] = words[0] & !0xffff_ffff | u64::from(signo);
        Self { words }
    }

    const fn new(signo: u8, code: i32) -> Self {
        let mut words = [0; 16];
        words[0] = signo as u64;
        words[1] = pair(code, 0);
        Self { words }
    }

    /// From the kernel.
    pub const fn kernel(signo: u8) -> Self {
        Self::new(signo, code::SI_KERNEL)
    }

    /// From the calling process, by what it does.
    pub fn of_caller(signo: u8) -> Self {
        let process = crate::task::current().process();
        Self::user(signo, code::SI_USER, process.pid(), process.identity().uid)
    }

    /// From a process (`kill(2)`: `SI_USER`; `tgkill(2)`: `SI_TKILL`).
    pub const fn user(signo: u8, code: i32, pid: i32, uid: u32) -> Self {
        let mut info = Self::new(signo, code);
        info.words[2] = pair(pid, uid.cast_signed());
        info
    }

    /// The same with `si_value` (`SI_QUEUE`, `SI_MESGQ`).
    pub const fn with_value(mut self, value: u64) -> Self {
        self.words[3] = value;
        self
    }

    /// A fault at `address`.
    pub const fn fault(signo: u8, code: i32, address: u64) -> Self {
        let mut info = Self::new(signo, code);
        info.words[2] = address;
        info
    }

    /// `SIGCHLD`: what became of a child, with its status or signal.
    pub const fn child(code: i32, pid: i32, uid: u32, status: i32) -> Self {
        let mut info = Self::new(crate::signal::number::SIGCHLD, code);
        info.words[2] = pair(pid, uid.cast_signed());
        info.words[3] = pair(status, 0);
        info
    }

    /// `SI_TIMER`: a POSIX timer with its overruns and value.
    pub const fn timer(signo: u8, id: i32, overrun: i32, value: u64) -> Self {
        let mut info = Self::new(signo, code::SI_TIMER);
        info.words[2] = pair(id, overrun);
        info.words[3] = value;
        info
    }

    /// `si_timerid`
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the id")]
    pub const fn timer_id(&self) -> i32 {
        self.words[2] as i32
    }

    /// `si_signo`
    pub const fn signo(&self) -> u8 {
        (self.words[0] & 0x7f) as u8
    }

    /// `si_code`
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the code")]
    pub const fn code(&self) -> i32 {
        self.words[1] as i32
    }

    /// The fields that differ by kind, as 64-bit words from byte 16.
    pub const fn field(&self, index: usize) -> u64 {
        self.words[2 + index]
    }

    /// As `siginfo_t`.
    pub const fn words(&self) -> &[u64; 16] {
        &self.words
    }
}
