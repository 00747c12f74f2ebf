//! The filter of an instance's processes.

use bailey_abi::host::{Argument, Constraint, RESTART_SYSCALL, RULES, Rule};
use bailey_abi::layout::{KERNEL_BASE, KERNEL_TEXT_END};
use libc::sock_filter;

use super::bpf::{
    ADDRESS_HIGH, ADDRESS_LOW, NUMBER, and, answer, argument, if_at_least, if_equal, load, native_only,
};

/// The filter that [`RULES`] stand for.
///
/// From the kernel's text, a call that some rule allows runs and any other kills the process. From
/// anywhere else a call is trapped (`SIGSYS`). The address is compared by halves, so the text must
/// not cross a 4 GiB line; a test holds the layout to that.
#[must_use]
pub fn instance_filter() -> Vec<sock_filter> {
    let high = |value: u64| (value >> 32) as u32;
    let low = |value: u64| value as u32;
    let mut filter = native_only();
    filter.extend([
        if_equal(RESTART_SYSCALL, 0, 1),
        answer(libc::SECCOMP_RET_ERRNO | libc::EINTR as u32),
        load(ADDRESS_HIGH),
        if_equal(high(KERNEL_BASE), 1, 0),
        answer(libc::SECCOMP_RET_TRAP),
        load(ADDRESS_LOW),
        if_at_least(low(KERNEL_BASE), 1, 0),
        answer(libc::SECCOMP_RET_TRAP),
        if_at_least(low(KERNEL_TEXT_END), 0, 1),
        answer(libc::SECCOMP_RET_TRAP),
        load(NUMBER),
    ]);
    for rule in RULES {
        filter.extend(rule_block(rule));
    }
    filter.push(answer(libc::SECCOMP_RET_KILL_PROCESS));
    filter
}

/// The number is in the accumulator before and, where the block is left at its end, after.
fn rule_block(rule: &Rule) -> Vec<sock_filter> {
    let mut checks: Vec<Vec<sock_filter>> = Vec::new();
    for Argument { index, constraint } in rule.arguments {
        let (mask, value) = match *constraint {
            Constraint::Equals(value) => (u64::MAX, value),
            Constraint::Masked { mask, value } => (mask, value),
        };
        let (low, high) = argument(*index);
        for (offset, mask, value) in
            [(low, mask as u32, value as u32), (high, (mask >> 32) as u32, (value >> 32) as u32)]
        {
            let mut check = vec![load(offset)];
            if mask != u32::MAX {
                check.push(and(mask));
            }
            // Where unequal, to the end of the block: its length is filled in below.
            check.push(if_equal(value, 0, 0));
            checks.push(check);
        }
    }
    let mut body: Vec<sock_filter> = checks.into_iter().flatten().collect();
    body.push(answer(libc::SECCOMP_RET_ALLOW));
    if !rule.arguments.is_empty() {
        let end = body.len();
        let equal = if_equal(0, 0, 0).code;
        for (at, instruction) in body.iter_mut().enumerate() {
            if instruction.code == equal {
                instruction.jf = distance(end - at - 1);
            }
        }
        body.push(load(NUMBER));
    }
    let mut block = vec![if_equal(rule.number, 0, distance(body.len()))];
    block.extend(body);
    block
}

/// A jump's length; rules have few arguments, so it always fits.
fn distance(instructions: usize) -> u8 {
    u8::try_from(instructions).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use bailey_abi::host::{CLONE_PROCESS_FLAGS, CLONE_THREAD_FLAGS};

    use super::super::bpf::ARCH_X86_64;
    use super::super::bpf::interpreter::{Call, run};
    use super::*;

    const INSIDE: u64 = KERNEL_BASE + 0x1234;
    const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

    fn call(number: u32, address: u64, arguments: &[u64]) -> u32 {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let call = Call { number, arch: ARCH_X86_64, address, arguments: all };
        run(&instance_filter(), &call)
    }

    #[test]
    fn the_text_lies_in_one_four_gigabyte_line_and_the_filter_fits_a_page() {
        assert_eq!(KERNEL_BASE >> 32, KERNEL_TEXT_END >> 32);
        assert!(instance_filter().len() * 8 < 3000, "{}", instance_filter().len());
    }

    #[test]
    fn every_rule_without_constraints_is_allowed_from_the_kernel_and_trapped_elsewhere() {
        for rule in RULES.iter().filter(|rule| rule.arguments.is_empty()) {
            assert_eq!(call(rule.number, INSIDE, &[]), libc::SECCOMP_RET_ALLOW, "{}", rule.name);
            for outside in [0x40_0000, KERNEL_BASE - 1, KERNEL_TEXT_END, KERNEL_BASE + (1 << 32), u64::MAX] {
                assert_eq!(call(rule.number, outside, &[]), libc::SECCOMP_RET_TRAP, "{}", rule.name);
            }
        }
    }

    #[test]
    fn calls_without_a_rule_kill_from_the_kernel() {
        for number in 0..500 {
            if number != RESTART_SYSCALL && !RULES.iter().any(|rule| rule.number == number) {
                assert_eq!(call(number, INSIDE, &[]), KILL, "{number}");
                assert_eq!(call(number, 0x40_0000, &[]), libc::SECCOMP_RET_TRAP, "{number}");
            }
        }
    }

    #[test]
    fn arguments_are_compared_in_all_their_bits() {
        assert_eq!(call(56, INSIDE, &[CLONE_THREAD_FLAGS]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(call(56, INSIDE, &[CLONE_PROCESS_FLAGS]), libc::SECCOMP_RET_ALLOW);
        for bit in 0..64 {
            assert_eq!(call(56, INSIDE, &[CLONE_THREAD_FLAGS ^ (1 << bit)]), KILL, "{bit}");
            assert_eq!(call(56, INSIDE, &[CLONE_PROCESS_FLAGS ^ (1 << bit)]), KILL, "{bit}");
        }
        for operation in [0, 1, 9, 0x80, 0x81, 0x89, 0x100, 0x180, 0x189] {
            assert_eq!(call(202, INSIDE, &[0, operation]), libc::SECCOMP_RET_ALLOW, "{operation:#x}");
        }
        for operation in [2, 3, 5, 6, 0x83, 0x200, 1 << 32] {
            assert_eq!(call(202, INSIDE, &[0, operation]), KILL, "{operation:#x}");
        }
        assert_eq!(call(234, INSIDE, &[1, 1, 23]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(call(234, INSIDE, &[1, 1, 9]), KILL);
    }

    #[test]
    fn restarts_are_interrupted_and_other_abis_kill() {
        let interrupted = libc::SECCOMP_RET_ERRNO | libc::EINTR as u32;
        assert_eq!(call(RESTART_SYSCALL, INSIDE, &[]), interrupted);
        for number in [0x4000_0000 | 9, 0x4000_0000, 0x8000_0000, u32::MAX] {
            assert_eq!(call(number, INSIDE, &[]), KILL, "{number:#x}");
            assert_eq!(call(number, 0x40_0000, &[]), libc::SECCOMP_RET_TRAP, "{number:#x}");
        }
        let i386 = Call { number: 1, arch: 0x4000_0003, address: INSIDE, arguments: [0; 6] };
        assert_eq!(run(&instance_filter(), &i386), KILL);
    }
}
