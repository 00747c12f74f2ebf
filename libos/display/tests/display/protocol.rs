//! What the protocols promise, with a client that does it on purpose.

use std::os::fd::AsFd;

use bailey_link::{InputEvent, MoveSize, PixelTransport, PointerButton, PointerShape, ToInstance};
use rustix::fs::ftruncate;
use rustix::io::{pread, read};
use rustix::pipe::pipe;
use wayland_client::protocol::wl_data_device_manager::{DndAction, WlDataDeviceManager};
use wayland_client::protocol::wl_shm::Format;
use wayland_client::protocol::wl_subcompositor::WlSubcompositor;
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_device_v1::Shape;
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_manager_v1::WpCursorShapeManagerV1;
use wayland_protocols::wp::viewporter::client::wp_viewporter::WpViewporter;
use wayland_protocols::xdg::shell::client::xdg_positioner::{Anchor, ConstraintAdjustment, Gravity};

use crate::client::Client;
use crate::host::Host;

const RED: u32 = 0xffff_0000;
const GREEN: u32 = 0xff00_ff00;
const BLUE: u32 = 0xff00_00ff;

fn host() -> Host {
    Host::start(PixelTransport::SharedMemory, &["sleep", "600"])
}

/// Waits for a window with this title and a picture.
fn shown(host: &mut Host, title: &str) -> u32 {
    host.window(title, |info| info.title == title)
}

/// Waits until a pixel of a window has a colour.
fn until_pixel(host: &mut Host, window: u32, at: (u32, u32), colour: u32) {
    host.until("the colour", |host| {
        let picture = &host.pictures[&window];
        at.0 < picture.width && at.1 < picture.height && picture.pixel(at.0, at.1) == colour
    });
}

#[test]
fn a_window_is_described_and_shown_by_either_link() {
    for pixels in [PixelTransport::SharedMemory, PixelTransport::Egfx] {
        let mut host = Host::start(pixels, &["sleep", "600"]);
        let mut client = Client::connect(&mut host);
        let window = client.bare_window("first");
        window.toplevel.set_app_id("org.example.App".into());
        window.toplevel.set_min_size(30, 20);
        window.xdg.set_window_geometry(2, 3, 40, 30);
        let pattern = |x: i32, y: i32| 0xff00_0000 | (x as u32) << 8 | y as u32;
        client.show(&window.surface, &client.buffer(50, 40, pattern));
        let id = shown(&mut host, "first");
        let info = host.windows[&id].clone();
        assert_eq!((info.app_id.as_str(), info.size, info.min_size), ("org.example.App", (40, 30), (30, 20)));
        assert!(info.resizable && !info.popup && info.owner.is_none());
        let picture = &host.pictures[&id];
        assert_eq!((picture.width, picture.height), (40, 30), "cut to the window geometry");
        for (x, y) in [(0, 0), (39, 0), (0, 29), (39, 29), (17, 11)] {
            assert_eq!(picture.pixel(x, y), pattern(x as i32 + 2, y as i32 + 3), "pixel {x}, {y}");
        }
        window.toplevel.set_title("second".into());
        client.sync();
        host.until("the new title", |host| host.windows[&id].title == "second");
        window.surface.attach(None, 0, 0);
        window.surface.commit();
        client.sync();
        host.until("the end of the window", |host| host.windows.is_empty());
    }
}

#[test]
fn subsurfaces_are_blended_in_their_order() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let window = client.window("tree", 20, 20, RED);
    let id = shown(&mut host, "tree");
    let subcompositor: WlSubcompositor = client.bind(1);
    let (above, half) = (client.surface(), client.surface());
    let above_role = subcompositor.get_subsurface(&above, &window.surface, &client.handle, ());
    let half_role = subcompositor.get_subsurface(&half, &window.surface, &client.handle, ());
    above_role.set_position(5, 5);
    half_role.set_position(8, 8);
    client.show(&above, &client.buffer(10, 10, |_, _| GREEN));
    client.show(&half, &client.buffer(4, 4, |_, _| 0x8000_0080));
    client.sync();
    host.run_for(std::time::Duration::from_millis(20));
    assert_eq!(host.pictures[&id].pixel(6, 6), RED, "synchronised: nothing before the parent's commit");
    window.surface.commit();
    client.sync();
    until_pixel(&mut host, id, (6, 6), GREEN);
    assert_eq!(host.pictures[&id].pixel(9, 9), 0xff00_7f80);
    assert_eq!(host.pictures[&id].pixel(4, 4), RED);
    half_role.place_below(&above);
    window.surface.commit();
    client.sync();
    until_pixel(&mut host, id, (9, 9), GREEN);
    above_role.set_desync();
    client.show(&above, &client.buffer(10, 10, |_, _| BLUE));
    until_pixel(&mut host, id, (9, 9), BLUE);
    above_role.destroy();
    client.sync();
    until_pixel(&mut host, id, (6, 6), RED);
}

