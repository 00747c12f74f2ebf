//! The viewer on a screen of its own, with a daemon that is a script

mod common;

use bailey_link::{
    InputEvent, PointerButton, PointerImage, PointerShape, Rect, ToHost, ToInstance, WindowInfo,
};
use common::{Daemon, Screen};

const BACKGROUND: [u8; 4] = [0x60, 0x40, 0x20, 0];
const WINDOW: [u8; 4] = [0x10, 0x20, 0xe0, 0];
/// Half transparent green, premultiplied.
const POPUP: [u8; 4] = [0, 0x80, 0, 0x80];

fn three_layers(daemon: &mut Daemon) {
    let mut messages = Vec::new();
    messages.extend(daemon.layer(1, (0, 0), (1280, 800), BACKGROUND, true));
    messages.extend(daemon.layer(2, (100, 120), (200, 150), WINDOW, true));
    messages.extend(daemon.layer(3, (250, 200), (301, 77), POPUP, false));
    messages.push(ToHost::ZOrder { active: Some(2), windows: vec![3, 2, 1] });
    daemon.send(&messages);
}

/// Puts a fourth layer on the desktop, and a row of white into it of which only a part is damaged.
fn damage_one_row(daemon: &mut Daemon) {
    let layer = daemon.layer(4, (600, 600), (100, 10), WINDOW, true);
    let ToHost::CreateBuffer { offset, .. } = layer[1] else { unreachable!("layers are made so") };
    daemon.send(&layer);
    daemon.send(&[ToHost::ZOrder { active: None, windows: vec![4, 3, 2, 1] }]);
    daemon.wait_for_ack(4);
    daemon.paint(offset, &[0xff, 0xff, 0xff, 0].repeat(100));
    daemon.send(&[ToHost::Present {
        window: 4,
        buffer: 4,
        serial: 9,
        damage: vec![Rect::new(10, 0, 30, 1)],
    }]);
    daemon.wait_for_ack(4);
}

fn pixel(picture: &image::RgbaImage, x: u32, y: u32) -> [u8; 3] {
    let [r, g, b, _] = picture.get_pixel(x, y).0;
    [r, g, b]
}

fn screenshot(daemon: &Daemon) -> String {
    daemon.folder().join("shot.png").to_str().expect("text").to_owned()
}

#[test]
fn composes_layers_on_the_gpu() {
    let screen = Screen::start(1280, 800);
    let mut daemon = Daemon::start();
    let file = screenshot(&daemon);
    let viewer = daemon.view(&screen, &["--screenshot", &file]);
    let ack = daemon.accept();
    assert_eq!((ack.desktop_width, ack.desktop_height), (1280, 800));
    three_layers(&mut daemon);
    for layer in 1..=3 {
        daemon.wait_for_ack(layer);
    }
    damage_one_row(&mut daemon);

    let (status, said) = viewer.finish();
    assert_eq!(status, Some(0), "{said}");
    if let Ok(folder) = std::env::var("BAILEY_TEST_PICTURES") {
        std::fs::copy(&file, format!("{folder}/viewer.png")).expect("copied");
    }
    let picture = image::open(&file).expect("a PNG").to_rgba8();
    assert_eq!(picture.dimensions(), (1280, 800));
    let (background, window) = ([0x20, 0x40, 0x60], [0xe0, 0x20, 0x10]);
    for (x, y, colour) in [
        (0, 0, background),
        (1279, 799, background),
        (99, 120, background),
        (100, 119, background),
        (100, 120, window),
        (249, 269, window),
        (299, 199, window),
        (300, 150, background),
        (610, 600, [0xff; 3]),
        (639, 600, [0xff; 3]),
        (609, 600, window),
        (640, 600, window),
        (610, 601, window),
    ] {
        assert_eq!(pixel(&picture, x, y), colour, "at {x},{y}");
    }
    // Half of what is below, and green.
    for (x, y, below) in [(270, 230, window), (400, 230, background), (550, 276, background)] {
        let [r, g, b] = pixel(&picture, x, y);
        let half = |part: u8| part / 2;
        assert!(
            r.abs_diff(half(below[0])) <= 1 && b.abs_diff(half(below[2])) <= 1,
            "at {x},{y}: {r} {g} {b}"
        );
        assert!(g.abs_diff(half(below[1]) + 0x80) <= 1, "at {x},{y}: {r} {g} {b}");
    }
    assert_eq!(pixel(&picture, 551, 230), background);
}

