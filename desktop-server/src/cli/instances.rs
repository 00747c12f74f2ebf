//! `bailey ps`, `bailey stop`, `bailey kill`

use std::process::ExitCode;

use anyhow::Result;

use super::client;
use super::say::say;
use crate::protocol::{Ended, InstanceInfo, Listing, Request};

pub(super) fn ps(json: bool) -> Result<ExitCode> {
    let (listing, _) = client::ask::<Listing>(&Request::Ps)?;
    if json {
        client::print_json(&listing)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (width, height) = listing.desktop;
    let Listing { listen, sessions, viewers, instances, .. } = &listing;
    say!("desktop {width}x{height}, RDP at {listen}, {sessions} RDP sessions, {viewers} viewers");
    if instances.is_empty() {
        say!("no instances; `bailey run -- PROGRAM` starts one");
        return Ok(ExitCode::SUCCESS);
    }
    let longest = instances.iter().map(|instance| instance.name.len()).max().unwrap_or(0).max(4);
    say!("{:longest$}  {:>8}  {:>8}  {:>7}  STATE", "NAME", "PID", "AGE", "WINDOWS");
    for instance in instances {
        let InstanceInfo { name, pid, age, windows, .. } = instance;
        say!("{name:longest$}  {pid:>8}  {:>8}  {windows:>7}  {}", duration(*age), describe(instance));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn stop(name: String, json: bool) -> Result<ExitCode> {
    end(&Request::Stop { name }, json)
}

pub(super) fn kill(name: String, json: bool) -> Result<ExitCode> {
    end(&Request::Kill { name }, json)
}

fn end(request: &Request, json: bool) -> Result<ExitCode> {
    let (ended, _) = client::ask::<Ended>(request)?;
    if json {
        client::print_json(&ended.instance)?;
    } else {
        say!("{}: {}", ended.instance.name, describe(&ended.instance));
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(instance: &InstanceInfo) -> String {
    match &instance.reason {
        Some(reason) => format!("{}: {reason}", instance.state),
        None => instance.state.clone(),
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        assert_eq!([duration(5), duration(65), duration(7260)], ["5s", "1m05s", "2h01m"]);
    }
}
