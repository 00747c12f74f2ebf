//! A person at a stock RDP client: a daemon, a virtual screen, and FreeRDP between them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::daemon::{Daemon, RDP_SECRET, RDP_USER};
use crate::processes::Running;
use crate::reading::{self, Part};
use crate::screen::{Screen, changed, eventually};

/// How long an app may take for one step; a loaded machine is slow.
pub const LIMIT: Duration = Duration::from_secs(60);
const SIZE: (u32, u32) = (1280, 800);
/// Time for an app to draw what it was told before a key goes to what is not there yet.
const SETTLE: Duration = Duration::from_millis(500);
/// More pixels than a text cursor has.
const CURSOR: usize = 200;

/// FreeRDP on a screen, for the daemon's desktop.
pub fn freerdp(screen: &Screen, daemon: &Daemon, secret: &str) -> Command {
    let mut command = screen.command("xfreerdp");
    command
        .arg(format!("/v:127.0.0.1:{}", daemon.port))
        .args([&format!("/u:{RDP_USER}"), &format!("/p:{secret}")])
        .args(["/cert:ignore", "/sec:nla", "/gfx", "/log-level:WARN", "-decorations"])
        .arg(format!("/size:{}x{}", SIZE.0, SIZE.1))
        .env("HOME", daemon.user.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A window as `bailey ps` lists it.
#[derive(Clone, Debug)]
pub struct Window {
    /// Its title.
    pub title: String,
    /// Where its contents lie on the desktop.
    pub part: Part,
    /// Whether it has the keyboard.
    pub focused: bool,
}

/// The daemon, the screen and the client; all end with the value.
#[derive(Debug)]
pub struct Session {
    _client: Running,
    /// What the client shows.
    pub screen: Screen,
    /// Whose desktop it is.
    pub daemon: Daemon,
}

impl Session {
    /// A desktop without apps, with a client that sees it.
    pub fn start() -> Self {
        let daemon = Daemon::start();
        let screen = Screen::start(SIZE.0, SIZE.1);
        let client = Running(freerdp(&screen, &daemon, RDP_SECRET).spawn().expect("xfreerdp starts"));
        eventually(&format!("the client is in\n{}", daemon.log()), LIMIT, || {
            daemon.log().contains("sees the desktop").then_some(())
        });
        Self { _client: client, screen, daemon }
    }

    /// Starts an app in an instance and waits until a window of it whose title holds `title` has the keyboard and is
    /// drawn.
    pub fn open(&self, name: &str, command: &[&str], title: &str) -> Window {
        self.daemon.run_app(name, command);
        self.wait_for_ready(name, title)
    }

    /// Waits until a window whose title holds `title` has the keyboard and is drawn.
    pub fn wait_for_ready(&self, name: &str, title: &str) -> Window {
        self.wait_for_focus(name, title);
        self.settle(name);
        self.wait_for_focus(name, title)
    }

    /// Waits until the desktop stays as it is, but for something as small as a text cursor: an app that has just put
    /// up its window may still be busy, and some drop what is typed meanwhile.
    pub fn settle(&self, name: &str) {
        let mut before = self.screen.picture(name);
        self.wait_until("the desktop settles", || {
            std::thread::sleep(Duration::from_secs(1));
            let after = self.screen.picture(name);
            let still = changed(&before, &after) < CURSOR;
            before = after;
            still.then_some(())
        });
    }

    /// Saves under a path by a GTK file chooser that has just been asked for, whose title holds `title`.
    pub fn save_as(&self, name: &str, title: &str, path: &str) {
        self.wait_for_focus(name, title);
        self.screen.key("ctrl+a");
        self.screen.type_text(path);
        // The chooser looks at the folder meanwhile, and drops a Return that comes too early.
        std::thread::sleep(Duration::from_secs(2));
        self.screen.key("Return");
    }

    /// Waits until `ask` has an answer.
    pub fn wait_until<T>(&self, what: &str, ask: impl FnMut() -> Option<T>) -> T {
        eventually(&format!("{what}\n{}", self.daemon.log()), LIMIT, ask)
    }

    /// A file in the home that an instance has or will have, and its name inside.
    pub fn put(&self, name: &str, file: &str, contents: &[u8]) -> String {
        let path = self.home(name).join(file);
        self.daemon.user.write(&path, "");
        fs::write(path, contents).expect("a file in the home");
        format!("/home/user/{file}")
    }

    /// The home of an instance.
    pub fn home(&self, name: &str) -> PathBuf {
        self.daemon.user.instance_home(name)
    }

    /// The windows of an instance.
    pub fn windows(&self, name: &str) -> Vec<Window> {
        let instance = self.daemon.instance(name).unwrap_or_default();
        assert_ne!(instance["state"], "killed", "{instance}\n{}", self.printed(name));
        assert_ne!(instance["state"], "exited", "{instance}\n{}", self.printed(name));
        let list = instance["window_list"].as_array().cloned().unwrap_or_default();
        list.iter().map(window).collect()
    }

    /// Waits for a window of an instance.
    pub fn wait_for(&self, name: &str, what: &str, wanted: impl Fn(&Window) -> bool) -> Window {
        let found = || self.windows(name).into_iter().find(&wanted);
        let window = wait(LIMIT, found).unwrap_or_else(|| {
            self.screen.picture(&format!("{name}-failed"));
            panic!("{name}: not so: {what}\n{:#?}\n{}", self.windows(name), self.printed(name))
        });
        std::thread::sleep(SETTLE);
        window
    }

    /// Waits for a window whose title holds `part`.
    pub fn wait_for_title(&self, name: &str, part: &str) -> Window {
        self.wait_for(name, &format!("a title with {part:?}"), |window| window.title.contains(part))
    }

    /// Waits until the keyboard is with a window whose title holds `part`.
    pub fn wait_for_focus(&self, name: &str, part: &str) -> Window {
        let wanted = |window: &Window| window.focused && window.title.contains(part);
        self.wait_for(name, &format!("the keyboard with {part:?}"), wanted)
    }

    /// Clicks at a place of a window's contents.
    pub fn click(&self, window: &Window, x: i64, y: i64) {
        self.screen.click(window.part.0 + x, window.part.1 + y);
        std::thread::sleep(SETTLE);
    }

    /// Clicks on a word that stands on the desktop within `part`: on the rightmost, where buttons are.
    pub fn click_word(&self, name: &str, part: Part, word: &str) {
        let (x, y) = self.find_word(name, part, word);
        self.screen.click(x, y);
        std::thread::sleep(SETTLE);
    }

    /// Clicks twice on a word that stands on the desktop within `part`.
    pub fn double_click_word(&self, name: &str, part: Part, word: &str) {
        let (x, y) = self.find_word(name, part, word);
        self.screen.double_click(x, y);
        std::thread::sleep(SETTLE);
    }

    fn find_word(&self, name: &str, part: Part, word: &str) -> (i64, i64) {
        let look = || {
            reading::words(&self.screen.picture(name), part).find_map(|words| {
                let found = words.into_iter().filter(|found| found.text == word);
                found.max_by_key(|found| found.middle)
            })
        };
        let found = wait(LIMIT, look).unwrap_or_else(|| {
            let texts: Vec<String> = reading::texts(&self.screen.picture(name), part).collect();
            panic!("{name}: no {word:?} to click on in {texts:#?}\n{}", self.printed(name))
        });
        found.middle
    }

    /// Waits until `part` of the desktop reads so that `wanted` holds; the picture is kept as `name`.
    pub fn wait_for_text(&self, name: &str, part: Part, wanted: impl Fn(&str) -> bool) -> String {
        let look = || reading::texts(&self.screen.picture(name), part).find(|text| wanted(text));
        wait(LIMIT, look).unwrap_or_else(|| {
            let texts: Vec<String> = reading::texts(&self.screen.picture(name), part).collect();
            panic!("{name}: the text is not there: {texts:#?}\n{}", self.printed(name))
        })
    }

    /// Waits for a file with the right contents.
    pub fn wait_for_file(&self, path: &Path, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let read = || fs::read(path).ok().filter(|contents| wanted(contents));
        wait(LIMIT, read).unwrap_or_else(|| {
            self.screen.picture("file-failed");
            let contents = fs::read(path).map(|contents| String::from_utf8_lossy(&contents).into_owned());
            panic!("{}: {contents:?}\n{}", path.display(), self.daemon.log())
        })
    }

    /// What an instance has printed.
    pub fn printed(&self, name: &str) -> String {
        self.daemon.bailey(&["logs", name]).stdout
    }

    /// Waits until an instance has ended by itself.
    pub fn wait_for_end(&self, name: &str) {
        eventually(&format!("{name} ends"), LIMIT, || {
            (self.daemon.instance(name)?["state"] != "running").then_some(())
        });
    }
}

fn window(entry: &Value) -> Window {
    let number = |name: &str| entry[name].as_i64().unwrap_or_else(|| panic!("{name} in {entry}"));
    Window {
        title: entry["title"].as_str().unwrap_or_default().to_owned(),
        part: (number("x"), number("y"), number("width"), number("height")),
        focused: entry["focused"].as_bool().unwrap_or_default(),
    }
}

fn wait<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = std::time::Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if std::time::Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
