//! A terminal as programs see it: the near side of a pty, or the console.

use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::ipc::block::until_ready;
use crate::ipc::ring::Ring;
use crate::signal;
use crate::sync::{Mutex, WaitQueue};
use crate::time::Deadline;
use crate::tty::console::Console;
use crate::tty::job::{Job, SIGTTIN, SIGTTOU};
use crate::tty::ldisc::{Discipline, Effects, MAX_INPUT};
use crate::tty::pty::Master;
use crate::tty::termios::{ICANON, OPOST, TOSTOP, VMIN, VTIME};
use crate::user::UserBuffers;
use crate::vfs::{self, Credentials, Events, File, FileKind, OpenFile, Stat};

/// Bytes of output that a program may have waiting for the far side.
pub(crate) const MAX_OUTPUT: usize = 64 * 1024;
/// Room beyond that for echo, which nobody waits for.
const ECHO_RESERVE: usize = 64 * 1024;
/// Most bytes that output processing makes of one (a tab).
const MAX_EXPANSION: usize = 8;
/// Bytes of a program's output that are processed at a time.
const CHUNK: usize = 2048;

/// Where output goes and input comes from.
pub(crate) enum Far {
    /// A pty's master; gone when that is closed.
    Master(Weak<Master>),
    /// The host's terminal.
    Console(Arc<Console>),
}

/// State under the terminal's lock.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) discipline: Discipline,
    /// Output that the far side has not taken.
    pub(crate) output: Ring,
    /// `struct winsize`: rows, columns, and pixels of each.
    pub(crate) size: [u16; 4],
    /// The far side is gone.
    pub(crate) hung_up: bool,
    /// `TIOCPKT`, when it is on: what has happened that the far side has not been told (`TIOCPKT_*`).
    pub(crate) packet: Option<u8>,
    /// `TIOCEXCL`
    pub(crate) exclusive: bool,
    /// `TIOCSPTLCK`
    pub(crate) locked: bool,
    /// Open descriptions of the near side.
    pub(crate) opens: u32,
    /// Whether it has ever been opened.
    pub(crate) was_open: bool,
}

/// `TIOCPKT_FLUSHREAD` to `TIOCPKT_DOSTOP` (`ioctl_tty(2)`).
pub(crate) mod packet {
    pub(crate) const FLUSHED_INPUT: u8 = 1;
    pub(crate) const FLUSHED_OUTPUT: u8 = 2;
    pub(crate) const STOPPED: u8 = 4;
    pub(crate) const STARTED: u8 = 8;
    pub(crate) const NO_FLOW: u8 = 16;
    pub(crate) const FLOW: u8 = 32;
}

impl Line {
    /// Notes something for the far side, if it wants to know; what it takes the place of is forgotten.
    pub(crate) fn note(&mut self, event: u8, instead_of: u8) {
        if let Some(noted) = &mut self.packet {
            *noted = *noted & !instead_of | event;
        }
    }

    /// Notes that output has stopped or goes on.
    pub(crate) fn note_flow(&mut self, stopped: bool) {
        let (event, other) =
            if stopped { (packet::STOPPED, packet::STARTED) } else { (packet::STARTED, packet::STOPPED) };
        self.note(event, other);
    }

    /// Drops output, but for what the far side counts as having arrived there (`N_TTY_BUF_SIZE`).
    pub(crate) fn flush_output(&mut self) {
        let late = self.output.len().saturating_sub(MAX_INPUT);
        self.output.unpush(late);
    }
}

