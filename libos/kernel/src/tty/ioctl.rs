//! `tty_ioctl(4)`, on either side of a terminal.

use crate::errno::{Errno, Result};
use crate::signal;
use crate::tty::Terminal;
use crate::tty::job::{self, SIGTTOU, caller};
use crate::tty::pty::Master;
use crate::tty::terminal::packet;
use crate::tty::termios::Termios;
use crate::user;
use crate::vfs::{self, Credentials, Events, OpenFile, Walk};

const TCGETS: u32 = 0x5401;
const TCSETS: u32 = 0x5402;
const TCSETSW: u32 = 0x5403;
const TCSETSF: u32 = 0x5404;
const TCSBRK: u32 = 0x5409;
const TCXONC: u32 = 0x540a;
const TCFLSH: u32 = 0x540b;
const TIOCEXCL: u32 = 0x540c;
const TIOCNXCL: u32 = 0x540d;
const TIOCSCTTY: u32 = 0x540e;
const TIOCGPGRP: u32 = 0x540f;
const TIOCSPGRP: u32 = 0x5410;
const TIOCOUTQ: u32 = 0x5411;
const TIOCSTI: u32 = 0x5412;
const TIOCGWINSZ: u32 = 0x5413;
const TIOCSWINSZ: u32 = 0x5414;
const FIONREAD: u32 = 0x541b;
const TIOCPKT: u32 = 0x5420;
const TIOCNOTTY: u32 = 0x5422;
const TIOCGETD: u32 = 0x5424;
const TCSBRKP: u32 = 0x5425;
const TIOCGSID: u32 = 0x5429;
const TIOCGPTPEER: u32 = 0x5441;
const TCGETS2: u32 = 0x802c_542a;
const TCSETS2: u32 = 0x402c_542b;
const TCSETSW2: u32 = 0x402c_542c;
const TCSETSF2: u32 = 0x402c_542d;
const TIOCGPTN: u32 = 0x8004_5430;
const TIOCSPTLCK: u32 = 0x4004_5431;
const TIOCSIG: u32 = 0x4004_5436;
const TIOCGPKT: u32 = 0x8004_5438;
const TIOCGPTLCK: u32 = 0x8004_5439;
/// `O_CLOEXEC`
const O_CLOEXEC: u32 = 0o2_000_000;

impl Terminal {
    /// `ioctl(2)` on the near side.
    pub(crate) fn control(&self, _open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        if self.line.lock().hung_up {
            return Err(if request == TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO });
        }
        match request {
            TCSBRK | TCSBRKP => self.check_background(SIGTTOU).map(|()| 0),
            TIOCGPGRP => {
                if !self.controls(caller()) {
                    return Err(Errno::ENOTTY);
                }
                self.foreground(argument)
            }
            TIOCGSID => {
                if !self.controls(caller()) {
                    return Err(Errno::ENOTTY);
                }
                self.session(argument)
            }
            TIOCOUTQ => answer(argument, self.line.lock().output.len()),
            FIONREAD => answer(argument, self.line.lock().discipline.available()),
            TIOCSTI => Err(Errno::EPERM),
            TIOCSCTTY => self.set_controlling(argument == 1).map(|()| 0),
            TIOCNOTTY => {
                if !self.controls(caller()) {
                    return Err(Errno::ENOTTY);
                }
                job::leave(caller());
                Ok(0)
            }
            TCFLSH => {
                self.check_background(SIGTTOU)?;
                self.flush(argument)
            }
            _ => self.control_either(request, argument, true),
        }
    }

    /// What both sides of a pty can be asked.
    fn control_either(&self, request: u32, argument: u64, near: bool) -> Result<u64> {
        match request {
            TCGETS => {
                let bytes = self.line.lock().discipline.termios().encode();
                user::copy_out(argument, &bytes[..Termios::SIZE])?;
            }
            TCGETS2 => {
                let bytes = self.line.lock().discipline.termios().encode();
                user::copy_out(argument, &bytes)?;
            }
            TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 => {
                if near {
                    self.check_background(SIGTTOU)?;
                }
                self.set_modes(request, argument)?;
            }
            TCXONC => self.flow(argument)?,
            TIOCEXCL | TIOCNXCL => self.line.lock().exclusive = request == TIOCEXCL,
            TIOCSPGRP => {
                let group: i32 = user::read(argument)?;
                self.set_foreground(group)?;
            }
            TIOCGWINSZ => {
                let size = self.line.lock().size;
                user::write(argument, &size)?;
            }
            TIOCSWINSZ => self.resize(user::read(argument)?),
            TIOCGETD => user::write(argument, &0i32)?,
            _ => return Err(Errno::ENOTTY),
        }
        Ok(0)
    }

    fn set_modes(&self, request: u32, argument: u64) -> Result<()> {
        let mut bytes = self.line.lock().discipline.termios().encode();
        let second = matches!(request, TCSETS2 | TCSETSW2 | TCSETSF2);
        let size = if second { Termios::SIZE2 } else { Termios::SIZE };
        user::copy_in(&mut bytes[..size], argument)?;
        let mut line = self.line.lock();
        if matches!(request, TCSETSF | TCSETSF2) {
            line.discipline.flush_input();
            line.note(packet::FLUSHED_INPUT, 0);
        }
        let usual_flow = line.discipline.termios().usual_flow();
        line.discipline.set_termios(Termios::decode(&bytes));
        match line.discipline.termios().usual_flow() {
            flow if flow == usual_flow => {}
            true => line.note(packet::FLOW, packet::NO_FLOW),
            false => line.note(packet::NO_FLOW, packet::FLOW),
        }
        drop(line);
        // What is readable or writable depends on the modes.
        self.queue.wake(Events::IN | Events::OUT);
        self.push_out();
        Ok(())
    }

    /// `TCXONC`: stop or start output; sending the characters to the far side is not done.
    fn flow(&self, argument: u64) -> Result<()> {
        match argument {
            0 | 1 => {
                let mut line = self.line.lock();
                if line.discipline.stopped() != (argument == 0) {
                    line.discipline.set_stopped(argument == 0);
                    line.note_flow(argument == 0);
                }
            }
            2 | 3 => {}
            _ => return Err(Errno::EINVAL),
        }
        self.queue.wake(Events::OUT);
        self.push_out();
        Ok(())
    }

    fn flush(&self, argument: u64) -> Result<u64> {
        let (input, output) = match argument {
            0 => (true, false),
            1 => (false, true),
            2 => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        let mut line = self.line.lock();
        if input {
            line.discipline.flush_input();
            line.note(packet::FLUSHED_INPUT, 0);
        }
        if output {
            line.flush_output();
            line.note(packet::FLUSHED_OUTPUT, 0);
        }
        drop(line);
        self.queue.wake(Events::OUT);
        self.push_out();
        Ok(0)
    }

    fn foreground(&self, argument: u64) -> Result<u64> {
        let group = self.job.lock().foreground;
        user::write(argument, &group)?;
        Ok(0)
    }

    fn session(&self, argument: u64) -> Result<u64> {
        let session = self.job.lock().session;
        if session == 0 {
            return Err(Errno::ENOTTY);
        }
        user::write(argument, &session)?;
        Ok(0)
    }
}

