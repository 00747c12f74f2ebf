//! One line of `[network] allow`: `[tcp://|udp://]HOST:PORT`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use bailey_abi::network::HOST_LOOPBACK;

/// What carries bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// The hosts that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `*`: every address but the host's loopback, links and groups.
    Any,
    /// An address, or those that share its first bits.
    Network(IpAddr, u8),
    /// A name, in lower case.
    Name(String),
    /// Every name that ends so: `*.example.org` is kept as `.example.org`.
    Suffix(String),
    /// `host-loopback`: the loopback interface of the host.
    Loopback,
}

/// A granted kind of destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// By connections or datagrams.
    pub transport: Transport,
    /// To whom.
    pub host: Host,
    /// On which ports.
    pub ports: RangeInclusive<u16>,
}

/// Everything that a manifest grants of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Destinations.
    pub rules: Vec<Rule>,
    /// Whether every name may be looked up, not only those of the rules.
    pub every_name: bool,
}

impl Access {
    /// Whether some rule is about the host's loopback interface.
    #[must_use]
    pub fn has_loopback(&self) -> bool {
        self.rules.iter().any(|rule| rule.host == Host::Loopback)
    }
}

/// Why a line is no rule: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

const FORM: &str = "write HOST:PORT, for example \"example.org:443\", \"*.example.org:443\", \"10.0.0.0/8:22\", \
                    \"udp://[2001:db8::1]:53\", \"*:443\" or \"host-loopback:5432\"";

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let fail = |problem: String, remedy: &'static str| Err(RuleError { problem, remedy });
        let (transport, rest) = match text.split_once("://") {
            None => (Transport::Tcp, text),
            Some(("tcp", rest)) => (Transport::Tcp, rest),
            Some(("udp", rest)) => (Transport::Udp, rest),
            Some((other, _)) => {
                let problem = format!("{text:?} grants {other:?}");
                return fail(problem, "write tcp:// (the default) or udp:// before the host");
            }
        };
        let end_of_host = rest.rfind(']').map_or(0, |at| at + 1);
        let colon = rest.get(end_of_host..).and_then(|tail| tail.rfind(':')).map(|at| at + end_of_host);
        let Some((host, port)) = colon.and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?))) else {
            return fail(format!("{text:?} names no port"), FORM);
        };
        let Some(ports) = ports(port) else {
            let remedy = "write a port from 1 to 65535, two of them as in 8000-8100, or * for all";
            return fail(format!("{port:?} of {text:?} is no port"), remedy);
        };
        match self::host(host) {
            Some(host) => Ok(Self { transport, host, ports }),
            None => fail(format!("{host:?} of {text:?} is no host"), FORM),
        }
    }
}

fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match text.split_once('-') {
        _ if text == "*" => Some(1..=u16::MAX),
        None => port(text).map(|port| port..=port),
        Some((first, last)) => Some(port(first)?..=port(last)?).filter(|range| !range.is_empty()),
    }
}

fn host(text: &str) -> Option<Host> {
    if text == "*" {
        return Some(Host::Any);
    }
    if text == HOST_LOOPBACK {
        return Some(Host::Loopback);
    }
    if let Some(network) = network(text) {
        return Some(network);
    }
    // What is written like an address and is none is a slip, not a name.
    if text.split('.').all(|label| label.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    match text.strip_prefix('*') {
        Some(suffix) => {
            let name = name(suffix.strip_prefix('.')?)?;
            Some(Host::Suffix(format!(".{name}")))
        }
        None => name(text).map(Host::Name),
    }
}

/// An address with or without a number of bits; IPv6 in brackets (`[2001:db8::]/32`, `[2001:db8::/32]`) or bare.
fn network(text: &str) -> Option<Host> {
    let text: String = text.chars().filter(|letter| !matches!(letter, '[' | ']')).collect();
    let (address, bits) = match text.split_once('/') {
        None => (text.as_str(), None),
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
    };
    let address = plain(address.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Host::Network(address, bits))
}

/// A host name in lower case, without the dot at its end.
pub(super) fn name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let fits = text.len() <= 253 && text.split('.').all(label) && text.parse::<IpAddr>().is_err();
    fits.then(|| text.to_ascii_lowercase())
}

