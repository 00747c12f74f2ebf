//! What an instance costs while nothing happens in it.

use std::time::Duration;

use bailey_tests::daemon::Daemon;
use bailey_tests::processes::{descendants, proportional_size_of, sleeps};
use bailey_tests::screen::eventually;

const LIMIT: Duration = Duration::from_secs(60);
/// How long nobody may wake. GTK's cursor blinks for ten seconds after the last key.
const ASLEEP: Duration = Duration::from_secs(5);
/// Most of the kernel's own state for an app with a window, in KiB: tables, names and inodes of all that it has looked at.
const MOST: u64 = 3072;

/// An editor's processes, once it has a window: the monitor's two and what runs inside.
fn editor(daemon: &Daemon) -> Vec<u32> {
    daemon.run_app("pad", &["mousepad"]);
    daemon.wait_for_window("pad");
    let instance = daemon.instance("pad").expect("the instance is listed");
    let monitor = instance["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("its monitor");
    std::iter::once(monitor).chain(descendants(monitor)).collect()
}

#[test]
fn the_kernels_state_for_an_editor_is_small() {
    let daemon = Daemon::start();
    // The first run makes the caches of fonts in its home, and looks at every font for that.
    for last in [false, true] {
        let processes = editor(&daemon);
        let of = |process: &u32| proportional_size_of(*process, "/memfd:bailey-shared");
        let state = || processes.iter().filter_map(of).sum();
        let state =
            eventually("the kernel has state", LIMIT, || Some(state()).filter(|state: &u64| *state > 256));
        assert!(!last || state <= MOST, "{state} KiB");
        daemon.bailey(&["kill", "pad"]);
    }
}

#[test]
fn nobody_wakes_where_nothing_happens() {
    let daemon = Daemon::start();
    let processes = editor(&daemon);
    let woken = || processes.iter().chain([&daemon.id()]).map(|process| sleeps(*process)).collect::<Vec<_>>();
    assert!(processes.len() >= 4 && woken().iter().all(Option::is_some), "{processes:?}");
    eventually("a while without a wake-up", LIMIT, || {
        let before = woken();
        std::thread::sleep(ASLEEP);
        (woken() == before).then_some(())
    });
}
