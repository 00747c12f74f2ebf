//! The picture shared by the desktop and all sessions.
//!
//! The desktop copies damaged rows in; each session copies out what it has not sent yet, when its client is ready for
//! more. Neither waits for a client: the lock is held for copies only, and each session's backlog is a damage record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::Notify;

use super::damage::{Damage, TILE};
use super::geometry::{FrameView, Rect};
use super::input::SessionId;
use super::pointer::PointerShape;

/// Smallest desktop edge, in pixels.
pub const MIN_DESKTOP_EDGE: u32 = 200;
/// Largest desktop edge, in pixels (MS-RDPBCGR 2.2.1.3.2 allows 8192; the canvas is bounded to 4096 x 4096 x 4 bytes).
pub const MAX_DESKTOP_EDGE: u32 = 4096;

/// Why the shared picture refuses what the desktop offers.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DesktopError {
    /// An edge is outside [`MIN_DESKTOP_EDGE`]..=[`MAX_DESKTOP_EDGE`].
    #[error(
        "a desktop of {width} x {height} pixels is outside {MIN_DESKTOP_EDGE}..={MAX_DESKTOP_EDGE} a side"
    )]
    Size {
        /// Width asked for.
        width: u32,
        /// Height asked for.
        height: u32,
    },
    /// The byte slice does not hold the picture that its shape states.
    #[error("{bytes} bytes cannot hold a frame of {width} x {height} pixels with a stride of {stride}")]
    Frame {
        /// Width stated.
        width: u32,
        /// Height stated.
        height: u32,
        /// Stride stated.
        stride: usize,
        /// Bytes given.
        bytes: usize,
    },
    /// The pointer image is too large or its parts do not fit together.
    #[error("the pointer image is empty, too large or inconsistent")]
    Pointer,
}

/// What one session still has to send.
#[derive(Debug)]
struct Backlog {
    damage: Damage,
    pointer: bool,
    wake: Arc<Notify>,
}

#[derive(Debug)]
struct Canvas {
    width: u32,
    height: u32,
    /// BGRA, stride `4 * width`.
    pixels: Vec<u8>,
    pointer: PointerShape,
    sessions: HashMap<SessionId, Backlog>,
}

impl Canvas {
    fn resize(&mut self, width: u32, height: u32) {
        self.width = width;
        self.height = height;
        self.pixels = vec![0; width as usize * height as usize * 4];
        for backlog in self.sessions.values_mut() {
            backlog.damage = Damage::whole(width, height);
        }
    }

    fn copy_in(&mut self, frame: &FrameView<'_>, rect: Rect) {
        let (offset, bytes) = (rect.x as usize * 4, rect.width as usize * 4);
        let stride = self.width as usize * 4;
        for row in rect.y as usize..rect.bottom() as usize {
            let from = row * frame.stride + offset;
            let to = row * stride + offset;
            self.pixels[to..to + bytes].copy_from_slice(&frame.bgra[from..from + bytes]);
        }
    }
}

/// The tile that `rect` lies in, clipped to the desktop.
fn tile_of(rect: Rect, width: u32, height: u32) -> Rect {
    let (x, y) = (rect.x - rect.x % TILE, rect.y - rect.y % TILE);
    Rect::new(x, y, TILE.min(width - x), TILE.min(height - y))
}

/// A part of the desktop as it was at one moment.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    /// Size of the whole desktop.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Damaged rectangles, none crossing a 64-pixel tile.
    pub(crate) rects: Vec<Rect>,
    /// BGRA pixels of the rectangles, one after another, without padding.
    pub(crate) pixels: Vec<u8>,
}

impl Capture {
    /// The rectangles with their pixels.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Rect, &[u8])> {
        let mut rest = self.pixels.as_slice();
        self.rects.iter().map(move |rect| {
            let (part, after) = rest.split_at(rect.width as usize * rect.height as usize * 4);
            rest = after;
            (*rect, part)
        })
    }
}

/// The desktop's handle on the shared picture; clones name the same picture.
#[derive(Debug, Clone)]
pub struct DesktopHandle(Arc<Mutex<Canvas>>);