/// A terminal.
pub struct Terminal {
    pub(crate) me: Weak<Self>,
    pub(crate) name: String,
    /// `makedev(3)`
    pub(crate) device: u64,
    pub(crate) line: Mutex<Line>,
    pub(crate) job: Mutex<Job>,
    pub(crate) queue: WaitQueue,
    pub(crate) far: Far,
    ino: u64,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Terminal {
    pub(crate) fn new(name: String, device: u64, size: [u16; 4], far: Far) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            name,
            device,
            line: Mutex::new(Line {
                discipline: Discipline::default(),
                output: Ring::new(MAX_OUTPUT + ECHO_RESERVE),
                size,
                hung_up: false,
                packet: None,
                exclusive: false,
                locked: matches!(far, Far::Master(_)),
                opens: 0,
                was_open: false,
            }),
            job: Mutex::new(Job::default()),
            queue: WaitQueue::new(),
            far,
            ino: anonymous::inode_number(),
        })
    }

    /// Path of its device node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Device number, as `/proc/PID/stat` shows it.
    pub fn device(&self) -> u64 {
        self.device
    }

    /// Takes bytes from the far side: edits, echoes, signals.
    pub(crate) fn receive(&self, bytes: &[u8]) {
        let mut line = self.line.lock();
        let was_stopped = line.discipline.stopped();
        let effects = line.discipline.receive(bytes);
        if effects.flush_output {
            line.flush_output();
            line.note(packet::FLUSHED_INPUT | packet::FLUSHED_OUTPUT, 0);
        }
        let stopped = line.discipline.stopped();
        if stopped != was_stopped {
            line.note_flow(stopped);
        }
        line.output.push(&effects.echo);
        let readable = line.discipline.readable(1);
        drop(line);
        self.apply(&effects);
        if readable {
            self.queue.wake(Events::IN | Events::RDNORM);
        }
    }

    fn apply(&self, effects: &Effects) {
        let group = self.job.lock().foreground;
        for signo in &effects.signals {
            if group > 0 {
                signal::send_to_group_from_kernel(group, *signo);
            }
        }
        if effects.stopped == Some(false) || effects.flush_output {
            self.queue.wake(Events::OUT | Events::WRNORM);
        }
        if !effects.echo.is_empty() || effects.flush_output || effects.stopped.is_some() {
            self.push_out();
        }
    }

    /// Tells the far side that there is output.
    pub(crate) fn push_out(&self) {
        match &self.far {
            Far::Master(master) => {
                if let Some(master) = master.upgrade() {
                    master.queue.wake(Events::IN | Events::RDNORM | Events::PRI);
                }
            }
            Far::Console(console) => console.drain(self),
        }
    }

    fn try_read(&self, to: &mut UserBuffers, minimum: usize) -> Result<usize> {
        let mut line = self.line.lock();
        if line.hung_up {
            return Ok(0);
        }
        if !line.discipline.readable(minimum.min(to.remaining())) {
            return Err(Errno::EAGAIN);
        }
        let bytes = line.discipline.read(to.remaining());
        drop(line);
        let moved = to.copy_out(&bytes)?;
        // A master that waits for room in the input queue.
        if let Far::Master(master) = &self.far
            && let Some(master) = master.upgrade()
        {
            master.queue.wake(Events::OUT | Events::WRNORM);
        }
        Ok(moved)
    }

    fn read_raw(&self, open: &OpenFile, to: &mut UserBuffers, cc: (u8, u8)) -> Result<usize> {
        let (minimum, tenths) = (usize::from(cc.0), u64::from(cc.1));
        let wait = Duration::from_millis(tenths * 100);
        if open.nonblocking() || (minimum == 0 && tenths == 0) {
            return match self.try_read(to, 1) {
                Err(Errno::EAGAIN) if minimum == 0 && tenths == 0 => Ok(0),
                result => result,
            };
        }
        if minimum == 0 {
            return match until_ready(&self.queue, false, Some(Deadline::after(wait)), || self.try_read(to, 1))
            {
                Err(Errno::EAGAIN) => Ok(0),
                result => result,
            };
        }
        if tenths == 0 {
            return until_ready(&self.queue, false, None, || self.try_read(to, minimum));
        }
        // The first byte is waited for without limit, each next one for `wait`.
        let mut total = until_ready(&self.queue, false, None, || self.try_read(to, 1))?;
        while total < minimum && to.remaining() > 0 {
            match until_ready(&self.queue, false, Some(Deadline::after(wait)), || self.try_read(to, 1)) {
                Ok(0) | Err(_) => break,
                Ok(more) => total += more,
            }
        }
        Ok(total)
    }

    fn try_write(&self, from: &mut UserBuffers) -> Result<()> {
        let mut chunk = Vec::new();
        let mut line = self.line.lock();
        while from.remaining() > 0 {
            if line.hung_up {
                return Err(Errno::EIO);
            }
            let room = MAX_OUTPUT.saturating_sub(line.output.len());
            let expansion = if line.discipline.termios().output(OPOST) { MAX_EXPANSION } else { 1 };
            let count = (room / expansion).min(CHUNK).min(from.remaining());
            if count == 0 || line.discipline.stopped() {
                return Err(Errno::EAGAIN);
            }
            chunk.resize(count, 0);
            let moved = from.copy_in(&mut chunk)?;
            let mut out = Vec::with_capacity(moved + moved / 8);
            line.discipline.post(&chunk[..moved], &mut out);
            line.output.push(&out);
        }
        Ok(())
    }
}

