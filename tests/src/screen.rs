//! A virtual X screen of the test's own, with what a person would do at it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::RgbaImage;

/// Where pictures are kept after a run.
pub fn pictures() -> PathBuf {
    let folder = std::env::current_exe()
        .ok()
        .and_then(|path| path.ancestors().nth(3).map(|target| target.join("pictures")))
        .unwrap_or_else(|| PathBuf::from("/tmp/bailey-pictures"));
    let _ = std::fs::create_dir_all(&folder);
    folder
}

/// An Xvfb; ends with the value.
#[derive(Debug)]
pub struct Screen {
    server: Child,
    /// `:N`
    pub display: String,
}

impl Screen {
    /// Starts Xvfb on a display number that it finds free.
    pub fn start(width: u32, height: u32) -> Self {
        let (mut reader, writer) = pipe();
        let number = writer.as_raw_fd();
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", &number.to_string(), "-nolisten", "tcp", "-screen", "0"]);
        command
            .arg(format!("{width}x{height}x24"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // SAFETY: fcntl only takes numbers and is async-signal-safe; it lets Xvfb inherit the pipe.
        unsafe {
            command.pre_exec(move || match libc::fcntl(number, libc::F_SETFD, 0) {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
        let server = command.spawn().expect("Xvfb starts (Debian: xvfb)");
        drop(writer);
        let mut text = Vec::new();
        let mut byte = [0; 1];
        while reader.read(&mut byte).is_ok_and(|count| count == 1) && byte[0] != b'\n' {
            text.push(byte[0]);
        }
        let display = format!(":{}", String::from_utf8_lossy(&text));
        assert!(display.len() > 1, "Xvfb gave no display");
        Self { server, display }
    }

    /// A command on this screen.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.put(&mut command);
        command
    }

    /// Puts a command on this screen.
    pub fn put(&self, command: &mut Command) {
        command.env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY");
    }

    fn xdotool(&self, arguments: &[&str]) {
        let status = self.command("xdotool").args(arguments).stdout(Stdio::null()).status();
        assert!(status.expect("xdotool runs (Debian: xdotool)").success(), "xdotool {arguments:?}");
    }

    /// Types text as XTest keys; a line ends with the Return key (xdotool would press Linefeed).
    pub fn type_text(&self, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.key("Return");
            }
            if !line.is_empty() {
                self.xdotool(&["type", "--delay", "40", line]);
            }
        }
    }

    /// Types with a pause after each key, for apps that answer keys by pressing a button of theirs for a moment.
    pub fn type_slowly(&self, keys: &[&str]) {
        self.xdotool(&[&["key", "--delay", "300"], keys].concat());
    }

    /// Presses and releases keys, as xdotool names them.
    pub fn key(&self, keys: &str) {
        self.xdotool(&["key", "--delay", "40", keys]);
    }

    /// Moves the pointer to a place of the screen.
    pub fn move_to(&self, x: i64, y: i64) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string()]);
    }

    /// Clicks at a place of the screen.
    pub fn click(&self, x: i64, y: i64) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string(), "sleep", "0.2", "click", "1"]);
    }

    /// Clicks twice at a place of the screen.
    pub fn double_click(&self, x: i64, y: i64) {
        let place = [x.to_string(), y.to_string()];
        self.xdotool(&[
            "mousemove",
            &place[0],
            &place[1],
            "sleep",
            "0.2",
            "click",
            "--repeat",
            "2",
            "--delay",
            "60",
            "1",
        ]);
    }

    /// Drags with the left button.
    pub fn drag(&self, from: (i64, i64), to: (i64, i64)) {
        let [x0, y0, x1, y1] = [from.0, from.1, to.0, to.1].map(|value| value.to_string());
        self.xdotool(&["mousemove", &x0, &y0, "sleep", "0.1", "mousedown", "1", "sleep", "0.1"]);
        self.xdotool(&["mousemove", &x1, &y1, "sleep", "0.2", "mouseup", "1"]);
    }

    /// What is on the screen, also kept as a file.
    pub fn picture(&self, name: &str) -> RgbaImage {
        let path = pictures().join(format!("{name}.png"));
        let status = self.command("import").args(["-window", "root"]).arg(&path).status();
        assert!(status.expect("import runs (Debian: imagemagick)").success());
        open(&path)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn pipe() -> (File, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the array has room for the two descriptors.
    let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
    assert_eq!(made, 0, "a pipe");
    // SAFETY: the call has just made both, and nobody else owns them.
    unsafe { (File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) }
}

/// Reads a PNG file.
pub fn open(path: &Path) -> RgbaImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgba8()
}

/// How many pixels have just this colour.
pub fn count(picture: &RgbaImage, colour: [u8; 3]) -> usize {
    picture.pixels().filter(|pixel| pixel.0[..3] == colour).count()
}

/// How many pixels differ.
pub fn changed(before: &RgbaImage, after: &RgbaImage) -> usize {
    before.pixels().zip(after.pixels()).filter(|(a, b)| a != b).count()
}

/// Asks until the answer is something; the test fails after `limit`.
pub fn eventually<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "still not so after {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
