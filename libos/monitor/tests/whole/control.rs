//! The daemon's line, and what is left when one of the processes is killed.

use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::time::{Duration, Instant};

use bailey_abi::stream::Event;
use bailey_monitor::control::{FromMonitor, ToMonitor};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::support::{Ended, FAILURE, Instance, decode};

/// A monitor with a daemon's end of its control line.
struct Controlled {
    child: Child,
    line: OwnedFd,
}

impl Controlled {
    fn start(instance: &Instance, steps: &[&str]) -> Self {
        let (line, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .expect("a pair");
        let fd = theirs.as_raw_fd();
        let mut command = instance.command(&["--control-fd", "200"], steps);
        // SAFETY: `dup2` is async-signal-safe and touches only the child's own descriptors.
        unsafe {
            command.pre_exec(move || match libc::dup2(fd, 200) {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
        let child = command.spawn().expect("the monitor runs");
        Self { child, line }
    }

    /// What the monitor has written, once it has ended.
    fn log(&mut self) -> String {
        let mut log = String::new();
        let stderr = self.child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut log).expect("read");
        log
    }

    fn message(&mut self) -> FromMonitor {
        let mut buffer = [0; 4096];
        let (_, length) = rustix::net::recv(&self.line, &mut buffer, RecvFlags::empty()).expect("a message");
        assert!(length > 0, "closed: {}", self.log());
        serde_json::from_slice(&buffer[..length]).expect("JSON")
    }

    fn send(&self, message: &ToMonitor) {
        let bytes = serde_json::to_vec(message).expect("JSON");
        rustix::net::send(&self.line, &bytes, SendFlags::empty()).expect("sent");
    }

    /// The ids of supervisor, monitor and first process.
    fn started(&mut self) -> (u32, u32, u32) {
        let (mut first, mut memory) = (None, false);
        while first.is_none() || !memory {
            match self.message() {
                FromMonitor::Memory { size } => memory = size > 0,
                FromMonitor::Counts { offset } => assert_eq!(offset % 4096, 0, "where the counters lie"),
                FromMonitor::Started { pid, monitor, processes } => {
                    first = Some((pid, monitor, processes.first().copied().unwrap_or(0)))
                }
                other => panic!("{other:?}"),
            }
        }
        first.expect("started")
    }

    fn status(&mut self) -> Option<i32> {
        self.child.wait().expect("ended").code()
    }
}

fn gone(pid: u32) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if status.is_empty() || status.contains(") Z ") {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Whether a process has a seccomp filter, sooner or later.
fn armed(pid: u32) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if status.contains("Seccomp:\t2") {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn kill(pid: u32, signal: i32) {
    let pid = i32::try_from(pid).expect("an id");
    // SAFETY: plain system call on a process that this test has started.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

#[test]
fn the_daemon_hears_of_the_instance_and_ends_it() {
    for instance in Instance::of_every_user() {
        let mut controlled = Controlled::start(&instance, &["event"]);
        let (_, _, first) = controlled.started();
        assert!(first > 0);
        controlled.send(&ToMonitor::Signal { signo: 10 });
        let mut output = String::new();
        let stdout = controlled.child.stdout.as_mut().expect("piped");
        stdout.read_to_string(&mut output).expect("read");
        let event = decode::<Event>(output.trim().strip_prefix("event ").expect("an event"));
        assert_eq!(event, Event::Signal { signo: 10 });
        assert!(matches!(controlled.message(), FromMonitor::Exited { status: Some(0), .. }));

        let mut controlled = Controlled::start(&instance, &["event", "event"]);
        controlled.started();
        controlled.send(&ToMonitor::Kill);
        assert!(matches!(controlled.message(), FromMonitor::Exited { signal: Some(9), .. }));
        assert_eq!(controlled.status(), Some(137));
    }
}

#[test]
fn nothing_survives_the_end_of_supervisor_monitor_or_daemon() {
    for instance in Instance::of_every_user() {
        for victim in 0..3 {
            let mut controlled = Controlled::start(&instance, &["event", "event"]);
            let ids = controlled.started();
            kill([ids.0, ids.1, ids.2][victim], libc::SIGKILL);
            controlled.status();
            assert!(gone(ids.1) && gone(ids.2), "{ids:?}");
            if victim > 0 {
                assert!(matches!(controlled.message(), FromMonitor::Exited { .. }));
            }
        }
        let mut controlled = Controlled::start(&instance, &["event", "event"]);
        let ids = controlled.started();
        let Controlled { mut child, line } = controlled;
        drop(line);
        assert_eq!(child.wait().expect("ended").code(), FAILURE);
        assert!(gone(ids.1) && gone(ids.2), "{ids:?}");
    }
}

#[test]
fn signals_for_the_monitor_are_the_instances() {
    for instance in Instance::of_every_user() {
        let mut controlled = Controlled::start(&instance, &["event", "exit:3"]);
        let (supervisor, ..) = controlled.started();
        kill(supervisor, libc::SIGTERM);
        let output = controlled.child.wait_with_output().expect("ended");
        let ended = Ended::new(&output);
        let event = decode::<Event>(ended.lines[0].strip_prefix("event ").expect("an event"));
        assert_eq!((event, ended.status), (Event::Signal { signo: 15 }, Some(3)));
    }
}

#[test]
fn the_monitor_sees_only_the_grants() {
    for instance in Instance::of_every_user() {
        let mut controlled = Controlled::start(&instance, &["event", "event"]);
        let (_, monitor, first) = controlled.started();
        let root = |pid: u32| {
            let entries = fs::read_dir(format!("/proc/{pid}/root"));
            let names =
                entries.map(|entries| entries.map(|entry| entry.expect("an entry").file_name()).collect());
            names.unwrap_or_else(|error| panic!("{error}"))
        };
        if rustix::process::geteuid().is_root() {
            assert!(armed(first), "the first process has no filter");
            let names: Vec<std::ffi::OsString> = root(monitor);
            assert!(
                names.iter().all(|name| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok())),
                "{names:?}"
            );
            for pid in [monitor, first] {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
                let field = |name: &str| {
                    let line = status.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_else(|| panic!("{status}")).trim().to_owned()
                };
                assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".into(), "2".into()));
                for set in ["CapEff:", "CapPrm:", "CapBnd:", "CapInh:", "CapAmb:"] {
                    assert_eq!(u64::from_str_radix(&field(set), 16), Ok(0), "{set} of {pid}");
                }
            }
            // Channel, events, memory, wake pair, and perhaps already its output.
            let fds = fs::read_dir(format!("/proc/{first}/fd"));
            let fds = fds.expect("descriptors").count();
            assert!((5..=6).contains(&fds), "{fds} descriptors");
        }
        controlled.child.kill().expect("killed");
        controlled.status();
    }
}
