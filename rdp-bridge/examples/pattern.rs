//! Serves a moving pattern over RDP and prints what its viewers do, to try clients by hand:
//!
//!     cargo run -p bailey-rdp --example pattern -- 127.0.0.1:3390 STATE-DIR
//!     xfreerdp /v:127.0.0.1:3390 /u:alice /p:secret /cert:ignore /gfx
//!
//! The state directory keeps certificate and users; it is made with the user `alice`, password `secret`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bailey_rdp::server::credentials::CredentialsFile;
use bailey_rdp::server::{
    Config, DesktopHandle, FrameView, InputEvent, PointerImage, PointerShape, Rect, Server, TlsIdentity,
    input_channel,
};

const BOX: u32 = 96;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:3390".to_owned()).parse()?;
    let state = PathBuf::from(arguments.next().ok_or("usage: pattern ADDRESS:PORT STATE-DIR")?);
    std::fs::create_dir_all(&state)?;
    let (tls, fingerprint) = TlsIdentity::load_or_generate(&state)?;
    let users = CredentialsFile::new(state.join("users"));
    users.add("alice", "secret")?;

    let desktop = DesktopHandle::new(1024, 768)?;
    let (input, mut events) = input_channel(256);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = runtime.block_on(Server::bind(Config::new(listen, tls, Arc::new(users))))?;
    println!("listening on {}, certificate SHA-256 {fingerprint}", server.local_addr());

    let painter = desktop.clone();
    std::thread::spawn(move || paint(&painter));
    let resizer = desktop.clone();
    std::thread::spawn(move || {
        while let Some(event) = events.recv_blocking() {
            println!("{event:?}");
            if let InputEvent::RequestedSize { width, height } = event.event
                && let Err(error) = resizer.resize(width.into(), height.into())
            {
                eprintln!("{error}");
            }
        }
    });
    runtime.block_on(server.run(desktop, input, async {
        let _ = tokio::signal::ctrl_c().await;
    }));
    Ok(())
}

/// A still gradient with a box that moves over it, at 30 frames a second.
fn paint(desktop: &DesktopHandle) {
    let mut frame = Frame::default();
    let pointer = PointerImage { width: 16, height: 16, hot_x: 0, hot_y: 0, bgra: arrow(16) };
    if let Err(error) = desktop.set_pointer(PointerShape::Image(Arc::new(pointer))) {
        eprintln!("{error}");
    }
    for step in 0u32.. {
        let damage = frame.advance(desktop.size(), step);
        let view = FrameView {
            width: frame.width,
            height: frame.height,
            stride: frame.width as usize * 4,
            bgra: &frame.bgra,
        };
        if let Err(error) = desktop.publish(view, &damage) {
            eprintln!("{error}");
        }
        std::thread::sleep(Duration::from_millis(33));
    }
}

#[derive(Default)]
struct Frame {
    width: u32,
    height: u32,
    bgra: Vec<u8>,
    last: Rect,
}

impl Frame {
    fn advance(&mut self, (width, height): (u32, u32), step: u32) -> Vec<Rect> {
        let mut damage = vec![self.last];
        if (self.width, self.height) != (width, height) {
            *self =
                Self { width, height, bgra: vec![0; (width * height * 4) as usize], last: Rect::default() };
            self.fill(Rect::new(0, 0, width, height), background);
            damage = vec![Rect::new(0, 0, width, height)];
        }
        self.fill(self.last, background);
        let at = |range: u32, speed: u32| {
            let phase = step * speed % (2 * range);
            phase.min(2 * range - phase)
        };
        self.last = Rect::new(at(width - BOX, 5), at(height - BOX, 3), BOX, BOX);
        let corner = self.last;
        self.fill(corner, |x, y| {
            if ((x - corner.x) / 12 + (y - corner.y) / 12).is_multiple_of(2) { [0, 0, 255] } else { [255; 3] }
        });
        damage.push(self.last);
        damage
    }

    fn fill(&mut self, rect: Rect, colour: impl Fn(u32, u32) -> [u8; 3]) {
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                let at = ((y * self.width + x) * 4) as usize;
                self.bgra[at..at + 3].copy_from_slice(&colour(x, y));
                self.bgra[at + 3] = 255;
            }
        }
    }
}

fn background(x: u32, y: u32) -> [u8; 3] {
    [(x / 8) as u8, (y / 8) as u8, 64]
}

/// A right-angled triangle, blue and half transparent.
fn arrow(edge: usize) -> Vec<u8> {
    (0..edge * edge).flat_map(|at| if at % edge <= at / edge { [200, 0, 0, 200] } else { [0; 4] }).collect()
}
