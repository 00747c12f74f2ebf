//! A Wayland client that draws full frames of 1280x720, each when the last one was shown: `frame-client text|photo
//! COUNT`. Prints `begin` when it starts to count and `end` after COUNT frames, and stays.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::time::Duration;

use wayland_client::globals::{GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_buffer::{self, WlBuffer};
use wayland_client::protocol::wl_callback::{self, WlCallback};
use wayland_client::protocol::wl_compositor::WlCompositor;
use wayland_client::protocol::wl_registry::{self, WlRegistry};
use wayland_client::protocol::wl_shm::{Format, WlShm};
use wayland_client::protocol::wl_shm_pool::WlShmPool;
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, delegate_noop};
use wayland_protocols::xdg::shell::client::xdg_surface::{self, XdgSurface};
use wayland_protocols::xdg::shell::client::xdg_toplevel::XdgToplevel;
use wayland_protocols::xdg::shell::client::xdg_wm_base::{self, XdgWmBase};

const WIDTH: i32 = 1280;
const HEIGHT: i32 = 720;
const STRIDE: i32 = WIDTH * 4;
const BYTES: i32 = STRIDE * HEIGHT;
/// Buffers that are drawn in turn.
const BUFFERS: i32 = 3;
/// Frames before those that count.
const WARM_UP: u32 = 30;

/// What the server has said.
#[derive(Debug, Default)]
struct State {
    configured: bool,
    shown: u32,
    free: [bool; BUFFERS as usize],
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let draw = match arguments.first().map(String::as_str) {
        Some("text") => text,
        Some("photo") => photo,
        _ => return usage(),
    };
    let Some(count) = arguments.get(1).and_then(|count| count.parse().ok()) else { return usage() };
    show(draw, count);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: frame-client text|photo COUNT");
    ExitCode::from(2)
}

fn say(word: &str) {
    println!("{word}");
    std::io::stdout().flush().expect("standard output");
}

fn show(draw: fn(u32, &mut [u8]), count: u32) {
    let connection = Connection::connect_to_env().expect("a Wayland server");
    let (globals, mut queue) = registry_queue_init::<State>(&connection).expect("its globals");
    let handle = queue.handle();
    let compositor: WlCompositor = globals.bind(&handle, 1..=4, ()).expect("wl_compositor");
    let shm: WlShm = globals.bind(&handle, 1..=1, ()).expect("wl_shm");
    let base: XdgWmBase = globals.bind(&handle, 1..=1, ()).expect("xdg_wm_base");
    let surface = compositor.create_surface(&handle, ());
    let role = base.get_xdg_surface(&surface, &handle, ());
    let toplevel = role.get_toplevel(&handle, ());
    toplevel.set_title("frames".to_owned());
    surface.commit();
    let mut state = State { free: [true; BUFFERS as usize], ..State::default() };
    wait(&mut queue, &mut state, |state| state.configured);

    let file = tempfile::tempfile_in("/dev/shm").expect("a file in shared memory");
    file.set_len((BYTES * BUFFERS) as u64).expect("its size");
    let pool = shm.create_pool(file.as_fd(), BYTES * BUFFERS, &handle, ());
    let buffers: Vec<WlBuffer> = (0..BUFFERS)
        .map(|index| {
            pool.create_buffer(index * BYTES, WIDTH, HEIGHT, STRIDE, Format::Xrgb8888, &handle, index)
        })
        .collect();
    let mut pixels = vec![0; BYTES as usize];
    for frame in 0..WARM_UP + count {
        if frame == WARM_UP {
            say("begin");
            std::thread::sleep(Duration::from_millis(500));
        }
        wait(&mut queue, &mut state, |state| state.free.contains(&true));
        let index = state.free.iter().position(|free| *free).unwrap_or(0);
        state.free[index] = false;
        draw(frame, &mut pixels);
        put(&file, index, &pixels);
        surface.attach(Some(&buffers[index]), 0, 0);
        surface.damage_buffer(0, 0, WIDTH, HEIGHT);
        surface.frame(&handle, ());
        surface.commit();
        wait(&mut queue, &mut state, |state| state.shown > frame);
    }
    say("end");
    wait(&mut queue, &mut state, |_| false);
}

fn put(file: &File, index: usize, pixels: &[u8]) {
    file.write_all_at(pixels, (index * BYTES as usize) as u64).expect("the shared memory");
}

fn wait(queue: &mut EventQueue<State>, state: &mut State, done: impl Fn(&State) -> bool) {
    while !done(state) {
        queue.blocking_dispatch(state).expect("the Wayland server goes on");
    }
}

/// A pseudo-random number for a place.
fn noise(place: u32) -> u32 {
    let mixed = (place ^ (place >> 15)).wrapping_mul(0x2c1b_3c6d);
    (mixed ^ (mixed >> 12)).wrapping_mul(0x297a_2d39)
}

/// Dark letters of few strokes on white, another text in each frame.
fn text(frame: u32, pixels: &mut [u8]) {
    for (index, pixel) in pixels.chunks_exact_mut(4).enumerate() {
        let (x, y) = (index as u32 % WIDTH as u32, index as u32 / WIDTH as u32);
        let letter = noise(frame.wrapping_mul(65_536) + y / 16 * 256 + x / 8);
        let inside = x % 8 < 6 && y % 16 > 3 && letter & 7 != 0;
        let stroke = (letter >> (x % 8 / 2 * 4 + y % 16 / 4)) & 1 == 1;
        pixel.fill(if inside && stroke { 0x20 } else { 0xff });
    }
}

/// Soft colours with noise, as a camera sees; every pixel differs from frame to frame.
fn photo(frame: u32, pixels: &mut [u8]) {
    for (index, pixel) in pixels.chunks_exact_mut(4).enumerate() {
        let (x, y) = (index as u32 % WIDTH as u32 + frame * 3, index as u32 / WIDTH as u32);
        let grain = noise(index as u32 ^ frame.wrapping_mul(0x9e37_79b9)).to_le_bytes();
        let soft = [x / 8, y / 4, (x + y) / 10];
        for (channel, value) in soft.into_iter().enumerate() {
            pixel[channel] = (value as u8).wrapping_add(grain[channel] & 15);
        }
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for State {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

impl Dispatch<XdgWmBase, ()> for State {
    fn event(
        _: &mut Self,
        base: &XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            base.pong(serial);
        }
    }
}

impl Dispatch<XdgSurface, ()> for State {
    fn event(
        state: &mut Self,
        role: &XdgSurface,
        event: xdg_surface::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            role.ack_configure(serial);
            state.configured = true;
        }
    }
}

impl Dispatch<WlCallback, ()> for State {
    fn event(
        state: &mut Self,
        _: &WlCallback,
        event: wl_callback::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if matches!(event, wl_callback::Event::Done { .. }) {
            state.shown += 1;
        }
    }
}

impl Dispatch<WlBuffer, i32> for State {
    fn event(
        state: &mut Self,
        _: &WlBuffer,
        event: wl_buffer::Event,
        index: &i32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if matches!(event, wl_buffer::Event::Release) {
            state.free[*index as usize] = true;
        }
    }
}

delegate_noop!(State: WlCompositor);
delegate_noop!(State: WlShmPool);
delegate_noop!(State: ignore WlShm);
delegate_noop!(State: ignore WlSurface);
delegate_noop!(State: ignore XdgToplevel);
