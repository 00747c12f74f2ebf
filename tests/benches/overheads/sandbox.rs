//! Where a program can be run: on the host, in an instance, in a peer's sandbox.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bailey_tests::tree::root;
use bailey_tests::user::User;

/// The instance, and so the home, that all of them share.
const NAME: &str = "bench";

/// Longest that one program may take.
const LIMIT: Duration = Duration::from_secs(240);

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sandbox {
    /// The host's kernel, nothing between.
    Native,
    /// An instance.
    Bailey,
    /// An instance in which no call site is patched: every system call traps.
    BaileyTrapped,
    /// Debian's `bwrap`: the host's kernel, other namespaces.
    Bubblewrap,
    /// Debian's `runsc` on a platform of that name.
    Gvisor(&'static str),
}

impl Sandbox {
    /// Title of a column.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Native => "native".to_owned(),
            Self::Bailey => "bailey".to_owned(),
            Self::BaileyTrapped => "SIGSYS".to_owned(),
            Self::Bubblewrap => "bwrap".to_owned(),
            Self::Gvisor(platform) => format!("gvisor/{platform}"),
        }
    }

    /// `script` run by `sh` with the shared home as working folder.
    pub(crate) fn shell(self, user: &User, script: &str) -> Command {
        let home = user.instance_home(NAME);
        let script = format!("cd ~ && {script}");
        let program = ["sh", "-c", &script];
        let mut command;
        match self {
            Self::Native => {
                command = user.command(program[0]);
                command.args(&program[1..]).env("HOME", home);
            }
            Self::Bailey | Self::BaileyTrapped => {
                command = user.command(user.program("bailey-monitor"));
                command.args(["--name", NAME]);
                if self == Self::BaileyTrapped {
                    command.arg("--no-patching");
                }
                command.arg("--").args(program);
            }
            Self::Bubblewrap => {
                command = user.command("bwrap");
                command
                    .args("--unshare-all --die-with-parent --ro-bind / / --dev /dev --proc /proc".split(' '));
                command.args("--tmpfs /tmp --tmpfs /home --bind".split(' ')).arg(home).arg("/home/user");
                command.args("--setenv HOME /home/user --".split(' ')).args(program);
            }
            Self::Gvisor(platform) => {
                command = user.command("runsc");
                command.arg("--root").arg(user.folder().join("run/runsc"));
                command.args(["--rootless", "--network=none", &format!("--platform={platform}")]);
                command.args(["do", "-quiet", "-force-overlay=false"]).args(program).env("HOME", home);
            }
        }
        command
    }

    /// What a script prints, or why it fails.
    pub(crate) fn run(self, user: &User, script: &str) -> Result<String, String> {
        run_within(&mut self.shell(user, script), LIMIT)
    }

    /// What a script prints as "name value" lines; nothing where it fails or does not end.
    pub(crate) fn measure(self, user: &User, script: &str) -> Vec<(String, f64)> {
        let outcome = self.run(user, script);
        if let Err(reason) = &outcome {
            println!("{}: `{script}` fails: {reason}", self.title());
        }
        let line = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        outcome.unwrap_or_default().lines().filter_map(line).collect()
    }

    /// Whether it runs anything here, and why not.
    pub(crate) fn check(self, user: &User) -> Result<(), String> {
        run_within(&mut self.shell(user, "true"), Duration::from_secs(20)).map(|_| ())
    }
}

/// The host's kernel, Bailey, and those peers that start on this machine; says which do not.
pub(crate) fn all(user: &User) -> Vec<Sandbox> {
    let peers =
        [Sandbox::Bubblewrap, Sandbox::Gvisor("ptrace"), Sandbox::Gvisor("systrap"), Sandbox::Gvisor("kvm")];
    let mut found = vec![Sandbox::Native, Sandbox::Bailey];
    for peer in peers {
        match peer.check(user) {
            Ok(()) => found.push(peer),
            Err(reason) => println!("{} does not start here: {reason}", peer.title()),
        }
    }
    found
}

/// A user whose shared home has the benchmarks' programs.
pub(crate) fn user() -> User {
    let user = User::ordinary();
    let home = user.instance_home(NAME);
    let script = fs::read(root().join("tests/bench/work.sh")).expect("the script of whole work");
    user.write_program(&home.join("work.sh"), &script);
    let program: PathBuf = home.join("calls");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-pthread", "-o"]).arg(&program).arg(root().join("tests/bench/calls.c"));
    assert!(compiler.status().expect("cc runs").success(), "calls.c does not compile");
    user
}

/// Runs a command in a session of its own, for at most `limit`. Its standard output, or why there is none. Linux
/// shares processors out by sessions (`sched(7)`, autogroups), and some sandboxes make one themselves.
fn run_within(command: &mut Command, limit: Duration) -> Result<String, String> {
    use std::os::unix::process::CommandExt;
    let reason = |error: std::io::Error| error.to_string();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: setsid takes nothing and is async-signal-safe.
    unsafe {
        command.pre_exec(|| match libc::setsid() {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let child = command.spawn().map_err(reason)?;
    let group = i32::try_from(child.id()).map_err(|error| error.to_string())?;
    let (done, finished) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let late = finished.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if late {
            // SAFETY: kill only takes numbers; the group is our child's, which is not reaped yet.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
        late
    });
    let output = child.wait_with_output().map_err(reason)?;
    drop(done);
    if watchdog.join().unwrap_or(false) {
        return Err(format!("no end after {} s", limit.as_secs()));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let errors = text(&output.stderr);
    let words = text(&output.stdout);
    let last = errors.lines().chain(words.lines()).next_back();
    Err(format!("{}: {}", output.status, last.unwrap_or("nothing said")))
}
