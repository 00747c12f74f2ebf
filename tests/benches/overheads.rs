//! Overheads against the host's own kernel, as ratios within one run: `./bench`. Nothing is asserted.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bailey_tests::daemon::Daemon;
use bailey_tests::outcome::run;
use bailey_tests::processes::{Running, descendants, proportional_set_size};
use bailey_tests::screen::{Screen, eventually};
use bailey_tests::tree::root;
use bailey_tests::user::User;

const LIMIT: Duration = Duration::from_secs(300);

fn main() {
    println!("ratios to native are of the least of several runs; smaller is better\n");
    system_calls();
    whole_programs();
    first_window_and_memory();
}

fn build(user: &User, source: &str, name: &str) {
    let home = user.instance_home("bench");
    user.write(&home.join("ready"), "");
    let program = home.join(name);
    let status = Command::new("cc").args(["-O2", "-w", "-o"]).arg(&program).arg(root().join(source)).status();
    assert!(status.expect("cc runs").success(), "{source} does not compile");
}

fn inside(user: &User, patching: bool, program: &[&str]) -> Command {
    let mut command = user.command(user.program("bailey-monitor"));
    command.args(["--name", "bench"]);
    if !patching {
        command.arg("--no-patching");
    }
    command.arg("--").args(program);
    command
}

fn parse(text: &str) -> Vec<(String, f64)> {
    let line = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn system_calls() {
    let user = User::ordinary();
    build(&user, "tests/bench/syscalls.c", "syscalls");
    let native = run(&mut user.command(user.instance_home("bench").join("syscalls")), LIMIT);
    let patched = run(&mut inside(&user, true, &["/home/user/syscalls"]), LIMIT);
    let trapped = run(&mut inside(&user, false, &["/home/user/syscalls", "4000"]), LIMIT);
    println!(
        "{:<16} {:>12} {:>12} {:>8} {:>12} {:>8}",
        "call", "native ns", "patched ns", "ratio", "SIGSYS ns", "ratio"
    );
    let (native, patched, trapped) = (parse(&native.stdout), parse(&patched.stdout), parse(&trapped.stdout));
    for (name, base) in &native {
        let of = |list: &[(String, f64)]| {
            list.iter().find(|(other, _)| other == name).map_or(f64::NAN, |(_, value)| *value)
        };
        let (fast, slow) = (of(&patched), of(&trapped));
        println!(
            "{name:<16} {base:>12.0} {fast:>12.0} {:>8.2} {slow:>12.0} {:>8.2}",
            fast / base,
            slow / base
        );
    }
    println!();
}

fn least(mut command: impl FnMut() -> Command, rounds: usize) -> f64 {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            run(&mut command(), LIMIT);
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn whole_programs() {
    let user = User::ordinary();
    println!("{:<44} {:>10} {:>10} {:>8}", "program (a new instance each)", "native s", "bailey s", "ratio");
    let programs: [&[&str]; 3] =
        [&["true"], &["sh", "-c", "ls -lR /usr/share > /dev/null"], &["python3", "-c", "pass"]];
    for program in programs {
        let native = least(
            || {
                let mut c = user.command(program[0]);
                c.args(&program[1..]);
                c
            },
            7,
        );
        let bailey = least(|| inside(&user, true, program), 7);
        println!("{:<44} {native:>10.3} {bailey:>10.3} {:>8.2}", program.join(" "), bailey / native);
    }
    println!(
        "\n{:<44} {:>10} {:>10} {:>8}",
        "program (20 times in one instance)", "native s", "bailey s", "ratio"
    );
    for program in ["python3 -c pass", "ls -lR /usr/share > /dev/null", "true; /bin/true"] {
        let script = format!(
            "{program}; s=$(date +%s%N); for i in $(seq 20); do {program}; done; e=$(date +%s%N); echo loop $(( (e - s) / 1000 ))"
        );
        let seconds = |command: &mut Command| {
            parse(&run(command, LIMIT).stdout).first().map_or(f64::NAN, |(_, us)| us / 1e6)
        };
        let native = seconds(user.command("bash").args(["-c", &script]));
        let bailey = seconds(&mut inside(&user, true, &["bash", "-c", &script]));
        println!("{program:<44} {native:>10.3} {bailey:>10.3} {:>8.2}", bailey / native);
    }
    println!();
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

fn native_mousepad() -> (f64, u64) {
    let user = User::ordinary();
    let screen = Screen::start(1280, 800);
    let mut weston = user.command("weston");
    weston.args([
        "--backend=x11-backend.so",
        "--socket=native-0",
        "--width=1280",
        "--height=800",
        "--idle-time=0",
    ]);
    screen.put(&mut weston);
    let _weston = Running(
        weston.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("weston starts (Debian: weston)"),
    );
    eventually("weston is up", LIMIT, || user.folder().join("run/native-0").exists().then_some(()));
    let mut times = Vec::new();
    let mut memory = 0;
    for _ in 0..4 {
        let start = Instant::now();
        let mut command = user.command("mousepad");
        command.env("WAYLAND_DISPLAY", "native-0").env("GDK_BACKEND", "wayland").env("WAYLAND_DEBUG", "1");
        let mut app =
            Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("mousepad starts"));
        let mut lines =
            BufReader::new(app.0.stderr.take().expect("its output")).lines().map_while(Result::ok);
        times.extend(until_first_frame(&mut lines, start));
        std::thread::spawn(move || lines.count());
        std::thread::sleep(Duration::from_secs(4));
        memory = proportional_set_size(app.0.id()).unwrap_or(0);
    }
    (times.into_iter().fold(f64::INFINITY, f64::min), memory)
}

/// The lines of a file that grows, for at most a minute.
fn follow(path: &Path) -> impl Iterator<Item = String> {
    let end = Instant::now() + Duration::from_secs(60);
    let mut seen = 0;
    let path = path.to_path_buf();
    std::iter::from_fn(move || {
        while Instant::now() < end {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if let Some((line, _)) = text.get(seen..).and_then(|rest| rest.split_once('\n')) {
                seen += line.len() + 1;
                return Some(line.to_owned());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    })
}

fn first_window_and_memory() {
    let (native_time, native_memory) = native_mousepad();
    let daemon = Daemon::start();
    let mut times = Vec::new();
    let mut memory = 0;
    for round in 0..4 {
        let name = format!("pad{round}");
        let start = Instant::now();
        daemon.run_app(&name, &["env", "WAYLAND_DEBUG=1", "mousepad"]);
        let instance = daemon.instance(&name).expect("the instance is listed");
        let log = instance["log"].as_str().map(Path::new).expect("its log's path").to_path_buf();
        times.extend(until_first_frame(follow(&log), start));
        std::thread::sleep(Duration::from_secs(4));
        let monitor = u32::try_from(instance["pid"].as_u64().unwrap_or(0)).unwrap_or(0);
        memory = std::iter::once(monitor).chain(descendants(monitor)).filter_map(proportional_set_size).sum();
        daemon.bailey(&["kill", &name]);
    }
    let time = times.into_iter().fold(f64::INFINITY, f64::min);
    println!(
        "mousepad: exec to first frame: native under weston {native_time:.3} s, bailey {time:.3} s, ratio {:.2}",
        time / native_time
    );
    println!(
        "mousepad, idle: PSS native {native_memory} KiB; an instance, monitor and display service included, {memory} KiB: it adds {} KiB",
        memory.saturating_sub(native_memory)
    );
}
