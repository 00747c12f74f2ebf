//! Random system calls with hostile arguments, from inside: `tests/hostile/fuzz.c`. The kernel goes on, and so
//! do the monitor and another instance.
//!
//! `BAILEY_FUZZ_CALLS` sets how many calls each seed makes, `BAILEY_FUZZ_SEED` the first seed.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use bailey_tests::outcome::run;
use bailey_tests::tree::root;
use bailey_tests::user::User;

const CALLS: u64 = 20_000;
/// Calls a second that the slowest machine makes, several workers waiting for nothing now and then.
const SLOWEST: u64 = 250;

/// Seed, processes, threads of each.
const RUNS: &[(u64, u64, u64)] = &[(1, 1, 1), (2, 4, 1), (3, 2, 3), (4, 6, 4)];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

/// The program, in the home of an instance: its own file is not its to change.
fn program(user: &User, instance: &str) {
    let home = user.instance_home(instance);
    user.write(&home.join("ready"), "");
    let built = Command::new("cc")
        .args(["-O1", "-static", "-pthread", "-o"])
        .args([home.join("fuzz"), root().join("tests/hostile/fuzz.c")])
        .status();
    assert!(built.expect("cc runs").success(), "the program does not compile");
}

#[test]
fn wild_system_calls_harm_nobody_else() {
    let user = User::ordinary();
    program(&user, "fuzz");
    let mut neighbour = user.bailey();
    neighbour.args(["run", "--no-display", "--name", "neighbour", "--"]);
    neighbour.args(["bash", "-c", "until ls ~/enough; do sleep 0.1; done; echo $((6 * 7))"]);
    let neighbour = neighbour.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the neighbour");

    let calls = number("BAILEY_FUZZ_CALLS", CALLS);
    let first = number("BAILEY_FUZZ_SEED", 0);
    for (seed, processes, threads) in RUNS {
        let mut command = user.bailey();
        command.args(["run", "--no-display", "--name", "fuzz", "--", "/home/user/fuzz"]);
        command.args([first + seed, calls, *processes, *threads].map(|number| number.to_string()));
        let outcome = run(&mut command, Duration::from_secs(120 + calls / SLOWEST));
        assert_eq!(
            (outcome.status, outcome.stdout.as_str()),
            (0, "sound\n"),
            "seed {seed}: {}",
            outcome.describe()
        );
    }

    let enough = user.instance_home("neighbour").join("enough");
    user.write(&enough, "");
    let output = neighbour.wait_with_output().expect("the neighbour's output");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.ends_with("42\n"), "the neighbour: {:?} {text}", output.status);
    fs::remove_file(enough).expect("the neighbour's file");
}
