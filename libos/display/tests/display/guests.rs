//! Guests that the service starts on demand.

use std::time::Duration;

use bailey_link::{PixelTransport, PointerButton, SystemCommand, ToInstance};

use wayland_client::protocol::wl_data_device_manager::WlDataDeviceManager;

use crate::client::Client;
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

#[test]
fn xterm_types_resizes_and_closes() {
    if !installed("Xwayland") || !installed("xterm") {
        return;
    }
    let mut host = Host::start(PixelTransport::SharedMemory, &["xterm", "-T", "shell", "-e", "sh"]);
    let window = host.window("xterm's window", |info| info.title == "shell");
    assert_eq!(host.windows[&window].app_id, "XTerm");
    assert!(!host.windows[&window].popup);
    host.activate(window);
    // The X server passes the focus on in its own time, and no event tells when.
    host.run_for(Duration::from_millis(500));
    let proof = host.directory.path().join("proof");
    host.type_text("echo bailey-$((6*7)) > ~/proof\n");
    host.until("the file that the shell writes", |_| {
        std::fs::read_to_string(&proof).is_ok_and(|text| text == "bailey-42\n")
    });
    host.send(&ToInstance::WindowMove { window, width: 700, height: 420, resizing: false });
    host.until("the new size", |host| {
        (host.pictures[&window].width, host.pictures[&window].height) == (700, 420)
    });
    host.until("text in the window", |host| host.pictures[&window].colours() > 1);
    host.send(&ToInstance::SystemCommand { window, command: SystemCommand::Close });
    // With its window the program ends, and with that the service.
    host.ended();
}

/// A Tk window with a menu button and an entry; both leave a file behind.
const TK: &str = "
wm title . tool
menubutton .b -text Menu -menu .b.m -width 10
menu .b.m -tearoff 0
.b.m add command -label {Write a file} -command { close [open $env(HOME)/chosen w] }
entry .e
bind .e <Return> { set f [open $env(HOME)/entered w]; puts -nonewline $f [.e get]; close $f }
pack .b .e
focus .e
";

#[test]
fn tk_has_menus_and_takes_text() {
    if !installed("Xwayland") || !installed("wish") {
        return;
    }
    let script = tempfile::NamedTempFile::new().expect("a script");
    std::fs::write(script.path(), TK).expect("a script");
    let script = script.path().to_str().expect("its path");
    let mut host = Host::start(PixelTransport::Egfx, &["wish", script]);
    let window = host.window("Tk's window", |info| info.title == "tool");
    host.activate(window);
    host.run_for(Duration::from_millis(500));
    host.type_text("hello bailey\n");
    let home = host.directory.path().to_path_buf();
    host.until("what was entered", |_| {
        std::fs::read_to_string(home.join("entered")).is_ok_and(|text| text == "hello bailey")
    });
    let middle = i16::try_from(host.windows[&window].size.0 / 2).expect("a width");
    host.click(window, PointerButton::Left, middle, 12);
    let menu = host.window("the menu", |info| info.popup);
    assert_eq!(host.windows[&menu].owner, Some(window));
    assert!(host.windows[&menu].offset.1 > 10, "below its button: {:?}", host.windows[&menu].offset);
    host.click(menu, PointerButton::Left, 20, 10);
    host.until("what the menu does", |_| home.join("chosen").exists());
    host.until("the end of the menu", |host| !host.windows.contains_key(&menu));

    host.click(window, PointerButton::Left, middle, 12);
    host.window("the menu again", |info| info.popup);
    // The user goes to another instance's window, of which X11 knows nothing.
    host.send(&ToInstance::Activate { window, active: false });
    host.until("no menu without the window", |host| host.windows.values().all(|info| !info.popup));
}

/// A Tk window that copies for one key and pastes into a file for another.
const TK_CLIPBOARD: &str = "
wm title . clip
bind . <Key-c> { clipboard clear; clipboard append [string repeat \"caf\\u00e9 \" 60000] }
bind . <Key-v> {
    set f [open $env(HOME)/pasted.part w]
    fconfigure $f -encoding utf-8
    puts -nonewline $f [selection get -selection CLIPBOARD -type UTF8_STRING]
    close $f
    file rename $env(HOME)/pasted.part $env(HOME)/pasted
}
focus -force .
";

#[test]
fn the_clipboard_goes_between_x11_and_wayland() {
    if !installed("Xwayland") || !installed("wish") {
        return;
    }
    let script = tempfile::NamedTempFile::new().expect("a script");
    std::fs::write(script.path(), TK_CLIPBOARD).expect("a script");
    let script = script.path().to_str().expect("its path");
    let mut host = Host::start(PixelTransport::SharedMemory, &["wish", script]);
    let tk = host.window("Tk's window", |info| info.title == "clip");
    let mut client = Client::connect(&mut host);
    let manager: WlDataDeviceManager = client.bind(3);
    let device = manager.get_data_device(&client.seat, &client.handle, ());
    let _window = client.window("wayland", 100, 100, 0xff00_0000);
    let own = host.window("the client's window", |info| info.title == "wayland");

    host.activate(tk);
    host.run_for(Duration::from_millis(500));
    host.type_text("c");
    host.run_for(Duration::from_millis(500));
    host.activate(own);
    client.until(&mut host, "an offer of text", |told| {
        told.selection.is_some() && told.types.iter().any(|name| name == "text/plain;charset=utf-8")
    });
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let offer = client.told.selection.clone().expect("an offer");
    offer.receive("text/plain;charset=utf-8".into(), std::os::fd::AsFd::as_fd(&writer));
    client.flush();
    drop(writer);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).expect("text in UTF-8");
    // Larger than a piece: it comes by INCR.
    assert_eq!((text.len(), text.as_str() == "café ".repeat(60_000)), (360_000, true));

    // As large the other way.
    client.told.content = "naïve ".repeat(60_000).into_bytes();
    let source = manager.create_data_source(&client.handle, ());
    source.offer("text/plain;charset=utf-8".into());
    device.set_selection(Some(&source), client.told.key_serial);
    client.sync();
    host.activate(tk);
    host.run_for(Duration::from_millis(500));
    host.type_text("v");
    let pasted = host.directory.path().join("pasted");
    client.until(&mut host, "what Tk pastes", |_| pasted.exists());
    let text = std::fs::read_to_string(&pasted).expect("text in UTF-8");
    assert_eq!((text.len(), text.as_str() == "naïve ".repeat(60_000)), (420_000, true));
}
