//! `struct termios` (`termios(3)`), as the kernel's ioctls have it.

#![expect(missing_docs, reason = "termios(3) documents the constants")]

pub const VINTR: usize = 0;
pub const VQUIT: usize = 1;
pub const VERASE: usize = 2;
pub const VKILL: usize = 3;
pub const VEOF: usize = 4;
pub const VTIME: usize = 5;
pub const VMIN: usize = 6;
pub const VSTART: usize = 8;
pub const VSTOP: usize = 9;
pub const VSUSP: usize = 10;
pub const VEOL: usize = 11;
pub const VREPRINT: usize = 12;
pub const VWERASE: usize = 14;
pub const VLNEXT: usize = 15;
pub const VEOL2: usize = 16;
/// `NCCS` of the kernel's structure.
pub const NCCS: usize = 19;

pub const PARMRK: u32 = 0o10;
pub const ISTRIP: u32 = 0o40;
pub const INLCR: u32 = 0o100;
pub const IGNCR: u32 = 0o200;
pub const ICRNL: u32 = 0o400;
pub const IUCLC: u32 = 0o1000;
pub const IXON: u32 = 0o2000;
pub const IXANY: u32 = 0o4000;
pub const IMAXBEL: u32 = 0o20000;
pub const IUTF8: u32 = 0o40000;

pub const OPOST: u32 = 0o1;
pub const OLCUC: u32 = 0o2;
pub const ONLCR: u32 = 0o4;
pub const OCRNL: u32 = 0o10;
pub const ONOCR: u32 = 0o20;
pub const ONLRET: u32 = 0o40;
pub const XTABS: u32 = 0o14000;

pub const ISIG: u32 = 0o1;
pub const ICANON: u32 = 0o2;
pub const ECHO: u32 = 0o10;
pub const ECHOE: u32 = 0o20;
pub const ECHOK: u32 = 0o40;
pub const ECHONL: u32 = 0o100;
pub const NOFLSH: u32 = 0o200;
pub const TOSTOP: u32 = 0o400;
pub const ECHOCTL: u32 = 0o1000;
pub const ECHOPRT: u32 = 0o2000;
pub const ECHOKE: u32 = 0o4000;
pub const IEXTEN: u32 = 0o100000;

/// Modes and control characters of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    pub iflag: u32,
    pub oflag: u32,
    pub cflag: u32,
    pub lflag: u32,
    pub line: u8,
    pub cc: [u8; NCCS],
    /// Baud rates (`termios2`).
    pub ispeed: u32,
    pub ospeed: u32,
}

impl Default for Termios {
    fn default() -> Self {
        Self {
            iflag: ICRNL | IXON,
            oflag: OPOST | ONLCR,
            // B38400 | CS8 | CREAD
            cflag: 0o277,
            lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
            line: 0,
            cc: *b"\x03\x1c\x7f\x15\x04\x00\x01\x00\x11\x13\x1a\x00\x12\x0f\x17\x16\x00\x00\x00",
            ispeed: 38400,
            ospeed: 38400,
        }
    }
}

impl Termios {
    /// Bytes of `struct termios`.
    pub const SIZE: usize = 36;
    /// Bytes of `struct termios2`.
    pub const SIZE2: usize = 44;

    /// `struct termios2`; its first [`Self::SIZE`] bytes are `struct termios`.
    pub fn encode(&self) -> [u8; Self::SIZE2] {
        let mut bytes = [0; Self::SIZE2];
        for (at, word) in [self.iflag, self.oflag, self.cflag, self.lflag].iter().enumerate() {
            bytes[at * 4..at * 4 + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[16] = self.line;
        bytes[17..36].copy_from_slice(&self.cc);
        bytes[36..40].copy_from_slice(&self.ispeed.to_le_bytes());
        bytes[40..].copy_from_slice(&self.ospeed.to_le_bytes());
        bytes
    }

    /// From a `struct termios2`.
    pub fn decode(bytes: &[u8; Self::SIZE2]) -> Self {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut cc = [0; NCCS];
        cc.copy_from_slice(&bytes[17..36]);
        Self {
            iflag: word(0),
            oflag: word(4),
            cflag: word(8),
            lflag: word(12),
            line: bytes[16],
            cc,
            ispeed: word(36),
            ospeed: word(40),
        }
    }

    /// Whether an input mode is on.
    pub fn input(&self, flag: u32) -> bool {
        self.iflag & flag != 0
    }

    /// Whether an output mode is on.
    pub fn output(&self, flag: u32) -> bool {
        self.oflag & flag != 0
    }

    /// Whether a local mode is on.
    pub fn local(&self, flag: u32) -> bool {
        self.lflag & flag != 0
    }

    /// Whether `^S` and `^Q` stop and start output, which a far side in packet mode is told.
    pub fn usual_flow(&self) -> bool {
        self.input(IXON) && self.cc[VSTOP] == 0x13 && self.cc[VSTART] == 0x11
    }

    /// Whether `byte` is the control character of `index` (0 is none).
    pub fn is(&self, index: usize, byte: u8) -> bool {
        byte != 0 && self.cc[index] == byte
    }
}
