//! Plays a monitor with its instance, for the tests of the daemon: a real process that takes the same options, has a
//! memory, and speaks the display stream, well or badly, as its first argument says.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bailey_link::egfx::{Codec, EgfxEncoder};
use bailey_link::limits::VERSION;
use bailey_link::{
    Decoder, InputEvent, Message as _, PixelFormat, PixelTransport, Rect, SystemCommand, ToHost, ToInstance,
    WindowInfo,
};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

/// Bytes of the memory.
const MEMORY: u64 = 16 << 20;
/// Sides of the window.
const SIZE: (u32, u32) = (300, 200);

struct Double {
    stream: UnixStream,
    line: OwnedFd,
    memory: OwnedFd,
    decoder: Decoder<ToInstance>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let fd = |name: &str| -> RawFd { option(name).and_then(|fd| fd.parse().ok()).expect("a descriptor") };
    // SAFETY: the descriptors were inherited for this, and nothing else in this process owns them.
    let (display, line) =
        unsafe { (OwnedFd::from_raw_fd(fd("--display-fd")), OwnedFd::from_raw_fd(fd("--control-fd"))) };
    let memory =
        rustix::fs::memfd_create("double", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("a memfd");
    rustix::fs::ftruncate(&memory, MEMORY).expect("its size");
    rustix::fs::fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW).expect("its seals");
    let mut double = Double { stream: display.into(), line, memory, decoder: Decoder::new() };
    double.announce_memory();
    let separator = arguments.iter().position(|argument| argument == "--").expect("a program");
    let program: Vec<&str> = arguments[separator + 1..].iter().map(String::as_str).collect();
    println!("double plays {program:?}");
    match program[..] {
        ["window", title] => double.window(title),
        ["exit", status] => {
            double.report(&format!(r#"{{"type":"exited","status":{status},"signal":null,"reason":""}}"#))
        }
        ["hostile", case] => double.hostile(case),
        _ => panic!("the double cannot play {program:?}"),
    }
}

impl Double {
    fn report(&self, message: &str) {
        rustix::net::send(&self.line, message.as_bytes(), SendFlags::NOSIGNAL).expect("the daemon listens");
    }

    fn announce_memory(&self) {
        let message = format!(r#"{{"type":"memory","size":{MEMORY}}}"#);
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let memory = [self.memory.as_fd()];
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&memory)));
        let parts = [std::io::IoSlice::new(message.as_bytes())];
        rustix::net::sendmsg(&self.line, &parts, &mut ancillary, SendFlags::NOSIGNAL)
            .expect("the daemon listens");
    }

