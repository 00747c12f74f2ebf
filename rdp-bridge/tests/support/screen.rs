//! X displays without a screen, and the pictures on them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bailey_rdp::server::{FrameView, Rect};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `check` gives something; fails with `what` when it never does.
pub(crate) fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether all programs are there; says so when not.
pub(crate) fn have(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs
        .iter()
        .filter(|program| {
            let found = Command::new("sh")
                .args(["-c", &format!("command -v {program}")])
                .stdout(Stdio::null())
                .status();
            !found.is_ok_and(|status| status.success())
        })
        .collect();
    if !missing.is_empty() {
        println!("skipped: {missing:?} not installed");
    }
    missing.is_empty()
}

/// A process of ours, killed at the end.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An X server without a screen, on a display number of its own choice.
#[derive(Debug)]
pub(crate) struct Display {
    _xvfb: Process,
    name: String,
}

impl Display {
    pub(crate) fn start() -> Self {
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { _xvfb: Process(child), name: format!(":{}", line.trim()) }
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.name);
        command
    }

    pub(crate) fn xdotool(&self, arguments: &[&str]) -> String {
        let output = self.command("xdotool").args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "xdotool {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// What the screen shows.
    pub(crate) fn screenshot(&self) -> Option<image::RgbImage> {
        let output = self.command("import").args(["-window", "root", "png:-"]).output().unwrap();
        let picture = image::load_from_memory_with_format(&output.stdout, image::ImageFormat::Png).ok()?;
        Some(picture.to_rgb8())
    }

    /// Waits until the top left corner of the screen shows `frame`, each colour off by `tolerance` at most.
    pub(crate) fn wait_for_frame(&self, frame: &Frame, tolerance: u8) {
        let mut last = String::new();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.screenshot().map(|shown| frame.difference(&shown, tolerance)) {
                Some(None) => return,
                Some(Some(difference)) => last = difference,
                None => "no screenshot".clone_into(&mut last),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        if let Some(shown) = self.screenshot() {
            let (_, path) = tempfile::Builder::new().suffix(".png").tempfile().unwrap().keep().unwrap();
            shown.save(&path).unwrap();
            println!("what is shown instead: {}", path.display());
        }
        panic!("the picture is not shown: {last}");
    }
}

/// A picture with something for every codec: flat parts, a gradient, text-like dots.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bgra: Vec<u8>,
}

impl Frame {
    pub(crate) fn pattern(width: u32, height: u32) -> Self {
        let mut frame = Self { width, height, bgra: vec![255; (width * height * 4) as usize] };
        for y in 0..height {
            for x in 0..width {
                let colour = match (x < width / 2, y < height / 2) {
                    (true, true) => [200, 40, 30],
                    (false, true) => [(x / 4) as u8, (y / 4) as u8, 90],
                    (true, false) => [30, 160, 60],
                    (false, false) => [40, 40, 210],
                };
                frame.set(x, y, colour);
            }
        }
        frame
    }

    pub(crate) fn set(&mut self, x: u32, y: u32, bgr: [u8; 3]) {
        let at = ((y * self.width + x) * 4) as usize;
        self.bgra[at..at + 3].copy_from_slice(&bgr);
    }

    pub(crate) fn fill(&mut self, rect: Rect, bgr: [u8; 3]) {
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                self.set(x, y, bgr);
            }
        }
    }

    pub(crate) fn view(&self) -> FrameView<'_> {
        FrameView {
            width: self.width,
            height: self.height,
            stride: self.width as usize * 4,
            bgra: &self.bgra,
        }
    }

    fn difference(&self, shown: &image::RgbImage, tolerance: u8) -> Option<String> {
        if shown.width() < self.width || shown.height() < self.height {
            return Some("the screen is smaller than the frame".to_owned());
        }
        // A codec that loses something does so at edges.
        let mut allowed = if tolerance > 0 { self.width * self.height / 50 } else { 0 };
        for y in 0..self.height {
            for x in 0..self.width {
                let at = ((y * self.width + x) * 4) as usize;
                let want = [self.bgra[at + 2], self.bgra[at + 1], self.bgra[at]];
                let got = shown.get_pixel(x, y).0;
                if want.iter().zip(got).all(|(want, got)| want.abs_diff(got) <= tolerance) {
                    continue;
                }
                if allowed == 0 {
                    return Some(format!("at ({x}, {y}): {got:?} instead of {want:?}"));
                }
                allowed -= 1;
            }
        }
        None
    }
}
