//! `bailey syscalls`

use std::cmp::Reverse;
use std::process::ExitCode;

use anyhow::Result;
use bailey_abi::counts::{CallCount, Counts, Miss};
use bailey_kernel::syscall::{Call, FAMILIES, Support};
use serde_json::{Value, json};

use super::client;
use super::say::say;
use crate::protocol::Request;

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

/// Name of a call, also of one that the table lacks.
fn name(number: u32) -> String {
    let call = FAMILIES.iter().flat_map(|family| family.iter()).find(|call| u32::from(call.number) == number);
    call.map_or_else(|| format!("call {number}"), |call| call.name.to_owned())
}

fn ask(name: String) -> Result<Counts> {
    Ok(client::ask(&Request::Counts { name })?.0)
}

/// `--counts`
pub(super) fn counts(instance: String, json: bool) -> Result<ExitCode> {
    let counts = ask(instance)?;
    if json {
        client::print_json(&counts_json(&counts))?;
    } else {
        say!("{}", counts_text(&counts).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// `--missed`
pub(super) fn missed(instance: String, json: bool) -> Result<ExitCode> {
    let counts = ask(instance)?;
    if json {
        client::print_json(&missed_json(&counts))?;
    } else {
        say!("{}", missed_text(&counts).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// How often each call was made, as JSON.
pub(super) fn counts_json(counts: &Counts) -> Value {
    let call = |call: &CallCount| json!({"number": call.number, "name": name(call.number), "patched": call.patched, "trapped": call.trapped});
    counts.calls.iter().map(call).collect()
}

/// What was asked for in vain, as JSON.
pub(super) fn missed_json(counts: &Counts) -> Value {
    let miss = |miss: &Miss| {
        json!({"number": miss.number, "name": name(miss.number), "detail": miss.detail,
            "error": error_name(miss.error), "count": miss.count})
    };
    counts.missed.iter().map(miss).collect()
}

/// How often each call was made, as a table, the most frequent first.
pub(super) fn counts_text(counts: &Counts) -> String {
    let patched: u64 = counts.calls.iter().fold(0, |sum, call| sum.saturating_add(call.patched));
    let trapped: u64 = counts.calls.iter().fold(0, |sum, call| sum.saturating_add(call.trapped));
    let all = patched.saturating_add(trapped);
    #[expect(clippy::cast_precision_loss, reason = "a share for people to read")]
    let share = 100.0 * trapped as f64 / all.max(1) as f64;
    let mut text = format!("{all} system calls, {trapped} of them trapped ({share:.2} %)\n");
    text += "     patched      trapped  call\n";
    let mut calls = counts.calls.clone();
    calls.sort_by_key(|call| Reverse(call.patched.saturating_add(call.trapped)));
    for call in calls {
        text += &format!("{:>12} {:>12}  {}\n", call.patched, call.trapped, name(call.number));
    }
    text
}

/// What was asked for in vain, as a table.
pub(super) fn missed_text(counts: &Counts) -> String {
    let mut text = format!("{} kinds of calls in vain\n", counts.missed.len());
    for miss in &counts.missed {
        let (name, error) = (name(miss.number), error_name(miss.error));
        text += &format!("{:>12}  {name} {:#x}: {error}\n", miss.count, miss.detail);
    }
    if counts.lost != 0 {
        text += &format!("{:>12}  others\n", counts.lost);
    }
    text
}

/// Name of an error, as far as such answers have one.
fn error_name(number: u32) -> String {
    let known = [
        (22, "EINVAL"),
        (25, "ENOTTY"),
        (38, "ENOSYS"),
        (92, "ENOPROTOOPT"),
        (93, "EPROTONOSUPPORT"),
        (95, "EOPNOTSUPP"),
        (97, "EAFNOSUPPORT"),
    ];
    let found = known.iter().find(|(of, _)| *of == number);
    found.map_or_else(|| format!("error {number}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_shares_and_names() {
        let calls = vec![
            CallCount { number: 0, patched: 2, trapped: 1 },
            CallCount { number: 39, patched: 97, trapped: 0 },
            CallCount { number: 511, patched: u64::MAX, trapped: 0 },
        ];
        let missed = vec![Miss { number: 16, error: 25, detail: 0x5401, count: 3 }];
        let counts = Counts { calls, missed, lost: 7 };
        let text = counts_text(&Counts { calls: counts.calls[..2].to_vec(), ..counts.clone() });
        assert!(text.starts_with("100 system calls, 1 of them trapped (1.00 %)"), "{text}");
        assert!(text.find("getpid") < text.find("read"), "{text}");
        assert!(counts_text(&counts).contains("call 511"));
        let text = missed_text(&counts);
        assert!(text.contains("ioctl 0x5401: ENOTTY") && text.contains("7  others"), "{text}");
        assert_eq!(missed_json(&counts)[0]["name"], "ioctl");
    }
}