impl DesktopHandle {
    /// A black desktop of `width` x `height` pixels.
    ///
    /// # Errors
    /// [`DesktopError::Size`].
    pub fn new(width: u32, height: u32) -> Result<Self, DesktopError> {
        check_size(width, height)?;
        let canvas = Canvas {
            width,
            height,
            pixels: vec![0; width as usize * height as usize * 4],
            pointer: PointerShape::Default,
            sessions: HashMap::new(),
        };
        Ok(Self(Arc::new(Mutex::new(canvas))))
    }

    fn lock(&self) -> MutexGuard<'_, Canvas> {
        // No code panics while it holds the lock; a poisoned canvas is still a whole one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        let canvas = self.lock();
        (canvas.width, canvas.height)
    }

    /// Shows `frame`, the whole desktop, of which only `damage` differs from the last one; wakes the sessions.
    ///
    /// A frame of another size resizes the desktop first, and counts as damaged all over.
    ///
    /// # Errors
    /// [`DesktopError::Size`], [`DesktopError::Frame`].
    pub fn publish(&self, frame: FrameView<'_>, damage: &[Rect]) -> Result<(), DesktopError> {
        check_size(frame.width, frame.height)?;
        if !frame.is_consistent() {
            let FrameView { width, height, stride, bgra } = frame;
            return Err(DesktopError::Frame { width, height, stride, bytes: bgra.len() });
        }
        let whole = [Rect::new(0, 0, frame.width, frame.height)];
        let mut canvas = self.lock();
        let resized = (canvas.width, canvas.height) != (frame.width, frame.height);
        if resized {
            canvas.resize(frame.width, frame.height);
        }
        let damage = if resized { &whole[..] } else { damage };
        for rect in damage.iter().filter_map(|rect| rect.clipped(frame.width, frame.height)) {
            canvas.copy_in(&frame, rect);
            for backlog in canvas.sessions.values_mut() {
                backlog.damage.add(rect);
            }
        }
        wake_all(&canvas);
        Ok(())
    }

    /// Makes the desktop `width` x `height` pixels, black until the next [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`DesktopError::Size`].
    pub fn resize(&self, width: u32, height: u32) -> Result<(), DesktopError> {
        check_size(width, height)?;
        let mut canvas = self.lock();
        if (canvas.width, canvas.height) != (width, height) {
            canvas.resize(width, height);
            wake_all(&canvas);
        }
        Ok(())
    }

    /// Changes the pointer of all sessions.
    ///
    /// # Errors
    /// [`DesktopError::Pointer`].
    pub fn set_pointer(&self, shape: PointerShape) -> Result<(), DesktopError> {
        if let PointerShape::Image(image) = &shape
            && !image.is_consistent()
        {
            return Err(DesktopError::Pointer);
        }
        let mut canvas = self.lock();
        if canvas.pointer != shape {
            canvas.pointer = shape;
            for backlog in canvas.sessions.values_mut() {
                backlog.pointer = true;
            }
            wake_all(&canvas);
        }
        Ok(())
    }

    /// Number of sessions that see the desktop.
    pub fn sessions(&self) -> usize {
        self.lock().sessions.len()
    }

    /// Lets a session take pictures until the returned view is dropped.
    pub(crate) fn attach(&self, session: SessionId) -> DesktopView {
        let wake = Arc::new(Notify::new());
        wake.notify_one();
        let mut canvas = self.lock();
        let backlog = Backlog {
            damage: Damage::whole(canvas.width, canvas.height),
            pointer: canvas.pointer != PointerShape::Default,
            wake: Arc::clone(&wake),
        };
        canvas.sessions.insert(session, backlog);
        drop(canvas);
        DesktopView { desktop: self.clone(), session, wake }
    }
}

fn check_size(width: u32, height: u32) -> Result<(), DesktopError> {
    let edge = MIN_DESKTOP_EDGE..=MAX_DESKTOP_EDGE;
    if edge.contains(&width) && edge.contains(&height) {
        Ok(())
    } else {
        Err(DesktopError::Size { width, height })
    }
}

