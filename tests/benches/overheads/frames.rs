//! What a full frame costs: a client in an instance draws 1280x720 again and again.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bailey_tests::daemon::Daemon;
use bailey_tests::processes::{cpu_time, descendants};

use crate::program_log::follow;

/// Frames that are counted, after some that are not.
const FRAMES: u32 = 300;
/// Longest that they may take.
const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn report() {
    let program = fs::read(env!("CARGO_BIN_EXE_frame-client")).expect("the client");
    println!("{:<24} {:>12} {:>14} {:>10}", "link, picture", "host CPU ms", "instance CPU ms", "frames/s");
    let mut least = f64::INFINITY;
    for link in ["shared-memory", "egfx"] {
        for picture in ["text", "photo"] {
            let daemon = Daemon::start();
            daemon.user.write_program(&daemon.user.instance_home("frames").join("frame-client"), &program);
            let Some(cost) = cost(&daemon, link, picture) else {
                println!(
                    "{:<24} no end after {} s\n{}",
                    format!("{link}, {picture}"),
                    LIMIT.as_secs(),
                    daemon.log()
                );
                continue;
            };
            least = least.min(cost.host);
            println!(
                "{:<24} {:>12.3} {:>14.3} {:>10.1}  host CPU x {:.1}",
                format!("{link}, {picture}"),
                cost.host,
                cost.instance,
                cost.rate,
                cost.host / least
            );
        }
    }
}

/// Milliseconds of processor time a frame, and frames a second.
#[derive(Debug)]
struct Cost {
    host: f64,
    instance: f64,
    rate: f64,
}

fn cost(daemon: &Daemon, link: &str, picture: &str) -> Option<Cost> {
    let (count, client) = (FRAMES.to_string(), "/home/user/frame-client");
    let outcome =
        daemon.bailey(&["run", "--name", "frames", "--pixels", link, "--", client, picture, &count]);
    assert_eq!(outcome.status, 0, "{}", outcome.describe());
    let instance = daemon.instance("frames").expect("the instance is listed");
    let monitor = instance["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("its monitor");
    let mut lines = follow(instance["log"].as_str().map(Path::new).expect("its log's path"), LIMIT);
    let inside =
        || std::iter::once(monitor).chain(descendants(monitor)).filter_map(cpu_time).sum::<Duration>();
    let all = || Some((cpu_time(daemon.id())?, inside(), Instant::now()));
    lines.find(|line| line == "begin")?;
    let before = all()?;
    lines.find(|line| line == "end")?;
    let after = all()?;
    let each = |before: Duration, after: Duration| (after - before).as_secs_f64() * 1e3 / f64::from(FRAMES);
    Some(Cost {
        host: each(before.0, after.0),
        instance: each(before.1, after.1),
        rate: f64::from(FRAMES) / (after.2 - before.2).as_secs_f64(),
    })
}
