//! Whole instances, with a kernel image of the tests' own: what the kernel is given, what it can reach,
//! and how instances end.

#[path = "support/instance.rs"]
mod support;

use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bailey_abi::stream::{Event, ExitStatus, Kind, Reply, Request};
use bailey_monitor::control::{FromMonitor, ToMonitor};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use support::{Ended, Instance, decode, open, rpc};

const FAILURE: Option<i32> = Some(125);

#[test]
fn the_kernel_starts_in_a_clean_address_space_and_ends_with_its_status() {
    for instance in Instance::of_every_user() {
        let ended = instance.run(&[], &["maps", "clock", "exit:7"]);
        assert_eq!(ended.lines[0], "clean", "{ended:?}");
        assert!(
            matches!(ended.lines[1].as_str(), "clock agrees" | "clock none"),
            "{ended:?}"
        );
        assert_eq!(ended.status, Some(7), "{ended:?}");
    }
}

#[test]
fn files_are_reached_by_grant_and_only_so() {
    for instance in Instance::of_every_user() {
        let secret = instance.path("home/secret");
        fs::write(&secret, "secret").expect("written");
        let secret = secret.to_str().expect("text").to_owned();
        let steps = [
            open("/usr/bin/env", false),
            open(&secret, false),
            open("/etc/shadow", false),
            open("/proc/self/maps", false),
            open("/dev/null", false),
            open("/usr/bin/new", true),
            open("/home/user/new", true),
            "write:kept".to_owned(),
            rpc(&Request::StreamAttributesQuery {
                uri: "file:/usr".into(),
            }),
            "exit:0".to_owned(),
        ];
        let ended = instance.run(&[], &steps.each_ref().map(String::as_str));
        let errno = |line| match ended.reply(line) {
            (Reply::Error(errno), false) => errno,
            other => panic!("{other:?}: {ended:?}"),
        };
        assert!(
            matches!(ended.reply(0), (Reply::Stream { .. }, true)),
            "{ended:?}"
        );
        assert_eq!(
            [errno(1), errno(2), errno(3), errno(4)],
            [libc::ENOENT, libc::EACCES, libc::ENOENT, libc::ENOENT]
        );
        assert_eq!(errno(5), libc::EROFS);
        assert!(
            matches!(ended.reply(6), (Reply::Stream { .. }, true)),
            "{ended:?}"
        );
        assert_eq!(ended.lines[7], "result 4");
        assert_eq!(
            fs::read_to_string(instance.home().join("new")).expect("kept"),
            "kept"
        );
        match ended.reply(8).0 {
            Reply::Attributes(attributes) => {
                assert_eq!(
                    (attributes.kind, attributes.uid, attributes.gid),
                    (Kind::Directory, 0, 0)
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn calls_from_elsewhere_are_trapped_and_calls_outside_the_list_kill() {
    for instance in Instance::of_every_user() {
        let ended = instance.run(
            &[],
            &["outside:39", "outside:59", "outside:41", "call:219", "exit:0"],
        );
        assert_eq!(
            ended.lines,
            ["trapped 39", "trapped 59", "trapped 41", "result -4"],
            "{ended:?}"
        );
        // open, socket, execve, ptrace, mount, kill, clone of a namespace, mlock, ioctl.
        for call in [
            "call:2",
            "call:41",
            "call:59",
            "call:101",
            "call:165",
            "call:62:1:9",
            "call:56:268435456",
            "call:149",
            "call:16",
            "call:234:1:1:9",
            "call:202:0:5",
        ] {
            let ended = instance.run(&[], &[call, "exit:0"]);
            assert_eq!(ended.status, FAILURE, "{call}: {ended:?}");
            assert!(ended.log.contains("SIGSYS"), "{call}: {ended:?}");
            assert!(ended.lines.is_empty(), "{call}: {ended:?}");
        }
        let ended = instance.run(&[], &["compat:20", "exit:0"]);
        assert_ne!(ended.status, Some(0), "{ended:?}");
        assert!(ended.lines.is_empty(), "{ended:?}");
    }
}

#[test]
fn an_unexpected_end_of_a_process_is_an_event() {
    for instance in Instance::of_every_user() {
        let ended = instance.run(&[], &["fork-call:59", "fork-exit:5", "fork-exit:0", "exit:0"]);
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let event =
            |line: usize| decode::<Event>(ended.lines[line].strip_prefix("event ").expect("an event"));
        assert!(
            matches!(event(1), Event::ProcessDied { signo: 31, .. }),
            "{ended:?}"
        );
        assert!(
            matches!(event(3), Event::ProcessDied { signo: 0, .. }),
            "{ended:?}"
        );
        assert_eq!(ended.lines.len(), 5, "{ended:?}");
        assert!(
            ended.log.contains("SIGSYS") && ended.log.contains("status 5"),
            "{ended:?}"
        );
    }
}

#[test]
fn how_the_instance_ends_is_the_monitors_own_status() {
    let exit = |status| rpc(&Request::InstanceExit { status });
    for instance in Instance::of_every_user() {
        assert_eq!(
            instance.run(&[], &[&exit(ExitStatus::Exited(255))]).status,
            Some(255)
        );
        assert_eq!(
            instance.run(&[], &[&exit(ExitStatus::Signaled(15))]).status,
            Some(143)
        );
        let gave_up = instance.run(&[], &[&exit(ExitStatus::KernelFailure)]);
        assert_eq!(gave_up.status, FAILURE);
        assert!(gave_up.log.contains("gave up"), "{gave_up:?}");
        assert_eq!(instance.run(&[], &["call:231:9"]).status, Some(9));
        let garbage = instance.run(&[], &["rpc:ffffffff", "exit:0"]);
        assert_eq!(garbage.status, FAILURE);
        assert!(garbage.log.contains("malformed request"), "{garbage:?}");
        let empty = instance.run(&[], &["rpc:0a0b0c00", "exit:0"]);
        assert_eq!(empty.status, FAILURE, "{empty:?}");
    }
}

#[test]
fn lines_of_the_instance_are_cleaned_and_bounded() {
    let instance = &Instance::of_every_user()[0];
    let line = |text: &str| rpc(&Request::DebugOutput { text: text.into() });
    let mut steps = vec![line("a\x1b[2Jb")];
    steps.extend((0..400).map(|_| line("again")));
    steps.push("exit:0".into());
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let ended = instance.run(&[], &steps);
    assert!(ended.log.starts_with("bailey[env]: a?[2Jb\n"), "{ended:?}");
    let bounded = ended.log.lines().count();
    assert!(bounded < 400, "{bounded} lines");
    let all = instance.run(&["--verbose"], &steps);
    assert_eq!(all.log.lines().count(), 401, "{all:?}");
}

#[test]
fn what_is_missing_is_named() {
    let instance = &Instance::of_every_user()[0];
    let run = |arguments: &[&str]| {
        let mut command = Command::new(instance.path("bailey-monitor"));
        command
            .env("XDG_DATA_HOME", instance.path("data"))
            .args(arguments);
        Ended::new(&command.output().expect("runs"))
    };
    let ended = run(&["--", "/usr/bin/no-such-program"]);
    assert_eq!(ended.status, Some(127));
    assert!(
        ended.log.contains("no-such-program") && ended.log.contains("grant"),
        "{ended:?}"
    );
    assert_eq!(run(&["--", "no-such-program"]).status, Some(127));
    let ended = run(&["--kernel", "/no/kernel", "--", "env"]);
    assert_eq!(ended.status, FAILURE);
    assert!(
        ended.log.contains("/no/kernel") && ended.log.contains("--kernel"),
        "{ended:?}"
    );
    let ended = run(&["--kernel", "/usr/bin/env", "--", "env"]);
    assert!(ended.log.contains("not a kernel image"), "{ended:?}");
    let ended = run(&["--control-fd", "77", "--", "env"]);
    assert!(ended.log.contains("77"), "{ended:?}");
    assert_eq!(run(&[]).status, FAILURE);
}

/// A monitor with a daemon's end of its control line.
struct Controlled {
    child: Child,
    line: OwnedFd,
}

impl Controlled {
    fn start(instance: &Instance, steps: &[&str]) -> Self {
        let (line, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
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
                FromMonitor::Started {
                    pid,
                    monitor,
                    processes,
                } => first = Some((pid, monitor, processes.first().copied().unwrap_or(0))),
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
        assert!(matches!(
            controlled.message(),
            FromMonitor::Exited { status: Some(0), .. }
        ));

        let mut controlled = Controlled::start(&instance, &["event", "event"]);
        controlled.started();
        controlled.send(&ToMonitor::Kill);
        assert!(matches!(
            controlled.message(),
            FromMonitor::Exited { signal: Some(9), .. }
        ));
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
            let names = entries.map(|entries| {
                entries
                    .map(|entry| entry.expect("an entry").file_name())
                    .collect()
            });
            names.unwrap_or_else(|error| panic!("{error}"))
        };
        if rustix::process::geteuid().is_root() {
            assert!(armed(first), "the first process has no filter");
            let names: Vec<std::ffi::OsString> = root(monitor);
            assert!(
                names
                    .iter()
                    .all(|name| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok())),
                "{names:?}"
            );
            for pid in [monitor, first] {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
                let field = |name: &str| {
                    let line = status.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_else(|| panic!("{status}")).trim().to_owned()
                };
                assert_eq!(
                    (field("NoNewPrivs:"), field("Seccomp:")),
                    ("1".into(), "2".into())
                );
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

#[test]
fn one_instance_does_not_see_the_others_home() {
    for instance in Instance::of_every_user() {
        let first = instance.run(
            &["--name", "one"],
            &[&open("/home/user/mine", true), "write:mine", "exit:0"],
        );
        assert_eq!(first.lines[1], "result 4", "{first:?}");
        let second = instance.run(&["--name", "two"], &[&open("/home/user/mine", false), "exit:0"]);
        assert_eq!(second.reply(0).0, Reply::Error(libc::ENOENT));
        let host = instance.path("data/bailey/homes/one/mine");
        let outside = instance.run(
            &["--name", "two"],
            &[&open(host.to_str().expect("text"), false), "exit:0"],
        );
        assert_eq!(outside.reply(0).0, Reply::Error(libc::ENOENT));
        assert_eq!(fs::read_to_string(host).expect("kept"), "mine");
    }
}

#[test]
fn standard_streams_of_the_host_are_the_instances() {
    let instance = &Instance::of_every_user()[0];
    let open_input = rpc(&Request::StreamOpen {
        uri: "stdio:0".into(),
        mode: bailey_abi::stream::OpenMode {
            read: true,
            write: false,
            create: None,
            exclusive: false,
            truncate: false,
        },
    });
    let mut command = instance.command(&[], &[&open_input, "read", "exit:0"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), b"typed").expect("written");
    let ended = Ended::new(&child.wait_with_output().expect("ended"));
    assert_eq!(ended.lines[1], "read typed", "{ended:?}");
}
