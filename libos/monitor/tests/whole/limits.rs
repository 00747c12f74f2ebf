//! Bounds of the manifest, and a host that forbids the sandbox.

use std::fs;
use std::process::Command;

use crate::support::{Ended, FAILURE, Instance};

const ENOMEM: &str = "result -12";

/// `mmap` of private memory at an address of the application's.
fn map(bytes: u64) -> String {
    format!("call:9:1048576:{bytes}:3:{}:-1", libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED)
}

#[test]
fn memory_and_processes_are_bounded_by_the_manifest() {
    for instance in Instance::of_every_user() {
        let manifest = instance.path("app.toml");
        fs::write(&manifest, "[limits]\nmemory = \"64M\"\nprocesses = 8\n").expect("written");
        let options = ["--manifest", manifest.to_str().expect("text")];
        let steps = [&map(32 << 20), &map(128 << 20), "many:100", "exit:0"];
        let ended = instance.run(&options, &steps);
        assert_eq!(ended.lines[0], "result 1048576", "{ended:?}");
        assert_eq!(ended.lines[1], ENOMEM, "{ended:?}");
        let made: i32 =
            ended.lines[2].strip_prefix("result ").and_then(|made| made.parse().ok()).expect("a number");
        // The host kernel exempts root from its bound on processes.
        if !instance.is_root() {
            assert!((8..100).contains(&made), "{ended:?}");
        }
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let free = instance.run(&[], &[&map(128 << 20), "exit:0"]);
        assert_eq!(free.lines[0], "result 1048576", "{free:?}");
    }
}

#[test]
fn a_host_without_user_namespaces_is_told_apart() {
    let instance = &Instance::of_every_user()[0];
    let monitor = instance.command(&[], &["exit:0"]);
    // The setting is a user namespace's own: this forbids them below a new one only.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script, "sh"]);
    command.arg(monitor.get_program()).args(monitor.get_args());
    command.env("XDG_DATA_HOME", instance.path("data"));
    let ended = Ended::new(&command.output().expect("unshare runs"));
    assert_eq!(ended.status, FAILURE, "{ended:?}");
    assert!(ended.log.contains("max_user_namespaces"), "{ended:?}");
}
