//! May this destination be reached, this name be looked up? Decided from the rules, and from what names
//! have led to.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bailey_abi::network::{GATEWAY_V4, GATEWAY_V6, INSTANCE_V4, INSTANCE_V6};

use super::rules::{Access, Host, Transport, contains, is_link_local, is_special, name, plain};

/// Addresses that names have led to, kept a rule.
const MOST_LEARNT: usize = 4096;
/// Refusals that are remembered, so that each is told once.
const MOST_REFUSALS: usize = 256;

/// The rules of an instance, and what follows from its look-ups.
#[derive(Debug)]
pub struct Policy {
    access: Access,
    /// For each rule the addresses that its names have, with the name.
    learnt: Vec<VecDeque<(IpAddr, String)>>,
    /// Entries that the log has named.
    told: Vec<String>,
}

impl Policy {
    /// A policy of these grants.
    #[must_use]
    pub fn new(access: Access) -> Self {
        let learnt = access.rules.iter().map(|_| VecDeque::new()).collect();
        Self { access, learnt, told: Vec::new() }
    }

    /// Where a destination leads to, as the host sees it; `None` where no rule grants it.
    #[must_use]
    pub fn destination(&self, transport: Transport, to: SocketAddr) -> Option<SocketAddr> {
        let address = plain(to.ip());
        let mut rules = self
            .access
            .rules
            .iter()
            .zip(&self.learnt)
            .filter(|(rule, _)| rule.transport == transport && rule.ports.contains(&to.port()));
        if let Some(loopback) = behind_gateway(address) {
            let granted = rules.any(|(rule, _)| rule.host == Host::Loopback);
            return granted.then_some(SocketAddr::new(loopback, to.port()));
        }
        if is_special(address) || address == IpAddr::from(INSTANCE_V4) || address == IpAddr::from(INSTANCE_V6)
        {
            return None;
        }
        let granted = rules.any(|(rule, learnt)| match &rule.host {
            Host::Any => !is_link_local(address),
            Host::Network(network, bits) => contains(*network, *bits, address),
            Host::Name(_) | Host::Suffix(_) => learnt.iter().any(|(known, _)| *known == address),
            Host::Loopback => false,
        });
        granted.then_some(SocketAddr::new(address, to.port()))
    }

    /// A name as the resolver is asked for it; `None` where it may not be looked up.
    #[must_use]
    pub fn question(&self, asked: &str) -> Option<String> {
        let name = name(asked)?;
        let granted = self.access.every_name || self.access.rules.iter().any(|rule| names(&rule.host, &name));
        granted.then_some(name)
    }

    /// Takes note of a name's addresses; gives those that mean something to an instance.
    pub fn learn(&mut self, name: &str, addresses: &[IpAddr]) -> Vec<IpAddr> {
        let mut outside: Vec<IpAddr> = addresses.iter().copied().map(plain).collect();
        outside.retain(|address| !is_special(*address) && !is_link_local(*address));
        for (rule, learnt) in self.access.rules.iter().zip(&mut self.learnt) {
            if !matches!(rule.host, Host::Name(_) | Host::Suffix(_)) || !names(&rule.host, name) {
                continue;
            }
            for address in &outside {
                learnt.retain(|(known, _)| known != address);
                learnt.push_back((*address, name.to_owned()));
            }
            while learnt.len() > MOST_LEARNT {
                learnt.pop_front();
            }
        }
        outside
    }

