//! Conformance: the programs of `tests/oracle/` run on Linux and in an instance, and must agree.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use bailey_tests::native::{self, GUEST_UID};
use bailey_tests::outcome::{Outcome, run};
use bailey_tests::tree::root;
use bailey_tests::user::User;

const LIMIT: Duration = Duration::from_secs(240);

/// Lines that may differ, each with the reason: (program, text that the line holds, reason).
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "coreutils_listing.sh",
        " /bin -> usr/bin",
        "the link is made when the instance starts, so its time differs",
    ),
    (
        "coreutils_listing.sh",
        "rules.d",
        "system files are shown as root's; this one belongs to a service's user",
    ),
    (
        "files.c",
        "open(\".\", O_TMPFILE | O_RDWR, 0640): ",
        "a file of the home cannot be given a name later without names of descriptors, which the monitor lacks",
    ),
    (
        "files.c",
        "preadv2(fd, &in, 1, 0, RWF_NOWAIT): ",
        "Linux's tmpfs does not know RWF_NOWAIT; here it never waits",
    ),
    (
        "inotify.c",
        "setxattr(\"x\", \"user.first\", \"value\", 5, 0): ",
        "files of the home have no extended attributes",
    ),
    ("mmap.c", "resident ", "which pages are in memory is not asked of the host: every mapped page counts"),
    (
        "ipc_epoll.c",
        "[1 3]",
        "of two ready files the one that was queued before, and then found not ready, comes first",
    ),
];

/// Builds the C program that it is given, beside it, and runs it.
const BUILD_AND_RUN: &str = r#"gcc -O1 -w -pthread -o "$HOME/program" "$0" && exec "$HOME/program""#;

/// The words that run the program at `path`.
fn words(path: &str) -> Vec<&str> {
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("py") => vec!["python3", path],
        Some("c") => vec!["bash", "-c", BUILD_AND_RUN, path],
        _ => vec!["bash", path],
    }
}

/// Runs one program of `tests/oracle/` on the host's kernel; none without root, which the set-up of names needs.
fn on_linux(user: &User, program: &str, text: &str) -> Option<Outcome> {
    let home = user.folder().join("native");
    fs::create_dir(&home).expect("a home for the native run");
    fs::write(home.join(program), text).expect("the program");
    for path in [home.clone(), home.join(program)] {
        chown(path, Some(GUEST_UID), Some(GUEST_UID)).ok()?;
    }
    let script = format!("/home/user/{program}");
    let mut command = native::command(&home, &words(&script))?;
    Some(run(&mut command, LIMIT))
}

fn in_an_instance(user: &User, program: &str, text: &str) -> Outcome {
    user.write(&user.instance_home("oracle").join(program), text);
    let script = format!("/home/user/{program}");
    let mut command = user.bailey();
    command.args(["run", "--no-display", "--name", "oracle", "--"]).args(words(&script));
    run(&mut command, LIMIT)
}

fn agrees_with_linux(program: &str) {
    let read = |name: &str| fs::read_to_string(root().join("tests/oracle").join(name)).expect("the program");
    // A program travels as one file.
    let text = read(program).replace("#include \"oracle.h\"\n", &read("oracle.h"));
    let user = User::ordinary();
    let bailey = in_an_instance(&user, program, &text);
    let Some(linux) = on_linux(&user, program, &text) else {
        eprintln!("skipped: the native run needs root to lay out the same names");
        return;
    };
    let explained =
        |line: &str| DIFFERENCES.iter().any(|(of, held, _)| *of == program && line.contains(held));
    if let Some(difference) = bailey.difference(&linux, explained) {
        panic!("{program} differs from Linux:\n{difference}\n--- all of Bailey's:\n{}", bailey.describe());
    }
    assert!(!linux.stdout.is_empty(), "the oracle itself printed nothing: {}", linux.describe());
}

macro_rules! programs {
    ($($name:ident: $program:literal),* $(,)?) => { $(
        #[test]
        fn $name() {
            agrees_with_linux($program);
        }
    )* };
}

programs! {
    bash_jobs: "bash_jobs.sh",
    bash_pipelines: "bash_pipelines.sh",
    bash_traps: "bash_traps.sh",
    call_sites: "call_sites.sh",
    coreutils_files: "coreutils_files.sh",
    coreutils_listing: "coreutils_listing.sh",
    directories: "directories.c",
    files: "files.c",
    gcc_hello: "gcc_hello.sh",
    git_history: "git_history.sh",
    inotify: "inotify.c",
    ipc_clone: "ipc_clone.c",
    ipc_epoll: "ipc_epoll.c",
    ipc_futexes: "ipc_futexes.c",
    ipc_pipes: "ipc_pipes.c",
    ipc_sockets: "ipc_sockets.c",
    memfd: "memfd.c",
    mmap: "mmap.c",
    perl_basics: "perl_basics.sh",
    python_basics: "python_basics.py",
    python_files: "python_files.py",
    python_pty: "python_pty.py",
    vdso: "vdso.sh",
}