#[test]
fn viewports_and_scales_change_the_size() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let window = client.window("scaled", 40, 20, RED);
    let id = shown(&mut host, "scaled");
    window.surface.set_buffer_scale(2);
    client.show(&window.surface, &client.buffer(40, 20, |x, _| if x < 20 { GREEN } else { BLUE }));
    host.until("half the size", |host| host.pictures[&id].width == 20);
    assert_eq!(host.pictures[&id].pixel(9, 5), GREEN);
    assert_eq!(host.pictures[&id].pixel(10, 5), BLUE);
    let viewport = client.bind::<WpViewporter>(1).get_viewport(&window.surface, &client.handle, ());
    viewport.set_source(10.0, 0.0, 10.0, 10.0);
    viewport.set_destination(60, 30);
    window.surface.commit();
    client.sync();
    host.until("the destination's size", |host| {
        let picture = &host.pictures[&id];
        (picture.width, picture.height) == (60, 30)
    });
    assert_eq!(host.pictures[&id].pixel(0, 0), BLUE, "the source is the right half");
}

#[test]
fn at_most_two_frames_fly_and_buffers_come_back() {
    let mut host = host();
    host.acknowledge = false;
    let mut client = Client::connect(&mut host);
    let window = client.window("frames", 10, 10, RED);
    let id = shown(&mut host, "frames");
    for _ in 0..5 {
        window.surface.frame(&client.handle, ());
        client.show(&window.surface, &client.buffer(10, 10, |_, _| GREEN));
        client.sync();
    }
    window.surface.frame(&client.handle, ());
    client.show(&window.surface, &client.buffer(10, 10, |_, _| BLUE));
    client.sync();
    host.run_for(std::time::Duration::from_millis(100));
    client.sync();
    assert_eq!(host.presents, 2, "the third waits");
    assert_eq!(client.told.frames, 0, "no new frame is asked for while the host is behind");
    host.acknowledge = true;
    host.acknowledge_all();
    until_pixel(&mut host, id, (0, 0), BLUE);
    assert_eq!(host.presents, 3, "the newest picture wins");
    client.until(&mut host, "frame callbacks", |told| told.frames == 6);
    client.until(&mut host, "all buffers released", |told| told.releases == 7);
}

#[test]
fn a_file_cut_short_harms_nobody() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let window = client.bare_window("short");
    let file = Client::file(40 * 40 * 4);
    let pool = client.shm.create_pool(file.as_fd(), 40 * 40 * 4, &client.handle, ());
    let buffer = pool.create_buffer(0, 40, 40, 160, Format::Xrgb8888, &client.handle, ());
    ftruncate(&file, 100).ok();
    client.show(&window.surface, &buffer);
    client.sync();
    let mut other = Client::connect(&mut host);
    let _window = other.window("other", 10, 10, RED);
    let id = shown(&mut host, "other");
    assert_eq!(host.pictures[&id].pixel(3, 3), RED);
    client.sync();
    assert_eq!(client.told.configures, 1, "even the client itself lives");
}

#[test]
fn errors_cut_off_the_guilty_client_only() {
    let mut host = host();
    let mut innocent = Client::connect(&mut host);
    let window = innocent.window("innocent", 10, 10, RED);
    let id = shown(&mut host, "innocent");

    let mut client = Client::connect(&mut host);
    let file = Client::file(100);
    let pool = client.shm.create_pool(file.as_fd(), 100, &client.handle, ());
    pool.create_buffer(0, 100, 100, 400, Format::Argb8888, &client.handle, ());
    assert_eq!(client.cut_off(), ("wl_shm_pool".into(), 1));

    let mut client = Client::connect(&mut host);
    let surface = client.surface();
    let xdg = client.base.get_xdg_surface(&surface, &client.handle, ());
    xdg.get_toplevel(&client.handle, ());
    client.show(&surface, &client.buffer(5, 5, |_, _| RED));
    assert_eq!(client.cut_off(), ("xdg_surface".into(), 3), "a buffer before the configure");

    let mut client = Client::connect(&mut host);
    let parent = client.window("parent", 10, 10, RED);
    let subcompositor: WlSubcompositor = client.bind(1);
    subcompositor.get_subsurface(&parent.surface, &parent.surface, &client.handle, ());
    assert_eq!(client.cut_off().0, "wl_subcompositor");

    let mut client = Client::connect(&mut host);
    let window_two = client.window("sized", 10, 10, RED);
    window_two.xdg.set_window_geometry(0, 0, -1, 5);
    assert_eq!(client.cut_off(), ("xdg_surface".into(), 5), "an empty window geometry");

    host.until("the end of the guilty clients' windows", |host| host.windows.len() == 1);
    innocent.show(&window.surface, &innocent.buffer(10, 10, |_, _| BLUE));
    until_pixel(&mut host, id, (0, 0), BLUE);
}

