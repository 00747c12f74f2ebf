//! The server against a stock client: xfreerdp under Xvfb, TLS and NLA.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bailey_rdp::server::{InputEvent, MouseButton, PointerImage, PointerShape, Rect};
use support::{Display, Frame, Rig, have, wait_for};

const TOOLS: &[&str] = &["Xvfb", "xfreerdp", "import", "xdotool"];
/// Flags of a client, what the log says of its codec, and how far its colours may be off where the codec loses some.
/// Without a network type, FreeRDP turns the graphics pipeline on by itself.
const MODES: [(&[&str], &str, u8); 4] = [
    (&["/gfx"], "Graphics", 0),
    (&["/rfx"], "RemoteFx", 28),
    (&["/network:lan"], "SurfaceBits", 0),
    (&["/network:lan", "-fast-path"], "Bitmap", 0),
];

#[test]
fn the_picture_and_its_changes_are_shown_in_every_mode() {
    if !have(TOOLS) {
        return;
    }
    let display = Display::start();
    for (flags, codec, tolerance) in MODES {
        let rig = Rig::start(800, 600, |_| {});
        let mut frame = Frame::pattern(800, 600);
        rig.publish(&frame);
        let flags: Vec<_> = flags.iter().copied().chain(["/size:800x600"]).collect();
        let _client = rig.client(&display, "alice", "secret", &flags);
        assert_eq!(rig.connected().1, "alice");
        // Away from the picture's parts under test, so that no pointer is in the way of the screenshot.
        display.xdotool(&["mousemove", "1279", "1023"]);
        display.wait_for_frame(&frame, tolerance);
        assert!(rig.log.text().contains(codec), "{codec} was not used:\n{}", rig.log.text());

        for shape in [arrow(), PointerShape::Hidden, PointerShape::Default, arrow()] {
            rig.desktop.set_pointer(shape).unwrap();
        }
        let changed = Rect::new(100, 59, 130, 70);
        frame.fill(changed, [250, 250, 10]);
        rig.desktop.publish(frame.view(), &[changed]).unwrap();
        display.wait_for_frame(&frame, tolerance);
    }
}

fn arrow() -> PointerShape {
    let bgra = (0..48 * 48).flat_map(|at| if at % 48 <= at / 48 { [90, 0, 0, 90] } else { [0; 4] }).collect();
    PointerShape::Image(Arc::new(PointerImage { width: 48, height: 48, hot_x: 1, hot_y: 2, bgra }))
}

#[test]
fn keys_pointer_and_wheel_arrive() {
    if !have(TOOLS) {
        return;
    }
    let (display, rig) = (Display::start(), Rig::start(800, 600, |_| {}));
    let frame = Frame::pattern(800, 600);
    rig.publish(&frame);
    let _client = rig.client(&display, "bob", "hunter2", &["/gfx", "/size:800x600"]);
    let (session, user) = rig.connected();
    assert_eq!(user, "bob");
    display.wait_for_frame(&frame, 0);

    display.xdotool(&["mousemove", "300", "200", "click", "3", "click", "4"]);
    for released in [false, true] {
        let (button, x, y) = (MouseButton::Right, 300, 200);
        rig.event("the right button", |input| {
            (input.event == InputEvent::Button { button, released, x, y }).then_some(())
        });
    }
    let vertical = rig.event("the wheel", |input| match input.event {
        InputEvent::Wheel { vertical, horizontal: 0 } => Some(vertical),
        _ => None,
    });
    assert!(vertical > 0, "up is positive: {vertical}");
    display.xdotool(&["key", "a", "shift+Right"]);
    let mut expected: Vec<_> = [(0x1e, false), (0x2a, false), (0x4d, true)]
        .into_iter()
        .flat_map(|(code, extended)| {
            [false, true].map(|released| InputEvent::Key { code, extended, released })
        })
        .collect();
    rig.event("all keys, down and up", |input| {
        assert_eq!(input.session, session);
        if let Some(index) = expected.iter().position(|event| *event == input.event) {
            expected.remove(index);
        }
        expected.is_empty().then_some(())
    });
}

