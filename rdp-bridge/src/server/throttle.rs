//! Who may try to log in, and when: limits on connections and on failures. No I/O; the time comes in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses remembered at most; beyond that the one with the oldest failure is forgotten.
const MAX_PEERS: usize = 4096;

/// Why a connection is refused at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The server serves as many connections as it may.
    Full,
    /// This peer has as many connections as it may.
    PeerFull,
    /// This peer failed to log in too often lately.
    LockedOut,
}

#[derive(Debug, Default)]
struct Peer {
    connections: usize,
    failures: u32,
    last_failure: Option<Instant>,
}

/// Limits and what they count.
#[derive(Debug)]
pub(crate) struct Throttle {
    max_sessions: usize,
    max_per_peer: usize,
    max_failures: u32,
    lockout: Duration,
    connections: usize,
    peers: HashMap<IpAddr, Peer>,
}

impl Throttle {
    pub(crate) fn new(
        max_sessions: usize,
        max_per_peer: usize,
        max_failures: u32,
        lockout: Duration,
    ) -> Self {
        Self { max_sessions, max_per_peer, max_failures, lockout, connections: 0, peers: HashMap::new() }
    }

    /// Counts a new connection from `address`; [`closed`](Self::closed) must follow when it succeeds.
    pub(crate) fn open(&mut self, address: IpAddr, now: Instant) -> Result<(), Refusal> {
        if self.connections >= self.max_sessions {
            return Err(Refusal::Full);
        }
        let (max_failures, lockout) = (self.max_failures, self.lockout);
        let peer = self.peers.entry(peer_of(address)).or_default();
        if peer.last_failure.is_some_and(|at| now.saturating_duration_since(at) >= lockout) {
            peer.failures = 0;
            peer.last_failure = None;
        }
        if peer.failures >= max_failures {
            return Err(Refusal::LockedOut);
        }
        if peer.connections >= self.max_per_peer {
            return Err(Refusal::PeerFull);
        }
        peer.connections += 1;
        self.connections += 1;
        Ok(())
    }

    /// A connection from `address` is over.
    pub(crate) fn closed(&mut self, address: IpAddr) {
        self.connections = self.connections.saturating_sub(1);
        let key = peer_of(address);
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.connections = peer.connections.saturating_sub(1);
            if peer.connections == 0 && peer.last_failure.is_none() {
                self.peers.remove(&key);
            }
        }
    }

    /// A login from `address` failed; returns how many failures are counted now.
    pub(crate) fn failed(&mut self, address: IpAddr, now: Instant) -> u32 {
        let peer = self.peers.entry(peer_of(address)).or_default();
        peer.failures += 1;
        peer.last_failure = Some(now);
        let failures = peer.failures;
        self.forget_oldest();
        failures
    }

    /// A login from `address` succeeded.
    pub(crate) fn succeeded(&mut self, address: IpAddr) {
        if let Some(peer) = self.peers.get_mut(&peer_of(address)) {
            peer.failures = 0;
            peer.last_failure = None;
        }
    }

    fn forget_oldest(&mut self) {
        if self.peers.len() <= MAX_PEERS {
            return;
        }
        let oldest = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.connections == 0)
            .min_by_key(|(_, peer)| peer.last_failure)
            .map(|(key, _)| *key);
        if let Some(key) = oldest {
            self.peers.remove(&key);
        }
    }
}

/// Whom an address stands for: an IPv6 host usually owns a whole /64.
fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let bits = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(bits.into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKOUT: Duration = Duration::from_secs(60);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn connections_are_limited_in_all_and_by_peer() {
        let (mut throttle, now) = (Throttle::new(3, 2, 3, LOCKOUT), Instant::now());
        assert_eq!(throttle.open(address(1), now), Ok(()));
        assert_eq!(throttle.open(address(1), now), Ok(()));
        assert_eq!(throttle.open(address(1), now), Err(Refusal::PeerFull));
        assert_eq!(throttle.open(address(2), now), Ok(()));
        assert_eq!(throttle.open(address(3), now), Err(Refusal::Full));
        throttle.closed(address(1));
        assert_eq!(throttle.open(address(3), now), Ok(()));
    }

    #[test]
    fn failures_lock_a_peer_out_for_a_while() {
        let (mut throttle, now) = (Throttle::new(9, 9, 2, LOCKOUT), Instant::now());
        assert_eq!(throttle.failed(address(1), now), 1);
        assert_eq!(throttle.open(address(1), now), Ok(()));
        assert_eq!(throttle.failed(address(1), now), 2);
        assert_eq!(throttle.open(address(1), now), Err(Refusal::LockedOut));
        assert_eq!(throttle.open(address(2), now), Ok(()));
        assert_eq!(throttle.open(address(1), now + LOCKOUT), Ok(()));
    }

    #[test]
    fn a_success_clears_the_count() {
        let (mut throttle, now) = (Throttle::new(9, 9, 2, LOCKOUT), Instant::now());
        throttle.failed(address(1), now);
        throttle.succeeded(address(1));
        assert_eq!(throttle.failed(address(1), now), 1);
    }

    #[test]
    fn memory_is_bounded_and_ipv6_neighbours_count_as_one() {
        let (mut throttle, now) = (Throttle::new(9, 9, 2, LOCKOUT), Instant::now());
        for i in 0..10_000u32 {
            throttle.failed(IpAddr::from(i.to_be_bytes()), now + Duration::from_millis(u64::from(i)));
        }
        assert!(throttle.peers.len() <= MAX_PEERS);
        let mut throttle = Throttle::new(9, 9, 2, LOCKOUT);
        throttle.failed("2001:db8::1".parse().unwrap(), now);
        assert_eq!(throttle.failed("2001:db8::2".parse().unwrap(), now), 2);
    }
}
