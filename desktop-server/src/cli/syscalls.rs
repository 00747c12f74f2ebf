//! `bailey syscalls`

use std::process::ExitCode;

use anyhow::Result;
use bailey_kernel::syscall::{Call, FAMILIES, Support};
use serde_json::json;

use super::client;
use super::say::say;

const fn level(call: &Call) -> &'static str {
    match call.support {
        Support::Full => "full",
        Support::Partial => "partial",
        Support::Ignored => "ignored",
    }
}

pub(super) fn syscalls(json: bool) -> Result<ExitCode> {
    let mut calls: Vec<&Call> = FAMILIES.iter().flat_map(|family| family.iter()).collect();
    calls.sort_by_key(|call| call.number);
    if json {
        let list: Vec<_> = calls
            .iter()
            .map(|call| json!({"number": call.number, "name": call.name, "support": level(call), "note": call.note}))
            .collect();
        client::print_json(&list)?;
        return Ok(ExitCode::SUCCESS);
    }
    let full = calls.iter().filter(|call| call.support == Support::Full).count();
    say!("{} Linux system calls, {full} of them full; all others answer ENOSYS", calls.len());
    for call in calls {
        say!("{:>4} {:<24} {:<8} {}", call.number, call.name, level(call), call.note);
    }
    Ok(ExitCode::SUCCESS)
}
