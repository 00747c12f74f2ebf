//! An instance on a terminal: raw while it runs, as before when it has ended, whatever ended it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

use crate::support::{Instance, decode};
use bailey_abi::stream::Event;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

/// A terminal, and the monitor on it as leader of its session.
struct Terminal {
    controller: File,
    device: OwnedFd,
    child: Child,
}

impl Terminal {
    fn start(instance: &Instance, steps: &[&str]) -> Self {
        let controller = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let controller = controller.expect("a terminal");
        rustix::pty::grantpt(&controller).expect("granted");
        rustix::pty::unlockpt(&controller).expect("unlocked");
        let name = rustix::pty::ptsname(&controller, Vec::new()).expect("a name");
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let device = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).expect("opens");
        tcsetwinsize(&device, size(24, 80)).expect("a size");
        let stream = || Stdio::from(device.try_clone().expect("a copy"));
        let mut command = instance.command(&[], steps);
        command.stdin(stream()).stdout(stream()).stderr(stream());
        let fd = device.as_raw_fd();
        // SAFETY: both calls are async-signal-safe and concern the child alone.
        unsafe {
            command.pre_exec(move || {
                libc::setsid();
                match libc::ioctl(fd, libc::TIOCSCTTY, 0) {
                    -1 => Err(std::io::Error::last_os_error()),
                    _ => Ok(()),
                }
            });
        }
        let child = command.spawn().expect("the monitor runs");
        Self { controller: controller.into(), device, child }
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.device).expect("modes")
    }

    /// The next line that the instance writes.
    fn line(&mut self) -> String {
        let (mut line, mut byte) = (String::new(), [0]);
        loop {
            self.controller.read_exact(&mut byte).expect("a byte");
            match byte[0] {
                b'\n' => return line.trim_end().to_owned(),
                other => line.push(char::from(other)),
            }
        }
    }

    fn kill(&self, pid: u32, signal: i32) {
        let pid = i32::try_from(pid).expect("an id");
        // SAFETY: plain system call on a process that this test has started.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// The monitor's own process, under the one that was started.
    fn monitor(&self) -> u32 {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("children");
        children.trim().parse().expect("one child")
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn is_raw(modes: &Termios) -> bool {
    !modes.local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
}

#[test]
fn the_terminal_is_raw_while_the_instance_runs_and_as_before_after() {
    for instance in Instance::of_every_user() {
        let mut terminal = Terminal::start(&instance, &["maps", "event", "exit:3"]);
        assert_eq!(terminal.line(), "clean");
        assert!(is_raw(&terminal.modes()));
        tcsetwinsize(&terminal.device, size(50, 132)).expect("a size");
        let line = terminal.line();
        let event = decode::<Event>(line.strip_prefix("event ").expect("an event"));
        assert_eq!(event, Event::TerminalSize { rows: 50, columns: 132 });
        assert_eq!(terminal.child.wait().expect("ended").code(), Some(3));
        assert!(!is_raw(&terminal.modes()));
    }
}

#[test]
fn the_terminal_is_put_back_when_the_monitor_is_killed() {
    let instance = &Instance::of_every_user()[0];
    let mut terminal = Terminal::start(instance, &["maps", "event"]);
    assert_eq!(terminal.line(), "clean");
    terminal.kill(terminal.monitor(), libc::SIGKILL);
    assert_eq!(terminal.child.wait().expect("ended").code(), Some(125));
    assert!(!is_raw(&terminal.modes()));
}
