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
const IDLE: Duration = Duration::from_secs(30);

/// A program that runs in one of the two ways.
trait Side {
    /// Starts it; seconds until its first frame.
    fn start(&mut self) -> Option<f64>;
    /// Ends it.
    fn stop(&mut self);
    /// All processes that are there for it alone.
    fn processes(&self) -> Vec<u32>;
    /// PSS of what is there for others too, in KiB.
    fn shared(&self) -> u64;

    /// Starts it several times and leaves the last one running; the quickest start.
    fn quickest(&mut self) -> f64 {
        let mut quickest = f64::INFINITY;
        for round in 1..=STARTS {
            quickest = quickest.min(self.start().unwrap_or(f64::INFINITY));
            if round < STARTS {
                std::thread::sleep(PAUSE);
                self.stop();
            }
        }
        quickest
    }

    /// PSS of all, in KiB.
    fn memory(&self) -> u64 {
        self.processes().into_iter().filter_map(proportional_set_size).sum::<u64>() + self.shared()
    }
}

/// Both run at once while they are measured: pages of libraries that both have count alike for both.
pub(crate) fn report() {
    let (mut native, mut bailey) = (Native::new(), Bailey::new());
    let seconds = [native.quickest(), bailey.quickest()];
    std::thread::sleep(SETTLED);
    let memory = [native.memory(), bailey.memory().saturating_sub(bailey.before)];
    let wakes = [wakes(&native.processes()), wakes(&bailey.processes())];
    let first = bailey.processes();
    let alone = bailey.memory();
    bailey.name = "another";
    bailey.start();
    std::thread::sleep(SETTLED);
    let both = bailey.memory() + first.into_iter().filter_map(proportional_set_size).sum::<u64>();
    println!("{:<44} {:>10} {:>10}", "mousepad", "native", "bailey");
    let ratio = seconds[1] / seconds[0];
    println!("{:<44} {:>10.3} {:>10.3}  x {ratio:.2}", "exec to first frame, s", seconds[0], seconds[1]);
    let adds = |memory: u64, native: u64| i128::from(memory) - i128::from(native);
    let added = adds(memory[1], memory[0]);
    println!(
        "{:<44} {:>10} {:>10}  adds {added}",
        "PSS idle, session bus and all, KiB", memory[0], memory[1]
    );
    let more = both.saturating_sub(alone);
    let added = adds(more, memory[0]);
    println!("{:<44} {:>10} {:>10}  adds {added}", "of one more instance, KiB", memory[0], more);
    println!("{:<44} {:>10.1} {:>10.1}", "wake-ups a second, idle", wakes[0], wakes[1]);
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

/// The program under weston, without a session bus.
struct Native {
    user: User,
    app: Option<Running>,
    _weston: Running,
    _screen: Screen,
}

impl Native {
    fn new() -> Self {
        let user = User::ordinary();
        let screen = Screen::start(1280, 800);
        let mut weston = user.command("weston");
        weston.args(["--backend=x11-backend.so", "--socket=native-0", "--idle-time=0"]);
        weston.args(["--width=1280", "--height=800"]);
        screen.put(&mut weston);
        weston.stdout(Stdio::null()).stderr(Stdio::null());
        let weston = Running(weston.spawn().expect("weston starts (Debian: weston)"));
        eventually("weston is up", LIMIT, || user.folder().join("run/native-0").exists().then_some(()));
        Self { user, app: None, _weston: weston, _screen: screen }
    }
}

impl Side for Native {
    fn start(&mut self) -> Option<f64> {
        let start = Instant::now();
        let mut command = self.user.command("mousepad");
        command.env("WAYLAND_DISPLAY", "native-0").env("GDK_BACKEND", "wayland").env("WAYLAND_DEBUG", "1");
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut app = Running(command.spawn().expect("mousepad starts (Debian: mousepad)"));
        let mut lines =
            BufReader::new(app.0.stderr.take().expect("its output")).lines().map_while(Result::ok);
        let seconds = until_first_frame(&mut lines, start);
        std::thread::spawn(move || lines.count());
        self.app = Some(app);
        seconds
    }

    fn stop(&mut self) {
        self.app = None;
    }

    fn processes(&self) -> Vec<u32> {
        self.app.iter().map(|app| app.0.id()).collect()
    }

    fn shared(&self) -> u64 {
        0
    }
}

/// The program in an instance.
struct Bailey {
    daemon: Daemon,
    name: &'static str,
    /// PSS of the daemon before the last start: by then it has its own pages. What it maps of the instance, and keeps
    /// for it, is the instance's too.
    before: u64,
}

impl Bailey {
    fn new() -> Self {
        Self { daemon: Daemon::start(), name: "pad", before: 0 }
    }
}

impl Side for Bailey {
    fn start(&mut self) -> Option<f64> {
        self.before = self.shared();
        let start = Instant::now();
        self.daemon.run_app(self.name, &["env", "WAYLAND_DEBUG=1", "mousepad"]);
        let instance = self.daemon.instance(self.name).expect("the instance is listed");
        let log = instance["log"].as_str().map(Path::new).expect("its log's path");
        until_first_frame(follow(log, LIMIT), start)
    }

    fn stop(&mut self) {
        self.daemon.bailey(&["kill", self.name]);
    }

    fn processes(&self) -> Vec<u32> {
        let instance = self.daemon.instance(self.name).expect("the instance is listed");
        let monitor = instance["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        let monitor = monitor.expect("its monitor");
        std::iter::once(monitor).chain(descendants(monitor)).collect()
    }

    fn shared(&self) -> u64 {
        proportional_set_size(self.daemon.id()).unwrap_or(0)
    }
}