fn wake_all(canvas: &Canvas) {
    for backlog in canvas.sessions.values() {
        backlog.wake.notify_one();
    }
}

/// One session's view of the desktop.
#[derive(Debug)]
pub(crate) struct DesktopView {
    desktop: DesktopHandle,
    session: SessionId,
    wake: Arc<Notify>,
}

impl DesktopView {
    /// Waits until there may be something new to send. Cancel safe.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        self.desktop.size()
    }

    /// The pointer, if it changed since the last call.
    pub(crate) fn take_pointer(&self) -> Option<PointerShape> {
        let mut canvas = self.desktop.lock();
        let shape = canvas.pointer.clone();
        let backlog = canvas.sessions.get_mut(&self.session)?;
        std::mem::take(&mut backlog.pointer).then_some(shape)
    }

    /// Marks `rect` as not sent.
    pub(crate) fn invalidate(&self, rect: Rect) {
        if let Some(backlog) = self.desktop.lock().sessions.get_mut(&self.session) {
            backlog.damage.add(rect);
            backlog.wake.notify_one();
        }
    }

    /// Marks everything as not sent, the pointer too.
    pub(crate) fn invalidate_all(&self) {
        let mut canvas = self.desktop.lock();
        let (width, height) = (canvas.width, canvas.height);
        if let Some(backlog) = canvas.sessions.get_mut(&self.session) {
            backlog.damage = Damage::whole(width, height);
            backlog.pointer = true;
            backlog.wake.notify_one();
        }
    }

    /// Takes the newest picture of all that is not sent yet into `capture`, by whole tiles if the codec needs them.
    ///
    /// False, with nothing taken, when there is no damage or when the desktop no longer is `width` x `height`.
    pub(crate) fn capture(
        &self,
        (width, height): (u32, u32),
        whole_tiles: bool,
        capture: &mut Capture,
    ) -> bool {
        let mut canvas = self.desktop.lock();
        if (canvas.width, canvas.height) != (width, height) {
            return false;
        }
        let Some(backlog) = canvas.sessions.get_mut(&self.session) else {
            return false;
        };
        if backlog.damage.is_empty() {
            return false;
        }
        capture.width = width;
        capture.height = height;
        capture.rects = backlog.damage.take();
        if whole_tiles {
            for rect in &mut capture.rects {
                *rect = tile_of(*rect, width, height);
            }
        }
        capture.pixels.clear();
        let stride = width as usize * 4;
        for rect in &capture.rects {
            for row in rect.y as usize..rect.bottom() as usize {
                let from = row * stride + rect.x as usize * 4;
                capture.pixels.extend_from_slice(&canvas.pixels[from..from + rect.width as usize * 4]);
            }
        }
        true
    }
}

