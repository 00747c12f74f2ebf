//! The daemon with doubles of monitors: real processes, real sockets, no sandbox.

mod common;

use std::process::Command;

use bailey_link::InputEvent;
use common::{Fixture, eventually};

/// Key code of `a`.
const KEY: u8 = 30;

fn type_key(fixture: &Fixture, viewer: &mut common::TestViewer, name: &str) {
    let instance = fixture.instance(name).expect("it is listed");
    let window = &instance["window_list"][0];
    let at = |field: &str| i16::try_from(window[field].as_i64().expect("a number")).expect("on the desktop");
    viewer.click(at("x") + 20, at("y") + 20);
    viewer.input(&[InputEvent::Key { code: KEY, extended: false, released: false }]);
    viewer.input(&[InputEvent::Key { code: KEY, extended: false, released: true }]);
}

#[test]
fn an_instance_lives_on_the_desktop() {
    let fixture = Fixture::start();
    assert_eq!(fixture.ok(&["run", "--name", "one", "--", "window", "Title"]).trim(), "one");
    let instance = fixture.wait_for_window("one");
    assert_eq!(instance["state"], "running");
    assert_eq!(instance["window_list"][0]["title"], "Title");
    assert_eq!(instance["window_list"][0]["width"], 300);
    eventually("the present is acknowledged", || {
        fixture.ok(&["logs", "one"]).contains("present 1 1 acknowledged").then_some(())
    });

    let mut viewer = fixture.view();
    let window = &instance["window_list"][0];
    let at = |field: &str| u32::try_from(window[field].as_u64().expect("a number")).expect("on the desktop");
    let pixel = eventually("the viewer has the window's layer", || viewer.pixel(at("x") + 5, at("y") + 5));
    assert_eq!(pixel, [10, 20, 200, 255]);
    type_key(&fixture, &mut viewer, "one");
    eventually("the key arrives", || fixture.ok(&["logs", "one"]).contains("key 30").then_some(()));

    let stopped = fixture.ok(&["stop", "one"]);
    assert!(stopped.contains("exited"), "{stopped}");
    assert_eq!(fixture.instance("one").expect("still listed")["state"], "exited");
    assert!(fixture.fails(&["stop", "one"]).contains("not running"));
}

#[test]
fn pictures_come_in_the_stream_too() {
    let fixture = Fixture::start();
    fixture.ok(&["run", "--name", "remote", "--pixels", "egfx", "--", "window", "Egfx"]);
    let instance = fixture.wait_for_window("remote");
    let mut viewer = fixture.view();
    let at = |field: &str| instance["window_list"][0][field].as_u64().expect("a number") as u32;
    let pixel = eventually("the viewer has the window's layer", || viewer.pixel(at("x") + 5, at("y") + 5));
    assert_eq!(pixel, [10, 20, 200, 255]);
    eventually("the frame is acknowledged", || {
        fixture.ok(&["logs", "remote"]).contains("frame 1 acknowledged").then_some(())
    });
}

#[test]
fn a_hostile_instance_is_cut_off_and_the_others_stay() {
    let fixture = Fixture::start();
    fixture.ok(&["run", "--name", "good", "--", "window", "Good"]);
    fixture.wait_for_window("good");
    let mut viewer = fixture.view();
    for (case, word) in [
        ("garbage", "the instance sent"),
        ("beyond", "beyond the instance's memory"),
        ("overflow", "beyond the instance's memory"),
        ("huge", "40000 x 25000"),
        ("stranger", "no buffer 9"),
        ("windows", "more than 500 windows"),
        ("flood", "floods"),
        ("half", "within a message"),
    ] {
        let name = format!("evil-{case}");
        fixture.ok(&["run", "--name", &name, "--", "hostile", case]);
        let instance = eventually(&format!("{case} is cut off\n{}", fixture.log()), || {
            fixture.instance(&name).filter(|instance| instance["state"] != "running")
        });
        assert_eq!(instance["state"], "cut off", "{case}: {instance}");
        let log = fixture.log();
        let line = log.lines().find(|line| line.contains(&name) && line.contains("is cut off"));
        assert!(line.is_some_and(|line| line.contains(word)), "{case}: {line:?}");
        let before = fixture.ok(&["logs", "good"]).matches("key 30").count();
        type_key(&fixture, &mut viewer, "good");
        eventually(&format!("after {case} the other takes input"), || {
            (fixture.ok(&["logs", "good"]).matches("key 30").count() > before).then_some(())
        });
    }
}

