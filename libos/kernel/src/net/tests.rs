use std::sync::Arc;
use std::vec::Vec;

use super::address::{Address, Domain, Internet};
use super::endpoint::flags::{MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, MSG_TRUNC};
use super::*;
use crate::errno::{Errno, Result};
use crate::ipc::eventfd::EventFd;
use crate::user::UserBuffers;
use crate::vfs::{Events, File, OpenFile};

fn send(socket: &Socket, bytes: &[u8]) -> Result<usize> {
    send_to(socket, bytes, None, Vec::new())
}

fn send_to(socket: &Socket, bytes: &[u8], to: Option<&[u8]>, rights: Vec<Arc<OpenFile>>) -> Result<usize> {
    let mut bytes = bytes.to_vec();
    socket.send(Outgoing {
        buffers: &mut UserBuffers::kernel(&mut bytes),
        to,
        flags: MSG_DONTWAIT | MSG_NOSIGNAL,
        nonblocking: false,
        rights,
        credentials: None,
    })
}

fn receive(socket: &Socket, room: usize, flags: u32) -> Result<(Vec<u8>, Incoming)> {
    let mut bytes = std::vec![0; room];
    let incoming = socket.receive(&mut UserBuffers::kernel(&mut bytes), flags | MSG_DONTWAIT, false)?;
    bytes.truncate(incoming.length.min(room));
    Ok((bytes, incoming))
}

fn text(socket: &Socket, room: usize) -> Result<Vec<u8>> {
    Ok(receive(socket, room, 0)?.0)
}

fn poll(socket: &Arc<Socket>) -> Events {
    let open = OpenFile::new(Arc::new(Nothing), 2, "");
    socket.poll(&open)
}

struct Nothing;

