//! `bailey abi`

use std::process::ExitCode;

use anyhow::Result;
use bailey_abi::host::{Argument, Constraint, RULES};
use bailey_abi::table::{DOWNCALLS, Entry, UPCALLS};
use serde_json::{Value, json};

use super::client;
use super::say::say;

pub(super) fn abi(host_syscalls: bool, json: bool) -> Result<ExitCode> {
    match (host_syscalls, json) {
        (true, true) => client::print_json(&rules())?,
        (true, false) => print_rules(),
        (false, true) => client::print_json(&json!({
            "version": bailey_abi::boot::ABI_VERSION,
            "downcalls": DOWNCALLS.iter().map(entry).collect::<Vec<_>>(),
            "upcalls": UPCALLS.iter().map(entry).collect::<Vec<_>>(),
        }))?,
        (false, false) => {
            say!("host ABI, version {}", bailey_abi::boot::ABI_VERSION);
            print_entries("downcalls", DOWNCALLS);
            print_entries("upcalls", UPCALLS);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn entry(entry: &Entry) -> Value {
    let Entry { number, name, signature, errors, host, meaning } = entry;
    json!({
        "number": number, "name": name, "signature": signature, "errors": errors, "host": host, "meaning": meaning,
    })
}

fn print_entries(title: &str, entries: &[Entry]) {
    say!("\n{} {title}", entries.len());
    for Entry { number, name, signature, errors, host, meaning } in entries {
        say!("{number:>3} {name} {signature}");
        say!("    {meaning}");
        if !errors.is_empty() {
            say!("    errors: {errors}");
        }
        if !host.is_empty() {
            say!("    host calls: {}", host.join(", "));
        }
    }
}

fn constraint(argument: &Argument) -> String {
    let index = argument.index;
    match argument.constraint {
        Constraint::Equals(value) => format!("arg{index} == {value:#x}"),
        Constraint::Masked { mask, value } => format!("arg{index} & {mask:#x} == {value:#x}"),
    }
}

fn rules() -> Vec<Value> {
    let rule = |rule: &bailey_abi::host::Rule| {
        let arguments: Vec<String> = rule.arguments.iter().map(constraint).collect();
        json!({"number": rule.number, "name": rule.name, "arguments": arguments, "reason": rule.reason})
    };
    RULES.iter().map(rule).collect()
}

fn print_rules() {
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    say!("{} host system calls stay reachable, by {} rules", names.len(), RULES.len());
    for rule in RULES {
        let arguments: Vec<String> = rule.arguments.iter().map(constraint).collect();
        say!("{:>4} {:<16} {}", rule.number, rule.name, rule.reason);
        if !arguments.is_empty() {
            say!("     {:<16} only with {}", "", arguments.join(" and "));
        }
    }
}
