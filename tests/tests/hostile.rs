//! A hostile instance: whatever it says on its display stream, it is cut off with a clear log line, and the
//! other instance stays live.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use bailey_tests::daemon::Daemon;
use bailey_tests::screen::{Screen, changed, eventually};

const LIMIT: Duration = Duration::from_secs(60);

/// What the program writes, and a word that the log line about it must have.
const CASES: &[&str] = &["garbage", "beyond", "overflow", "huge", "stranger", "twice", "windows"];

#[test]
fn a_hostile_stream_costs_only_its_own_instance() {
    let daemon = Daemon::start();
    daemon.run_app("foot", &["foot"]);
    daemon.wait_for_window("foot");
    let screen = Screen::start(1280, 800);
    let empty = screen.picture("hostile");
    let mut command = daemon.user.bailey();
    command.arg("view").stdin(Stdio::null());
    screen.put(&mut command);
    let mut viewer = command.spawn().expect("bailey view starts");
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
    let _ = viewer.kill();
    let _ = viewer.wait();
}