#[test]
fn an_instance_that_stops_reading_is_cut_off() {
    let fixture = Fixture::start();
    fixture.ok(&["run", "--name", "deaf", "--", "hostile", "deaf"]);
    fixture.wait_for_window("deaf");
    let mut viewer = fixture.view();
    type_key(&fixture, &mut viewer, "deaf");
    let keys: Vec<InputEvent> = (0..200)
        .map(|number| InputEvent::Key { code: KEY, extended: false, released: number % 2 == 1 })
        .collect();
    let instance = eventually("it is cut off", || {
        viewer.input(&keys);
        fixture.instance("deaf").filter(|instance| instance["state"] != "running")
    });
    assert_eq!(instance["state"], "cut off");
    assert!(
        instance["reason"].as_str().is_some_and(|reason| reason.contains("stopped reading")),
        "{instance}"
    );
}

#[test]
fn ends_are_reported() {
    let fixture = Fixture::start();
    let state = |name: &str| {
        eventually(&format!("{name} ends"), || {
            let instance = fixture.instance(name)?;
            (instance["state"] != "running").then_some(instance)
        })
    };
    fixture.ok(&["run", "--name", "seven", "--", "exit", "7"]);
    let seven = state("seven");
    assert_eq!((&seven["state"], &seven["status"]), (&"exited".into(), &7.into()));

    let ran = fixture.json(&["run", "--json", "--name", "victim", "--", "window", "x"]);
    fixture.wait_for_window("victim");
    common::kill(ran["pid"].as_u64().expect("a pid"));
    let victim = state("victim");
    assert_eq!(victim["state"], "failed");
    assert!(victim["reason"].as_str().is_some_and(|reason| reason.contains("signal 9")), "{victim}");

    // Killed even though nothing in it listens.
    fixture.ok(&["run", "--name", "stubborn", "--", "hostile", "silent"]);
    let killed = fixture.ok(&["kill", "stubborn"]);
    assert!(killed.contains("failed"), "{killed}");
}

#[test]
fn names_are_unique_and_given() {
    let fixture = Fixture::start();
    assert_eq!(fixture.ok(&["run", "--", "window", "a"]).trim(), "window");
    assert_eq!(fixture.ok(&["run", "--", "window", "b"]).trim(), "window-2");
    assert!(fixture.fails(&["run", "--name", "window", "--", "window", "c"]).contains("running already"));
    assert!(fixture.fails(&["run", "--name", "../x", "--", "window", "c"]).contains("cannot name"));
    assert!(fixture.fails(&["logs", "nobody"]).contains("no instance nobody"));
    assert!(fixture.fails(&["run"]).contains("nothing to run"));
}

#[test]
fn the_end_leaves_nothing() {
    let mut fixture = Fixture::start();
    fixture.ok(&["run", "--name", "one", "--", "window", "a"]);
    let ran = fixture.json(&["run", "--json", "--name", "stubborn", "--", "hostile", "silent"]);
    fixture.wait_for_window("one");
    assert!(fixture.fails(&["serve", "--listen", "127.0.0.1:0"]).contains("running already"));
    let stubborn = ran["pid"].as_u64().expect("a pid");
    fixture.end();
    assert!(!common::lives(stubborn), "{}", fixture.log());
    assert!(!fixture.run_dir().join("bailey/control").exists());
    assert!(fixture.fails(&["ps"]).contains("start one with `bailey serve`"));
    fixture.restart();
    assert_eq!(fixture.json(&["ps", "--json"])["instances"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_reader_may_leave_early() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
    let output = command.args(["abi", "--json"]).stdout(writer).output().expect("it runs");
    assert_eq!(output.status.code(), Some(141), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn only_this_user_may_ask() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::start();
    let mode = |path: &str| {
        let metadata = std::fs::metadata(fixture.run_dir().join(path)).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("bailey"), mode("bailey/control")), (0o700, 0o600));
}

#[test]
fn an_attached_server_ends_with_its_client() {
    let fixture = Fixture::start();
    fixture.ok(&["run", "--name", "one", "--", "window", "a"]);
    fixture.wait_for_window("one");
    let (mut client, address) = fixture.attach("one");
    std::net::TcpStream::connect(address.as_str()).expect("it is served");
    client.kill().expect("ours to kill");
    client.wait().expect("it ends");
    eventually("the port is free again", || {
        std::net::TcpStream::connect(address.as_str()).is_err().then_some(())
    });
    assert!(fixture.fails(&["attach", "--rdp", "0", "nobody"]).contains("no instance"));
}
