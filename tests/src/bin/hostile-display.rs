//! Run inside an instance: writes what its first argument names to the instance's own display stream, beside
//! the display service or in its place. Nothing stops an app from doing this; the host must bear it.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;

use bailey_link::limits::VERSION;
use bailey_link::{Message, PixelFormat, Rect, ToHost, WindowInfo};

const STREAM: &str = "/dev/bailey/display";

fn encoded(messages: &[ToHost]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(&mut bytes).expect("the message can be encoded");
    }
    bytes
}

fn window(id: u32) -> ToHost {
    ToHost::WindowCreated(WindowInfo {
        id,
        title: format!("window {id}"),
        size: (100, 100),
        ..WindowInfo::default()
    })
}

fn buffer(offset: u64, width: u32, height: u32, stride: u32) -> ToHost {
    ToHost::CreateBuffer { buffer: 0x7777, offset, width, height, stride, format: PixelFormat::Xrgb8888 }
}

fn present() -> ToHost {
    ToHost::Present {
        window: 0x7777,
        buffer: 0x7777,
        serial: 1,
        damage: vec![Rect { x: 0, y: 0, width: 100, height: 100 }],
    }
}

fn main() -> ExitCode {
    let case = std::env::args().nth(1).unwrap_or_default();
    let mut stream = match OpenOptions::new().read(true).write(true).open(STREAM) {
        Ok(stream) => stream,
        Err(error) => {
            eprintln!("{STREAM}: {error}");
            return ExitCode::from(3);
        }
    };
    let far = 1_u64 << 62;
    let bytes = match case.as_str() {
        "garbage" => {
            (0..200_000_u32).flat_map(|value| value.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
        }
        "beyond" => encoded(&[window(0x7777), buffer(far, 100, 100, 400), present()]),
        "overflow" => encoded(&[window(0x7777), buffer(u64::MAX - 10, 100, 100, 400), present()]),
        "huge" => encoded(&[window(0x7777), buffer(0, 40_000, 25_000, 160_000), present()]),
        "stranger" => encoded(&[ToHost::Present { window: 99, buffer: 99, serial: 1, damage: Vec::new() }]),
        "twice" => encoded(&[ToHost::Hello { version: VERSION }, ToHost::Hello { version: VERSION }]),
        "windows" => {
            for id in 0x10_0000..0x10_0000 + 1_000_000 {
                if stream.write_all(&encoded(&[window(id)])).is_err() {
                    break;
                }
            }
            Vec::new()
        }
        other => {
            eprintln!("no such case: {other:?}");
            return ExitCode::from(2);
        }
    };
    let _ = stream.write_all(&bytes);
    let _ = stream.flush();
    // Alive until it is cut off: its own end must not be what the host notices.
    std::thread::sleep(std::time::Duration::from_secs(120));
    ExitCode::SUCCESS
}