fn answer(argument: u64, count: usize) -> Result<u64> {
    user::write(argument, &i32::try_from(count).unwrap_or(i32::MAX))?;
    Ok(0)
}

impl Master {
    /// `ioctl(2)` on the far side.
    pub(crate) fn control(&self, _open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        let terminal = &self.terminal;
        match request {
            TIOCGPTN => user::write(argument, &self.index)?,
            TIOCSPTLCK => {
                let locked: i32 = user::read(argument)?;
                terminal.line.lock().locked = locked != 0;
            }
            TIOCGPTLCK => {
                let locked = i32::from(terminal.line.lock().locked);
                user::write(argument, &locked)?;
            }
            TIOCPKT => {
                let on: i32 = user::read(argument)?;
                let mut line = terminal.line.lock();
                line.packet = (on != 0).then(|| line.packet.unwrap_or(0));
            }
            TIOCGPKT => {
                let on = terminal.line.lock().packet.is_some();
                user::write(argument, &i32::from(on))?;
            }
            TIOCGPTPEER => return self.open_peer(argument),
            TIOCSIG => {
                let signo = u8::try_from(argument).ok().filter(|signo| (1..=64).contains(signo));
                let group = terminal.job.lock().foreground;
                let signo = signo.ok_or(Errno::EINVAL)?;
                if group > 0 {
                    signal::send_to_group_from_kernel(group, signo);
                }
            }
            TIOCGPGRP => return terminal.foreground(argument),
            TIOCGSID => return terminal.session(argument),
            FIONREAD => return answer(argument, terminal.line.lock().output.len()),
            TIOCOUTQ => return answer(argument, terminal.line.lock().discipline.available()),
            TIOCSCTTY | TIOCSTI | TIOCNOTTY => return Err(Errno::ENOTTY),
            TCSBRK | TCSBRKP => {}
            // The far side's input is the near side's output.
            TCFLSH => {
                let swapped = match argument {
                    0 => 1,
                    1 => 0,
                    both => both,
                };
                let result = terminal.flush(swapped);
                self.queue.wake(Events::OUT);
                return result;
            }
            _ => return terminal.control_either(request, argument, false),
        }
        Ok(0)
    }

    fn open_peer(&self, flags: u64) -> Result<u64> {
        let flags = u32::try_from(flags).map_err(|_| Errno::EINVAL)?;
        let cred = Credentials { uid: 0, gid: 0, groups: alloc::vec::Vec::new() };
        let peer = vfs::open(&Walk::new(&cred), &vfs::root(), self.terminal.name(), flags, 0)?;
        let fd = caller().files().insert(peer, flags & O_CLOEXEC != 0, 0)?;
        Ok(u64::from(fd.unsigned_abs()))
    }
}
