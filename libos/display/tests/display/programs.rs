//! Unmodified programs against the real service.

use std::time::Duration;

use bailey_link::{InputEvent, PixelTransport, PointerButton, SystemCommand, ToInstance};

use crate::host::{Host, installed};

/// foot, with a shell that has no start-up files.
const FOOT: &[&str] = &["foot", "--config=/dev/null", "--title=shell", "sh"];

fn type_into_foot(pixels: PixelTransport) -> Host {
    let mut host = Host::start(pixels, FOOT);
    let window = host.window("foot's window", |info| info.title == "shell");
    assert_eq!(host.windows[&window].app_id, "foot");
    host.activate(window);
    let proof = host.directory.path().join("proof");
    host.type_text("echo bailey-$((6*7)) > ~/proof\n");
    host.until("the file that the shell writes", |_| {
        std::fs::read_to_string(&proof).is_ok_and(|text| text.ends_with('\n'))
    });
    assert_eq!(std::fs::read_to_string(&proof).ok().as_deref(), Some("bailey-42\n"));
    host.until("text in the window", |host| host.pictures[&window].colours() > 3);
    host
}

#[test]
fn typing_into_foot_by_shared_memory() {
    if !installed("foot") {
        return;
    }
    let mut host = type_into_foot(PixelTransport::SharedMemory);
    assert!(host.presents > 0 && host.egfx_frames == 0);
    host.until("foot's icon", |host| !host.icons.is_empty());
    host.type_text("exit 7\n");
    assert_eq!(host.ended().code(), Some(7), "the service ends as its program does");
}

#[test]
fn typing_into_foot_by_egfx() {
    if !installed("foot") {
        return;
    }
    let host = type_into_foot(PixelTransport::Egfx);
    assert!(host.presents == 0 && host.egfx_frames > 0);
}

#[test]
fn characters_without_a_key_are_typed() {
    if !installed("foot") {
        return;
    }
    let mut host = Host::start(PixelTransport::SharedMemory, FOOT);
    let window = host.window("foot's window", |info| info.title == "shell");
    host.activate(window);
    let proof = host.directory.path().join("proof");
    host.type_text("echo '");
    for unit in "aé中\u{1f600}".encode_utf16() {
        for released in [false, true] {
            host.input(vec![InputEvent::Unicode { unit, released }]);
        }
    }
    host.type_text("' > ~/proof\n");
    host.until("the file that the shell writes", |_| {
        std::fs::read_to_string(&proof).is_ok_and(|text| text.ends_with('\n'))
    });
    assert_eq!(std::fs::read_to_string(&proof).ok().as_deref(), Some("aé中\u{1f600}\n"));
}

#[test]
fn foot_resizes_and_closes() {
    if !installed("foot") {
        return;
    }
    let mut host = Host::start(PixelTransport::SharedMemory, FOOT);
    let window = host.window("foot's window", |info| info.title == "shell");
    host.send(&ToInstance::WindowMove { window, width: 900, height: 500, resizing: false });
    host.until("the new size", |host| {
        let picture = &host.pictures[&window];
        (picture.width, picture.height) == (900, 500)
    });
    assert_eq!(host.windows[&window].size, (900, 500));
    host.close(window);
    host.until("the end of the window", |host| host.windows.is_empty());
    host.ended();
}

#[test]
fn mousepad_shows_menus_and_takes_text() {
    if !installed("mousepad") {
        return;
    }
    let mut host = Host::start(PixelTransport::SharedMemory, &["mousepad"]);
    let window = host.window("mousepad's window", |info| info.title.contains("Mousepad") && !info.popup);
    host.activate(window);
    host.run_for(Duration::from_millis(500));
    host.click(window, PointerButton::Left, 18, 12);
    let menu = host.window("the File menu", |info| info.popup);
    assert_eq!(host.windows[&menu].owner, Some(window));
    assert!(host.pictures[&menu].height > 100);
    host.key(0x01);
    host.until("the end of the menu", |host| !host.windows.contains_key(&menu));
    host.type_text("hello bailey");
    host.until("the changed mark in the title", |host| host.windows[&window].title.starts_with('*'));
    host.send(&ToInstance::SystemCommand { window, command: SystemCommand::Maximise });
    host.send(&ToInstance::WindowMove { window, width: 1270, height: 760, resizing: false });
    host.until("the maximised size", |host| host.pictures[&window].width == 1270);
    host.input(vec![InputEvent::Wheel { vertical: -120, horizontal: 0 }]);
    host.close(window);
    // It asks whether to save: a dialog that belongs to the window.
    let dialog = host.window("the dialog", |info| info.id != window && !info.popup);
    assert_eq!(host.windows[&dialog].owner, Some(window));
}
