//! The few classic BPF instructions that seccomp filters need (`seccomp(2)`, `bpf(4)`).

use libc::sock_filter;

pub(super) const ARCH_X86_64: u32 = 0xc000_003e;

/// Offsets in `struct seccomp_data`.
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCH: u32 = 4;
pub(super) const ADDRESS_LOW: u32 = 8;
pub(super) const ADDRESS_HIGH: u32 = 12;

/// Offsets of the low and the high half of an argument.
pub(super) const fn argument(index: u8) -> (u32, u32) {
    let low = 16 + 8 * index as u32;
    (low, low + 4)
}

const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter {
        // The codes are all below 0x100.
        code: code as u16,
        jt,
        jf,
        k,
    }
}

/// Loads a word of the data.
pub(super) const fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Keeps the bits of the mask.
pub(super) const fn and(mask: u32) -> sock_filter {
    instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, mask)
}

/// Jumps forward by `jt` where equal, else by `jf`.
pub(super) const fn if_equal(value: u32, jt: u8, jf: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jt, jf, value)
}

/// Jumps forward by `jt` where greater or equal (unsigned), else by `jf`.
pub(super) const fn if_at_least(value: u32, jt: u8, jf: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, jt, jf, value)
}

/// Ends with an action.
pub(super) const fn answer(action: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, action)
}

/// The start of every filter: calls of the 64-bit entry go on, `int 0x80` kills. The number is in the accumulator
/// after; those of x32 are in no list.
pub(super) fn native_only() -> Vec<sock_filter> {
    vec![load(ARCH), if_equal(ARCH_X86_64, 1, 0), answer(libc::SECCOMP_RET_KILL_PROCESS), load(NUMBER)]
}

/// An interpreter of the above, so that filters can be tested as data.
#[cfg(test)]
pub(super) mod interpreter {
    use libc::sock_filter;

    /// What `struct seccomp_data` holds.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Call {
        pub(crate) number: u32,
        pub(crate) arch: u32,
        pub(crate) address: u64,
        pub(crate) arguments: [u64; 6],
    }

    impl Call {
        fn word(&self, offset: u32) -> u32 {
            let half = |value: u64, high: bool| (if high { value >> 32 } else { value }) as u32;
            match offset {
                0 => self.number,
                4 => self.arch,
                8 | 12 => half(self.address, offset == 12),
                _ => {
                    let index = (offset - 16) / 8;
                    half(self.arguments[index as usize], (offset - 16) % 8 == 4)
                }
            }
        }
    }

    /// The action that a filter answers a call with.
    pub(crate) fn run(filter: &[sock_filter], call: &Call) -> u32 {
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let next = filter[at];
            at += 1;
            let jump = |taken: bool| usize::from(if taken { next.jt } else { next.jf });
            match u32::from(next.code) {
                0x20 => accumulator = call.word(next.k),
                0x54 => accumulator &= next.k,
                0x15 => at += jump(accumulator == next.k),
                0x35 => at += jump(accumulator >= next.k),
                0x06 => return next.k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }
}
