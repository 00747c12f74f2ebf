//! `rtnetlink(7)` without any state: requests in, answers out.

use alloc::vec::Vec;

use crate::errno::Errno;
use crate::net::interface::{Assigned, Interface};

const HEADER: usize = 16;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_MULTI: u16 = 2;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;
const RTM_GETRULE: u16 = 34;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// `RT_SCOPE_*`
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;

struct Request<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
    /// What follows the header.
    body: &'a [u8],
}

impl Request<'_> {
    fn message(&self, kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap_or(0);
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.port.to_le_bytes());
        bytes.extend_from_slice(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn error(&self, error: i32, header: &[u8]) -> Vec<u8> {
        let mut body = (-error).to_le_bytes().to_vec();
        body.extend_from_slice(header);
        self.message(NLMSG_ERROR, 0, &body)
    }

    fn dump(&self) -> bool {
        self.flags & NLM_F_DUMP != 0
    }

    /// The messages' kind and bodies.
    fn bodies(&self, interfaces: &[Interface]) -> Result<(u16, Vec<Vec<u8>>), Errno> {
        let family = self.body.first().copied().unwrap_or(0);
        match self.kind {
            RTM_GETLINK if self.dump() => Ok((RTM_NEWLINK, interfaces.iter().map(link).collect())),
            RTM_GETLINK => {
                let found = interfaces.iter().find(|interface| self.names(interface));
                Ok((RTM_NEWLINK, alloc::vec![link(found.ok_or(Errno::ENODEV)?)]))
            }
            RTM_GETADDR if self.dump() => Ok((
                RTM_NEWADDR,
                interfaces.iter().flat_map(|interface| addresses(interface, family)).collect(),
            )),
            RTM_GETROUTE if self.dump() => Ok((
                RTM_NEWROUTE,
                interfaces.iter().flat_map(|interface| routes(interface, family)).collect(),
            )),
            RTM_GETROUTE => self.route(interfaces).map(|route| (RTM_NEWROUTE, alloc::vec![route])),
            RTM_GETNEIGH | RTM_GETRULE if self.dump() => Ok((self.kind, Vec::new())),
            _ => Err(Errno::EPERM),
        }
    }

    /// Whether a request for one link is for this one: by index, else by name (`IFLA_IFNAME`).
    fn names(&self, interface: &Interface) -> bool {
        match self.body.get(4) {
            Some(0) | None => {
                let name = value(self.body.get(16..).unwrap_or_default(), 3).unwrap_or_default();
                name.split(|byte| *byte == 0).next() == Some(interface.name.as_bytes())
            }
            Some(index) => *index == interface.index,
        }
    }

    /// The way to one address (`RTA_DST`).
    fn route(&self, interfaces: &[Interface]) -> Result<Vec<u8>, Errno> {
        let family = self.body.first().copied().unwrap_or(0);
        let to = value(self.body.get(12..).unwrap_or_default(), 1).ok_or(Errno::EINVAL)?;
        let local = match family {
            AF_INET => to.first() == Some(&127),
            _ => interfaces.iter().any(|interface| interface.v6.is_some_and(|own| own.ip == to)),
        };
        let local = local || interfaces.iter().any(|interface| interface.v4.ip == to);
        let by =
            interfaces.iter().find(|interface| interface.is_loopback() == local).ok_or(Errno::ENETUNREACH)?;
        let bits = u8::try_from(to.len() * 8).unwrap_or(0);
        match (family, by.v6) {
            (AF_INET, _) if to.len() == 4 => {
                Ok(way(by, AF_INET, Some((to, bits)), by.v4.gateway.as_ref().map(|ip| &ip[..]), &by.v4.ip))
            }
            (AF_INET6, Some(own)) if to.len() == 16 => {
                Ok(way(by, AF_INET6, Some((to, bits)), own.gateway.as_ref().map(|ip| &ip[..]), &own.ip))
            }
            _ => Err(Errno::ENETUNREACH),
        }
    }

    fn answer(&self, header: &[u8], interfaces: &[Interface]) -> Vec<Vec<u8>> {
        if self.kind == NLMSG_NOOP {
            return Vec::new();
        }
        let (kind, bodies) = match self.bodies(interfaces) {
            Ok(bodies) => bodies,
            Err(error) => return alloc::vec![self.error(error.raw(), header)],
        };
        let many = if self.dump() { NLM_F_MULTI } else { 0 };
        let parts: Vec<u8> = bodies.iter().flat_map(|body| self.message(kind, many, body)).collect();
        let mut packets = Vec::new();
        if !parts.is_empty() {
            packets.push(parts);
        }
        if self.dump() {
            packets.push(self.message(NLMSG_DONE, NLM_F_MULTI, &[0; 4]));
        } else if self.flags & NLM_F_ACK != 0 {
            packets.push(self.error(0, header));
        }
        packets
    }
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(4);
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(&kind.to_le_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The value of the first attribute of a kind.
fn value(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    while let [low, high, kind_low, kind_high, ..] = *attributes {
        let length = usize::from(u16::from_le_bytes([low, high]));
        let whole = attributes.get(..length).filter(|whole| whole.len() >= 4)?;
        // The upper two bits say how the value is written.
        if u16::from_le_bytes([kind_low, kind_high]) & 0x3fff == kind {
            return Some(&whole[4..]);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// `struct ifinfomsg`
fn link(interface: &Interface) -> Vec<u8> {
    let mut body = alloc::vec![0, 0];
    body.extend_from_slice(&interface.hardware.to_le_bytes());
    body.extend_from_slice(&u32::from(interface.index).to_le_bytes());
    body.extend_from_slice(&interface.flags.to_le_bytes());
    body.extend_from_slice(&[0; 4]);
    attribute(&mut body, 3, &[interface.name.as_bytes(), b"\0"].concat());
    attribute(&mut body, 13, &1000u32.to_le_bytes());
    // IF_OPER_UNKNOWN, IF_OPER_UP
    attribute(&mut body, 16, &[if interface.is_loopback() { 0 } else { 6 }]);
    attribute(&mut body, 4, &interface.mtu.to_le_bytes());
    attribute(&mut body, 1, &interface.mac);
    attribute(&mut body, 2, &if interface.is_loopback() { [0; 6] } else { [0xff; 6] });
    body
}

/// `struct ifaddrmsg` of each address, permanent.
fn addresses(interface: &Interface, family: u8) -> Vec<Vec<u8>> {
    let scope = if interface.is_loopback() { SCOPE_HOST } else { SCOPE_UNIVERSE };
    let start = |of: u8, prefix: u8| {
        let mut body = alloc::vec![of, prefix, 0x80, scope];
        body.extend_from_slice(&u32::from(interface.index).to_le_bytes());
        body
    };
    let mut all = Vec::new();
    if matches!(family, 0 | AF_INET) {
        let mut body = start(AF_INET, interface.v4.prefix);
        attribute(&mut body, 1, &interface.v4.ip);
        attribute(&mut body, 2, &interface.v4.ip);
        if !interface.is_loopback() {
            attribute(&mut body, 4, &interface.broadcast());
        }
        attribute(&mut body, 3, &[interface.name.as_bytes(), b"\0"].concat());
        attribute(&mut body, 8, &0x80u32.to_le_bytes());
        all.push(body);
    }
    if let Some(own) = interface.v6.filter(|_| matches!(family, 0 | AF_INET6)) {
        let mut body = start(AF_INET6, own.prefix);
        attribute(&mut body, 1, &own.ip);
        attribute(&mut body, 8, &0x80u32.to_le_bytes());
        all.push(body);
    }
    all
}

/// `struct rtmsg` of the ways that an interface gives: to its network, and by the router to everybody.
fn routes(interface: &Interface, family: u8) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    if matches!(family, 0 | AF_INET) {
        all.extend(routes_of(interface, AF_INET, &interface.v4));
    }
    if let Some(own) = interface.v6.filter(|_| matches!(family, 0 | AF_INET6)) {
        all.extend(routes_of(interface, AF_INET6, &own));
    }
    all
}

fn routes_of<const N: usize>(interface: &Interface, family: u8, own: &Assigned<N>) -> Vec<Vec<u8>> {
    let Some(gateway) = own.gateway else {
        return Vec::new();
    };
    let mut network = own.ip;
    for (at, byte) in network.iter_mut().enumerate() {
        let kept = usize::from(own.prefix).saturating_sub(at * 8).min(8);
        *byte &= u8::try_from(0xff00_u16 >> kept & 0xff).unwrap_or(0);
    }
    alloc::vec![
        way(interface, family, None, Some(&gateway), &own.ip),
        way(interface, family, Some((&network, own.prefix)), None, &own.ip),
    ]
}

fn way(
    interface: &Interface,
    family: u8,
    to: Option<(&[u8], u8)>,
    by: Option<&[u8]>,
    from: &[u8],
) -> Vec<u8> {
    const RT_TABLE_MAIN: u8 = 254;
    const RTPROT_BOOT: u8 = 3;
    const RTN_UNICAST: u8 = 1;
    let bits = to.map_or(0, |(_, bits)| bits);
    let scope = if by.is_some() { SCOPE_UNIVERSE } else { SCOPE_LINK };
    let mut body =
        alloc::vec![family, bits, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST, 0, 0, 0, 0];
    attribute(&mut body, 15, &u32::from(RT_TABLE_MAIN).to_le_bytes());
    if let Some((network, _)) = to {
        attribute(&mut body, 1, network);
    }
    if let Some(gateway) = by {
        attribute(&mut body, 5, gateway);
    }
    attribute(&mut body, 4, &u32::from(interface.index).to_le_bytes());
    attribute(&mut body, 7, from);
    body
}

/// Answers each request in `packet`, one packet of answers after the other.
pub(super) fn answer(mut packet: &[u8], port: u32, interfaces: &[Interface]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    while let Some(header) = packet.first_chunk::<HEADER>() {
        let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let length = usize::try_from(word(0)).unwrap_or(0);
        if length < HEADER || length > packet.len() {
            break;
        }
        let body = &packet[HEADER..length];
        let request = Request { kind: half(4), flags: half(6), sequence: word(8), port, body };
        answers.extend(request.answer(header, interfaces));
        packet = &packet[length.next_multiple_of(4).min(packet.len())..];
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::interface;

    fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let asked = Request { kind, flags, sequence: 7, port: 0, body: &[] };
        asked.message(kind, flags, body)
    }

    fn ethernet() -> Vec<Interface> {
        let mut all = interface::all();
        let v4 = Assigned { ip: [192, 0, 0, 2], prefix: 29, gateway: Some([192, 0, 0, 1]) };
        let v6 = Assigned { ip: [0xfd; 16], prefix: 64, gateway: Some([1; 16]) };
        all.push(Interface { index: 2, name: "eth0", hardware: 1, v4, v6: Some(v6), ..all[0].clone() });
        all
    }

    fn ask(kind: u16, flags: u16, body: &[u8]) -> Vec<Vec<u8>> {
        answer(&request(kind, flags, body), 42, &ethernet())
    }

    #[test]
    fn a_dump_ends_with_done() {
        let answers = ask(RTM_GETLINK, 1 | NLM_F_DUMP, &[0; 16]);
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[0][4..6], RTM_NEWLINK.to_le_bytes());
        assert_eq!(answers[0][12..16], 42u32.to_le_bytes());
        assert_eq!(answers[1][4..6], NLMSG_DONE.to_le_bytes());
    }

    #[test]
    fn one_link_is_found_by_index_and_by_name() {
        let mut body = [0; 16].to_vec();
        body[4] = 2;
        assert_eq!(ask(RTM_GETLINK, 1, &body)[0][20], 2);
        body[4] = 0;
        attribute(&mut body, 3, b"eth0\0");
        assert_eq!(ask(RTM_GETLINK, 1, &body)[0][20], 2);
        body[20] = b'x';
        assert_eq!(ask(RTM_GETLINK, 1, &body)[0][4..6], NLMSG_ERROR.to_le_bytes());
    }

    #[test]
    fn routes_lead_by_the_router() {
        let dump = ask(RTM_GETROUTE, 1 | NLM_F_DUMP, &[AF_INET]);
        assert_eq!(value(&dump[0][HEADER + 12..], 5), Some(&[192, 0, 0, 1][..]));
        let mut body = [0; 12].to_vec();
        body[0] = AF_INET;
        attribute(&mut body, 1, &[10, 0, 0, 1]);
        let way = &ask(RTM_GETROUTE, 1, &body)[0];
        assert_eq!(way[4..6], RTM_NEWROUTE.to_le_bytes());
        assert_eq!(value(&way[HEADER + 12..], 4), Some(&[2, 0, 0, 0][..]));
        body[16] = 127;
        let own = &ask(RTM_GETROUTE, 1, &body)[0];
        assert_eq!(value(&own[HEADER + 12..], 4), Some(&[1, 0, 0, 0][..]));
        let none = answer(&request(RTM_GETROUTE, 1, &body[..12]), 1, &ethernet());
        assert_eq!(none[0][4..6], NLMSG_ERROR.to_le_bytes());
    }

    #[test]
    fn a_network_is_named_by_its_first_bits() {
        let dump = ask(RTM_GETROUTE, 1 | NLM_F_DUMP, &[AF_INET]);
        let first = usize::from(u16::from_le_bytes([dump[0][0], dump[0][1]]));
        assert_eq!(value(&dump[0][first + HEADER + 12..], 1), Some(&[192, 0, 0, 0][..]));
    }

    #[test]
    fn hostile_lengths_end_the_packet() {
        let all = ethernet();
        assert!(answer(&[0; 16], 1, &all).is_empty());
        assert!(answer(&[0xff; 20], 1, &all).is_empty());
        assert!(answer(&[1, 2, 3], 1, &all).is_empty());
        assert_eq!(value(&[3, 0, 1, 0], 1), None);
        assert_eq!(value(&[200, 0, 1, 0], 1), None);
        let one = ask(RTM_GETADDR, 1 | NLM_F_DUMP, &[AF_INET]);
        let both = ask(RTM_GETADDR, 1 | NLM_F_DUMP, &[0]);
        assert!(one[0].len() < both[0].len());
    }
}
