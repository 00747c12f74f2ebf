//! The first process's standard streams.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bailey_abi::boot::{BootConfig, Stdio};

use crate::errno::Result;
use crate::ipc::hoststream;
use crate::task::Process;
use crate::tty::{console, device};
use crate::vfs::{self, Credentials, OpenFile, Walk};

/// `O_RDWR | O_NOCTTY`
const TERMINAL_FLAGS: u32 = 0o402;
/// `O_RDWR`
const NULL_FLAGS: u32 = 2;

/// Makes the device nodes of terminals and of the display stream, and starts the console if there is one.
///
/// # Errors
/// Those of making a name, and of the monitor.
pub fn init(config: &BootConfig) -> Result<()> {
    device::init()?;
    if config.display {
        hoststream::make_display_node(config.uid, config.gid)?;
    }
    if config.stdio.contains(&Stdio::Terminal) {
        let [rows, columns] = config.terminal;
        console::start(config.stdio, rows, columns)?;
    }
    Ok(())
}

/// Gives the first process descriptors 0 to 2, and the console as its controlling terminal.
///
/// # Errors
/// Those of opening.
pub fn open(config: &BootConfig, process: &Arc<Process>) -> Result<()> {
    let cred = Credentials { uid: 0, gid: 0, groups: Vec::new() };
    let files = process.files();
    for (number, what) in (0..).zip(config.stdio) {
        let named = |path, flags| vfs::open(&Walk::new(&cred), &vfs::root(), path, flags, 0);
        let file: Arc<OpenFile> = match what {
            Stdio::Null => named("/dev/null", NULL_FLAGS)?,
            Stdio::Terminal => named("/dev/console", TERMINAL_FLAGS)?,
            Stdio::Stream => hoststream::open_stdio(number)?,
        };
        files.place(i32::from(number), file, false)?;
    }
    if let Some(terminal) = console::terminal() {
        terminal.start_session(process);
    }
    Ok(())
}
