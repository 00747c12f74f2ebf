//! The main job, end to end: two unmodified apps, each in an instance of its own, on one desktop, used by a
//! stock RDP client and by the viewer.

use std::fs;
use std::time::Duration;

use bailey_tests::daemon::{Daemon, RDP_SECRET, RDP_USER};
use bailey_tests::processes::Running;
use bailey_tests::screen::{Screen, changed, eventually};
use bailey_tests::session::freerdp;
use image::RgbaImage;

const LIMIT: Duration = Duration::from_secs(60);

/// Starts foot and mousepad and waits for their windows.
fn two_apps() -> Daemon {
    let daemon = Daemon::start();
    daemon.run_app("foot", &["foot"]);
    daemon.run_app("mousepad", &["mousepad"]);
    daemon.wait_for_window("foot");
    daemon.wait_for_window("mousepad");
    daemon
}

/// The middle of an instance's first window on the desktop.
fn middle(daemon: &Daemon, name: &str) -> (i64, i64) {
    let instance = daemon.instance(name).expect("the instance is listed");
    let window = &instance["window_list"][0];
    let field = |name: &str| window[name].as_i64().unwrap_or_else(|| panic!("{name} in {instance}"));
    (field("x") + field("width") / 2, field("y") + field("height") / 2)
}

fn waits_for_change(screen: &Screen, name: &str, before: &RgbaImage, least: usize) -> RgbaImage {
    eventually(&format!("{name}: {least} pixels change"), LIMIT, || {
        let now = screen.picture(name);
        (now.dimensions() == before.dimensions() && changed(before, &now) >= least).then_some(now)
    })
}

/// Types into both apps and checks what came of it. `prefix` names the pictures and the file.
fn use_both(daemon: &Daemon, screen: &Screen, prefix: &str, empty: &RgbaImage) {
    let both = waits_for_change(screen, &format!("{prefix}-desktop"), empty, 100_000);
    let (x, y) = middle(daemon, "foot");
    screen.click(x, y);
    screen.type_text(&format!("echo bailey-$((6*7)) > ~/{prefix}\n"));
    let made = daemon.user.instance_home("foot").join(prefix);
    let text = eventually(&format!("{} is written\n{}", made.display(), daemon.log()), LIMIT, || {
        fs::read_to_string(&made).ok().filter(|text| text.ends_with('\n'))
    });
    assert_eq!(text, "bailey-42\n");
    assert!(
        !daemon.user.instance_home("mousepad").join(prefix).exists(),
        "the other instance's home has it too"
    );

    let (x, y) = middle(daemon, "mousepad");
    screen.click(x, y);
    screen.type_text("hello bailey");
    screen.key("ctrl+a");
    waits_for_change(screen, &format!("{prefix}-typed"), &both, 200);
    // What the editor holds, by the editor: save under a name and look at the file.
    screen.key("ctrl+s");
    std::thread::sleep(Duration::from_secs(2));
    screen.picture(&format!("{prefix}-save"));
    screen.key("ctrl+a");
    screen.type_text(&format!("/home/user/{prefix}.txt"));
    // GTK's file chooser looks at the folder meanwhile, and drops a Return that comes too early.
    std::thread::sleep(Duration::from_secs(2));
    screen.key("Return");
    let saved = daemon.user.instance_home("mousepad").join(format!("{prefix}.txt"));
    let text = eventually(&format!("{} is saved\n{}", saved.display(), daemon.log()), LIMIT, || {
        fs::read_to_string(&saved).ok().filter(|text| !text.is_empty())
    });
    assert!(text.contains("hello bailey"), "{text:?}");
}

#[test]
fn a_stock_rdp_client_uses_both_apps() {
    let daemon = two_apps();
    let screen = Screen::start(1280, 800);
    let empty = screen.picture("rdp-empty");
    let _client = Running(freerdp(&screen, &daemon, RDP_SECRET).spawn().expect("xfreerdp starts"));
    use_both(&daemon, &screen, "rdp", &empty);
}

#[test]
fn the_viewer_uses_both_apps() {
    let daemon = two_apps();
    let screen = Screen::start(1280, 800);
    let empty = screen.picture("viewer-empty");
    let _viewer = daemon.view(&screen);
    use_both(&daemon, &screen, "viewer", &empty);
}

#[test]
fn a_wrong_password_is_refused_logged_and_shows_nothing() {
    let daemon = two_apps();
    let screen = Screen::start(1280, 800);
    let empty = screen.picture("refused-empty");
    let status = freerdp(&screen, &daemon, "wrong").status().expect("xfreerdp runs");
    assert!(!status.success(), "a wrong password was let in");
    let log = eventually("the refusal is logged", LIMIT, || {
        Some(daemon.log()).filter(|log| log.contains("authentication failed"))
    });
    assert!(log.contains(RDP_USER), "{log}");
    assert!(!log.contains(RDP_SECRET), "the log holds a secret");
    assert_eq!(changed(&empty, &screen.picture("refused")), 0, "something was shown");
}