    /// What the log says of a refused destination: at the first time only.
    pub fn refusal(&mut self, transport: Transport, to: SocketAddr) -> Option<String> {
        let address = plain(to.ip());
        let scheme = if transport == Transport::Udp { "udp://" } else { "" };
        let port = to.port();
        let known = self.learnt.iter().flatten().find(|(known, _)| *known == address);
        let entry = match (known, behind_gateway(address)) {
            (Some((_, name)), _) => format!("{scheme}{name}:{port}"),
            (None, Some(_)) => format!("{scheme}host-loopback:{port}"),
            (None, None) => format!("{scheme}{}", SocketAddr::new(address, port)),
        };
        let remedy = if behind_gateway(address).is_none() && is_special(address) {
            "no manifest grants such an address".to_owned()
        } else {
            format!("to grant it, add {entry:?} to `allow` of [network] in the manifest")
        };
        let line = format!("network: {transport} to {} refused; {remedy}", SocketAddr::new(address, port));
        self.once(entry, line)
    }

    /// What the log says of a name that may not be looked up: at the first time only.
    pub fn name_refusal(&mut self, asked: &str) -> Option<String> {
        let shown = name(asked)?;
        let line = format!(
            "network: name {shown:?} refused; to grant it, add \"{shown}:443\", or another port, to `allow` of [network] in \
             the manifest, or say `dns = true` there to let every name be looked up"
        );
        self.once(shown, line)
    }

    /// The line, where nothing was said of this entry yet.
    fn once(&mut self, entry: String, line: String) -> Option<String> {
        if self.told.len() >= MOST_REFUSALS || self.told.contains(&entry) {
            return None;
        }
        self.told.push(entry);
        Some(line)
    }
}

/// Whether a rule is about a name.
fn names(host: &Host, name: &str) -> bool {
    match host {
        Host::Any => true,
        Host::Name(granted) => granted == name,
        Host::Suffix(suffix) => name.ends_with(suffix.as_str()),
        Host::Network(..) | Host::Loopback => false,
    }
}

