//! What the GPU composes is what the CPU renders: the local viewer and a remote client see the same desktop

mod common;

use std::time::Duration;

use bailey_compositor::{
    CanvasMut, Desktop, HeapStore, InstanceId, PixelView, Point, Rect, Scope, Size, TrustColour, WindowInfo,
    WindowKey,
};
use bailey_link::{PixelFormat, ToHost};
use common::{Daemon, Screen};

const SIZE: Size = Size::new(1280, 800);

/// Shades that differ from pixel to pixel, so that nothing can be displaced unnoticed.
fn shades(size: Size, seed: u32) -> Vec<u8> {
    let shade = |x: u32, y: u32| {
        let alpha = if seed.is_multiple_of(2) { 255 } else { (x * 5 + y * 3) % 256 };
        let part = |n: u32| ((n * seed) % (alpha + 1)) as u8;
        [part(x * 7 + y), part(x + y * 11), part(x * y), alpha as u8]
    };
    (0..size.height).flat_map(|y| (0..size.width).flat_map(move |x| shade(x, y))).collect()
}

fn show(desktop: &mut Desktop, key: WindowKey, size: Size, info: WindowInfo) {
    let bytes = shades(size, key.window);
    let format = bailey_compositor::PixelFormat::Argb8888;
    let view = PixelView::new(&bytes, size.width * 4, size, format).expect("enough bytes");
    desktop.window_created(key, info).expect("allowed");
    desktop.present(key, size, &view, &[], Duration::ZERO).expect("allowed");
}

fn desktop() -> Desktop {
    let mut desktop = Desktop::new(SIZE, Box::new(HeapStore)).expect("heap");
    for id in 1..=3 {
        let instance = InstanceId(id);
        desktop.add_instance(instance, &format!("instance {id}"), TrustColour::nth(id as usize));
        let size = Size::new(400 + 90 * id, 600 - 77 * id);
        let info =
            |title: &str| WindowInfo { title: title.to_owned(), resizable: true, ..WindowInfo::default() };
        show(&mut desktop, WindowKey::new(instance, 2 * id), size, info("a window"));
        let popup = WindowInfo { owner: Some(2 * id), popup: true, offset: Point::new(-60, 90), ..info("") };
        show(&mut desktop, WindowKey::new(instance, 2 * id + 1), Size::new(211, 133), popup);
    }
    desktop
}

#[test]
fn the_gpu_shows_what_the_cpu_renders() {
    let screen = Screen::start(SIZE.width, SIZE.height);
    let mut daemon = Daemon::start();
    let file = daemon.folder().join("shot.png");
    let viewer = daemon.view(&screen, &["--screenshot", file.to_str().expect("text")]);
    let ack = daemon.accept();
    assert_eq!((ack.desktop_width, ack.desktop_height), (SIZE.width, SIZE.height));

    let desktop = desktop();
    let layers = desktop.layers();
    let mut messages = Vec::new();
    for layer in &layers {
        let Size { width, height } = layer.rect.size();
        let picture =
            daemon.layer(layer.id.0, (layer.rect.x, layer.rect.y), (width, height), [0; 4], layer.opaque);
        let ToHost::CreateBuffer { offset, stride, format, .. } = picture[1] else { unreachable!("made so") };
        assert_eq!(format == PixelFormat::Xrgb8888, layer.opaque);
        for y in 0..height {
            let from = (layer.source_offset() + u64::from(y) * u64::from(layer.stride())) as usize;
            let row = &layer.storage.bytes()[from..from + width as usize * 4];
            daemon.paint(offset + u64::from(y) * u64::from(stride), row);
        }
        messages.extend(picture);
    }
    let windows = layers.iter().rev().map(|layer| layer.id.0).collect();
    messages.push(ToHost::ZOrder { active: None, windows });
    daemon.send(&messages);
    let (status, said) = viewer.finish();
    assert_eq!(status, Some(0), "{said}");

    let mut rendered = vec![0; SIZE.byte_len() as usize];
    let mut canvas = CanvasMut::new(&mut rendered, SIZE.width * 4, SIZE).expect("enough bytes");
    desktop.render(Scope::Desktop, &mut canvas, &[Rect::at(Point::default(), SIZE)]);
    let shown = image::open(&file).expect("a PNG").to_rgba8();
    if let Ok(folder) = std::env::var("BAILEY_TEST_PICTURES") {
        std::fs::copy(&file, format!("{folder}/agreement.png")).expect("copied");
    }
    assert_eq!(shown.dimensions(), (SIZE.width, SIZE.height));
    for ((x, y, pixel), cpu) in shown.enumerate_pixels().zip(rendered.chunks_exact(4)) {
        let [r, g, b, _] = pixel.0;
        // Blending may round differently.
        let near = r.abs_diff(cpu[2]) <= 1 && g.abs_diff(cpu[1]) <= 1 && b.abs_diff(cpu[0]) <= 1;
        assert!(near, "at {x},{y}: the GPU shows {:?}, the CPU {cpu:?}", [b, g, r]);
    }
}
