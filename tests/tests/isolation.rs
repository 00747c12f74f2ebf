//! Isolation: what a hostile program tries from inside an instance fails, and the same program succeeds outside.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bailey_abi::layout::{KERNEL_BASE, KERNEL_TEXT_END};
use bailey_tests::outcome::{Outcome, run};
use bailey_tests::processes::Running;
use bailey_tests::tree::root;
use bailey_tests::user::{User, is_root};

const LIMIT: Duration = Duration::from_secs(60);
const SECRET: &str = "nobody inside may read this";

/// The hostile program, and what it is let loose on.
struct Attempt {
    user: User,
    program: PathBuf,
}

impl Attempt {
    fn new() -> Self {
        let user = User::ordinary();
        let home = user.instance_home("hostile");
        user.write(&home.join("ready"), "");
        let program = home.join("escape");
        let source = root().join("tests/hostile/escape.c");
        let built = Command::new("cc").args(["-O1", "-static", "-o"]).args([&program, &source]).status();
        assert!(built.expect("cc runs").success(), "the hostile program does not compile");
        Self { user, program }
    }

    fn inside(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.user.bailey();
        command.args(["run", "--no-display", "--name", "hostile", "--", "/home/user/escape"]).args(arguments);
        run(&mut command, LIMIT)
    }

    fn outside(&self, arguments: &[&str]) -> Outcome {
        run(self.user.command(&self.program).args(arguments), LIMIT)
    }

    /// Refused inside, reached outside.
    fn contained(&self, arguments: &[&str]) {
        let outside = self.outside(arguments);
        assert_eq!(outside.status, 0, "outside, {arguments:?} should succeed: {}", outside.describe());
        self.refused(arguments);
    }

    fn refused(&self, arguments: &[&str]) {
        let inside = self.inside(arguments);
        assert_eq!(inside.status, 1, "inside, {arguments:?} should be refused: {}", inside.describe());
        assert!(inside.stdout.contains("refused:"), "{}", inside.describe());
    }
}

/// A process of the same user, ended with the value.
struct Victim(Running);

impl Victim {
    fn start(user: &User) -> Self {
        Self(Running(user.command("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("sleep runs")))
    }

    fn id(&self) -> String {
        self.0.0.id().to_string()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the tests' paths are text")
}

#[test]
fn files_of_the_user_and_of_other_instances_stay_closed() {
    let attempt = Attempt::new();
    let secret = attempt.user.folder().join("home/secret");
    attempt.user.write(&secret, SECRET);
    let other = attempt.user.instance_home("other").join("secret");
    attempt.user.write(&other, SECRET);
    for path in [&secret, &other] {
        attempt.contained(&["read", text(path)]);
    }
    attempt.contained(&["see", text(attempt.user.folder())]);
    attempt.contained(&["see", &format!("/proc/{}", std::process::id())]);
    assert_eq!(fs::read_to_string(&secret).expect("the secret"), SECRET);
}

#[test]
fn sockets_of_the_host_stay_closed() {
    let attempt = Attempt::new();
    let path = attempt.user.folder().join("run/service");
    let _unix = UnixListener::bind(&path).expect("a socket");
    let open = Command::new("chmod").arg("777").arg(&path).status().expect("chmod runs");
    assert!(open.success());
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = tcp.local_addr().expect("its address").port().to_string();
    attempt.contained(&["unix", text(&path)]);
    attempt.contained(&["tcp", &port]);
}

#[test]
fn abstract_sockets_of_the_host_stay_closed() {
    use std::os::linux::net::SocketAddrExt;
    let attempt = Attempt::new();
    let name = format!("bailey-isolation-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).expect("a name");
    let _listener = UnixListener::bind_addr(&address).expect("a socket");
    attempt.contained(&["unix", &format!("@{name}")]);
}

#[test]
fn processes_of_the_host_stay_out_of_reach() {
    let attempt = Attempt::new();
    let victim = Victim::start(&attempt.user);
    attempt.contained(&["kill", &victim.id()]);
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if matches!(scope.trim(), "" | "0") {
        attempt.contained(&["ptrace", &victim.id()]);
    } else {
        attempt.refused(&["ptrace", &victim.id()]);
    }
}

/// Runs the hostile program as root in a mount namespace of its own: what root can do, so that the call is
/// known to be there.
fn as_root(attempt: &Attempt, arguments: &[&str]) -> Outcome {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]).arg(&attempt.program).args(arguments);
    run(&mut command, LIMIT)
}

#[test]
fn mounts_modules_and_devices_are_refused() {
    let attempt = Attempt::new();
    let node = attempt.user.folder().join("home/node");
    let cases: [&[&str]; 4] =
        [&["mount", "/mnt"], &["module"], &["device", "/dev/kmsg"], &["mknod", text(&node)]];
    for arguments in cases {
        if is_root() {
            let outside = as_root(&attempt, arguments);
            assert_eq!(outside.status, 0, "as root, {arguments:?} should succeed: {}", outside.describe());
        }
        attempt.refused(if arguments[0] == "mknod" { &["mknod", "/home/user/node"] } else { arguments });
    }
}

#[test]
fn raw_host_calls_from_machine_code_are_refused() {
    let attempt = Attempt::new();
    let victim = Victim::start(&attempt.user);
    let folder = attempt.user.folder().join("run/made");
    let (base, end) = (KERNEL_BASE.to_string(), KERNEL_TEXT_END.to_string());
    let cases: [(&str, &str); 16] = [
        ("open", "/etc/passwd"),
        ("openat", "/etc/passwd"),
        ("socket", ""),
        ("kill", &victim.id()),
        ("tgkill-other-signal", ""),
        ("mkdir", text(&folder)),
        ("unshare", ""),
        ("clone-newuser", ""),
        ("memfd_create", ""),
        ("prctl", ""),
        ("sendmsg", ""),
        ("connect", ""),
        ("bind", ""),
        ("listen", ""),
        ("setsockopt", ""),
        ("getpid", ""),
    ];
    for (name, with) in cases {
        let _ = fs::remove_dir(&folder);
        let outside = attempt.outside(&["raw", name, with, "0", "0"]);
        assert_eq!(outside.status, 0, "outside, raw {name} should succeed: {}", outside.describe());
        let _ = fs::remove_dir(&folder);
        attempt.refused(&["raw", name, with, &base, &end]);
    }
    assert!(!folder.exists(), "the host has been changed");
}

#[test]
fn what_an_instance_may_do_still_works() {
    // The hostile program's own tools work: a failure above is a refusal, not a broken program.
    let attempt = Attempt::new();
    let inside = attempt.inside(&["read", "/etc/debian_version"]);
    assert_eq!(inside.status, 0, "{}", inside.describe());
}
