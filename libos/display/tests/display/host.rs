//! A host at the other end of the display stream, for tests: it decodes what the service says,
//! keeps the pictures, acknowledges frames and sends input.
#![expect(clippy::unwrap_used, reason = "a fault of the test host is a failed test")]

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use bailey_link::egfx::{EgfxDecoder, EgfxEvent};
use bailey_link::limits::VERSION;
use bailey_link::{
    Decoder, HelloAck, InputEvent, Message, MoveSize, PixelTransport, PointerButton, PointerShape, Rect,
    SystemCommand, ToHost, ToInstance, WindowIcon, WindowInfo,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::pread;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// No wait in a test is longer: past that something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a window shows: BGRA rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixels: Vec<u8>,
}

impl Picture {
    /// The pixel at a place, as 0xAARRGGBB.
    pub(crate) fn pixel(&self, x: u32, y: u32) -> u32 {
        let at = ((y * self.width + x) * 4) as usize;
        u32::from_le_bytes(self.pixels[at..at + 4].try_into().unwrap())
    }

    /// How many different colours there are.
    pub(crate) fn colours(&self) -> usize {
        let mut all: Vec<&[u8]> = self.pixels.chunks(4).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }
}

#[derive(Clone, Copy, Debug)]
struct Buffer {
    offset: u64,
    width: u32,
    height: u32,
    stride: u32,
}

/// The host, and the service that it started.
pub(crate) struct Host {
    stream: UnixStream,
    decoder: Decoder<ToHost>,
    messages: VecDeque<ToHost>,
    memory: Option<OwnedFd>,
    egfx: EgfxDecoder,
    buffers: HashMap<u32, Buffer>,
    /// Acknowledge frames as soon as they come.
    pub(crate) acknowledge: bool,
    /// Frames that are not acknowledged.
    pub(crate) unacknowledged: Vec<(u32, u32)>,
    pub(crate) windows: HashMap<u32, WindowInfo>,
    pub(crate) pictures: HashMap<u32, Picture>,
    pub(crate) icons: HashMap<u32, WindowIcon>,
    pub(crate) pointer: PointerShape,
    pub(crate) move_size: Option<(u32, MoveSize)>,
    pub(crate) presents: usize,
    pub(crate) egfx_frames: usize,
    /// What went wrong in what the service said.
    pub(crate) faults: Vec<String>,
    pub(crate) service: Child,
    pub(crate) directory: tempfile::TempDir,
}

/// Whether a program is installed; says so where a test is skipped for that.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

impl Host {
    /// Starts the service with a program, and answers its Hello.
    pub(crate) fn start<S: AsRef<OsStr>>(pixels: PixelTransport, command: &[S]) -> Self {
        Self::start_with(pixels, 0x409, command)
    }

    /// Starts the service with a `PATH` of its own.
    pub(crate) fn start_in<S: AsRef<OsStr>>(path: &str, command: &[S]) -> Self {
        Self::start_by(PixelTransport::SharedMemory, 0x409, command, |service| {
            service.env("PATH", path);
        })
    }

    /// The same with a keyboard layout.
    pub(crate) fn start_with<S: AsRef<OsStr>>(
        pixels: PixelTransport,
        keyboard_layout: u32,
        command: &[S],
    ) -> Self {
        Self::start_by(pixels, keyboard_layout, command, |_| {})
    }

    fn start_by<S: AsRef<OsStr>>(
        pixels: PixelTransport,
        keyboard_layout: u32,
        command: &[S],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stream");
        let listener = UnixListener::bind(&path).unwrap();
        let mut service = Command::new(env!("CARGO_BIN_EXE_bailey-display"));
        service
            .arg("--stream")
            .arg(&path)
            .arg("--")
            .args(command)
            .env("XDG_RUNTIME_DIR", directory.path().join("run"))
            .env("HOME", directory.path())
            .env("XDG_CACHE_HOME", directory.path().join("cache"))
            .env("LANG", "C.UTF-8")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env("NO_AT_BRIDGE", "1")
            .env("GSETTINGS_BACKEND", "memory");
        change(&mut service);
        let service = service.spawn().unwrap();
        let (stream, _) = listener.accept().unwrap();
        let mut host = Self {
            stream,
            decoder: Decoder::new(),
            messages: VecDeque::new(),
            memory: None,
            egfx: EgfxDecoder::new(),
            buffers: HashMap::new(),
            acknowledge: true,
            unacknowledged: Vec::new(),
            windows: HashMap::new(),
            pictures: HashMap::new(),
            icons: HashMap::new(),
            pointer: PointerShape::Default,
            move_size: None,
            presents: 0,
            egfx_frames: 0,
            faults: Vec::new(),
            service,
            directory,
        };
        host.receive();
        assert_eq!(host.messages.pop_front(), Some(ToHost::Hello { version: VERSION }));
        host.send(&ToInstance::HelloAck(HelloAck {
            version: VERSION,
            pixels,
            desktop_width: 1280,
            desktop_height: 800,
            keyboard_layout,
            repeat_delay_ms: 500,
            repeat_rate: 25,
        }));
        host
    }