#[test]
fn popups_are_placed_grab_and_go() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let window = client.window("owner", 200, 100, RED);
    let id = shown(&mut host, "owner");
    host.activate(id);
    host.click(id, PointerButton::Left, 50, 50);
    client.until(&mut host, "the press", |told| told.input.iter().any(|event| event == "button 0x110 0"));

    let positioner = client.base.create_positioner(&client.handle, ());
    positioner.set_size(60, 40);
    positioner.set_anchor_rect(10, 10, 20, 5);
    positioner.set_anchor(Anchor::BottomLeft);
    positioner.set_gravity(Gravity::TopLeft);
    positioner.set_constraint_adjustment(ConstraintAdjustment::SlideX | ConstraintAdjustment::FlipY);
    let surface = client.surface();
    let xdg = client.base.get_xdg_surface(&surface, &client.handle, ());
    let popup = xdg.get_popup(Some(&window.xdg), &positioner, &client.handle, ());
    popup.grab(&client.seat, client.told.press_serial);
    surface.commit();
    client.sync();
    // To the left there is no room: it slides. Above neither: it flips to below.
    assert_eq!(client.told.popup, Some((0, 10, 60, 40)));
    client.told.input.clear();
    client.show(&surface, &client.buffer(60, 40, |_, _| GREEN));
    let menu = host.window("the popup", |info| info.popup);
    assert_eq!((host.windows[&menu].owner, host.windows[&menu].offset), (Some(id), (0, 10)));
    client.until(&mut host, "the keyboard on the popup", |told| {
        told.input.ends_with(&["unfocus".into(), "focus".into(), "modifiers 0 0".into()])
    });

    client.told.input.clear();
    host.point(menu, 5, 6);
    client.until(&mut host, "the pointer on the popup", |told| {
        told.input.iter().any(|event| event.starts_with("enter") && event.ends_with(" 5 6"))
    });

    positioner.set_offset(7, 3);
    popup.reposition(&positioner, 1);
    client.sync();
    host.until("the new place", |host| host.windows[&menu].offset != (0, 10));

    host.send(&ToInstance::Activate { window: id, active: false });
    client.until(&mut host, "popup_done", |told| told.popups_done == 1);
    popup.destroy();
    client.sync();
    host.until("the end of the popup", |host| !host.windows.contains_key(&menu));
}

fn key(code: u8, released: bool) -> InputEvent {
    InputEvent::Key { code, extended: false, released }
}