/// Attributes of the device node `path`.
pub(crate) fn stat_of_name(path: &str) -> Result<Stat> {
    let cred = Credentials { uid: 0, gid: 0, groups: Vec::new() };
    vfs::resolve(&vfs::root(), path, true, &cred)?.inode.stat()
}

impl File for Terminal {
    fn stat(&self) -> Result<Stat> {
        // ttyname(3) finds a terminal's name by the inode that the name has.
        if let Ok(stat) = stat_of_name(&self.name) {
            return Ok(stat);
        }
        let mut stat = anonymous::stat(FileKind::CharDevice, 0o620, self.ino);
        stat.rdev = self.device;
        stat.gid = 5;
        stat.block_size = 1024;
        Ok(stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        if to.remaining() == 0 {
            return Ok(0);
        }
        self.check_background(SIGTTIN)?;
        let termios = *self.line.lock().discipline.termios();
        if termios.local(ICANON) {
            until_ready(&self.queue, open.nonblocking(), None, || self.try_read(to, 1))
        } else {
            self.read_raw(open, to, (termios.cc[VMIN], termios.cc[VTIME]))
        }
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        if self.line.lock().discipline.termios().local(TOSTOP) {
            self.check_background(SIGTTOU)?;
        }
        let wanted = from.remaining();
        let result = until_ready(&self.queue, open.nonblocking(), None, || {
            let result = self.try_write(from);
            self.push_out();
            // The console may have taken everything at once.
            match result {
                Err(Errno::EAGAIN) if matches!(self.far, Far::Console(_)) => self.try_write(from),
                result => result,
            }
        });
        self.push_out();
        let written = wanted - from.remaining();
        match result {
            Err(error) if written == 0 => Err(error),
            _ => Ok(written),
        }
    }

    fn ioctl(&self, open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        self.control(open, request, argument)
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        let line = self.line.lock();
        let (readable, writable) = (Events::IN | Events::RDNORM, Events::OUT | Events::WRNORM);
        if line.hung_up {
            return readable | writable | Events::HUP | Events::ERR;
        }
        let cc = line.discipline.termios().cc;
        let minimum = if cc[VTIME] == 0 { usize::from(cc[VMIN]) } else { 1 };
        let mut events = Events::NONE;
        if line.discipline.readable(minimum) {
            events |= readable;
        }
        if line.output.len() < MAX_OUTPUT - CHUNK && !line.discipline.stopped() {
            events |= writable;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn release(&self, _open: &OpenFile) {
        let mut line = self.line.lock();
        line.opens = line.opens.saturating_sub(1);
        let last = line.opens == 0;
        drop(line);
        if last
            && let Far::Master(master) = &self.far
            && let Some(master) = master.upgrade()
        {
            master.queue.wake(Events::ALL);
        }
    }
}
