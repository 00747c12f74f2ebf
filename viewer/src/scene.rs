//! The layers of the desktop, as the daemon tells them: messages in, effects out

use std::collections::HashMap;

use bailey_link::limits::VERSION;
use bailey_link::{
    HelloAck, PixelFormat, PixelTransport, PointerShape, Rect, ToHost, ToInstance, WindowInfo,
};

use crate::error::ViewerError;
use crate::pixels::BYTES_PER_PIXEL;

/// Layers that the viewer keeps at most: five for a window, and some hundred windows for each of many instances.
const MAX_LAYERS: usize = 65_536;

/// A picture in the shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffer {
    /// Bytes from the start of the memory.
    pub(crate) offset: u64,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bytes from one row to the next.
    pub(crate) stride: u32,
    /// No pixel lets anything through.
    pub(crate) opaque: bool,
}

impl Buffer {
    pub(crate) const fn whole(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }
}

/// Something that follows from a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Tell the daemon.
    Send(ToInstance),
    /// Copy these parts of a buffer to the layer's texture; all of it if the layer has no texture of this size yet.
    Upload {
        /// The layer.
        layer: u32,
        /// Where the pixels are.
        buffer: Buffer,
        /// What changed, within the buffer.
        damage: Vec<Rect>,
    },
    /// The layer is gone.
    Forget(u32),
    /// The pointer looks different.
    Pointer(PointerShape),
    /// The picture changed.
    Redraw,
}

/// All layers.
#[derive(Debug)]
pub(crate) struct Scene {
    places: HashMap<u32, (i32, i32)>,
    buffers: HashMap<u32, Buffer>,
    /// Topmost first, as the daemon says it.
    order: Vec<u32>,
    greeted: bool,
    /// Desktop size to ask for in the answer to the daemon's greeting.
    size: (u32, u32),
}

impl Scene {
    pub(crate) fn new(size: (u32, u32)) -> Self {
        Self { places: HashMap::new(), buffers: HashMap::new(), order: Vec::new(), greeted: false, size }
    }

    /// The viewer's window has this size; true if the daemon has to be told.
    pub(crate) fn resize(&mut self, size: (u32, u32)) -> bool {
        let changed = self.size != size;
        self.size = size;
        changed && self.greeted
    }

    /// Layers from bottom to top with their places.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (u32, (i32, i32))> {
        self.order.iter().rev().filter_map(|id| Some((*id, *self.places.get(id)?)))
    }

    /// Takes a message in.
    pub(crate) fn apply(&mut self, message: ToHost) -> Result<Vec<Effect>, ViewerError> {
        let effects = match message {
            ToHost::Hello { version } => return self.greet(version).map(|effect| vec![effect]),
            ToHost::WindowCreated(info) | ToHost::WindowUpdated(info) => self.place(&info)?,
            ToHost::WindowDeleted { window } => {
                self.places.remove(&window);
                self.order.retain(|id| *id != window);
                vec![Effect::Forget(window), Effect::Redraw]
            }
            ToHost::ZOrder { windows, .. } => {
                self.order = windows;
                vec![Effect::Redraw]
            }
            ToHost::Pointer(shape) => vec![Effect::Pointer(shape)],
            ToHost::CreateBuffer { buffer, offset, width, height, stride, format } => {
                let opaque = format == PixelFormat::Xrgb8888;
                self.create_buffer(buffer, Buffer { offset, width, height, stride, opaque })?;
                Vec::new()
            }
            ToHost::DestroyBuffer { buffer } => {
                self.buffers.remove(&buffer);
                Vec::new()
            }
            ToHost::Present { window, buffer, serial, damage } => {
                self.present(window, buffer, serial, &damage)?
            }
            // Layers have no icon, are not moved by the viewer, and come by shared memory, as agreed in the greeting.
            ToHost::WindowIcon(_) | ToHost::LocalMoveSize { .. } => Vec::new(),
            ToHost::Egfx(_) => {
                return Err(wrong("graphics in the stream, although shared memory was agreed"));
            }
        };
        Ok(effects)
    }

    fn greet(&mut self, version: u32) -> Result<Effect, ViewerError> {
        if version != VERSION {
            let text = format!(
                "it speaks version {version} of the link, the viewer {VERSION}: update the older one"
            );
            return Err(ViewerError::Scene(text));
        }
        self.greeted = true;
        let (desktop_width, desktop_height) = self.size;
        Ok(Effect::Send(ToInstance::HelloAck(HelloAck {
            version: VERSION,
            pixels: PixelTransport::SharedMemory,
            desktop_width,
            desktop_height,
            ..HelloAck::default()
        })))
    }

    fn place(&mut self, info: &WindowInfo) -> Result<Vec<Effect>, ViewerError> {
        if self.places.len() >= MAX_LAYERS && !self.places.contains_key(&info.id) {
            return Err(wrong(&format!("more than {MAX_LAYERS} layers")));
        }
        let before = self.places.insert(info.id, info.offset);
        Ok(if before == Some(info.offset) { Vec::new() } else { vec![Effect::Redraw] })
    }

    fn create_buffer(&mut self, id: u32, buffer: Buffer) -> Result<(), ViewerError> {
        let row = u64::from(buffer.width) * u64::from(BYTES_PER_PIXEL);
        let end = u64::from(buffer.stride)
            .checked_mul(u64::from(buffer.height))
            .and_then(|bytes| bytes.checked_add(buffer.offset));
        if buffer.width == 0 || buffer.height == 0 || row > u64::from(buffer.stride) || end.is_none() {
            return Err(wrong(&format!("{buffer:?} is impossible")));
        }
        if self.buffers.len() >= 2 * MAX_LAYERS {
            return Err(wrong("too many buffers"));
        }
        self.buffers.insert(id, buffer);
        Ok(())
    }

    fn present(
        &self,
        layer: u32,
        buffer: u32,
        serial: u32,
        damage: &[Rect],
    ) -> Result<Vec<Effect>, ViewerError> {
        let buffer =
            *self.buffers.get(&buffer).ok_or_else(|| wrong(&format!("no buffer {buffer} to show")))?;
        if !self.places.contains_key(&layer) {
            return Err(wrong(&format!("no layer {layer} to show a picture in")));
        }
        let damage = damage.iter().filter_map(|rect| rect.clipped(buffer.width, buffer.height)).collect();
        Ok(vec![
            Effect::Upload { layer, buffer, damage },
            Effect::Send(ToInstance::PresentAck { window: layer, serial }),
            Effect::Redraw,
        ])
    }
}

fn wrong(what: &str) -> ViewerError {
    ViewerError::Scene(what.to_owned())
}
