//! mousepad natively under weston, and in an instance.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bailey_tests::daemon::Daemon;
use bailey_tests::processes::{Running, descendants, proportional_set_size, sleeps};
use bailey_tests::screen::{Screen, eventually};
use bailey_tests::user::User;

use crate::program_log::follow;

/// Starts, of which the quickest counts.
const STARTS: usize = 5;
/// Longest that one start may take.
const LIMIT: Duration = Duration::from_secs(120);
/// From one start to the next.
const PAUSE: Duration = Duration::from_secs(2);
/// When a program that has drawn its window is idle: GTK's cursor stops blinking after ten seconds.
const SETTLED: Duration = Duration::from_secs(16);
/// How long its wake-ups are counted then.
const IDLE: Duration = Duration::from_secs(5);

/// The quickest start, in seconds; memory, in KiB, and wake-ups a second of the last one while idle.
#[derive(Clone, Copy, Debug)]
struct Best {
    seconds: f64,
    memory: u64,
    wakes: f64,
}

impl Best {
    const NONE: Self = Self { seconds: f64::INFINITY, memory: 0, wakes: 0.0 };

    fn started(&mut self, seconds: Option<f64>) {
        self.seconds = self.seconds.min(seconds.unwrap_or(f64::INFINITY));
    }
}

pub(crate) fn report() {
    let native = native();
    let bailey = bailey();
    println!("{:<44} {:>10} {:>10}", "mousepad", "native", "bailey");
    let ratio = bailey.seconds / native.seconds;
    println!(
        "{:<44} {:>10.3} {:>10.3}  x {ratio:.2}",
        "exec to first frame, s", native.seconds, bailey.seconds
    );
    let added = bailey.memory.saturating_sub(native.memory);
    println!(
        "{:<44} {:>10} {:>10}  adds {added}",
        "PSS idle, all that it adds, KiB", native.memory, bailey.memory
    );
    println!("{:<44} {:>10.1} {:>10.1}", "wake-ups a second, idle", native.wakes, bailey.wakes);
}

/// Seconds until a Wayland client's first commit of a buffer, as its own debug output tells.
fn until_first_frame(lines: impl Iterator<Item = String>, start: Instant) -> Option<f64> {
    let mut attached = false;
    for line in lines {
        attached |= line.contains("wl_surface") && line.contains(".attach(wl_buffer");
        if attached && line.contains("wl_surface") && line.contains(".commit()") {
            return Some(start.elapsed().as_secs_f64());
        }
    }
    None
}

/// How often the processes are woken, a second.
fn wakes(processes: &[u32]) -> f64 {
    let all = || processes.iter().copied().filter_map(sleeps).sum::<u64>();
    let before = all();
    std::thread::sleep(IDLE);
    all().saturating_sub(before) as f64 / IDLE.as_secs_f64()
}

fn native() -> Best {
    let user = User::ordinary();
    let screen = Screen::start(1280, 800);
    let mut weston = user.command("weston");
    weston.args(["--backend=x11-backend.so", "--socket=native-0", "--idle-time=0"]);
    weston.args(["--width=1280", "--height=800"]);
    screen.put(&mut weston);
    weston.stdout(Stdio::null()).stderr(Stdio::null());
    let _weston = Running(weston.spawn().expect("weston starts (Debian: weston)"));
    eventually("weston is up", LIMIT, || user.folder().join("run/native-0").exists().then_some(()));
    let mut best = Best::NONE;
    for round in 1..=STARTS {
        let start = Instant::now();
        let mut command = user.command("mousepad");
        command.env("WAYLAND_DISPLAY", "native-0").env("GDK_BACKEND", "wayland").env("WAYLAND_DEBUG", "1");
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut app = Running(command.spawn().expect("mousepad starts (Debian: mousepad)"));
        let mut lines =
            BufReader::new(app.0.stderr.take().expect("its output")).lines().map_while(Result::ok);
        let seconds = until_first_frame(&mut lines, start);
        std::thread::spawn(move || lines.count());
        best.started(seconds);
        if round == STARTS {
            std::thread::sleep(SETTLED);
            best.memory = proportional_set_size(app.0.id()).unwrap_or(0);
            best.wakes = wakes(&[app.0.id()]);
        } else {
            std::thread::sleep(PAUSE);
        }
    }
    best
}

fn bailey() -> Best {
    let daemon = Daemon::start();
    let mut best = Best::NONE;
    for round in 1..=STARTS {
        // The last round counts: by then the daemon has its own pages.
        let before = proportional_set_size(daemon.id()).unwrap_or(0);
        let start = Instant::now();
        daemon.run_app("pad", &["env", "WAYLAND_DEBUG=1", "mousepad"]);
        let instance = daemon.instance("pad").expect("the instance is listed");
        let log = instance["log"].as_str().map(Path::new).expect("its log's path");
        let seconds = until_first_frame(follow(log, LIMIT), start);
        best.started(seconds);
        if round == STARTS {
            std::thread::sleep(SETTLED);
            let monitor = instance["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
            let monitor = monitor.expect("its monitor");
            let processes: Vec<u32> = std::iter::once(monitor).chain(descendants(monitor)).collect();
            let own: u64 = processes.iter().copied().filter_map(proportional_set_size).sum();
            // What the daemon maps of the instance, and keeps for it, is the instance's too.
            let kept = proportional_set_size(daemon.id()).unwrap_or(0).saturating_sub(before);
            best.memory = own + kept;
            best.wakes = wakes(&processes);
        } else {
            std::thread::sleep(PAUSE);
        }
        daemon.bailey(&["kill", "pad"]);
    }
    best
}