#[test]
fn what_is_held_is_released_when_the_client_goes() {
    if !have(TOOLS) {
        return;
    }
    let (display, rig) = (Display::start(), Rig::start(800, 600, |_| {}));
    let frame = Frame::pattern(800, 600);
    rig.publish(&frame);
    let client = rig.client(&display, "bob", "hunter2", &["/size:800x600"]);
    rig.connected();
    display.wait_for_frame(&frame, 0);
    display.xdotool(&["mousemove", "20", "20", "keydown", "q"]);
    let key = |released| InputEvent::Key { code: 0x10, extended: false, released };
    rig.event("the key", |input| (input.event == key(false)).then_some(()));
    drop(client);
    rig.event("its release", |input| (input.event == key(true)).then_some(()));
    rig.event("the end", |input| (input.event == InputEvent::Disconnected).then_some(()));
    assert_eq!(rig.desktop.sessions(), 0);
}

#[test]
fn wrong_passwords_and_unknown_users_see_nothing_and_are_logged() {
    if !have(TOOLS) {
        return;
    }
    let (display, rig) = (Display::start(), Rig::start(800, 600, |config| config.failed_logins = 3));
    rig.publish(&Frame::pattern(800, 600));
    for (user, password) in [("alice", "wrong"), ("mallory", "secret"), ("alice", "")] {
        let mut client = rig.client(&display, user, password, &["/gfx", "/size:800x600"]);
        let status = wait_for("the client's end", || client.0.try_wait().unwrap());
        // FreeRDP's exit codes 131 and 132: connection or authentication failed.
        assert!(!status.success(), "{user}: {status}");
        wait_for("a log line", || rig.log.text().contains(&format!("user=\"{user}\"")).then_some(()));
    }
    // Without NLA there is nothing to try.
    let mut client = rig.client(&display, "alice", "secret", &["/sec:tls", "/size:800x600"]);
    assert!(!wait_for("the client's end", || client.0.try_wait().unwrap()).success());
    let log = rig.log.text();
    assert_eq!(log.matches("authentication failed").count(), 3, "{log}");
    assert!(log.contains("peer=127.0.0.1 user=\"mallory\""), "{log}");
    assert!(rig.drain().is_empty() && rig.desktop.sessions() == 0, "somebody was let in");
    assert!(display.screenshot().unwrap().pixels().all(|pixel| pixel.0 == [0; 3]), "something was shown");

    // Three failures: now even the right password has to wait.
    let mut client = rig.client(&display, "alice", "secret", &["/size:800x600"]);
    assert!(!wait_for("the client's end", || client.0.try_wait().unwrap()).success());
    assert!(rig.log.text().contains("too many failed logins"));
}

#[test]
fn clients_share_the_desktop_and_a_stuck_one_harms_nobody() {
    if !have(TOOLS) {
        return;
    }
    let displays = [Display::start(), Display::start()];
    let rig = Rig::start(800, 600, |_| {});
    let mut frame = Frame::pattern(800, 600);
    rig.publish(&frame);
    let stuck = rig.client(&displays[0], "alice", "secret", &["/gfx", "/size:800x600"]);
    let _other = rig.client(&displays[1], "bob", "hunter2", &["/size:800x600"]);
    for display in &displays {
        display.xdotool(&["mousemove", "1279", "1023"]);
        display.wait_for_frame(&frame, 0);
    }
    assert_eq!(rig.desktop.sessions(), 2);

    stuck.signal("-STOP");
    for step in 0..60u32 {
        // Noise all over, far more than the sockets hold.
        for (at, byte) in frame.bgra.iter_mut().enumerate() {
            *byte = ((at as u32).wrapping_mul(2_654_435_761).wrapping_add(step * 7_919) >> 11) as u8;
        }
        rig.publish(&frame);
        std::thread::sleep(Duration::from_millis(20));
    }
    let frame = Frame::pattern(800, 600);
    rig.publish(&frame);
    displays[1].wait_for_frame(&frame, 0);
    stuck.signal("-CONT");
    displays[0].wait_for_frame(&frame, 0);
}

