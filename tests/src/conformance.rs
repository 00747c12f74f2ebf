//! Linux as the oracle: a program of `tests/oracle/` runs on Linux and in an instance, and both must agree.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use crate::native::{self, GUEST_UID};
use crate::outcome::{Outcome, run};
use crate::tree::root;
use crate::user::User;

const LIMIT: Duration = Duration::from_secs(300);

/// Builds the C program that it is given, beside it, and runs it.
const BUILD_AND_RUN: &str = r#"gcc -O1 -w -pthread -o "$HOME/program" "$0" && exec "$HOME/program""#;

/// The words that run the program at `path`.
fn words(path: &str) -> Vec<&str> {
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("py") => vec!["python3", path],
        Some("mjs") => vec!["node", path],
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

/// Runs a program of `tests/oracle/` on both. `differences` are lines that may differ, each with the reason:
/// program, text that the line holds, reason.
///
/// # Panics
/// Where the two differ.
pub fn agrees_with_linux(program: &str, differences: &[(&str, &str, &str)]) {
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
        |line: &str| differences.iter().any(|(of, held, _)| *of == program && line.contains(held));
    if let Some(difference) = bailey.difference(&linux, explained) {
        panic!("{program} differs from Linux:\n{difference}\n--- all of Bailey's:\n{}", bailey.describe());
    }
    assert!(!linux.stdout.is_empty(), "the oracle itself printed nothing: {}", linux.describe());
}
