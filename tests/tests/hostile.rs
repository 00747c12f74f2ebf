//! A hostile instance: whatever it says on its display stream, it is cut off with a clear log line, and the
//! other instance stays live.

use std::fs;
use std::time::Duration;

use bailey_tests::daemon::Daemon;
use bailey_tests::screen::{Screen, changed, eventually};

const LIMIT: Duration = Duration::from_secs(60);

/// What the program writes, and a word that the log line about it must have.
const CASES: &[&str] = &["garbage", "beyond", "overflow", "huge", "stranger", "twice", "windows"];

/// Stops the display service once a window of its instance's is up, so that nobody reads the stream any more.
const STOPS_READING: &str = "foot & until ls ~/up; do sleep 0.2; done; \
    for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" = bailey-display ] && kill -STOP ${p#/proc/}; done; touch ~/stopped; wait";

#[test]
fn a_hostile_stream_costs_only_its_own_instance() {
    let daemon = Daemon::start();
    daemon.run_app("foot", &["foot"]);
    daemon.wait_for_window("foot");
    let screen = Screen::start(1280, 800);
    let empty = screen.picture("hostile");
    let _viewer = daemon.view(&screen);
    eventually("the viewer shows foot", LIMIT, || {
        (changed(&empty, &screen.picture("hostile")) > 50_000).then_some(())
    });
    let window = daemon.instance("foot").expect("foot is listed")["window_list"][0].clone();
    let place = |name: &str| window[name].as_i64().unwrap_or_else(|| panic!("{name} in {window}"));

    let program = fs::read(env!("CARGO_BIN_EXE_hostile-display")).expect("the hostile program");
    for case in CASES {
        let name = format!("evil-{case}");
        daemon.user.write_program(&daemon.user.instance_home(&name).join("hostile-display"), &program);
        daemon.run_app(&name, &["/home/user/hostile-display", case]);
        let instance = eventually(&format!("{case}: cut off\n{}", daemon.log()), LIMIT, || {
            daemon.instance(&name).filter(|instance| instance["state"] != "running")
        });
        let line = daemon
            .log()
            .lines()
            .find(|line| line.contains(&name) && line.contains("cut off"))
            .map(str::to_owned);
        let line =
            line.unwrap_or_else(|| panic!("{case}: no log line says why: {instance}\n{}", daemon.log()));
        eprintln!("{case}: {line}");
        screen.click(place("x") + 40, place("y") + 8);
        screen.type_text(&format!("echo alive > ~/{case}\n"));
        let made = daemon.user.instance_home("foot").join(case);
        eventually(&format!("{case}: foot stays live\n{}", daemon.log()), LIMIT, || {
            fs::read_to_string(&made).ok().filter(|text| text == "alive\n")
        });
    }
}

#[test]
fn an_instance_that_stops_reading_is_cut_off() {
    let daemon = Daemon::start();
    daemon.run_app("foot", &["foot"]);
    daemon.wait_for_window("foot");
    daemon.run_app("deaf", &["bash", "-c", STOPS_READING]);
    daemon.wait_for_window("deaf");
    let window = |name: &str| daemon.instance(name).expect("it is listed")["window_list"][0].clone();
    let place = |of: &str, name: &str| window(of)[name].as_i64().unwrap_or_else(|| panic!("{name} of {of}"));
    let (x, y) = (place("deaf", "x") + 40, place("deaf", "y") + 40);
    let foot = (place("foot", "x") + 40, place("foot", "y") + 8);
    let screen = Screen::start(1280, 800);
    let empty = screen.picture("deaf");
    let _viewer = daemon.view(&screen);
    eventually("the viewer shows both", LIMIT, || {
        (changed(&empty, &screen.picture("deaf")) > 50_000).then_some(())
    });
    let home = daemon.user.instance_home("deaf");
    daemon.user.write(&home.join("up"), "");
    eventually("its display service is stopped", LIMIT, || home.join("stopped").exists().then_some(()));
    // Input that nobody takes: the socket fills, then what waits behind it grows old.
    let mut step = 0;
    eventually(&format!("it is cut off\n{}", daemon.log()), 3 * LIMIT, || {
        for _ in 0..20 {
            step = (step + 7) % 200;
            screen.move_to(x + step, y + step);
        }
        daemon.log().lines().find(|line| line.contains("deaf") && line.contains("stopped reading")).map(drop)
    });
    screen.click(foot.0, foot.1);
    screen.type_text("echo alive > ~/deaf\n");
    let made = daemon.user.instance_home("foot").join("deaf");
    eventually(&format!("foot stays live\n{}", daemon.log()), LIMIT, || {
        fs::read_to_string(&made).ok().filter(|text| text == "alive\n")
    });
}
