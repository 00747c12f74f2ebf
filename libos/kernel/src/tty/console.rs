//! The console: the terminal whose far side is the host's, behind `stdio:0` and `stdio:1`.
//!
//! The host's terminal is in raw mode; the line discipline is ours. Input is fetched by whoever wakes
//! this module's wait queue, which is the kernel's I/O thread, so that an interrupt key works while no
//! program reads.

use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use core::fmt;

use bailey_abi::boot::Stdio;
use bailey_abi::stream::OpenMode;

use crate::errno::{Errno, Result};
use crate::host::{self, HostHandle};
use crate::ipc::hoststream::poll_host;
use crate::signal;
use crate::sync::{Mutex, Observer, WaitQueue, Wakes};
use crate::task::FIRST_PROCESS;
use crate::tty::Terminal;
use crate::tty::device::TTYAUX_MAJOR;
use crate::tty::terminal::Far;
use crate::vfs::Events;
use crate::vfs::devfs::makedev;

/// Bytes that are fetched or written at a time.
const CHUNK: usize = 4096;
const HANG_UP: Events = Events(Events::HUP.0 | Events::ERR.0);

static TERMINAL: Mutex<Option<Arc<Terminal>>> = Mutex::new(None);

/// The host's side.
pub(crate) struct Console {
    /// None where standard input is no terminal: then there is only output.
    input: Option<Arc<HostHandle>>,
    output: Arc<HostHandle>,
    /// Woken by the I/O thread when the host's terminal has input, or room for output.
    ready: Arc<WaitQueue>,
    terminal: Mutex<Weak<Terminal>>,
    /// Held while output is written, so that it keeps its order: this object's own I/O lock.
    writing: Mutex<()>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

/// The console, if standard input is a terminal.
pub fn terminal() -> Option<Arc<Terminal>> {
    TERMINAL.lock().clone()
}

/// Opens the host's terminal, which stands behind these standard streams; to be called once, before
/// programs run.
///
/// # Errors
/// Those of the monitor.
pub fn start(stdio: [Stdio; 3], rows: u16, columns: u16) -> Result<Arc<Terminal>> {
    let open = |number: usize, read| {
        let mode = OpenMode { read, write: !read, create: None, exclusive: false, truncate: false };
        HostHandle::open(&format!("stdio:{number}"), mode).map(|(handle, _)| handle)
    };
    let written = [1, 2, 0].into_iter().find(|number| stdio[*number] == Stdio::Terminal);
    let input = if stdio[0] == Stdio::Terminal { Some(open(0, true)?) } else { None };
    let console = Arc::new(Console {
        input: input.clone(),
        output: open(written.unwrap_or(1), false)?,
        ready: Arc::new(WaitQueue::new()),
        terminal: Mutex::new(Weak::new()),
        writing: Mutex::new(()),
    });
    let name = String::from("/dev/console");
    let far = Far::Console(console.clone());
    let terminal = Terminal::new(name, makedev(TTYAUX_MAJOR, 1), [rows, columns, 0, 0], far);
    *console.terminal.lock() = Arc::downgrade(&terminal);
    *TERMINAL.lock() = Some(terminal.clone());
    console.ready.add(console.clone());
    if let Some(input) = &input {
        host::io::arm(input, Events::IN, &console.ready)?;
    }
    Ok(terminal)
}

/// The host's terminal has another size ([`bailey_abi::stream::Event::TerminalSize`]).
pub fn resize(rows: u16, columns: u16) {
    if let Some(terminal) = terminal() {
        terminal.resize([rows, columns, 0, 0]);
    }
}

/// The monitor passes a signal on ([`bailey_abi::stream::Event::Signal`]): it is for the foreground
/// group of the console, or for the first process without one.
pub fn signal_from_host(signo: u8) {
    let group = terminal().map_or(0, |terminal| terminal.job.lock().foreground);
    if group > 0 {
        signal::send_to_group_from_kernel(group, signo);
    } else {
        signal::send_to_process_from_kernel(FIRST_PROCESS, signo);
    }
}

impl Observer for Console {
    fn notify(&self, _events: Events, _wakes: &mut Wakes) {
        let terminal = self.terminal.lock().upgrade();
        if let Some(terminal) = terminal {
            self.fetch(&terminal);
            self.drain(&terminal);
        }
    }
}

impl Console {
    /// Takes what the host's terminal has sent.
    fn fetch(&self, terminal: &Terminal) {
        let Some(input) = &self.input else { return };
        let mut bytes = [0_u8; CHUNK];
        let result = input.fd().and_then(|fd| {
            if poll_host(fd, Events::IN).intersects(Events::IN | HANG_UP) {
                host::preadv(fd, &[(bytes.as_mut_ptr() as u64, bytes.len())], None)
            } else {
                Err(Errno::EAGAIN)
            }
        });
        match result {
            Ok(0) | Err(Errno::EIO | Errno::EBADF) => return terminal.hang_up(),
            Ok(count) => terminal.receive(&bytes[..count]),
            Err(_) => {}
        }
        // Without the I/O thread there is no input; nothing better can be done here.
        let _ = host::io::arm(input, Events::IN, &self.ready);
    }

    /// Writes what programs and echo have left, as far as the host takes it.
    pub(crate) fn drain(&self, terminal: &Terminal) {
        // Who finds another thread at it leaves its bytes to that one, which looks again at the end.
        while let Some(writing) = self.writing.try_lock() {
            let full = self.write_out(terminal);
            drop(writing);
            if full || terminal.line.lock().output.is_empty() {
                break;
            }
        }
    }

    /// Returns true when the host takes no more, or output is stopped.
    fn write_out(&self, terminal: &Terminal) -> bool {
        let Ok(fd) = self.output.fd() else { return true };
        let mut bytes = [0_u8; CHUNK];
        loop {
            let mut count = 0;
            let line = terminal.line.lock();
            // Copying to this stack cannot fail.
            let _ = line.output.peek(0, CHUNK, |slice| {
                bytes[count..count + slice.len()].copy_from_slice(slice);
                count += slice.len();
                Ok(slice.len())
            });
            drop(line);
            if count == 0 {
                return false;
            }
            let ready = poll_host(fd, Events::OUT).intersects(Events::OUT | HANG_UP);
            let written = if ready {
                host::pwritev(fd, &[(bytes.as_ptr() as u64, count)], None)
            } else {
                Err(Errno::EAGAIN)
            };
            match written {
                Ok(written) => terminal.line.lock().output.skip(written),
                Err(Errno::EAGAIN) => {
                    let _ = host::io::arm(&self.output, Events::OUT, &self.ready);
                    return true;
                }
                // The host's terminal is gone: so is the output.
                Err(_) => terminal.line.lock().output.clear(),
            }
            terminal.queue.wake(Events::OUT | Events::WRNORM);
        }
    }
}
