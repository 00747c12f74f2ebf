//! The boundary as data, and the built kernel image held to it.

use std::collections::BTreeSet;
use std::process::Command;

use bailey_abi::host::RULES;
use bailey_abi::table::{DOWNCALLS, UPCALLS};
use bailey_tests::user::User;

#[test]
fn the_host_abi_keeps_its_size() {
    assert!(DOWNCALLS.len() <= 45, "{} downcalls", DOWNCALLS.len());
    assert!(UPCALLS.len() <= 3, "{} upcalls", UPCALLS.len());
    let numbers: BTreeSet<u8> = DOWNCALLS.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers.len(), DOWNCALLS.len(), "a number is used twice");
}

#[test]
fn the_reachable_host_calls_keep_their_number_and_reasons() {
    let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert!(names.len() <= 20, "{} host calls: {names:?}", names.len());
    for rule in RULES {
        assert!(!rule.reason.is_empty(), "{} has no reason", rule.name);
    }
}

#[test]
fn downcalls_use_reachable_host_calls_and_every_one_is_used() {
    let reachable: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    let used: BTreeSet<&str> = DOWNCALLS.iter().flat_map(|entry| entry.host).copied().collect();
    assert_eq!(used, reachable);
}

fn disassembly() -> String {
    let user = User::ordinary();
    let output =
        Command::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(user.program("bailey-libos")).output();
    String::from_utf8(output.expect("objdump runs (Debian: binutils)").stdout).expect("objdump prints text")
}

#[test]
fn the_kernel_image_has_no_vector_code_beyond_sse2() {
    let text = disassembly();
    assert!(text.len() > 100_000, "objdump printed too little");
    let vex: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("%ymm") || line.contains("%zmm") || line.contains("\tv"))
        .collect();
    assert!(vex.is_empty(), "{} lines, such as {:?}", vex.len(), vex.first());
}

#[test]
fn the_tables_are_printed() {
    let user = User::ordinary();
    for (arguments, held) in [
        (&["abi"][..], "StreamOpen"),
        (&["abi", "--host-syscalls"], "preadv2"),
        (&["syscalls"], "openat"),
        (&["syscalls", "--json"], "\"openat\""),
    ] {
        let output = user.bailey().args(arguments).output().expect("bailey runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(held), "{arguments:?}: {text}");
    }
}