#[test]
fn an_idle_connection_blocks_nobody_and_is_closed() {
    if !have(TOOLS) {
        return;
    }
    let (display, rig) =
        (Display::start(), Rig::start(800, 600, |config| config.handshake_timeout = Duration::from_secs(20)));
    let mut idle = TcpStream::connect(rig.address).unwrap();
    let frame = Frame::pattern(800, 600);
    rig.publish(&frame);
    let _client = rig.client(&display, "alice", "secret", &["/size:800x600"]);
    display.wait_for_frame(&frame, 0);
    idle.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let closed = wait_for("the server closing it", || idle.read(&mut [0; 16]).ok());
    assert_eq!(closed, 0, "nothing was sent");
    wait_for("a log line", || rig.log.text().contains("handshake timed out").then_some(()));
}

#[test]
fn garbage_before_login_harms_nobody() {
    let rig = Rig::start(800, 600, |_| {});
    // A negotiation request for CredSSP (MS-RDPBCGR 2.2.1.1), to be followed by something other than TLS.
    let negotiation = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
    let noise: Vec<u8> = (0..70_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let endless_header = [3, 0, 0xff, 0xff];
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &noise, &[3, 0, 0, 0], &[3, 0, 0, 4], &endless_header] {
        for start in [&[][..], &negotiation] {
            let mut client = TcpStream::connect(rig.address).unwrap();
            client.set_read_timeout(Some(support::PATIENCE)).unwrap();
            // The server may hang up while we still talk.
            let _ = client.write_all(start).and_then(|()| client.write_all(bytes));
            let _ = client.shutdown(std::net::Shutdown::Write);
            let _ = client.read_to_end(&mut Vec::new());
        }
    }
    wait_for("ten log lines", || {
        (rig.log.text().matches("connection ended before login").count() == 10).then_some(())
    });
    assert!(rig.drain().is_empty());
}

#[test]
fn sizes_follow_both_ways() {
    if !have(TOOLS) {
        return;
    }
    let display = Display::start();
    for (flags, _, tolerance) in MODES {
        let rig = Rig::start(800, 600, |_| {});
        let flags: Vec<_> = flags.iter().copied().chain(["/size:900x700", "/dynamic-resolution"]).collect();
        rig.publish(&Frame::pattern(800, 600));
        let _client = rig.client(&display, "alice", "secret", &flags);
        let follow = |want: (u16, u16)| {
            // The client also repeats sizes that it was told.
            rig.event("a wish for a size", |input| match input.event {
                InputEvent::RequestedSize { width, height } => ((width, height) == want).then_some(()),
                _ => None,
            });
            let frame = Frame::pattern(want.0.into(), want.1.into());
            rig.publish(&frame);
            display.xdotool(&["mousemove", "1279", "1023"]);
            display.wait_for_frame(&frame, tolerance);
        };
        // The client's size at connect.
        follow((900, 700));
        // The desktop changes by itself.
        let frame = Frame::pattern(1000, 500);
        rig.publish(&frame);
        display.wait_for_frame(&frame, tolerance);
        // The user drags the client's window.
        let window = display.xdotool(&["search", "--onlyvisible", "--name", "FreeRDP"]);
        let window = window.lines().next().unwrap().to_owned();
        display.xdotool(&["windowsize", "--sync", &window, "1100", "640"]);
        follow((1100, 640));
    }
}

#[test]
fn a_shutdown_ends_the_sessions() {
    if !have(TOOLS) {
        return;
    }
    let (display, mut rig) = (Display::start(), Rig::start(800, 600, |_| {}));
    let frame = Frame::pattern(800, 600);
    rig.publish(&frame);
    let mut client = rig.client(&display, "alice", "secret", &["/gfx", "/size:800x600"]);
    display.wait_for_frame(&frame, 0);
    rig.stop();
    wait_for("the client's end", || client.0.try_wait().unwrap());
    assert!(rig.drain().iter().any(|input| input.event == InputEvent::Disconnected));
}