/// The address, an IPv4 one out of its mapped form.
pub(super) fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Whether an address lies in a network.
pub(super) fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits().into(), address.to_bits().into(), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let different: u128 = network ^ address;
    different.checked_shr(width - u32::from(bits)).unwrap_or(0) == 0
}

/// Whether an address names no single host of a network outside: nobody, oneself, a link or a group.
pub(super) fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_loopback() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => {
            v6.is_unspecified() || v6 == Ipv6Addr::LOCALHOST || v6.is_multicast() || is_link(v6)
        }
    }
}

/// Whether an IPv4 address is one of the host's links (169.254.0.0/16), where machines in a data centre
/// find their secrets: granted by an address alone.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_link_local())
}

/// `fe80::/10`: means something together with an interface only.
fn is_link(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn rule(text: &str) -> Rule {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    #[test]
    fn the_forms_of_a_rule() {
        let tcp = |host, ports| Rule { transport: Transport::Tcp, host, ports };
        assert_eq!(rule("Example.ORG.:443"), tcp(Host::Name("example.org".into()), 443..=443));
        assert_eq!(rule("*.example.org:*"), tcp(Host::Suffix(".example.org".into()), 1..=65535));
        assert_eq!(rule("tcp://10.0.0.0/8:22"), tcp(Host::Network([10, 0, 0, 0].into(), 8), 22..=22));
        assert_eq!(rule("*:8000-8100"), tcp(Host::Any, 8000..=8100));
        assert_eq!(rule("host-loopback:5432"), tcp(Host::Loopback, 5432..=5432));
        let db8: IpAddr = "2001:db8::".parse().expect("an address");
        for text in ["[2001:db8::]/32:53", "[2001:db8::/32]:53", "2001:db8::/32:53"] {
            assert_eq!(rule(text), tcp(Host::Network(db8, 32), 53..=53), "{text}");
        }
        let one: IpAddr = "2001:db8::1".parse().expect("an address");
        let expected = Rule { transport: Transport::Udp, host: Host::Network(one, 128), ports: 53..=53 };
        assert_eq!(rule("udp://[2001:db8::1]:53"), expected);
        assert_eq!(rule("[::ffff:10.1.2.3]:1").host, Host::Network([10, 1, 2, 3].into(), 32));
    }

    #[test]
    fn what_is_no_rule_is_told_apart() {
        for text in [
            "",
            ":",
            "example.org",
            "example.org:",
            "example.org:0",
            "example.org:65536",
            "example.org:90-80",
            "*",
            "sctp://example.org:1",
            "10.0.0.0/33:1",
            "10.0.0:1",
            "1.2.3.4.5:1",
            "exa mple:1",
            "a..b:1",
            "*example.org:1",
            "*.:1",
            "[2001:db8::1]",
            "a/8:1",
            "é.org:1",
        ] {
            let error = text.parse::<Rule>().expect_err(text);
            assert!(!error.problem.is_empty() && !error.remedy.is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,40}") {
            let _ = text.parse::<Rule>();
        }

        #[test]
        fn a_network_holds_what_shares_its_bits(network: u32, address: u32, bits in 0u8..=32) {
            let same = (0..u32::from(bits)).all(|bit| (network ^ address) >> (31 - bit) & 1 == 0);
            let ip = |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(bits));
            prop_assert_eq!(contains(ip(network), bits, ip(address)), same);
        }

        #[test]
        fn a_network_of_ipv6_holds_what_shares_its_bits(network: u128, flip in 0u32..128, bits in 0u8..=128) {
            let ip = |bits: u128| IpAddr::V6(Ipv6Addr::from_bits(bits));
            let address = network ^ (1 << (127 - flip));
            prop_assert_eq!(contains(ip(network), bits, ip(address)), flip >= u32::from(bits));
            prop_assert!(contains(ip(network), bits, ip(network)));
        }
    }
}