    /// The Wayland socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("run/wayland-0")
    }

    pub(crate) fn send(&mut self, message: &ToInstance) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    /// Reads what is there, waiting for something at first. Returns false at the end of the stream.
    pub(crate) fn receive(&mut self) -> bool {
        let mut bytes = [0; 64 << 10];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(&mut bytes)];
        let Ok(received) = recvmsg(&self.stream, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) else {
            return false;
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                self.memory = files.into_iter().next().or_else(|| self.memory.take());
            }
        }
        if received.bytes == 0 {
            return false;
        }
        self.decoder.push(&bytes[..received.bytes]).unwrap();
        while let Some(message) = self.decoder.pull().unwrap() {
            self.messages.push_back(message);
        }
        true
    }

    /// Whether something can be read within a time.
    fn readable(&self, within: Duration) -> bool {
        let mut waiting = [PollFd::new(&self.stream, PollFlags::IN)];
        let timeout = Timespec { tv_sec: within.as_secs() as i64, tv_nsec: i64::from(within.subsec_nanos()) };
        poll(&mut waiting, Some(&timeout)).is_ok_and(|ready| ready > 0)
    }

    /// Takes in messages until a condition holds; panics where that does not come about.
    pub(crate) fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            while let Some(message) = self.messages.pop_front() {
                self.take(message);
            }
            assert_eq!(self.faults, Vec::<String>::new());
            if condition(self) {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come about; windows: {:#?}", self.windows);
            if self.readable(left.min(Duration::from_millis(100))) {
                assert!(self.receive(), "{what} did not come about: the stream ended");
            }
        }
    }

    /// Takes in what is there, without waiting.
    pub(crate) fn take_in(&mut self) {
        self.run_for(Duration::ZERO);
        while self.readable(Duration::ZERO) && self.receive() {
            self.run_for(Duration::ZERO);
        }
        assert_eq!(self.faults, Vec::<String>::new());
    }

    /// Takes in messages for a while, whatever comes.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            while let Some(message) = self.messages.pop_front() {
                self.take(message);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || (self.readable(left) && !self.receive()) {
                return;
            }
        }
    }

    fn take(&mut self, message: ToHost) {
        match message {
            ToHost::WindowCreated(info) | ToHost::WindowUpdated(info) => {
                self.windows.insert(info.id, info);
            }
            ToHost::WindowDeleted { window } => {
                self.windows.remove(&window);
                self.pictures.remove(&window);
            }
            ToHost::LocalMoveSize { window, operation } => self.move_size = Some((window, operation)),
            ToHost::WindowIcon(icon) => {
                self.icons.insert(icon.window, icon);
            }
            ToHost::Pointer(shape) => self.pointer = shape,
            ToHost::CreateBuffer { buffer, offset, width, height, stride, .. } => {
                if self.buffers.insert(buffer, Buffer { offset, width, height, stride }).is_some() {
                    self.faults.push(format!("buffer {buffer} created twice"));
                }
            }
            ToHost::DestroyBuffer { buffer } => {
                if self.buffers.remove(&buffer).is_none() {
                    self.faults.push(format!("buffer {buffer} destroyed but not there"));
                }
            }
            ToHost::Present { window, buffer, serial, damage } => {
                self.present(window, buffer, serial, &damage)
            }
            ToHost::Egfx(pdus) => self.decode(&pdus),
            other => self.faults.push(format!("unexpected: {other:?}")),
        }
    }

    fn decode(&mut self, pdus: &[u8]) {
        for EgfxEvent::Frame { frame, damage } in self.egfx.push(pdus).unwrap() {
            self.egfx_frames += 1;
            for (window, _) in damage {
                if let Some(view) = self.egfx.surface(window) {
                    let (width, height, pixels) = (view.width, view.height, view.pixels.to_vec());
                    self.pictures.insert(window, Picture { width, height, pixels });
                }
            }
            self.send(&ToInstance::EgfxAck { frame });
        }
    }

    fn present(&mut self, window: u32, buffer: u32, serial: u32, damage: &[Rect]) {
        self.presents += 1;
        if !self.windows.contains_key(&window) {
            self.faults.push(format!("present of window {window} that is not there"));
        }
        self.unacknowledged.push((window, serial));
        if self.unacknowledged.iter().filter(|(other, _)| *other == window).count() > 2 {
            self.faults.push(format!("more than two presents of window {window} in flight"));
        }
        match self.buffers.get(&buffer).copied() {
            Some(buffer) => self.copy(window, buffer, damage),
            None => self.faults.push(format!("present of buffer {buffer} that is not there")),
        }
        if self.acknowledge {
            self.acknowledge_all();
        }
    }

    /// Acknowledges all frames.
    pub(crate) fn acknowledge_all(&mut self) {
        for (window, serial) in std::mem::take(&mut self.unacknowledged) {
            self.send(&ToInstance::PresentAck { window, serial });
        }
    }

    fn copy(&mut self, window: u32, buffer: Buffer, damage: &[Rect]) {
        let memory = self.memory.as_ref().expect("memory came with Hello");
        let picture = self.pictures.entry(window).or_default();
        let mut damage = damage.to_vec();
        if (picture.width, picture.height) != (buffer.width, buffer.height) {
            let (width, height) = (buffer.width, buffer.height);
            *picture = Picture { width, height, pixels: vec![0; (width * height * 4) as usize] };
            damage = vec![Rect::new(0, 0, width, height)];
        }
        for rect in damage {
            if !rect.fits(buffer.width, buffer.height) {
                self.faults.push(format!("damage {rect:?} outside of {buffer:?}"));
                continue;
            }
            for row in rect.y..rect.bottom() {
                let from = buffer.offset + u64::from(row * buffer.stride + rect.x * 4);
                let at = ((row * buffer.width + rect.x) * 4) as usize;
                let into = &mut picture.pixels[at..at + (rect.width * 4) as usize];
                if pread(memory, &mut *into, from) != Ok(into.len()) {
                    self.faults.push(format!("{buffer:?} lies beyond the memory"));
                }
            }
        }
    }

    /// Waits for the first window that fits, with a picture.
    pub(crate) fn window(&mut self, what: &str, mut fits: impl FnMut(&WindowInfo) -> bool) -> u32 {
        let mut found = 0;
        self.until(what, |host| {
            let shown = host.windows.values().find(|info| fits(info) && host.pictures.contains_key(&info.id));
            found = shown.map_or(0, |info| info.id);
            found != 0
        });
        found
    }

    pub(crate) fn activate(&mut self, window: u32) {
        self.send(&ToInstance::Activate { window, active: true });
    }

    pub(crate) fn input(&mut self, events: Vec<InputEvent>) {
        self.send(&ToInstance::Input(events));
    }

    /// Presses and releases a key by its scan code.
    pub(crate) fn key(&mut self, code: u8) {
        for released in [false, true] {
            self.input(vec![InputEvent::Key { code, extended: false, released }]);
        }
    }

    /// Types text on a US keyboard.
    pub(crate) fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            let (code, shift) = scancode(letter);
            let key = |code, released| InputEvent::Key { code, extended: false, released };
            if shift {
                self.input(vec![key(0x2a, false)]);
            }
            self.key(code);
            if shift {
                self.input(vec![key(0x2a, true)]);
            }
        }
    }

    /// Moves the pointer into a window.
    pub(crate) fn point(&mut self, window: u32, x: i16, y: i16) {
        self.send(&ToInstance::InputTarget { window: Some(window) });
        self.input(vec![InputEvent::PointerMove { x, y }]);
    }

    /// Clicks in a window.
    pub(crate) fn click(&mut self, window: u32, button: PointerButton, x: i16, y: i16) {
        self.point(window, x, y);
        for released in [false, true] {
            self.input(vec![InputEvent::PointerButton { button, released, x, y }]);
        }
    }

    pub(crate) fn close(&mut self, window: u32) {
        self.send(&ToInstance::SystemCommand { window, command: SystemCommand::Close });
    }

    /// Waits for the service to end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = [0; 4096];
        while matches!(self.stream.read(&mut rest), Ok(count) if count > 0) {}
        self.service.wait().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The end of the stream ends the service, and that its program.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let _ = self.service.wait();
    }
}

/// The set-1 scan code of a letter on a US keyboard, and whether Shift goes with it.
fn scancode(letter: char) -> (u8, bool) {
    const ROWS: [(&str, &str, u8); 4] = [
        ("1234567890-=", "!@#$%^&*()_+", 0x02),
        ("qwertyuiop[]\n", "QWERTYUIOP{}", 0x10),
        ("asdfghjkl;'`", "ASDFGHJKL:\"~", 0x1e),
        ("\\zxcvbnm,./", "|ZXCVBNM<>?", 0x2b),
    ];
    if letter == ' ' {
        return (0x39, false);
    }
    for (plain, shifted, first) in ROWS {
        for (row, shift) in [(plain, false), (shifted, true)] {
            if let Some(index) = row.chars().position(|other| other == letter) {
                return (first + index as u8, shift);
            }
        }
    }
    panic!("no key for {letter:?}");
}
