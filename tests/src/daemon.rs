//! A desktop daemon of the test's own, run as an ordinary user.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::outcome::{Outcome, run};
use crate::processes::Running;
use crate::screen::{Screen, eventually};
use crate::user::User;

/// Name and secret of the RDP user.
pub const RDP_USER: &str = "ann";
/// See [`RDP_USER`].
pub const RDP_SECRET: &str = "correct horse 7";

const LIMIT: Duration = Duration::from_secs(30);

/// `bailey serve` and its user; ends with the value.
#[derive(Debug)]
pub struct Daemon {
    /// As whom it runs.
    pub user: User,
    /// Where RDP is served on 127.0.0.1.
    pub port: u16,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts the daemon and waits until it answers.
    pub fn start() -> Self {
        let user = User::ordinary();
        add_rdp_user(&user);
        let port = free_port();
        let log = user.folder().join("serve.log");
        let output = File::create(&log).expect("the daemon's log");
        let child = user
            .bailey()
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--size", "1280x800"])
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second descriptor"))
            .stderr(output)
            .spawn()
            .expect("bailey serve starts");
        let mut daemon = Self { user, port, child, log };
        eventually("the daemon answers", LIMIT, || {
            assert!(daemon.child.try_wait().expect("the daemon's state").is_none(), "{}", daemon.log());
            (daemon.bailey(&["ps"]).status == 0).then_some(())
        });
        daemon
    }

    /// Runs a `bailey` verb to its end.
    pub fn bailey(&self, arguments: &[&str]) -> Outcome {
        run(self.user.bailey().args(arguments), LIMIT)
    }

    /// Starts an app in an instance.
    pub fn run_app(&self, name: &str, command: &[&str]) {
        let outcome = self.bailey(&[&["run", "--name", name, "--"], command].concat());
        assert_eq!(outcome.status, 0, "{}\n{}", outcome.describe(), self.log());
    }

    /// What `bailey ps --json` says of an instance.
    pub fn instance(&self, name: &str) -> Option<Value> {
        let outcome = self.bailey(&["ps", "--json"]);
        let listing: Value = serde_json::from_str(&outcome.stdout).ok()?;
        let list = listing.as_array().or_else(|| listing.get("instances")?.as_array())?;
        list.iter().find(|instance| instance["name"] == name).cloned()
    }

    /// Waits until an instance has a window.
    pub fn wait_for_window(&self, name: &str) {
        eventually(&format!("{name} has a window\n{}", self.log()), Duration::from_secs(60), || {
            let windows = self.instance(name)?["windows"].as_u64()?;
            (windows > 0).then_some(())
        });
    }

    /// Opens the viewer on a screen.
    pub fn view(&self, screen: &Screen) -> Running {
        let mut command = self.user.bailey();
        command.arg("view").stdin(Stdio::null());
        screen.put(&mut command);
        Running(command.spawn().expect("bailey view starts"))
    }

    /// What the daemon has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Host process id of the daemon.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the daemon to end, and waits for it.
    pub fn end(&mut self) {
        signal(self.child.id(), libc::SIGTERM);
        eventually(&format!("the daemon ends\n{}", self.log()), LIMIT, || {
            self.child.try_wait().ok().flatten()
        });
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        signal(self.child.id(), libc::SIGTERM);
        for _ in 0..50 {
            if self.child.try_wait().ok().flatten().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process of the test's own.
pub fn signal(pid: u32, signo: i32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: kill only takes numbers.
        unsafe { libc::kill(pid, signo) };
    }
}

fn add_rdp_user(user: &User) {
    let mut child = user
        .bailey()
        .args(["user", "add", RDP_USER])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("bailey user add starts");
    let mut input = child.stdin.take().expect("its standard input");
    writeln!(input, "{RDP_SECRET}").expect("the secret");
    drop(input);
    assert!(child.wait().expect("its status").success(), "bailey user add");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