/// Moves, clicks, scrolls and types, and waits until the daemon is told.
fn takes_input(screen: &Screen, daemon: &mut Daemon) {
    let mut wait_for_input = |wanted: InputEvent| {
        daemon.wait_for(&format!("{wanted:?}"), |message| match message {
            ToInstance::Input(events) => events.contains(&wanted).then_some(()),
            _ => None,
        });
    };
    screen.xdotool(&["mousemove", "321", "234"]);
    wait_for_input(InputEvent::PointerMove { x: 321, y: 234 });
    screen.xdotool(&["click", "1"]);
    for released in [false, true] {
        wait_for_input(InputEvent::PointerButton { button: PointerButton::Left, released, x: 321, y: 234 });
    }
    screen.xdotool(&["click", "5"]);
    wait_for_input(InputEvent::Wheel { vertical: -120, horizontal: 0 });
    screen.xdotool(&["key", "a", "Up", "shift+1"]);
    for (code, extended) in [(0x1e, false), (0x48, true)] {
        for released in [false, true] {
            wait_for_input(InputEvent::Key { code, extended, released });
        }
    }
    wait_for_input(InputEvent::Key { code: 0x2a, extended: false, released: false });
    wait_for_input(InputEvent::Key { code: 0x02, extended: false, released: false });
    wait_for_input(InputEvent::Key { code: 0x2a, extended: false, released: true });
}

#[test]
fn sends_input_and_follows_its_window() {
    let screen = Screen::start(1400, 900);
    let mut daemon = Daemon::start();
    let viewer = daemon.view(&screen, &[]);
    let ack = daemon.accept();
    assert_eq!((ack.desktop_width, ack.desktop_height), (1280, 800));
    three_layers(&mut daemon);
    for layer in 1..=3 {
        daemon.wait_for_ack(layer);
    }
    let pixels = vec![0xff; 16 * 16 * 4];
    let pointer = PointerImage { width: 16, height: 16, hot_spot: (3, 4), pixels };
    daemon.send(&[ToHost::Pointer(PointerShape::Hidden), ToHost::Pointer(PointerShape::Image(pointer))]);

    takes_input(&screen, &mut daemon);

    screen.xdotool(&["search", "--name", "^Bailey$", "windowsize", "1000", "700"]);
    daemon.wait_for("the new desktop size", |message| match message {
        ToInstance::DesktopSize { width: 1000, height: 700 } => Some(()),
        _ => None,
    });

    daemon.hang_up();
    let (status, said) = viewer.finish();
    assert_eq!(status, Some(3));
    assert!(said.contains("the desktop has ended"), "{said}");
}

#[test]
fn releases_keys_when_it_loses_the_keyboard() {
    let screen = Screen::start(1280, 800);
    let mut daemon = Daemon::start();
    let _viewer = daemon.view(&screen, &[]);
    daemon.accept();
    three_layers(&mut daemon);
    daemon.wait_for_ack(3);
    let key = |wanted: bool| {
        move |message: &ToInstance| {
            let event = InputEvent::Key { code: 0x2a, extended: false, released: wanted };
            matches!(message, ToInstance::Input(events) if events.contains(&event)).then_some(())
        }
    };
    screen.xdotool(&["mousemove", "100", "100", "sleep", "0.3", "keydown", "shift"]);
    daemon.wait_for("Shift down", key(false));
    // Another window takes the keyboard; the key is still down.
    let mut other =
        screen.command("xev").args(["-geometry", "50x50+0+0"]).stdout(std::process::Stdio::null()).spawn();
    if let Ok(other) = &mut other {
        screen.xdotool(&["search", "--sync", "--name", "Event Tester", "windowfocus", "--sync"]);
        daemon.wait_for("Shift up", key(true));
        let _ended_already = other.kill();
        let _ended_already = other.wait();
    }
}