/// The address of the host's loopback interface, where this is the one it is reached by.
fn behind_gateway(address: IpAddr) -> Option<IpAddr> {
    if address == IpAddr::from(GATEWAY_V4) {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    (address == IpAddr::from(GATEWAY_V6)).then_some(Ipv6Addr::LOCALHOST.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(rules: &[&str]) -> Policy {
        let rules = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
        Policy::new(Access { rules, every_name: false })
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn tcp(policy: &Policy, to: &str) -> bool {
        policy.destination(Transport::Tcp, at(to)).is_some()
    }

    #[test]
    fn only_what_a_rule_names_is_reached() {
        let policy = policy(&["10.0.0.0/8:22", "udp://[2001:db8::1]:53", "192.168.1.7:8000-8001"]);
        for granted in ["10.1.2.3:22", "[::ffff:10.1.2.3]:22", "192.168.1.7:8000", "192.168.1.7:8001"] {
            assert!(tcp(&policy, granted), "{granted}");
        }
        for refused in
            ["10.1.2.3:23", "11.0.0.1:22", "[2001:db8::1]:53", "192.168.1.7:8002", "192.168.1.8:8000"]
        {
            assert!(!tcp(&policy, refused), "{refused}");
        }
        assert!(policy.destination(Transport::Udp, at("[2001:db8::1]:53")).is_some());
        assert!(policy.destination(Transport::Udp, at("[2001:db8::2]:53")).is_none());
        assert!(policy.destination(Transport::Udp, at("10.1.2.3:22")).is_none());
        let mapped = policy.destination(Transport::Tcp, at("[::ffff:10.1.2.3]:22"));
        assert_eq!(mapped, Some(at("10.1.2.3:22")));
    }

    const OWN: [&str; 12] = [
        "127.0.0.1:80",
        "127.1.2.3:80",
        "0.0.0.0:80",
        "0.1.2.3:80",
        "[::1]:80",
        "[::]:80",
        "[::ffff:127.0.0.1]:80",
        "[::ffff:0.0.0.0]:80",
        "224.0.0.1:80",
        "255.255.255.255:80",
        "[ff02::1]:80",
        "[fe80::1]:80",
    ];

    #[test]
    fn loopback_is_reached_by_its_own_name_only() {
        let wide = policy(&["*:*", "0.0.0.0/0:*", "[::]/0:*", "127.0.0.1:80", "[::1]:80"]);
        for refused in OWN.iter().chain(&["192.0.0.1:80", "192.0.0.2:80"]) {
            assert!(!tcp(&wide, refused), "{refused}");
        }
        assert!(tcp(&wide, "93.184.216.34:80"));
        let narrow = policy(&["host-loopback:5432"]);
        assert_eq!(narrow.destination(Transport::Tcp, at("192.0.0.1:5432")), Some(at("127.0.0.1:5432")));
        let wide = SocketAddr::new(GATEWAY_V6.into(), 5432);
        assert_eq!(narrow.destination(Transport::Tcp, wide), Some(at("[::1]:5432")));
        assert!(!tcp(&narrow, "192.0.0.1:5433") && !tcp(&narrow, "127.0.0.1:5432"));
    }

    #[test]
    fn the_link_is_reached_by_its_addresses_only() {
        assert!(!tcp(&policy(&["*:*"]), "169.254.169.254:80"));
        assert!(tcp(&policy(&["169.254.169.254:80"]), "169.254.169.254:80"));
        let mut named = policy(&["example.org:80"]);
        assert_eq!(named.learn("example.org", &[[169, 254, 169, 254].into()]), [] as [IpAddr; 0]);
        assert!(!tcp(&named, "169.254.169.254:80"));
    }

    #[test]
    fn a_name_grants_the_addresses_that_it_leads_to() {
        let mut policy = policy(&["example.org:443", "*.cdn.net:80"]);
        assert_eq!(policy.question("EXAMPLE.org."), Some("example.org".to_owned()));
        assert_eq!(policy.question("a.b.cdn.net"), Some("a.b.cdn.net".to_owned()));
        for refused in
            ["cdn.net", "xcdn.net", "www.example.org", "example.org.evil.com", "", "1.2.3.4", "a b"]
        {
            assert_eq!(policy.question(refused), None, "{refused}");
        }
        assert!(!tcp(&policy, "1.2.3.4:443"));
        let addresses = ["1.2.3.4", "127.0.0.1", "::ffff:5.6.7.8"].map(|ip| ip.parse().expect("an address"));
        let told = policy.learn("example.org", &addresses);
        assert_eq!(told, [IpAddr::from([1, 2, 3, 4]), IpAddr::from([5, 6, 7, 8])]);
        assert!(tcp(&policy, "1.2.3.4:443") && tcp(&policy, "5.6.7.8:443"));
        assert!(!tcp(&policy, "1.2.3.4:80") && !tcp(&policy, "127.0.0.1:443"));
        let line = policy.refusal(Transport::Tcp, at("1.2.3.4:80")).expect("the first time");
        assert!(line.contains("\"example.org:80\""), "{line}");
        assert_eq!(policy.refusal(Transport::Tcp, at("1.2.3.4:80")), None);
    }

    #[test]
    fn what_names_lead_to_is_bounded() {
        let mut policy = policy(&["*.example.org:1"]);
        for number in 0..10_000u32 {
            policy.learn("a.example.org", &[IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))]);
        }
        assert_eq!(policy.learnt[0].len(), MOST_LEARNT);
        assert!(tcp(&policy, "10.0.39.15:1") && !tcp(&policy, "10.0.0.1:1"));
    }

    proptest! {
        #[test]
        fn nothing_is_reached_without_rules(ip: [u8; 16], port: u16) {
            let to = SocketAddr::new(ip.into(), port);
            prop_assert_eq!(policy(&[]).destination(Transport::Tcp, to), None);
        }

        #[test]
        fn a_wide_grant_never_reaches_the_host(ip: [u8; 4], port in 1u16..) {
            let to = SocketAddr::new(ip.into(), port);
            if let Some(reached) = policy(&["*:*"]).destination(Transport::Tcp, to) {
                prop_assert!(!reached.ip().is_loopback() && !reached.ip().is_unspecified());
            }
        }
    }
}
