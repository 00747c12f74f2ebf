//! A daemon that is no more than a script, and a screen to show it on

use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bailey_link::limits::VERSION;
use bailey_link::{Decoder, Encoder, HelloAck, PixelFormat, Rect, ToHost, ToInstance, WindowInfo};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

pub const LIMIT: Duration = Duration::from_secs(60);

/// An Xvfb on a free display; ends with the value.
pub struct Screen {
    server: Child,
    pub display: String,
}

impl Screen {
    pub fn start(width: u32, height: u32) -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &format!("{width}x{height}x24")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts (Debian: xvfb)");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("Xvfb says its display");
        Self { server, display: format!(":{}", line.trim()) }
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY").stdin(Stdio::null());
        command
    }

    pub fn xdotool(&self, arguments: &[&str]) {
        let status = self.command("xdotool").args(arguments).stdout(Stdio::null()).status();
        assert!(status.expect("xdotool runs (Debian: xdotool)").success(), "xdotool {arguments:?}");
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ended_already = self.server.kill();
        let _ended_already = self.server.wait();
    }
}

/// A viewer; ends with the value.
pub struct Viewer(pub Child);

impl Viewer {
    /// Waits for its end; its exit status and what it said.
    pub fn finish(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        if let Some(mut stderr) = self.0.stderr.take() {
            stderr.read_to_string(&mut said).expect("text");
        }
        (self.0.wait().expect("it ends").code(), said)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}

/// The daemon's side.
pub struct Daemon {
    folder: tempfile::TempDir,
    listener: UnixListener,
    pub memory: OwnedFd,
    used: u64,
    link: Option<Link>,
    serial: u32,
}

struct Link {
    stream: UnixStream,
    decoder: Decoder<ToInstance>,
}

impl Daemon {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("control")).expect("a socket");
        let memory = memfd_create("pixels", MemfdFlags::CLOEXEC).expect("memory");
        Self { folder, listener, memory, used: 0, link: None, serial: 0 }
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn view(&self, screen: &Screen, arguments: &[&str]) -> Viewer {
        let mut command = screen.command(env!("CARGO_BIN_EXE_bailey-viewer"));
        command
            .arg("--socket")
            .arg(self.folder.path().join("control"))
            .args(arguments)
            .stderr(Stdio::piped());
        Viewer(command.spawn().expect("the viewer starts"))
    }

    /// Waits for the viewer's request and answers it with a line and, for a view, with the memory.
    pub fn answer(&mut self, line: &str, with_memory: bool) {
        let (stream, _) = self.listener.accept().expect("a viewer");
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\n") {
            (&stream).read_exact(&mut byte).expect("a request");
            request.push(byte[0]);
        }
        assert_eq!(request, b"{\"verb\":\"view\"}\n");
        let descriptors = [self.memory.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if with_memory {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
        }
        sendmsg(&stream, &[IoSlice::new(line.as_bytes())], &mut ancillary, SendFlags::empty()).expect("sent");
        self.link = Some(Link { stream, decoder: Decoder::new() });
    }

    /// Lets the viewer in; what it answers to the greeting.
    pub fn accept(&mut self) -> HelloAck {
        self.answer("{\"ok\":true}\n", true);
        self.send(&[ToHost::Hello { version: VERSION }]);
        self.wait_for("HelloAck", |message| match message {
            ToInstance::HelloAck(ack) => Some(*ack),
            _ => None,
        })
    }

    pub fn send(&mut self, messages: &[ToHost]) {
        let mut encoder = Encoder::new(1 << 20);
        for message in messages {
            encoder.push(message).expect("encodable");
        }
        let link = self.link.as_mut().expect("a viewer");
        link.stream.write_all(encoder.pending()).expect("the viewer reads");
    }

    /// Reads messages until one is what is waited for.
    pub fn wait_for<T>(&mut self, what: &str, mut is_it: impl FnMut(&ToInstance) -> Option<T>) -> T {
        let link = self.link.as_mut().expect("a viewer");
        let end = Instant::now() + LIMIT;
        let mut chunk = [0; 4096];
        loop {
            while let Some(message) = link.decoder.pull().expect("the viewer keeps to the protocol") {
                if let Some(found) = is_it(&message) {
                    return found;
                }
            }
            assert!(Instant::now() < end, "no {what}");
            let count = link.stream.read(&mut chunk).unwrap_or_else(|error| panic!("no {what}: {error}"));
            assert_ne!(count, 0, "the viewer has gone; no {what}");
            link.decoder.push(&chunk[..count]).expect("all messages were pulled");
        }
    }

    pub fn hang_up(&mut self) {
        self.link = None;
    }

    /// Puts pixels of one colour into the memory; the messages that show them as a layer. The picture is a part of a
    /// wider one, as pictures of windows are.
    pub fn layer(
        &mut self,
        id: u32,
        at: (i32, i32),
        size: (u32, u32),
        colour: [u8; 4],
        opaque: bool,
    ) -> [ToHost; 3] {
        let stride = (size.0 + 24) * 4;
        let offset = self.used.next_multiple_of(4096) + 48;
        self.used = offset + u64::from(stride) * u64::from(size.1);
        ftruncate(&self.memory, self.used).expect("room");
        for y in 0..size.1 {
            self.paint(offset + u64::from(y) * u64::from(stride), &colour.repeat(size.0 as usize));
        }
        let format = if opaque { PixelFormat::Xrgb8888 } else { PixelFormat::Argb8888 };
        self.serial += 1;
        [
            ToHost::WindowCreated(WindowInfo { id, offset: at, size, ..WindowInfo::default() }),
            ToHost::CreateBuffer { buffer: id, offset, width: size.0, height: size.1, stride, format },
            ToHost::Present {
                window: id,
                buffer: id,
                serial: self.serial,
                damage: vec![Rect::new(0, 0, size.0, size.1)],
            },
        ]
    }

    pub fn paint(&self, offset: u64, mut bytes: &[u8]) {
        let mut offset = offset;
        while !bytes.is_empty() {
            let count = rustix::io::pwrite(&self.memory, bytes, offset).expect("written");
            bytes = &bytes[count..];
            offset += count as u64;
        }
    }

    pub fn wait_for_ack(&mut self, layer: u32) {
        self.wait_for(&format!("acknowledgement of layer {layer}"), |message| match message {
            ToInstance::PresentAck { window, .. } if *window == layer => Some(()),
            _ => None,
        });
    }
}