impl Drop for DesktopView {
    fn drop(&mut self) {
        self.desktop.lock().sessions.remove(&self.session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solid(width: u32, height: u32, value: u8) -> Vec<u8> {
        vec![value; (width * height * 4) as usize]
    }

    fn frame(width: u32, height: u32, bgra: &[u8]) -> FrameView<'_> {
        FrameView { width, height, stride: width as usize * 4, bgra }
    }

    #[test]
    fn a_session_takes_the_newest_of_what_it_missed() {
        let desktop = DesktopHandle::new(300, 200).unwrap();
        let view = desktop.attach(SessionId(1));
        let mut capture = Capture::default();
        assert!(view.capture((300, 200), false, &mut capture));
        assert_eq!(capture.pixels.len(), 300 * 200 * 4);
        assert!(!view.capture((300, 200), false, &mut capture));

        for value in [1, 2, 3] {
            let pixels = solid(300, 200, value);
            desktop.publish(frame(300, 200, &pixels), &[Rect::new(10, 10, 4, 2)]).unwrap();
        }
        assert!(view.capture((300, 200), false, &mut capture));
        assert_eq!(capture.rects, [Rect::new(10, 10, 4, 2)]);
        assert_eq!(capture.pixels, solid(4, 2, 3));
    }

    #[test]
    fn whole_tiles_are_taken_where_the_codec_wants_them() {
        let desktop = DesktopHandle::new(300, 200).unwrap();
        let view = desktop.attach(SessionId(1));
        let mut capture = Capture::default();
        assert!(view.capture((300, 200), false, &mut capture));
        let pixels: Vec<u8> = (0..300 * 200 * 4).map(|i| (i / 4 % 251) as u8).collect();
        let damage = [Rect::new(290, 190, 1, 1), Rect::new(10, 10, 1, 1)];
        desktop.publish(frame(300, 200, &pixels), &[Rect::new(0, 0, 300, 200)]).unwrap();
        assert!(view.capture((300, 200), false, &mut capture));
        desktop.publish(frame(300, 200, &pixels), &damage).unwrap();
        assert!(view.capture((300, 200), true, &mut capture));
        assert_eq!(capture.rects, [Rect::new(0, 0, 64, 64), Rect::new(256, 128, 44, 64)]);
        let parts: Vec<_> = capture.parts().collect();
        assert_eq!(parts[0].1.len(), 64 * 64 * 4);
        assert_eq!(parts[1].1[0], ((128 * 300 + 256) % 251) as u8);
    }

    #[test]
    fn sessions_keep_their_own_backlog() {
        let desktop = DesktopHandle::new(300, 200).unwrap();
        let (slow, fast) = (desktop.attach(SessionId(1)), desktop.attach(SessionId(2)));
        let mut capture = Capture::default();
        assert!(fast.capture((300, 200), false, &mut capture));
        desktop.publish(frame(300, 200, &solid(300, 200, 9)), &[Rect::new(0, 0, 1, 1)]).unwrap();
        assert!(fast.capture((300, 200), false, &mut capture));
        assert_eq!(capture.rects, [Rect::new(0, 0, 1, 1)]);
        assert!(slow.capture((300, 200), false, &mut capture));
        assert_eq!(capture.pixels.len(), 300 * 200 * 4);
        drop(slow);
        assert_eq!(desktop.sessions(), 1);
    }

    #[test]
    fn only_damage_is_copied_in() {
        let desktop = DesktopHandle::new(300, 200).unwrap();
        let view = desktop.attach(SessionId(1));
        desktop.publish(frame(300, 200, &solid(300, 200, 9)), &[]).unwrap();
        let mut capture = Capture::default();
        assert!(view.capture((300, 200), false, &mut capture));
        assert!(capture.pixels.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_resize_damages_everything() {
        let desktop = DesktopHandle::new(300, 200).unwrap();
        let view = desktop.attach(SessionId(1));
        let mut capture = Capture::default();
        assert!(view.capture((300, 200), false, &mut capture));
        desktop.publish(frame(400, 300, &solid(400, 300, 5)), &[]).unwrap();
        assert_eq!(view.size(), (400, 300));
        assert!(!view.capture((300, 200), false, &mut capture), "the old size is gone");
        assert!(view.capture((400, 300), false, &mut capture));
        assert!(capture.pixels.iter().all(|&byte| byte == 5));
    }

    #[test]
    fn bad_frames_sizes_and_pointers_are_refused() {
        assert!(matches!(DesktopHandle::new(10, 10), Err(DesktopError::Size { .. })));
        let desktop = DesktopHandle::new(300, 200).unwrap();
        assert!(matches!(desktop.resize(300, 100_000), Err(DesktopError::Size { .. })));
        let short = vec![0; 300 * 200 * 4 - 1];
        assert!(matches!(desktop.publish(frame(300, 200, &short), &[]), Err(DesktopError::Frame { .. })));
        let image = super::super::pointer::PointerImage {
            width: 2,
            height: 2,
            hot_x: 0,
            hot_y: 0,
            bgra: vec![0; 15],
        };
        assert_eq!(desktop.set_pointer(PointerShape::Image(Arc::new(image))), Err(DesktopError::Pointer));
    }
}
