//! What instances count of their system calls.

use std::time::Duration;

use bailey_tests::daemon::Daemon;
use bailey_tests::outcome::run;
use bailey_tests::screen::eventually;
use bailey_tests::user::User;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);
/// Two thousand calls of one site, one of an unknown number, one ioctl(2) that no terminal knows.
const PROGRAM: &str = "import ctypes, fcntl, os, sys
libc = ctypes.CDLL(None)
for _ in range(2000): libc.getppid()
libc.syscall(499)
try: fcntl.ioctl(0, 0x1234)
except OSError: pass
sys.stdout.write('done\\n'); sys.stdout.flush()
sys.stdin.read()
";

fn is(entry: &Value, name: &str) -> bool {
    entry["name"] == name
}

fn number(entry: &Value, field: &str) -> u64 {
    entry[field].as_u64().unwrap_or_else(|| panic!("{field} of {entry}"))
}

fn check_calls(calls: &Value) {
    let calls = calls.as_array().expect("a list of calls");
    let getppid = calls.iter().find(|call| is(call, "getppid")).expect("getppid was called");
    let (patched, trapped) = (number(getppid, "patched"), number(getppid, "trapped"));
    assert!(patched + trapped >= 2000, "{getppid}");
    assert!(trapped * 100 < patched, "the site was not patched: {getppid}");
}

fn check_missed(missed: &Value) {
    let missed = missed.as_array().expect("a list of misses");
    let unknown = missed.iter().find(|miss| number(miss, "number") == 499).expect("the unknown call");
    assert_eq!(unknown["error"], "ENOSYS", "{unknown}");
    let command = missed
        .iter()
        .find(|miss| is(miss, "ioctl") && number(miss, "detail") == 0x1234)
        .expect("the command");
    assert_eq!(command["error"], "ENOTTY", "{command}");
}

#[test]
fn a_run_without_a_display_prints_its_counts_and_keeps_its_status() {
    let user = User::ordinary();
    let program = format!("{PROGRAM}sys.exit(7)\n");
    let mut command = user.bailey();
    command.args(["run", "--no-display", "--count-syscalls", "--json", "--", "python3", "-c", &program]);
    let outcome = run(&mut command, LIMIT);
    assert_eq!(outcome.status, 7, "{}", outcome.describe());
    assert_eq!(outcome.stdout, "done\n", "{}", outcome.describe());
    let counts: Value = serde_json::from_str(&outcome.stderr).expect("JSON on standard error");
    check_calls(&counts["calls"]);
    check_missed(&counts["missed"]);
}

#[test]
fn the_daemon_knows_the_counts_of_an_instance_and_keeps_them() {
    let daemon = Daemon::start();
    daemon.run_app("counter", &["python3", "-c", PROGRAM]);
    eventually("the end of the instance", LIMIT, || {
        let instance = daemon.instance("counter")?;
        (instance["state"] != "running").then_some(())
    });
    for (option, check) in [("--counts", check_calls as fn(&Value)), ("--missed", check_missed)] {
        let outcome = daemon.bailey(&["syscalls", option, "counter", "--json"]);
        assert_eq!(outcome.status, 0, "{}", outcome.describe());
        check(&serde_json::from_str(&outcome.stdout).expect("JSON"));
    }
    let outcome = daemon.bailey(&["syscalls", "--counts", "nobody"]);
    assert_ne!(outcome.status, 0, "{}", outcome.describe());
}
