//! Whole programs and whole work.

use std::time::Instant;

use bailey_tests::processes::cpu_time_of_ended_children;
use bailey_tests::user::User;

use crate::sandbox::{self, Sandbox};
use crate::table::Table;

/// Starts of which the least counts.
const STARTS: usize = 5;

/// Scripts that each get a new instance.
const PROGRAMS: &[(&str, &str)] = &[
    ("true", "true"),
    ("python3 -c pass", "/usr/bin/python3 -c pass"),
    ("ls -lR /usr/share", "ls -lR /usr/share > listing 2> /dev/null || [ $? = 1 ]"),
];

/// Tasks of `tests/bench/work.sh`: name, rounds in one sandbox.
const TASKS: &[(&str, usize)] = &[
    ("git-clone", 5),
    ("git-status", 8),
    ("make-j2", 2),
    ("python-x50", 2),
    ("sh-true-x200", 4),
    ("sqlite-load", 3),
    ("ls-lR-usr-share", 4),
    ("grep-r", 4),
    ("find-home", 6),
    ("grep-r-home", 6),
    ("cp-r", 3),
    ("rm-rf", 3),
];

/// A task only where LibreOffice is installed.
const OFFICE: (&str, usize) = ("office-convert", 2);

/// Turns through all sandboxes.
const TURNS: usize = 2;

/// Time from outside, start and end of the sandbox included.
pub(crate) fn starts() {
    let user = sandbox::user();
    let columns = sandbox::all(&user);
    let mut table = Table::new("program, s", &columns);
    for (name, script) in PROGRAMS {
        for _ in 0..STARTS {
            for column in &columns {
                if let Some(seconds) = time(&user, *column, script) {
                    table.add(name, *column, seconds);
                }
            }
        }
    }
    table.print();
}

fn time(user: &User, sandbox: Sandbox, script: &str) -> Option<f64> {
    let start = Instant::now();
    sandbox.run(user, script).ok()?;
    Some(start.elapsed().as_secs_f64())
}

/// Time from inside, the start of the sandbox left out.
pub(crate) fn report() {
    let user = sandbox::user();
    let columns = sandbox::all(&user);
    Sandbox::Native.run(&user, "./work.sh prepare").expect("the work is prepared");
    let mut tasks = TASKS.to_vec();
    if Sandbox::Native.run(&user, "command -v soffice").is_ok() {
        tasks.push(OFFICE);
    } else {
        println!("LibreOffice is not installed: no document is converted");
    }
    let mut table = Table::new("work, s", &columns);
    // What the machine's other load cannot lengthen; what works for the sandbox on the host counts too.
    let mut processor = Table::new("processor time, s", &columns);
    table.print_titles();
    for (task, rounds) in tasks {
        for _ in 0..TURNS {
            for column in &columns {
                let before = cpu_time_of_ended_children();
                for (row, nanoseconds) in column.measure(&user, &format!("./work.sh {task} {rounds}")) {
                    table.add(&row, *column, nanoseconds / 1e9);
                    // bwrap ends without waiting for the program, so nobody is told what that has used.
                    if *column != Sandbox::Bubblewrap {
                        let used = cpu_time_of_ended_children() - before;
                        processor.add(&row, *column, used.as_secs_f64() / rounds as f64);
                    }
                }
            }
        }
        table.print_last_row();
    }
    table.print_means();
    println!();
    processor.print();
}
