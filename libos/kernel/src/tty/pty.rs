//! Pseudo-terminals (`pty(7)`): the master side, and who is who in `/dev/pts`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::fmt;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::ipc::block::until_ready;
use crate::sync::{Mutex, WaitQueue};
use crate::tty::Terminal;
use crate::tty::ldisc::MAX_INPUT;
use crate::tty::terminal::{Far, stat_of_name};
use crate::tty::termios::ICANON;
use crate::user::UserBuffers;
use crate::vfs::devfs::makedev;
use crate::vfs::{self, Events, File, FileKind, NewInode, OpenFile, Stat};

/// `/proc/sys/kernel/pty/max`
const MAX_PTYS: u32 = 4096;
/// Major number of the near sides.
pub(crate) const PTS_MAJOR: u32 = 136;
/// Group `tty`.
pub(crate) const TTY_GROUP: u32 = 5;

static NEAR_SIDES: Mutex<BTreeMap<u32, Weak<Terminal>>> = Mutex::new(BTreeMap::new());

/// The far side of a pty: what a terminal emulator holds.
pub struct Master {
    pub(crate) terminal: Arc<Terminal>,
    pub(crate) queue: WaitQueue,
    pub(crate) index: u32,
    ino: u64,
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Master").field("index", &self.index).finish_non_exhaustive()
    }
}

/// Opens `/dev/ptmx`: a new pty, whose near side appears in `/dev/pts`, locked.
///
/// # Errors
/// `ENOSPC`
pub fn open_master() -> Result<Arc<Master>> {
    let master = {
        let mut sides = NEAR_SIDES.lock();
        sides.retain(|_, side| side.strong_count() > 0);
        let index = (0..MAX_PTYS).find(|index| !sides.contains_key(index)).ok_or(Errno::ENOSPC)?;
        let master = Arc::new_cyclic(|master: &Weak<Master>| Master {
            terminal: Terminal::new(
                path(index),
                makedev(PTS_MAJOR, index),
                [0; 4],
                Far::Master(master.clone()),
            ),
            queue: WaitQueue::new(),
            index,
            ino: anonymous::inode_number(),
        });
        sides.insert(index, Arc::downgrade(&master.terminal));
        master
    };
    let (uid, _) = crate::task::current_ids();
    let node = NewInode::CharDevice(makedev(PTS_MAJOR, master.index));
    vfs::make_node(&path(master.index), node, 0o620, uid, TTY_GROUP)?;
    Ok(master)
}

fn path(index: u32) -> String {
    format!("/dev/pts/{index}")
}

/// The near side of this number.
///
/// # Errors
/// `ENXIO`
pub(crate) fn near_side(index: u32) -> Result<Arc<Terminal>> {
    NEAR_SIDES.lock().get(&index).and_then(Weak::upgrade).ok_or(Errno::ENXIO)
}

impl Master {
    fn try_read(&self, to: &mut UserBuffers) -> Result<usize> {
        let mut line = self.terminal.line.lock();
        if let Some(noted) = &mut line.packet
            && *noted != 0
        {
            return to.copy_out(&[core::mem::take(noted)]);
        }
        if line.output.is_empty() {
            return Err(if line.was_open && line.opens == 0 { Errno::EIO } else { Errno::EAGAIN });
        }
        let mut header = 0;
        if line.packet.is_some() {
            // TIOCPKT_DATA
            header = to.copy_out(&[0])?;
        }
        let count = to.remaining();
        let taken = line.output.drain(count, |slice| to.copy_out(slice))?;
        drop(line);
        self.terminal.queue.wake(Events::OUT | Events::WRNORM);
        Ok(header + taken)
    }

    /// Sends what the input queue has room for; `EAGAIN` where something is left.
    fn try_write(&self, from: &mut UserBuffers) -> Result<()> {
        let mut chunk = [0; 512];
        while from.remaining() > 0 {
            let room = {
                let line = self.terminal.line.lock();
                let discipline = &line.discipline;
                // An endless line does not block: the discipline drops what is too much.
                let endless = discipline.termios().local(ICANON) && !discipline.readable(1);
                if endless { MAX_INPUT } else { discipline.room().saturating_sub(1) }
            };
            let count = room.min(chunk.len()).min(from.remaining());
            if count == 0 {
                return Err(Errno::EAGAIN);
            }
            let moved = from.copy_in(&mut chunk[..count])?;
            self.terminal.receive(&chunk[..moved]);
        }
        Ok(())
    }
}

impl File for Master {
    fn stat(&self) -> Result<Stat> {
        if let Ok(stat) = stat_of_name("/dev/ptmx") {
            return Ok(stat);
        }
        let mut stat = anonymous::stat(FileKind::CharDevice, 0o666, self.ino);
        stat.rdev = makedev(5, 2);
        Ok(stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        if to.remaining() == 0 {
            return Ok(0);
        }
        until_ready(&self.queue, open.nonblocking(), None, || self.try_read(to))
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        let wanted = from.remaining();
        let result = until_ready(&self.queue, open.nonblocking(), None, || self.try_write(from));
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
        let line = self.terminal.line.lock();
        let mut events = Events::NONE;
        if !line.output.is_empty() {
            events |= Events::IN | Events::RDNORM;
        }
        if line.packet.is_some_and(|noted| noted != 0) {
            events |= Events::IN | Events::RDNORM | Events::PRI;
        }
        if line.was_open && line.opens == 0 {
            events |= Events::HUP;
        }
        let endless = line.discipline.termios().local(ICANON) && !line.discipline.readable(1);
        if endless || line.discipline.room() > 1 {
            events |= Events::OUT | Events::WRNORM;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn release(&self, _open: &OpenFile) {
        self.terminal.hang_up();
        // The name may be gone already; nobody is left to be told.
        let _ = vfs::remove_node(&path(self.index));
    }
}
