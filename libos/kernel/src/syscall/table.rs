//! The system-call table: number, name, handler, support level, note. `bailey syscalls` prints it.

use crate::errno::{Errno, Result};
use crate::syscall::{Args, counts};

/// How much of a call there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// As Linux does it, as far as we know.
    Full,
    /// Some flags or cases are missing; the note says which.
    Partial,
    /// Answered without effect; the note says why that is right.
    Ignored,
}

/// What does a call.
pub type Handler = fn(&Args<'_>) -> Result<u64>;

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// x86-64 number.
    pub number: u16,
    /// Linux name.
    pub name: &'static str,
    /// Does it.
    pub handler: Handler,
    /// How much of it.
    pub support: Support,
    /// What is missing, or why it may be ignored.
    pub note: &'static str,
}

/// A fully supported call.
pub(super) const fn full(number: u16, name: &'static str, handler: Handler) -> Call {
    Call { number, name, handler, support: Support::Full, note: "" }
}

/// A call with gaps.
pub(super) const fn partial(number: u16, name: &'static str, handler: Handler, note: &'static str) -> Call {
    Call { number, name, handler, support: Support::Partial, note }
}

/// A call without effect.
pub(super) const fn ignored(number: u16, name: &'static str, handler: Handler, note: &'static str) -> Call {
    Call { number, name, handler, support: Support::Ignored, note }
}

/// Every family's part of the table (each family file exports `CALLS`).
pub const FAMILIES: &[&[Call]] = &[
    crate::syscall::futex::CALLS,
    crate::syscall::memory::CALLS,
    crate::syscall::process::CALLS,
    crate::syscall::signal::CALLS,
    crate::syscall::sched::CALLS,
    crate::syscall::system::CALLS,
    crate::syscall::time::CALLS,
    crate::syscall::attr::CALLS,
    crate::syscall::fcntl::CALLS,
    crate::syscall::file::CALLS,
    crate::syscall::fs::CALLS,
    crate::syscall::io::CALLS,
    crate::syscall::path::CALLS,
    crate::syscall::stat::CALLS,
    crate::syscall::xattr::CALLS,
    crate::syscall::event::CALLS,
    crate::syscall::pipe::CALLS,
    crate::syscall::poll::CALLS,
    crate::syscall::socket::CALLS,
    crate::syscall::sysv::CALLS,
    crate::syscall::mqueue::CALLS,
];

/// Highest number plus one.
const SIZE: usize = 470;

/// The handlers by number, made when the kernel is compiled.
static HANDLERS: [Option<Handler>; SIZE] = by_number();

const fn by_number() -> [Option<Handler>; SIZE] {
    let mut handlers: [Option<Handler>; SIZE] = [None; SIZE];
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut index = 0;
        while index < FAMILIES[family].len() {
            let call = FAMILIES[family][index];
            assert!(handlers[call.number as usize].is_none(), "two handlers for one number");
            handlers[call.number as usize] = Some(call.handler);
            index += 1;
        }
        family += 1;
    }
    handlers
}

/// Does call `number`; `ENOSYS` where the table has none.
///
/// # Errors
/// As the call's man page says.
pub fn dispatch(number: u64, args: &Args<'_>) -> Result<u64> {
    let result = match usize::try_from(number).ok().and_then(|number| HANDLERS.get(number)) {
        Some(Some(handler)) => handler(args),
        _ => Err(Errno::ENOSYS),
    };
    if let Err(error) = result {
        counts::answered(number, &args.raw, error);
    }
    result
}

/// The Linux name of a call of the table, for traces.
pub fn name(number: u64) -> &'static str {
    let call = FAMILIES.iter().copied().flatten().find(|call| u64::from(call.number) == number);
    call.map_or("unknown", |call| call.name)
}
