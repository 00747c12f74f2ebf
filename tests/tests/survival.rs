//! Death of a part: whatever process is killed, the rest of the desktop goes on, and nothing is left at the end.

use std::fs;
use std::time::Duration;

use bailey_tests::daemon::{Daemon, signal};
use bailey_tests::processes::{descendants, running_from};
use bailey_tests::screen::{Screen, changed, eventually};

const LIMIT: Duration = Duration::from_secs(60);

/// Types a command into foot by the viewer and waits until it has been done.
fn foot_takes_input(daemon: &Daemon, screen: &Screen, name: &str) {
    let instance = daemon.instance("foot").expect("foot is listed");
    let window = &instance["window_list"][0];
    let field = |name: &str| window[name].as_i64().unwrap_or_else(|| panic!("{name} in {instance}"));
    screen.click(field("x") + field("width") / 2, field("y") + 8);
    screen.type_text(&format!("echo alive > ~/{name}\n"));
    let made = daemon.user.instance_home("foot").join(name);
    eventually(&format!("foot takes input ({name})\n{}", daemon.log()), LIMIT, || {
        fs::read_to_string(&made).ok().filter(|text| text == "alive\n")
    });
}

fn shows_something(screen: &Screen, name: &str) {
    let empty = screen.picture(name);
    eventually("the viewer shows the desktop", LIMIT, || {
        (changed(&empty, &screen.picture(name)) > 50_000).then_some(())
    });
}

#[test]
fn every_process_of_an_instance_may_die() {
    let mut daemon = Daemon::start();
    daemon.run_app("foot", &["foot"]);
    daemon.wait_for_window("foot");
    let screen = Screen::start(1280, 800);
    let viewer = daemon.view(&screen);
    shows_something(&screen, "survival");
    // Oldest first: the monitor's outer and inner process, the display service, the app.
    for (index, what) in ["outer-monitor", "inner-monitor", "display", "app"].into_iter().enumerate() {
        let name = format!("victim-{what}");
        daemon.run_app(&name, &["mousepad"]);
        daemon.wait_for_window(&name);
        let instance = daemon.instance(&name).expect("the victim is listed");
        let monitor = u32::try_from(instance["pid"].as_u64().expect("its pid")).expect("a process id");
        let mut family = vec![monitor];
        family.extend(descendants(monitor));
        assert!(family.len() >= 4, "{what}: only {family:?}");
        signal(family[index], libc::SIGKILL);
        let reported = eventually(&format!("{what}'s death is reported\n{}", daemon.log()), LIMIT, || {
            let instance = daemon.instance(&name)?;
            (instance["state"] != "running").then(|| instance.to_string())
        });
        assert!(daemon.log().contains(&name), "the log is silent about {name}: {reported}");
        eventually(&format!("{what}: the rest of the instance is gone"), LIMIT, || {
            family.iter().all(|pid| !alive(*pid)).then_some(())
        });
        foot_takes_input(&daemon, &screen, what);
    }
    drop(viewer);
    let again = daemon.view(&screen);
    shows_something(&screen, "survival-again");
    foot_takes_input(&daemon, &screen, "viewer");
    drop(again);
    ends_without_leftovers(&mut daemon);
}

fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| !fields.trim_start().starts_with('Z'))
}

fn ends_without_leftovers(daemon: &mut Daemon) {
    let folder = daemon.user.folder().to_path_buf();
    daemon.end();
    eventually("no process is left", LIMIT, || running_from(&folder.join("bin")).is_empty().then_some(()));
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    let sockets = fs::read_to_string("/proc/net/unix").expect("the sockets");
    let place = folder.to_str().expect("a path that is text");
    assert!(!mounts.contains(place), "a mount is left:\n{mounts}");
    assert!(!sockets.contains(place), "a socket is left:\n{sockets}");
    let control = folder.join("run/bailey/control");
    assert!(!control.exists(), "{} is left", control.display());
}

#[test]
fn the_daemon_killed_outright_leaves_no_instance() {
    let daemon = Daemon::start();
    daemon.run_app("foot", &["foot"]);
    daemon.wait_for_window("foot");
    let family = descendants(daemon.id());
    assert!(!family.is_empty());
    signal(daemon.id(), libc::SIGKILL);
    eventually("the instances end with their daemon", LIMIT, || {
        family.iter().all(|pid| !alive(*pid)).then_some(())
    });
}
