//! Runs the monitor with the tests' kernel image, as this user and, for root, as an ordinary one.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bailey_abi::codec::{MAX_MESSAGE, encode};
use bailey_abi::stream::{OpenMode, Reply, Request};
use tempfile::TempDir;

/// Flags that lay the image out as a kernel image is.
const LAYOUT: [&str; 14] = [
    "-O1",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-fpic",
    "-fvisibility=hidden",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-tree-loop-distribute-patterns",
    "-Wl,-Ttext-segment=0x600000000000",
    "-Wl,-Tdata=0x600040000000",
    "-Wl,--build-id=none",
    "-Wl,-z,norelro",
    "-Wl,-z,noexecstack",
];
const NOBODY: u32 = 65534;
/// The monitor's exit status where an instance fails.
pub(crate) const FAILURE: Option<i32> = Some(125);

/// A folder with the monitor, the image and a home, all for one user.
pub(crate) struct Instance {
    folder: TempDir,
    user: u32,
}

impl Instance {
    /// One for every user that the tests can be: this one, and an ordinary one where this is root.
    pub(crate) fn of_every_user() -> Vec<Self> {
        let own = rustix::process::geteuid().as_raw();
        let mut users = vec![own];
        if own == 0 {
            users.push(NOBODY);
        }
        users.into_iter().map(Self::new).collect()
    }

    fn new(user: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/image/image.c");
        let built = Command::new("cc").args(LAYOUT).arg("-o").args([path("image"), source]).status();
        assert!(built.expect("cc runs").success(), "the image does not compile");
        // By a process of its own: one that another test forks meanwhile would hold the copy open for
        // writing, and it could not be run.
        let copied =
            Command::new("cp").arg(env!("CARGO_BIN_EXE_bailey-monitor")).arg(path("bailey-monitor")).status();
        assert!(copied.expect("cp runs").success(), "the monitor cannot be copied");
        for name in ["data", "home"] {
            fs::create_dir(path(name)).expect("a folder");
        }
        for path in [path("data"), path("home"), folder.path().to_path_buf()] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
            std::os::unix::fs::chown(&path, Some(user), Some(user)).expect("owner");
        }
        Self { folder, user }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.user == 0
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The monitor with the image, about to take these steps.
    pub(crate) fn command(&self, options: &[&str], steps: &[&str]) -> Command {
        let mut command = if self.user == rustix::process::geteuid().as_raw() {
            Command::new(self.path("bailey-monitor"))
        } else {
            let mut command = Command::new("setpriv");
            let user = self.user;
            command.arg(format!("--reuid={user}")).arg(format!("--regid={user}"));
            command.arg("--clear-groups").arg(self.path("bailey-monitor"));
            command
        };
        command.env("XDG_DATA_HOME", self.path("data")).env("HOME", self.path("home"));
        command.arg("--kernel").arg(self.path("image")).args(options);
        command.args(["--", "/usr/bin/env"]).args(steps);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the steps; gives status, output lines and log.
    pub(crate) fn run(&self, options: &[&str], steps: &[&str]) -> Ended {
        Ended::new(&self.command(options, steps).output().expect("the monitor runs"))
    }

    /// The home of the instance, on the host.
    pub(crate) fn home(&self) -> PathBuf {
        self.path("data").join("bailey/homes/env")
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) lines: Vec<String>,
    pub(crate) log: String,
}

impl Ended {
    pub(crate) fn new(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        Self {
            status: output.status.code(),
            lines: text.lines().map(str::to_owned).collect(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The reply on a line, and whether a descriptor came with it.
    pub(crate) fn reply(&self, line: usize) -> (Reply, bool) {
        let line = &self.lines[line];
        let text = line.strip_prefix("reply ").unwrap_or_else(|| panic!("{self:?}"));
        let (text, fd) = match text.strip_suffix(" fd") {
            Some(text) => (text, true),
            None => (text, false),
        };
        (decode(text), fd)
    }
}

/// The step that sends a request.
pub(crate) fn rpc(request: &Request) -> String {
    let mut step = "rpc:".to_owned();
    for byte in encode(request, MAX_MESSAGE).expect("encoded") {
        write!(step, "{byte:02x}").expect("written");
    }
    step
}

/// A message from its hexadecimal form.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(text: &str) -> T {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(digit).collect();
    bailey_abi::codec::decode(&bytes, MAX_MESSAGE).expect("a message")
}

/// The step that opens a file.
pub(crate) fn open(path: &str, write: bool) -> String {
    rpc(&Request::StreamOpen {
        uri: format!("file:{path}"),
        mode: OpenMode {
            read: true,
            write,
            create: write.then_some(0o644),
            exclusive: false,
            truncate: false,
        },
    })
}
