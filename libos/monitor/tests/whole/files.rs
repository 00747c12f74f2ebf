//! Files and streams, through everything that confines the monitor.

use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use bailey_abi::stream::{Kind, Reply, Request};

use crate::support::{Ended, Instance, open, rpc};

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
            rpc(&Request::StreamAttributesQuery { uri: "file:/usr".into() }),
            "exit:0".to_owned(),
        ];
        let ended = instance.run(&[], &steps.each_ref().map(String::as_str));
        let errno = |line| match ended.reply(line) {
            (Reply::Error(errno), false) => errno,
            other => panic!("{other:?}: {ended:?}"),
        };
        assert!(matches!(ended.reply(0), (Reply::Stream { .. }, true)), "{ended:?}");
        assert_eq!(
            [errno(1), errno(2), errno(3), errno(4)],
            [libc::ENOENT, libc::EACCES, libc::ENOENT, libc::ENOENT]
        );
        assert_eq!(errno(5), libc::EROFS);
        assert!(matches!(ended.reply(6), (Reply::Stream { .. }, true)), "{ended:?}");
        assert_eq!(ended.lines[7], "result 4");
        assert_eq!(fs::read_to_string(instance.home().join("new")).expect("kept"), "kept");
        match ended.reply(8).0 {
            Reply::Attributes(attributes) => {
                assert_eq!((attributes.kind, attributes.uid, attributes.gid), (Kind::Directory, 0, 0));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_instance_does_not_see_the_others_home() {
    for instance in Instance::of_every_user() {
        let first =
            instance.run(&["--name", "one"], &[&open("/home/user/mine", true), "write:mine", "exit:0"]);
        assert_eq!(first.lines[1], "result 4", "{first:?}");
        let second = instance.run(&["--name", "two"], &[&open("/home/user/mine", false), "exit:0"]);
        assert_eq!(second.reply(0).0, Reply::Error(libc::ENOENT));
        let host = instance.path("data/bailey/homes/one/mine");
        let outside =
            instance.run(&["--name", "two"], &[&open(host.to_str().expect("text"), false), "exit:0"]);
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

/// Requests that change a home, each of which is done.
fn changes() -> Vec<Request> {
    let file = |name: &str| format!("file:/home/user/{name}");
    let modes = bailey_abi::stream::AttributeChange { mode: Some(0o600), atime: None, mtime: Some((77, 0)) };
    vec![
        Request::StreamMakeDirectory { uri: file("a"), mode: 0o755 },
        Request::StreamMakeDirectory { uri: file("b"), mode: 0o755 },
        Request::StreamLink { from: file("new"), to: file("a/hard") },
        Request::StreamSymlink { uri: file("b/soft"), target: "../new".into() },
        Request::StreamRename { from: file("a/hard"), to: file("b/moved"), flags: 0 },
        Request::StreamRename { from: file("b/moved"), to: file("new"), flags: libc::RENAME_EXCHANGE },
        Request::StreamAttributesSet { uri: file("new"), change: modes },
        Request::StreamAttributesSet { uri: file("a"), change: modes },
        Request::StreamAllocate { handle: 2, mode: 0, offset: 0, length: 100 },
        Request::StreamSetLength { handle: 2, length: 3 },
        Request::StreamFlush { handle: 2 },
        Request::StreamDelete { uri: file("b/moved"), directory: false },
        Request::StreamDelete { uri: file("a"), directory: true },
    ]
}

/// Every request that touches files, through the monitor's own seccomp filter, Landlock and mounts.
#[test]
fn a_home_works_as_confined() {
    let requests = changes();
    let file = |name: &str| format!("file:/home/user/{name}");
    let questions = [
        Request::StreamReadLink { uri: file("b/soft") },
        Request::StreamEnumerate { uri: "file:/home/user".into(), cursor: 0 },
        Request::StreamSpaceQuery { uri: file("new") },
        Request::StreamAttributesQueryByHandle { handle: 3 },
        Request::HandleFetch { handle: 3 },
        Request::StreamSeek { handle: 3, offset: 1, hole: false },
    ];
    for instance in Instance::of_every_user() {
        let mut steps = vec![open("/home/user/new", true), "write:text".to_owned()];
        steps.extend(requests.iter().map(rpc));
        steps.push(open("/home/user/new", false));
        steps.extend(questions.iter().map(rpc));
        steps.push("exit:0".into());
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let ended = instance.run(&[], &steps);
        for (index, request) in requests.iter().enumerate() {
            let (reply, _) = ended.reply(index + 2);
            assert!(matches!(reply, Reply::Done | Reply::Attributes(_)), "{request:?}: {reply:?}");
        }
        let answers = 3 + requests.len();
        assert_eq!(ended.reply(answers).0, Reply::Target("../new".into()));
        for index in 1..questions.len() {
            let (reply, _) = ended.reply(answers + index);
            assert!(!matches!(reply, Reply::Error(_)), "{reply:?}: {ended:?}");
        }
        assert_eq!(fs::read_to_string(instance.home().join("new")).expect("kept"), "tex");
    }
}

#[test]
fn the_display_service_comes_first_with_its_stream() {
    for instance in Instance::of_every_user() {
        let service = instance.path("bailey-display");
        fs::write(&service, "the service").expect("written");
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let fd = theirs.as_raw_fd();
        let open_display = rpc(&Request::StreamOpen {
            uri: "display:".into(),
            mode: bailey_abi::stream::OpenMode {
                read: true,
                write: true,
                create: None,
                exclusive: false,
                truncate: false,
            },
        });
        let steps = [
            open("/usr/libexec/bailey/bailey-display", false),
            "read".into(),
            open_display,
            "write:window".into(),
            "exit:0".into(),
        ];
        let options = ["--display-fd", "200", "--display-service", service.to_str().expect("text")];
        let mut command = instance.command(&options, &steps.each_ref().map(String::as_str));
        // SAFETY: `dup2` is async-signal-safe and touches only the child's own descriptors.
        unsafe {
            command.pre_exec(move || match libc::dup2(fd, 200) {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
        let ended = Ended::new(&command.output().expect("runs"));
        assert_eq!(ended.lines[1], "read the service", "{ended:?}");
        assert_eq!(ended.status, Some(0), "{ended:?}");
        drop(theirs);
        let mut received = [0; 6];
        (&ours).read_exact(&mut received).expect("written by the instance");
        assert_eq!(&received, b"window");
    }
}
