//! Lines on standard output.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

/// Exit status where nobody reads any more: that of a program that SIGPIPE ends, as a shell shows it.
const NO_READER: i32 = 128 + 13;

/// Prints a line. Where standard output is a pipe without reader (`bailey ps | head -1`), the program ends; other
/// errors have no better place to be told than that output.
pub(super) fn line(text: Arguments<'_>) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}")
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(NO_READER);
    }
}

/// `println!` that bears a reader which has gone.
macro_rules! say {
    ($($argument:tt)*) => { $crate::cli::say::line(format_args!($($argument)*)) };
}
pub(super) use say;
