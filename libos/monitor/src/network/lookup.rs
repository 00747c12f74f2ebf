//! Questions to the host's resolver: each in a thread of its own, as they may take their time. Those
//! that ask for one name at the same time, as resolvers do for IPv4 and IPv6, share an answer.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bailey_abi::codec;
use bailey_abi::network::{Lookup, MAX_ADDRESSES, MAX_LOOKUP};
use rustix::io::{Errno, Result};

use super::agent::locked;
use super::policy::Policy;

/// Questions under way at a time.
const MOST_LOOKUPS: usize = 32;
/// Streams that wait for an answer.
const MOST_WAITING: usize = 1024;
/// How long an answer is told without asking again.
const FRESH: Duration = Duration::from_secs(5);
const MOST_FRESH: usize = 256;

#[derive(Debug, Default)]
struct Table {
    waiting: HashMap<String, Vec<UnixStream>>,
    fresh: HashMap<String, (Instant, Lookup)>,
}

/// The questions under way, and the last answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookups(Arc<Mutex<Table>>);

impl Lookups {
    /// Asks for a name; the answer comes on the stream.
    pub(super) fn start(&self, name: String, policy: &Arc<Mutex<Policy>>) -> Result<OwnedFd> {
        let pair = UnixStream::pair().and_then(|(answer, asker)| {
            asker.set_nonblocking(true)?;
            Ok((answer, asker))
        });
        let (answer, asker) = pair.map_err(|_| Errno::MFILE)?;
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = table.fresh.get(&name).filter(|(since, _)| since.elapsed() < FRESH) {
            tell(answer, known);
            return Ok(asker.into());
        }
        if table.waiting.values().map(Vec::len).sum::<usize>() >= MOST_WAITING {
            return Err(Errno::AGAIN);
        }
        if let Some(others) = table.waiting.get_mut(&name) {
            others.push(answer);
            return Ok(asker.into());
        }
        if table.waiting.len() >= MOST_LOOKUPS {
            tell(answer, &Lookup::Failed);
            return Ok(asker.into());
        }
        table.waiting.insert(name.clone(), vec![answer]);
        drop(table);
        let (lookups, policy) = (self.clone(), policy.clone());
        let started = std::thread::Builder::new().spawn({
            let name = name.clone();
            move || {
                let found = resolve(&name, &policy);
                lookups.finish(&name, found);
            }
        });
        if started.is_err() {
            self.finish(&name, Lookup::Failed);
        }
        Ok(asker.into())
    }

    fn finish(&self, name: &str, found: Lookup) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = table.waiting.remove(name).unwrap_or_default();
        table.fresh.retain(|_, (since, _)| since.elapsed() < FRESH);
        if found != Lookup::Failed && table.fresh.len() < MOST_FRESH {
            table.fresh.insert(name.to_owned(), (Instant::now(), found.clone()));
        }
        drop(table);
        for stream in waiting {
            tell(stream, &found);
        }
    }
}

/// Writes an answer, which always fits a fresh stream's buffer, and ends the stream.
fn tell(mut stream: UnixStream, found: &Lookup) {
    if let Ok(bytes) = codec::encode(found, MAX_LOOKUP) {
        let _ = stream.write_all(&bytes);
    }
}

fn resolve(name: &str, policy: &Mutex<Policy>) -> Lookup {
    match (name, 0).to_socket_addrs() {
        Ok(found) => {
            let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            let mut told = locked(policy).learn(name, &addresses);
            told.truncate(MAX_ADDRESSES);
            Lookup::Addresses(told.into_iter().map(mapped).collect())
        }
        Err(error) => failure(&error),
    }
}

/// What an error of the resolver means; std tells these by their text alone (`gai_strerror(3)`).
fn failure(error: &std::io::Error) -> Lookup {
    let text = error.to_string();
    if text.contains("No address associated with hostname") {
        Lookup::Addresses(Vec::new())
    } else if text.contains("Name or service not known") {
        Lookup::NoSuchName
    } else {
        Lookup::Failed
    }
}

fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => Ipv6Addr::octets(&v6),
    }
}
