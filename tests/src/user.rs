//! An ordinary user of the machine, as whom every suite runs Bailey.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// User and group id that the tests take on when they run as root.
pub const TEST_UID: u32 = 4_242;

/// Programs of ours that a suite may start.
const PROGRAMS: &[&str] = &["bailey", "bailey-monitor", "bailey-libos", "bailey-display", "bailey-viewer"];

/// An ordinary user with a folder of his own (home, state, sockets) and the programs to run.
#[derive(Debug)]
pub struct User {
    folder: TempDir,
    programs: PathBuf,
    uid: Option<u32>,
}

impl User {
    /// A fresh user. As root it is [`TEST_UID`], and the programs are copied to where it may read them.
    pub fn ordinary() -> Self {
        // A short path: socket addresses hold 107 bytes.
        let folder = tempfile::Builder::new().prefix("bly").tempdir_in("/tmp").expect("a temporary folder");
        let built = built_programs();
        let uid = is_root().then_some(TEST_UID);
        let programs = if uid.is_some() { copy_programs(&built, folder.path()) } else { built };
        for name in ["home", "run", "data", "state", "config"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("a folder of the user");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("its mode");
            if let Some(uid) = uid {
                chown(&path, Some(uid), Some(uid)).expect("its owner");
            }
        }
        if let Some(uid) = uid {
            chown(folder.path(), Some(uid), Some(uid)).expect("the user's folder");
        }
        Self { folder, programs, uid }
    }

    /// The user's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the private homes of instances lie.
    pub fn instance_home(&self, name: &str) -> PathBuf {
        self.folder().join("data/bailey/homes").join(name)
    }

    /// One of Bailey's programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A command run as the user, in its folder, with nothing of the tests' environment but `PATH`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.folder().join("home"))
            .env("XDG_RUNTIME_DIR", self.folder().join("run"))
            .env("XDG_DATA_HOME", self.folder().join("data"))
            .env("XDG_STATE_HOME", self.folder().join("state"))
            .env("XDG_CONFIG_HOME", self.folder().join("config"))
            .env("LANG", "C.UTF-8")
            .current_dir(self.folder());
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command
    }

    /// The `bailey` command.
    pub fn bailey(&self) -> Command {
        self.command(self.program("bailey"))
    }

    /// Writes a program that the user owns, making its folders.
    pub fn write_program(&self, path: &Path, contents: &[u8]) {
        self.write(path, "");
        fs::write(path, contents).expect("a program of the user");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }

    /// Writes a file that the user owns, making its folders.
    pub fn write(&self, path: &Path, contents: &str) {
        let mut missing: Vec<&Path> =
            path.ancestors().skip(1).take_while(|folder| !folder.exists()).collect();
        missing.reverse();
        for folder in missing {
            fs::create_dir(folder).expect("a folder of the user");
            self.give(folder);
        }
        fs::write(path, contents).expect("a file of the user");
        self.give(path);
    }

    fn give(&self, path: &Path) {
        if let Some(uid) = self.uid {
            chown(path, Some(uid), Some(uid)).expect("the user owns its files");
        }
    }
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

/// The folder of the built programs: the tests' executables lie in its `deps`.
fn built_programs() -> PathBuf {
    let here = std::env::current_exe().expect("the test knows its executable");
    let folder = here.ancestors().nth(2).expect("target/PROFILE/deps/test").to_path_buf();
    for name in PROGRAMS {
        assert!(folder.join(name).exists(), "{} is missing: run ./build first", folder.join(name).display());
    }
    folder
}

fn copy_programs(built: &Path, folder: &Path) -> PathBuf {
    let copies = folder.join("bin");
    fs::create_dir(&copies).expect("a folder for the programs");
    for name in PROGRAMS {
        // A hard link would keep the private path's mode; a copy is the user's to read.
        fs::copy(built.join(name), copies.join(name)).expect("a copy of the program");
        fs::set_permissions(copies.join(name), fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    copies
}
