//! What an instance takes on disk.

use std::fs;
use std::process::Command;

use bailey_tests::user::User;

/// The programs that an instance consists of; the desktop's own are one for all.
const PROGRAMS: &[&str] = &["bailey-monitor", "bailey-libos", "bailey-display"];

pub(crate) fn report() {
    let user = User::ordinary();
    println!("{:<24} {:>12} {:>12}", "program, KiB", "as built", "stripped");
    let mut all = [0, 0];
    for name in PROGRAMS {
        let built = user.program(name);
        let stripped = user.folder().join(name);
        let done = Command::new("strip").arg("-o").arg(&stripped).arg(&built).status();
        assert!(done.expect("strip runs (Debian: binutils)").success(), "{name} cannot be stripped");
        let sizes = [&built, &stripped].map(|path| fs::metadata(path).map_or(0, |found| found.len() >> 10));
        println!("{name:<24} {:>12} {:>12}", sizes[0], sizes[1]);
        all = [all[0] + sizes[0], all[1] + sizes[1]];
    }
    println!("{:<24} {:>12} {:>12}", "together", all[0], all[1]);
}