#[test]
fn explains_why_it_cannot_view() {
    let screen = Screen::start(640, 480);
    let mut daemon = Daemon::start();
    let viewer = daemon.view(&screen, &[]);
    daemon.answer("{\"error\":\"another user's desktop\"}\n", false);
    let (status, said) = viewer.finish();
    assert_eq!(status, Some(1));
    assert!(said.contains("another user's desktop"), "{said}");

    let viewer = daemon.view(&screen, &[]);
    daemon.answer("{\"ok\":true}\n", false);
    let (status, said) = viewer.finish();
    assert_eq!(status, Some(1));
    assert!(said.contains("no descriptor"), "{said}");

    let viewer = daemon.view(&screen, &[]);
    daemon.accept();
    daemon.send(&[ToHost::Present { window: 1, buffer: 7, serial: 1, damage: Vec::new() }]);
    let (status, said) = viewer.finish();
    assert_eq!(status, Some(1));
    assert!(said.contains("no buffer 7"), "{said}");

    // Pixels beyond the end of the memory.
    let viewer = daemon.view(&screen, &[]);
    daemon.accept();
    let format = bailey_link::PixelFormat::Xrgb8888;
    daemon.send(&[
        ToHost::WindowCreated(WindowInfo { id: 1, size: (9, 9), ..WindowInfo::default() }),
        ToHost::CreateBuffer { buffer: 1, offset: 1 << 40, width: 9, height: 9, stride: 36, format },
        ToHost::Present { window: 1, buffer: 1, serial: 1, damage: Vec::new() },
    ]);
    let (status, said) = viewer.finish();
    assert_eq!(status, Some(1));
    assert!(said.contains("the shared memory ends"), "{said}");

    let mut command = screen.command(env!("CARGO_BIN_EXE_bailey-viewer"));
    let output = command.args(["--socket", "/nonexistent/socket"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no desktop is running") && said.contains("bailey serve"), "{said}");
}

#[test]
fn explains_a_missing_display() {
    let screen = Screen::start(640, 480);
    let mut daemon = Daemon::start();
    let mut command = screen.command(env!("CARGO_BIN_EXE_bailey-viewer"));
    command.env_remove("DISPLAY").env_remove("WAYLAND_SOCKET").stderr(std::process::Stdio::piped());
    let viewer = command.arg("--socket").arg(daemon.folder().join("control")).spawn().expect("it runs");
    daemon.answer("{\"ok\":true}\n", true);
    let (status, said) = common::Viewer(viewer).finish();
    assert_eq!(status, Some(1));
    assert!(said.contains("DISPLAY"), "{said}");
}

#[test]
fn explains_a_missing_graphics_driver() {
    let screen = Screen::start(640, 480);
    let mut daemon = Daemon::start();
    let mut command = screen.command(env!("CARGO_BIN_EXE_bailey-viewer"));
    for variable in ["VK_ICD_FILENAMES", "VK_DRIVER_FILES", "__EGL_VENDOR_LIBRARY_FILENAMES"] {
        command.env(variable, "/dev/null");
    }
    command.env("LIBGL_DRIVERS_PATH", "/dev/null").stderr(std::process::Stdio::piped());
    let viewer = command.arg("--socket").arg(daemon.folder().join("control")).spawn().expect("it runs");
    daemon.answer("{\"ok\":true}\n", true);
    let (status, said) = common::Viewer(viewer).finish();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("mesa-vulkan-drivers"), "{said}");
}
