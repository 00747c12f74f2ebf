//! Guests that the service starts on demand.

use bailey_link::PixelTransport;

use crate::host::{Host, installed};

/// Two programs ask the bus at once; a third finds it running, and a name that the second has taken.
const BUS: &str = "
call() { dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus.$@; }
call GetId > ~/one & call GetId > ~/two; wait
call NameHasOwner string:org.freedesktop.DBus > ~/three
exit 5";

#[test]
fn the_session_bus_starts_with_the_first_connection() {
    if !installed("dbus-daemon") || !installed("dbus-send") {
        return;
    }
    let mut host = Host::start(PixelTransport::SharedMemory, &["sh", "-c", BUS]);
    assert_eq!(host.ended().code(), Some(5));
    let said = |name: &str| std::fs::read_to_string(host.directory.path().join(name)).unwrap_or_default();
    assert_eq!(said("one").trim().len(), 32, "the bus's id: {:?}", said("one"));
    assert_eq!(said("one"), said("two"), "both spoke to the same bus");
    assert_eq!(said("three").trim(), "boolean true");
}

#[test]
fn a_missing_bus_is_an_error_and_no_wait() {
    let script =
        "PATH=/usr/bin:/bin exec sh -c 'if dbus-send --session / a.b.c; then exit 1; else exit 6; fi'";
    if !installed("dbus-send") {
        return;
    }
    let mut host = Host::start_in("/nowhere", &["/bin/sh", "-c", script]);
    assert_eq!(host.ended().code(), Some(6));
}
