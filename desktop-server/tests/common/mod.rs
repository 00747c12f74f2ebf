//! A daemon of the test's own, with doubles beside it, and a viewer that looks at layers instead of showing them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bailey_link::limits::VERSION;
use bailey_link::{
    Decoder, HelloAck, InputEvent, Message as _, PixelTransport, PointerButton, ToHost, ToInstance,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;

/// Waits for something that will happen; how long it takes is not what is tested.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn pid(pid: u64) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not 0")
}

/// Kills a process of the test's own.
pub(crate) fn kill(process: u64) {
    rustix::process::kill_process(pid(process), Signal::KILL).expect("it lives");
}

/// Whether a process lives.
pub(crate) fn lives(process: u64) -> bool {
    rustix::process::test_kill_process(pid(process)).is_ok()
}

/// A daemon; ends with the value.
pub(crate) struct Fixture {
    folder: TempDir,
    daemon: Child,
}

impl Fixture {
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("bd").tempdir_in("/tmp").expect("a folder");
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        fs::create_dir(folder.path().join("run")).expect("a folder");
        let bailey = Path::new(env!("CARGO_BIN_EXE_bailey"));
        fs::copy(bailey, bin.join("bailey")).expect("the program");
        let double = bailey.with_file_name("examples").join("monitor_double");
        fs::copy(&double, bin.join("bailey-monitor")).expect("the double, built with the tests");
        let daemon = spawn(folder.path());
        let fixture = Self { folder, daemon };
        fixture.wait();
        fixture
    }

    fn wait(&self) {
        eventually(&format!("the daemon answers\n{}", self.log()), || {
            self.bailey(&["ps"]).output().expect("bailey runs").status.success().then_some(())
        });
    }

    pub(crate) fn restart(&mut self) {
        self.daemon = spawn(self.folder.path());
        self.wait();
    }

    /// Ends the daemon as an operator would.
    pub(crate) fn end(&mut self) {
        let process = pid(self.daemon.id().into());
        rustix::process::kill_process(process, Signal::TERM).expect("it lives");
        let status = eventually(&format!("the daemon ends\n{}", self.log()), || {
            self.daemon.try_wait().expect("ours to wait for")
        });
        assert!(status.success(), "{status}\n{}", self.log());
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default()
    }

    pub(crate) fn bailey(&self, arguments: &[&str]) -> Command {
        let mut command = bailey(self.folder.path());
        command.args(arguments);
        command
    }

    /// Runs a verb that succeeds; what it printed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.bailey(arguments).output().expect("bailey runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}\n{}", self.log());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a verb that fails; what it said.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.bailey(arguments).output().expect("bailey runs");
        assert!(!output.status.success(), "{arguments:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).expect("JSON")
    }

    pub(crate) fn instance(&self, name: &str) -> Option<Value> {
        let listing = self.json(&["ps", "--json"]);
        listing["instances"].as_array()?.iter().find(|instance| instance["name"] == name).cloned()
    }

    pub(crate) fn wait_for_window(&self, name: &str) -> Value {
        eventually(&format!("{name} has a window\n{}", self.log()), || {
            self.instance(name).filter(|instance| instance["windows"] != 0)
        })
    }

    /// Serves an instance alone; the client and where it is served.
    pub(crate) fn attach(&self, name: &str) -> (Child, String) {
        let mut command = self.bailey(&["attach", "--rdp", "0", name]);
        let mut client = command.stdout(Stdio::piped()).spawn().expect("bailey runs");
        let mut line = String::new();
        BufReader::new(client.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let address =
            line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).expect("an address");
        (client, address.trim_end_matches(';').to_owned())
    }

    pub(crate) fn view(&self) -> TestViewer {
        TestViewer::connect(&self.run_dir().join("bailey/control"))
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // Dead already, or ended now.
        let _ = rustix::process::kill_process(pid(self.daemon.id().into()), Signal::TERM);
        for _ in 0..300 {
            if self.daemon.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn bailey(folder: &Path) -> Command {
    let mut command = Command::new(folder.join("bin/bailey"));
    command.env("XDG_RUNTIME_DIR", folder.join("run")).env("XDG_STATE_HOME", folder.join("state"));
    command.env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    command
}

fn spawn(folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("serve.log")).expect("a log");
    let mut command = bailey(folder);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--size", "1000x700"])
        .stdout(Stdio::null())
        .stderr(log);
    command.spawn().expect("bailey serve starts")
}

struct Layer {
    place: (i32, i32),
    size: (u32, u32),
    offset: u64,
    stride: u32,
}

/// A viewer that keeps the layers it is told.
pub(crate) struct TestViewer {
    stream: UnixStream,
    pixels: OwnedFd,
    decoder: Decoder<ToHost>,
    layers: HashMap<u32, Layer>,
    order: Vec<u32>,
}

impl TestViewer {
    fn connect(path: &Path) -> Self {
        let mut stream = UnixStream::connect(path).expect("the control socket");
        stream.write_all(b"{\"verb\":\"view\"}\n").expect("the request");
        let (mut answer, mut space) = ([0; 3], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut answer)];
        rustix::net::recvmsg(&stream, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
            .expect("an answer");
        assert_eq!(&answer, b"{}\n");
        let mut pixels = None;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
                pixels = descriptors.next();
            }
        }
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
        let pixels = pixels.expect("the memory with the pixels");
        let (decoder, layers, order) = (Decoder::new(), HashMap::new(), Vec::new());
        let mut viewer = Self { stream, pixels, decoder, layers, order };
        eventually("the daemon has greeted", || {
            viewer.read();
            (!viewer.order.is_empty()).then_some(())
        });
        viewer
    }

    fn send(&mut self, message: &ToInstance) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).expect("encodable");
        self.stream.write_all(&bytes).expect("the daemon listens");
    }

    pub(crate) fn input(&mut self, events: &[InputEvent]) {
        self.send(&ToInstance::Input(events.to_vec()));
        self.read();
    }

    pub(crate) fn click(&mut self, x: i16, y: i16) {
        let button = |released| InputEvent::PointerButton { button: PointerButton::Left, released, x, y };
        self.input(&[InputEvent::PointerMove { x, y }, button(false), button(true)]);
    }

    fn read(&mut self) {
        let mut chunk = [0; 64 << 10];
        let Ok(count @ 1..) = self.stream.read(&mut chunk) else {
            return;
        };
        self.decoder.push(&chunk[..count]).expect("a chunk");
        while let Some(message) = self.decoder.pull().expect("the daemon speaks well") {
            self.take(message);
        }
    }

    fn take(&mut self, message: ToHost) {
        match message {
            ToHost::Hello { version } => {
                assert_eq!(version, VERSION);
                let pixels = PixelTransport::SharedMemory;
                let (desktop_width, desktop_height) = (1000, 700);
                self.send(&ToInstance::HelloAck(HelloAck {
                    version,
                    pixels,
                    desktop_width,
                    desktop_height,
                    ..HelloAck::default()
                }));
            }
            ToHost::WindowCreated(info) | ToHost::WindowUpdated(info) => {
                let layer = self.layers.entry(info.id).or_insert(Layer {
                    place: info.offset,
                    size: info.size,
                    offset: 0,
                    stride: 0,
                });
                (layer.place, layer.size) = (info.offset, info.size);
            }
            ToHost::WindowDeleted { window } => {
                self.layers.remove(&window);
            }
            ToHost::CreateBuffer { buffer, offset, stride, .. } => {
                if let Some(layer) = self.layers.get_mut(&buffer) {
                    (layer.offset, layer.stride) = (offset, stride);
                }
            }
            ToHost::ZOrder { windows, .. } => self.order = windows,
            ToHost::Present { window, serial, .. } => self.send(&ToInstance::PresentAck { window, serial }),
            _ => {}
        }
    }

    /// The pixel of the topmost layer at a place of the desktop, unless that is the background.
    pub(crate) fn pixel(&mut self, x: u32, y: u32) -> Option<[u8; 4]> {
        self.read();
        let inside = |layer: &Layer| {
            let (left, top) =
                (i64::from(x) - i64::from(layer.place.0), i64::from(y) - i64::from(layer.place.1));
            let fits = left >= 0 && top >= 0 && left < layer.size.0.into() && top < layer.size.1.into();
            fits.then_some((left as u64, top as u64))
        };
        let background = self.order.last().copied();
        let id = self.order.iter().find(|id| self.layers.get(id).and_then(inside).is_some())?;
        if Some(*id) == background {
            return None;
        }
        let layer = &self.layers[id];
        let (left, top) = inside(layer)?;
        let mut pixel = [0; 4];
        rustix::io::pread(&self.pixels, &mut pixel, layer.offset + top * u64::from(layer.stride) + left * 4)
            .ok()?;
        Some(pixel)
    }
}