#[test]
fn keys_that_a_closing_popup_has_not_read_go_to_the_window() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let window = client.window("field", 200, 100, RED);
    let id = shown(&mut host, "field");
    host.activate(id);
    host.click(id, PointerButton::Left, 50, 50);
    client.until(&mut host, "the press", |told| told.input.iter().any(|event| event == "button 0x110 0"));
    let positioner = client.base.create_positioner(&client.handle, ());
    positioner.set_size(60, 40);
    positioner.set_anchor_rect(10, 10, 20, 5);
    let surface = client.surface();
    let xdg = client.base.get_xdg_surface(&surface, &client.handle, ());
    let popup = xdg.get_popup(Some(&window.xdg), &positioner, &client.handle, ());
    popup.grab(&client.seat, client.told.press_serial);
    surface.commit();
    client.sync();
    client.show(&surface, &client.buffer(60, 40, |_, _| GREEN));
    host.window("the popup", |info| info.popup);
    client.until(&mut host, "the keyboard on the popup", |told| {
        told.input.ends_with(&["modifiers 0 0".into()])
    });
    host.input(vec![key(0x1e, false), key(0x1e, true)]);
    client.until(&mut host, "a key of the popup's", |told| told.input.ends_with(&["key 30 0".into()]));
    client.sync();

    client.told.input.clear();
    host.input(vec![key(0x2a, false), key(0x1f, false), key(0x1f, true), key(0x2a, true), key(0x20, false)]);
    popup.destroy();
    xdg.destroy();
    surface.destroy();
    client.flush();
    client.until(&mut host, "the keyboard on the window", |told| {
        told.input.iter().any(|event| event == "focus")
    });
    client.sync();
    host.input(vec![key(0x20, true)]);
    client.until(&mut host, "the last key up", |told| told.input.ends_with(&["key 32 0".into()]));
    let moved = client.told.input.iter().position(|event| event == "focus").expect("just waited for");
    let expected = [
        "focus",
        "modifiers 0 0",
        "key 42 1",
        "modifiers 1 0",
        "key 31 1",
        "key 31 0",
        "key 42 0",
        "modifiers 0 0",
        "key 32 1",
        "key 32 0",
    ];
    assert_eq!(client.told.input[moved..], expected, "{:?}", client.told.input);
}

#[test]
fn pointer_and_keys_reach_the_surface() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let window = client.window("input", 100, 100, RED);
    let id = shown(&mut host, "input");
    host.activate(id);
    host.point(id, 20, 30);
    host.click(id, PointerButton::Right, 21, 31);
    host.input(vec![InputEvent::Wheel { vertical: 120, horizontal: 0 }]);
    host.input(vec![
        InputEvent::Key { code: 0x2a, extended: false, released: false },
        InputEvent::Key { code: 0x1e, extended: false, released: false },
    ]);
    client.until(&mut host, "all input", |told| told.input.iter().any(|event| event == "key 30 1"));
    let number = wayland_client::Proxy::id(&window.surface).protocol_id();
    let expected = [
        "focus".to_owned(),
        "modifiers 0 0".into(),
        format!("enter {number} 20 30"),
        "motion 21 31".into(),
        "button 0x111 1".into(),
        "button 0x111 0".into(),
        "wheel -120".into(),
        "key 42 1".into(),
        "modifiers 1 0".into(),
        "key 30 1".into(),
    ];
    assert_eq!(client.told.input, expected);
    client.told.input.clear();
    host.send(&ToInstance::Activate { window: id, active: false });
    host.send(&ToInstance::InputTarget { window: None });
    client.until(&mut host, "both focuses gone", |told| told.input.iter().any(|event| event == "unfocus"));
    assert!(client.told.input.contains(&"key 30 0".into()), "no key stays down: {:?}", client.told.input);
    client.until(&mut host, "the pointer gone", |told| told.input.contains(&format!("leave {number}")));
}

#[test]
fn pointers_have_pictures() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let _window = client.window("pointer", 100, 100, RED);
    let id = shown(&mut host, "pointer");
    host.point(id, 1, 1);
    client.until(&mut host, "enter", |told| told.enter_serial != 0);
    let cursor = client.surface();
    client.pointer.set_cursor(client.told.enter_serial, Some(&cursor), 3, 4);
    client.show(&cursor, &client.buffer(8, 9, |_, _| BLUE));
    host.until("the picture", |host| {
        matches!(&host.pointer, PointerShape::Image(image)
            if (image.width, image.height, image.hot_spot) == (8, 9, (3, 4)) && image.pixels[..4] == [255, 0, 0, 255])
    });
    client.pointer.set_cursor(client.told.enter_serial, None, 0, 0);
    client.sync();
    host.until("no pointer", |host| host.pointer == PointerShape::Hidden);
    let shapes: WpCursorShapeManagerV1 = client.bind(1);
    let device = shapes.get_pointer(&client.pointer, &client.handle, ());
    device.set_shape(client.told.enter_serial, Shape::Text);
    client.sync();
    host.until("a picture by name", |host| matches!(host.pointer, PointerShape::Image(_)));
    device.set_shape(client.told.enter_serial, Shape::Default);
    client.sync();
    host.until("the usual arrow", |host| host.pointer == PointerShape::Default);
}

