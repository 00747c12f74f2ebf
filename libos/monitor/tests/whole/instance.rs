//! The state that the kernel starts in, the host calls that it has, and its end.

use std::process::Command;

use bailey_abi::stream::{Event, ExitStatus, Request};

use crate::support::{Ended, FAILURE, Instance, decode, rpc};

#[test]
fn the_kernel_starts_in_a_clean_address_space_and_ends_with_its_status() {
    for instance in Instance::of_every_user() {
        let ended = instance.run(&[], &["maps", "clock", "exit:7"]);
        assert_eq!(ended.lines[0], "clean", "{ended:?}");
        assert!(matches!(ended.lines[1].as_str(), "clock agrees" | "clock none"), "{ended:?}");
        assert_eq!(ended.status, Some(7), "{ended:?}");
    }
}

#[test]
fn calls_from_elsewhere_are_trapped_and_calls_outside_the_list_kill() {
    for instance in Instance::of_every_user() {
        let ended = instance.run(&[], &["outside:39", "outside:59", "outside:41", "call:219", "exit:0"]);
        assert_eq!(ended.lines, ["trapped 39", "trapped 59", "trapped 41", "result -4"], "{ended:?}");
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
        assert!(matches!(event(1), Event::ProcessDied { signo: 31, .. }), "{ended:?}");
        assert!(matches!(event(3), Event::ProcessDied { signo: 0, .. }), "{ended:?}");
        assert_eq!(ended.lines.len(), 5, "{ended:?}");
        assert!(ended.log.contains("SIGSYS") && ended.log.contains("status 5"), "{ended:?}");
    }
}

#[test]
fn how_the_instance_ends_is_the_monitors_own_status() {
    let exit = |status| rpc(&Request::InstanceExit { status });
    for instance in Instance::of_every_user() {
        assert_eq!(instance.run(&[], &[&exit(ExitStatus::Exited(255))]).status, Some(255));
        assert_eq!(instance.run(&[], &[&exit(ExitStatus::Signaled(15))]).status, Some(143));
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
        command.env("XDG_DATA_HOME", instance.path("data")).args(arguments);
        Ended::new(&command.output().expect("runs"))
    };
    let ended = run(&["--", "/usr/bin/no-such-program"]);
    assert_eq!(ended.status, Some(127));
    assert!(ended.log.contains("no-such-program") && ended.log.contains("grant"), "{ended:?}");
    assert_eq!(run(&["--", "no-such-program"]).status, Some(127));
    let ended = run(&["--kernel", "/no/kernel", "--", "env"]);
    assert_eq!(ended.status, FAILURE);
    assert!(ended.log.contains("/no/kernel") && ended.log.contains("--kernel"), "{ended:?}");
    let ended = run(&["--kernel", "/usr/bin/env", "--", "env"]);
    assert!(ended.log.contains("not a kernel image"), "{ended:?}");
    let ended = run(&["--control-fd", "77", "--", "env"]);
    assert!(ended.log.contains("77"), "{ended:?}");
    assert_eq!(run(&[]).status, FAILURE);
}
