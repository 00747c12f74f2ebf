use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::pwrite;

use super::*;
use crate::pixels::source::Pool;

/// A buffer whose pixel (x, y) is `pixel(x, y)`.
fn buffer(width: i32, height: i32, format: Format, pixel: impl Fn(i32, i32) -> [u8; 4]) -> ShmBuffer {
    let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
    let stride = u64::try_from(width * 4 + 8).unwrap();
    ftruncate(&file, stride * u64::try_from(height).unwrap()).unwrap();
    for y in 0..height {
        let row: Vec<u8> = (0..width).flat_map(|x| pixel(x, y)).collect();
        pwrite(&file, &row, stride * u64::try_from(y).unwrap()).unwrap();
    }
    ShmBuffer {
        pool: Arc::new(Pool::new(file)),
        offset: 0,
        width,
        height,
        stride,
        format,
        busy: Arc::new(AtomicUsize::new(0)),
    }
}

fn layer(buffer: ShmBuffer, x: i32, y: i32) -> Layer {
    let dest = Rect::new(x, y, buffer.width, buffer.height);
    let source = Source { x: 0.0, y: 0.0, width: f64::from(buffer.width), height: f64::from(buffer.height) };
    Layer { buffer, transform: Transform::default(), source, dest, opaque: false }
}

fn compose(picture: &Picture, rect: Rect) -> Vec<u8> {
    let mut out = Vec::new();
    picture.compose(rect, &mut out).unwrap();
    out
}

fn position(x: i32, y: i32) -> [u8; 4] {
    [x as u8, y as u8, 7, 255]
}

#[test]
fn a_single_layer_is_direct_and_cropped() {
    let mut only = layer(buffer(8, 8, Format::Argb8888, position), -2, -1);
    only.dest = Rect::new(-2, -1, 8, 8);
    let picture = Picture { width: 4, height: 4, layers: vec![only] };
    let direct = picture.direct().expect("one unscaled layer that fills the window");
    assert_eq!(direct.offset, direct.buffer.stride + 2 * 4);
    assert_eq!(compose(&picture, Rect::new(1, 1, 1, 1)), position(3, 2));
}

#[test]
fn a_layer_that_leaves_a_gap_is_not_direct() {
    let picture =
        Picture { width: 4, height: 4, layers: vec![layer(buffer(2, 4, Format::Xrgb8888, position), 0, 0)] };
    assert!(picture.direct().is_none());
    assert_eq!(compose(&picture, Rect::new(3, 0, 1, 1)), [0, 0, 0, 0]);
}

#[test]
fn an_opaque_layer_on_top_is_direct() {
    let below = layer(buffer(4, 4, Format::Argb8888, |_, _| [1, 1, 1, 255]), 0, 0);
    let above = layer(buffer(4, 4, Format::Xrgb8888, |_, _| [9, 9, 9, 0]), 0, 0);
    let picture = Picture { width: 4, height: 4, layers: vec![below, above] };
    assert!(picture.direct().is_some());
    assert!(picture.is_opaque());
    assert_eq!(compose(&picture, Rect::new(0, 0, 1, 1)), [9, 9, 9, 255], "X means opaque");
}

#[test]
fn premultiplied_alpha_is_blended_over() {
    let below = layer(buffer(2, 1, Format::Xrgb8888, |_, _| [200, 100, 0, 0]), 0, 0);
    let above = layer(buffer(1, 1, Format::Argb8888, |_, _| [10, 20, 128, 128]), 1, 0);
    let picture = Picture { width: 2, height: 1, layers: vec![below, above] };
    assert!(picture.direct().is_none());
    let out = compose(&picture, picture.bounds());
    assert_eq!(&out[..4], [200, 100, 0, 255]);
    assert_eq!(&out[4..], [110, 70, 128, 255]);
}

#[test]
fn scaled_buffers_take_the_nearest_pixel() {
    let mut only = layer(buffer(4, 4, Format::Argb8888, position), 0, 0);
    only.dest = Rect::new(0, 0, 2, 2);
    let picture = Picture { width: 2, height: 2, layers: vec![only] };
    assert!(picture.direct().is_none());
    let out = compose(&picture, picture.bounds());
    assert_eq!(&out[..4], position(1, 1));
    assert_eq!(&out[12..], position(3, 3));
}

#[test]
fn every_transform_moves_the_corners() {
    // The buffer pixel seen at the top left, for each wl_output.transform, of a 3 x 2 buffer.
    let seen = [(0, 0), (0, 1), (2, 1), (2, 0), (2, 0), (0, 0), (0, 1), (2, 1)];
    for (value, (x, y)) in (0u32..).zip(seen) {
        let mut only = layer(buffer(3, 2, Format::Argb8888, position), 0, 0);
        only.transform = Transform::from_wire(value).unwrap();
        let (width, height) = only.transform.size(3, 2);
        only.source = Source { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) };
        only.dest = Rect::new(0, 0, width, height);
        let picture = Picture { width, height, layers: vec![only] };
        assert_eq!(compose(&picture, Rect::new(0, 0, 1, 1)), position(x, y), "transform {value}");
    }
}

#[test]
fn a_file_cut_short_is_an_error_and_no_crash() {
    let only = layer(buffer(4, 4, Format::Argb8888, position), 0, 0);
    ftruncate(&only.buffer.pool.file, 20).unwrap();
    assert!(only.buffer.check_size().is_err());
    let picture = Picture { width: 4, height: 4, layers: vec![only] };
    let mut out = Vec::new();
    assert!(matches!(picture.compose(picture.bounds(), &mut out), Err(SourceError::TooShort)));
}