impl File for Nothing {
    fn stat(&self) -> Result<crate::vfs::Stat> {
        Err(Errno::EINVAL)
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

fn abstract_name(name: &str) -> Vec<u8> {
    Address::Abstract(name.as_bytes().to_vec()).encode(Domain::Unix)
}

#[test]
fn a_stream_pair() {
    let (one, other) = pair(Kind::Stream);
    assert_eq!(text(&one, 10), Err(Errno::EAGAIN));
    assert_eq!(send(&one, b"hello"), Ok(5));
    assert_eq!(receive(&other, 3, MSG_PEEK).unwrap().0, b"hel");
    assert!(poll(&other).contains(Events::IN));
    assert_eq!(text(&other, 100).unwrap(), b"hello");
    one.shutdown(false, true).unwrap();
    assert_eq!(send(&one, b"x"), Err(Errno::EPIPE));
    assert_eq!(text(&other, 10).unwrap(), b"");
    assert!(poll(&other).contains(Events::RDHUP) && !poll(&other).contains(Events::HUP));
    assert_eq!(send(&other, b"back"), Ok(4));
    assert_eq!(text(&one, 10).unwrap(), b"back");
}

#[test]
fn a_full_stream_blocks_until_most_is_read() {
    let (one, other) = pair(Kind::Stream);
    let mut sent = 0;
    while let Ok(count) = send(&one, &[7; 10_000]) {
        sent += count;
    }
    assert!(sent <= inbox::DEFAULT_BUFFER && sent > inbox::DEFAULT_BUFFER - 10_000);
    assert!(!poll(&one).intersects(Events::OUT));
    while text(&other, 10_000).is_ok() {}
    assert!(poll(&one).contains(Events::OUT));
}

#[test]
fn closing_hangs_the_peer_up() {
    let (one, other) = pair(Kind::Stream);
    send(&one, b"unread").unwrap();
    drop(other.open(0));
    assert!(poll(&one).contains(Events::HUP | Events::ERR));
    assert_eq!(text(&one, 10), Err(Errno::ECONNRESET));
    assert_eq!(text(&one, 10).unwrap(), b"");
    assert_eq!(send(&one, b"x"), Err(Errno::EPIPE));
}

#[test]
fn descriptors_travel_with_their_bytes() {
    let (one, other) = pair(Kind::Stream);
    let event = EventFd::open(3, false, 0);
    send(&one, b"before").unwrap();
    send_to(&one, b"with", None, std::vec![event.clone()]).unwrap();
    send(&one, b"after").unwrap();
    let (bytes, incoming) = receive(&other, 100, 0).unwrap();
    assert_eq!(bytes, b"beforewith");
    assert!(Arc::ptr_eq(&incoming.rights[0], &event));
    assert_eq!(text(&other, 100).unwrap(), b"after");
    drop(incoming);
    assert_eq!(Arc::strong_count(&event), 1);
}

#[test]
fn descriptors_in_flight_are_dropped_with_the_socket() {
    let (one, other) = pair(Kind::Stream);
    let event = EventFd::open(3, false, 0);
    send_to(&one, b"with", None, std::vec![event.clone()]).unwrap();
    assert_eq!(Arc::strong_count(&event), 2);
    drop(other.open(0));
    assert_eq!(Arc::strong_count(&event), 1);
}

#[test]
fn packets_keep_their_borders() {
    let (one, other) = pair(Kind::SeqPacket);
    send(&one, b"first").unwrap();
    send(&one, b"second").unwrap();
    let (bytes, incoming) = receive(&other, 3, 0).unwrap();
    assert_eq!((&bytes[..], incoming.flags & MSG_TRUNC), (&b"fir"[..], MSG_TRUNC));
    assert_eq!(text(&other, 100).unwrap(), b"second");
    drop(one.open(0));
    assert_eq!(text(&other, 100).unwrap(), b"");
    assert_eq!(send(&other, b"x"), Err(Errno::EPIPE));
}

#[test]
fn a_listener_and_its_backlog() {
    let name = abstract_name("test-listener");
    let listener = Socket::new(Domain::Unix, Kind::Stream, 0);
    let connect = || {
        let client = Socket::new(Domain::Unix, Kind::Stream, 0);
        client.connect(&name, true).map(|()| client)
    };
    assert_eq!(connect().unwrap_err(), Errno::ECONNREFUSED);
    listener.bind(&name).unwrap();
    assert_eq!(Socket::new(Domain::Unix, Kind::Stream, 0).bind(&name), Err(Errno::EADDRINUSE));
    assert_eq!(connect().unwrap_err(), Errno::ECONNREFUSED);
    listener.listen(0).unwrap();
    assert_eq!(listener.accept(true).unwrap_err(), Errno::EAGAIN);
    let client = connect().unwrap();
    assert_eq!(connect().unwrap_err(), Errno::EAGAIN);
    assert!(poll(&listener).contains(Events::IN));
    assert_eq!(client.connect(&name, true), Err(Errno::EISCONN));
    send(&client, b"early").unwrap();
    let server = listener.accept(true).unwrap();
    assert_eq!(text(&server, 10).unwrap(), b"early");
    assert_eq!(client.peer_name().unwrap(), name);
    let waiting = connect().unwrap();
    drop(listener.open(0));
    assert_eq!(text(&waiting, 10), Err(Errno::ECONNRESET));
    assert_eq!(connect().unwrap_err(), Errno::ECONNREFUSED);
}

#[test]
fn datagrams_name_their_sender() {
    let (a, b) = (abstract_name("test-a"), abstract_name("test-b"));
    let one = Socket::new(Domain::Unix, Kind::Datagram, 0);
    let other = Socket::new(Domain::Unix, Kind::Datagram, 0);
    one.bind(&a).unwrap();
    other.bind(&b).unwrap();
    send_to(&one, b"to b", Some(&b), Vec::new()).unwrap();
    let (bytes, incoming) = receive(&other, 100, 0).unwrap();
    assert_eq!((&bytes[..], &incoming.from), (&b"to b"[..], &a));
    other.connect(&a, true).unwrap();
    let third = Socket::new(Domain::Unix, Kind::Datagram, 0);
    assert_eq!(send_to(&third, b"x", Some(&b), Vec::new()), Err(Errno::EPERM));
    drop(one.open(0));
    assert_eq!(send(&other, b"x"), Err(Errno::ECONNREFUSED));
}

#[test]
fn internet_streams_and_ports() {
    let listener = Socket::new(Domain::Inet, Kind::Stream, 6);
    let any = Address::Internet(Internet::any(Domain::Inet, 0)).encode(Domain::Inet);
    listener.bind(&any).unwrap();
    listener.listen(5).unwrap();
    let port =
        Address::decode(Domain::Inet, &listener.local_name().unwrap()).unwrap().internet().unwrap().port;
    let to = Address::Internet(Internet::loopback(Domain::Inet, port)).encode(Domain::Inet);
    let client = Socket::new(Domain::Inet, Kind::Stream, 6);
    assert_eq!(client.connect(&to, true), Err(Errno::EINPROGRESS));
    assert!(poll(&client).contains(Events::OUT));
    assert_eq!(client.connect(&to, true), Ok(()));
    let server = listener.accept(true).unwrap();
    assert_eq!(server.peer_name().unwrap(), client.local_name().unwrap());
    send(&client, b"ping").unwrap();
    assert_eq!(text(&server, 10).unwrap(), b"ping");
    drop(client.open(0));
    assert_eq!(text(&server, 10).unwrap(), b"");
    // The first write to a peer that is gone is lost, the next fails.
    assert_eq!(send(&server, b"pong"), Ok(4));
    assert_eq!(send(&server, b"pong"), Err(Errno::EPIPE));
    let far = Address::Internet(Internet::v4([192, 0, 2, 1], 80)).encode(Domain::Inet);
    let lost = Socket::new(Domain::Inet, Kind::Stream, 6);
    assert_eq!(lost.connect(&far, false), Err(Errno::ENETUNREACH));
}

#[test]
fn internet_datagrams() {
    let one = Socket::new(Domain::Inet, Kind::Datagram, 17);
    let other = Socket::new(Domain::Inet, Kind::Datagram, 17);
    let local = Address::Internet(Internet::loopback(Domain::Inet, 0)).encode(Domain::Inet);
    one.bind(&local).unwrap();
    let name = one.local_name().unwrap();
    send_to(&other, b"hi", Some(&name), Vec::new()).unwrap();
    let (bytes, incoming) = receive(&one, 10, 0).unwrap();
    assert_eq!(bytes, b"hi");
    send_to(&one, b"back", Some(&incoming.from), Vec::new()).unwrap();
    assert_eq!(text(&other, 10).unwrap(), b"back");
    drop(one.open(0));
    other.connect(&name, true).unwrap();
    assert_eq!(send(&other, b"x"), Ok(1));
    assert_eq!(send(&other, b"x"), Err(Errno::ECONNREFUSED));
}