#[test]
fn the_keymap_is_the_layout_that_the_host_names() {
    let mut host = Host::start_with(PixelTransport::SharedMemory, 0x407, &["sleep", "600"]);
    let mut client = Client::connect(&mut host);
    client.until(&mut host, "the keymap", |told| told.keymap.is_some());
    let (file, size) = client.told.keymap.take().expect("just seen");
    let mut text = vec![0; size as usize];
    assert_eq!(pread(&file, &mut text, 0), Ok(size as usize));
    assert_eq!(text.pop(), Some(0));
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.starts_with("xkb_keymap {") && text.contains("name[Group1]=\"German\""));
}

#[test]
fn the_clipboard_goes_from_client_to_client() {
    let mut host = host();
    let mut from = Client::connect(&mut host);
    let _first = from.window("from", 10, 10, RED);
    let first = shown(&mut host, "from");
    let mut to = Client::connect(&mut host);
    let _second = to.window("to", 10, 10, RED);
    let second = shown(&mut host, "to");

    host.activate(first);
    from.until(&mut host, "focus", |told| told.input.contains(&"focus".into()));
    let manager: WlDataDeviceManager = from.bind(3);
    let device = manager.get_data_device(&from.seat, &from.handle, ());
    let source = manager.create_data_source(&from.handle, ());
    source.offer("text/plain".into());
    device.set_selection(Some(&source), from.told.key_serial);
    from.told.content = b"hello bailey".to_vec();
    from.sync();

    let manager: WlDataDeviceManager = to.bind(3);
    let _device = manager.get_data_device(&to.seat, &to.handle, ());
    host.send(&ToInstance::Activate { window: first, active: false });
    host.activate(second);
    to.until(&mut host, "the offer", |told| told.selection.is_some());
    assert_eq!(to.told.types, ["text/plain"]);
    let (reader, writer) = pipe().expect("a pipe");
    to.told.selection.take().expect("just seen").receive("text/plain".into(), writer.as_fd());
    drop(writer);
    to.sync();
    from.until(&mut host, "the wish for the data", |told| told.source_events.contains(&"send".into()));
    let mut bytes = [0; 64];
    let count = read(&reader, &mut bytes).expect("data");
    assert_eq!(&bytes[..count], b"hello bailey");
}

#[test]
fn things_are_dragged_and_dropped() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let window = client.window("drag", 100, 100, RED);
    let id = shown(&mut host, "drag");
    host.activate(id);
    let manager: WlDataDeviceManager = client.bind(3);
    let device = manager.get_data_device(&client.seat, &client.handle, ());
    host.point(id, 5, 5);
    let button = |released, x, y| InputEvent::PointerButton { button: PointerButton::Left, released, x, y };
    host.input(vec![button(false, 5, 5)]);
    client.until(&mut host, "the press", |told| told.input.contains(&"button 0x110 1".into()));
    let source = manager.create_data_source(&client.handle, ());
    source.offer("text/plain".into());
    source.set_actions(DndAction::Copy);
    device.start_drag(Some(&source), &window.surface, None, client.told.press_serial);
    client.sync();
    host.input(vec![InputEvent::PointerMove { x: 50, y: 50 }]);
    client.until(&mut host, "the drag over the window", |told| told.input.contains(&"drag enter".into()));
    let offer = client.told.selection.clone().expect("an offer comes with enter");
    offer.accept(client.told.enter_serial, Some("text/plain".into()));
    offer.set_actions(DndAction::Copy, DndAction::Copy);
    client.sync();
    host.input(vec![button(true, 50, 50)]);
    client.until(&mut host, "the drop", |told| told.dropped);
    offer.finish();
    client.until(&mut host, "the end of the drag", |told| {
        told.source_events == ["dropped".to_owned(), "finished".into()]
    });
}

#[test]
fn windows_ask_to_be_moved_and_are_told_to_go() {
    let mut host = host();
    let mut client = Client::connect(&mut host);
    let window = client.window("moving", 100, 100, RED);
    let id = shown(&mut host, "moving");
    host.point(id, 5, 5);
    host.input(vec![InputEvent::PointerButton { button: PointerButton::Left, released: false, x: 5, y: 5 }]);
    client.until(&mut host, "the press", |told| told.input.contains(&"button 0x110 1".into()));
    window.toplevel._move(&client.seat, client.told.press_serial);
    client.sync();
    host.until("the wish to move", |host| host.move_size == Some((id, MoveSize::Move)));
    host.send(&ToInstance::WindowMove { window: id, width: 333, height: 222, resizing: true });
    client.until(&mut host, "the size", |told| told.size == (333, 222));
    host.close(id);
    client.until(&mut host, "the wish to close", |told| told.closes == 1);
}