    fn say(&mut self, messages: &[ToHost]) {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut bytes).expect("encodable"));
        self.say_bytes(&bytes);
    }

    /// A daemon that has cut us off is what the test wants.
    fn say_bytes(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).is_err() {
            std::thread::sleep(Duration::from_secs(60));
        }
    }

    /// The next messages; ends the process with the stream.
    fn hear(&mut self) -> Vec<ToInstance> {
        let mut chunk = [0; 4096];
        let count = self.stream.read(&mut chunk).unwrap_or(0);
        if count == 0 {
            std::process::exit(0);
        }
        self.decoder.push(&chunk[..count]).expect("a chunk");
        std::iter::from_fn(|| self.decoder.pull().expect("the daemon speaks well")).collect()
    }

    fn hello(&mut self) -> PixelTransport {
        self.say(&[ToHost::Hello { version: VERSION }]);
        loop {
            if let Some(ToInstance::HelloAck(ack)) = self.hear().first() {
                return ack.pixels;
            }
        }
    }

    /// One window in one colour; keys are printed. Ends when it is asked to.
    fn window(&mut self, title: &str) {
        let line = self.line.try_clone().expect("a second descriptor");
        std::thread::spawn(move || obey(&line));
        let pixels = self.hello();
        let (width, height) = SIZE;
        let info =
            WindowInfo { id: 1, title: title.into(), size: SIZE, resizable: true, ..WindowInfo::default() };
        self.say(&[ToHost::WindowCreated(info)]);
        let colour = [10, 20, 200, 255].repeat((width * height) as usize);
        let damage = Rect::new(0, 0, width, height);
        if pixels == PixelTransport::Egfx {
            let mut encoder = EgfxEncoder::new(Codec::ClearCodec);
            let mut frame = encoder.start(1, width, height, PixelFormat::Xrgb8888).expect("a frame");
            encoder.rect(&mut frame, damage, &colour).expect("a rectangle");
            let messages = encoder.finish(frame).expect("an end");
            self.say(&messages);
        } else {
            rustix::io::pwrite(&self.memory, &colour, 4096).expect("pixels");
            let (stride, format) = (width * 4, PixelFormat::Xrgb8888);
            let create = ToHost::CreateBuffer { buffer: 1, offset: 4096, width, height, stride, format };
            self.say(&[create, ToHost::Present { window: 1, buffer: 1, serial: 1, damage: vec![damage] }]);
        }
        loop {
            for message in self.hear() {
                match message {
                    ToInstance::Input(events) => {
                        for event in events {
                            if let InputEvent::Key { code, released: false, .. } = event {
                                println!("key {code}");
                            }
                        }
                    }
                    ToInstance::PresentAck { window, serial } => {
                        println!("present {window} {serial} acknowledged")
                    }
                    ToInstance::EgfxAck { frame } => println!("frame {frame} acknowledged"),
                    ToInstance::SystemCommand { command: SystemCommand::Close, .. } => println!("close"),
                    _ => {}
                }
            }
        }
    }

    fn hostile(&mut self, case: &str) {
        if case != "silent" {
            self.hello();
        }
        let window = |id| ToHost::WindowCreated(WindowInfo { id, ..WindowInfo::default() });
        let buffer = |offset, width, height, stride| {
            let format = PixelFormat::Xrgb8888;
            ToHost::CreateBuffer { buffer: 1, offset, width, height, stride, format }
        };
        match case {
            "garbage" => self.say_bytes(
                &(0..100_000u32)
                    .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
                    .collect::<Vec<u8>>(),
            ),
            "beyond" => self.say(&[window(1), buffer(MEMORY - 100, 100, 100, 400)]),
            "overflow" => self.say(&[window(1), buffer(u64::MAX - 10, 100, 100, 400)]),
            "huge" => self.say(&[window(1), buffer(0, 40_000, 25_000, 160_000)]),
            "stranger" => {
                self.say(&[ToHost::Present { window: 9, buffer: 9, serial: 1, damage: Vec::new() }])
            }
            "windows" => (1..=1_000_000).for_each(|id| self.say(&[window(id)])),
            "flood" => {
                (0..1_000_000).for_each(|_| self.say(&[ToHost::Pointer(bailey_link::PointerShape::Hidden)]))
            }
            // Shows a window and never reads again; the test types into it.
            "deaf" => {
                let damage = vec![Rect::new(0, 0, 100, 100)];
                self.say(&[
                    window(1),
                    buffer(0, 100, 100, 400),
                    ToHost::Present { window: 1, buffer: 1, serial: 1, damage },
                ]);
            }
            "half" => {
                self.say_bytes(&[1, 0, 0]);
                self.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
            }
            "silent" => {}
            other => panic!("no case {other}"),
        }
        std::thread::sleep(Duration::from_secs(60));
    }
}

/// Does what the daemon commands, and ends with it.
fn obey(line: &OwnedFd) {
    loop {
        let mut buffer = [0; 4096];
        let (_, count) = rustix::net::recv(line, &mut buffer, RecvFlags::empty()).unwrap_or_default();
        let said = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if said.contains("terminate") {
            let last = r#"{"type":"exited","status":0,"signal":null,"reason":"asked to"}"#;
            // A daemon that has gone misses it.
            let _ = rustix::net::send(line, last.as_bytes(), SendFlags::NOSIGNAL);
            std::process::exit(0);
        }
        if count == 0 || said.contains("kill") {
            std::process::exit(1);
        }
    }
}
