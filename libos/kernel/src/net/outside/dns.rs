//! Name queries (RFC 1035): what the instance's resolver reads and answers. No I/O.
//!
//! It knows addresses (A, AAAA); of any other type a granted name has none.

use alloc::string::String;
use alloc::vec::Vec;

use bailey_abi::network::Lookup;

const HEADER: usize = 12;
/// Most bytes of an answer that every resolver takes.
const MAX_ANSWER: usize = 512;
/// How long an answer may be kept, in seconds. What it leads to stays granted longer.
const TIME_TO_LIVE: u32 = 60;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// `QR`, `RA`
const RESPONSE: u16 = 0x8080;
/// `RD`, which is told back.
const RECURSION_DESIRED: u16 = 0x0100;
const OPCODE: u16 = 0x7800;
const NO_ERROR: u16 = 0;
const FORMAT_ERROR: u16 = 1;
const SERVER_FAILURE: u16 = 2;
const NAME_ERROR: u16 = 3;
const NOT_IMPLEMENTED: u16 = 4;
const V4_PREFIX: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    id: u16,
    flags: u16,
    kind: u16,
    /// The question as it was asked.
    question: Vec<u8>,
    /// The name that it is about.
    pub(crate) name: String,
}

/// What is to be done with a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A query for addresses.
    Query(Query),
    /// The answer is known already.
    Answer(Vec<u8>),
    /// Nothing is: it is not even a query.
    Nothing,
}

fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// Reads a packet that a resolver has sent.
pub(crate) fn read(packet: &[u8]) -> Reading {
    let flags = half(packet, 2);
    if packet.len() < HEADER || flags & 0x8000 != 0 {
        return Reading::Nothing;
    }
    let query = Query { id: half(packet, 0), flags, kind: 0, question: Vec::new(), name: String::new() };
    if flags & OPCODE != 0 {
        return Reading::Answer(query.message(NOT_IMPLEMENTED, &[]));
    }
    let Some((name, end)) = name(packet).filter(|_| half(packet, 4) == 1) else {
        return Reading::Answer(query.message(FORMAT_ERROR, &[]));
    };
    let query = Query { kind: half(packet, end), question: packet[HEADER..end + 4].to_vec(), name, ..query };
    if half(packet, end + 2) != CLASS_IN {
        return Reading::Answer(query.message(NOT_IMPLEMENTED, &[]));
    }
    Reading::Query(query)
}

/// The name of the first question, and where it ends. Only what can be a host's name is one.
fn name(packet: &[u8]) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = packet.get(at..at + length).filter(|_| length < 64)?;
        if !label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return None;
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.extend(label.iter().map(|byte| char::from(*byte)));
        at += length;
    }
    // Type and class follow.
    packet.get(at..at + 4)?;
    (name.len() <= 253).then_some((name, at))
}

impl Query {
    /// Whether the name's addresses are asked for.
    fn wants_addresses(&self) -> bool {
        matches!(self.kind, TYPE_A | TYPE_AAAA)
    }

    /// The answer.
    pub(crate) fn answer(&self, found: &Lookup) -> Vec<u8> {
        match found {
            Lookup::Addresses(addresses) => {
                let wanted: Vec<&[u8]> = addresses
                    .iter()
                    .filter(|address| (address[..12] == V4_PREFIX) == (self.kind == TYPE_A))
                    .map(|address| if self.kind == TYPE_A { &address[12..] } else { &address[..] })
                    .filter(|_| self.wants_addresses())
                    .collect();
                self.message(NO_ERROR, &wanted)
            }
            Lookup::NoSuchName => self.message(NAME_ERROR, &[]),
            Lookup::Failed => self.message(SERVER_FAILURE, &[]),
        }
    }

    fn message(&self, code: u16, addresses: &[&[u8]]) -> Vec<u8> {
        // Each: a pointer to the question's name, type, class, time to live, length, address.
        let room = MAX_ANSWER.saturating_sub(HEADER + self.question.len());
        let count = addresses.first().map_or(0, |first| addresses.len().min(room / (12 + first.len())));
        let flags = RESPONSE | code | self.flags & (OPCODE | RECURSION_DESIRED);
        let questions = u16::from(!self.question.is_empty());
        let mut bytes = Vec::with_capacity(MAX_ANSWER);
        for word in [self.id, flags, questions, u16::try_from(count).unwrap_or(0), 0, 0] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes.extend_from_slice(&self.question);
        for address in &addresses[..count] {
            for word in [0xc000 | HEADER as u16, self.kind, CLASS_IN] {
                bytes.extend_from_slice(&word.to_be_bytes());
            }
            bytes.extend_from_slice(&TIME_TO_LIVE.to_be_bytes());
            bytes.extend_from_slice(&(address.len() as u16).to_be_bytes());
            bytes.extend_from_slice(address);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(name: &[u8], kind: u16) -> Vec<u8> {
        let mut bytes = alloc::vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
        bytes
    }

    fn query(kind: u16) -> Query {
        match read(&packet(b"\x07Example\x03org\x00", kind)) {
            Reading::Query(query) => query,
            other => panic!("{other:?}"),
        }
    }

    fn found() -> Lookup {
        let mut v4 = [0; 16];
        v4[..12].copy_from_slice(&V4_PREFIX);
        v4[12..].copy_from_slice(&[10, 0, 0, 1]);
        Lookup::Addresses(alloc::vec![v4, [0x20; 16]])
    }

    #[test]
    fn a_query_gets_the_addresses_of_its_family() {
        let answer = query(TYPE_A).answer(&found());
        assert_eq!(answer[..12], [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(answer[12..29], *b"\x07Example\x03org\x00\x00\x01\x00\x01");
        assert_eq!(answer[29..], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1]);
        let wide = query(TYPE_AAAA).answer(&found());
        assert_eq!(wide[wide.len() - 16..], [0x20; 16]);
        assert_eq!(query(TYPE_A).name, "Example.org");
    }

    #[test]
    fn other_types_have_no_addresses_and_errors_are_told() {
        assert!(!query(15).wants_addresses());
        assert_eq!(query(15).answer(&found())[3..8], [0x80, 0, 1, 0, 0]);
        assert_eq!(query(TYPE_A).answer(&Lookup::NoSuchName)[3], 0x83);
        assert_eq!(query(TYPE_A).answer(&Lookup::Failed)[3], 0x82);
    }

    #[test]
    fn answers_never_outgrow_a_datagram() {
        let many = Lookup::Addresses(alloc::vec![[0x20; 16]; 200]);
        let answer = query(TYPE_AAAA).answer(&many);
        assert!(answer.len() <= MAX_ANSWER && half(&answer, 6) == 17, "{}", half(&answer, 6));
    }

    #[test]
    fn hostile_packets_are_answered_or_dropped() {
        assert_eq!(read(&[]), Reading::Nothing);
        assert_eq!(read(&[0xff; 100]), Reading::Nothing);
        let broken: [&[u8]; 5] = [b"\x07exa", b"\xc0\x0c", b"\x01.\x00", b"\x40", b""];
        for name in broken {
            let mut bytes = packet(name, TYPE_A);
            bytes.truncate(HEADER + name.len());
            match read(&bytes) {
                Reading::Answer(answer) => assert_eq!(answer[3] & 15, 1),
                other => panic!("{other:?}"),
            }
        }
        let long: Vec<u8> = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(5);
        let bytes = packet(&[long.as_slice(), b"\x00"].concat(), TYPE_A);
        assert!(matches!(read(&bytes), Reading::Answer(_)));
    }
}
