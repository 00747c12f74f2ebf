//! The guest end: pictures to PDUs.

use std::collections::HashMap;

use ironrdp_egfx::pdu::{
    Codec1Type, CreateSurfacePdu, DeleteSurfacePdu, EndFramePdu, GfxPdu, MapSurfaceToWindowPdu,
    PixelFormat as Wire, StartFramePdu, Timestamp, WireToSurface1Pdu,
};
use ironrdp_graphics::clearcodec::ClearCodecEncoder;

use crate::error::{Fault, LinkError};
use crate::limits::{MAX_EGFX_BODY, MAX_SIDE, MAX_SURFACES};
use crate::rect::Rect;
use crate::to_host::{PixelFormat, ToHost};
use crate::wire;

/// Pixel bytes of one `WIRE_TO_SURFACE_1`; taller rectangles are sent in strips.
const STRIP_BYTES: usize = MAX_EGFX_BODY / 4;
/// Pixels of a ClearCodec strip. The codec may need more bytes than the pixels have.
const CLEAR_STRIP_PIXELS: usize = 1 << 17;

/// How pixels are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// RDPGFX_CODECID_UNCOMPRESSED.
    #[default]
    Uncompressed,
    /// RDPGFX_CODECID_CLEARCODEC: lossless, small for flat pictures, has no alpha.
    ClearCodec,
}

#[derive(Clone, Copy, Debug)]
struct Surface {
    id: u16,
    width: u16,
    height: u16,
    format: PixelFormat,
}

/// Writes windows' pictures as PDUs. Each frame is one picture of one window.
pub struct EgfxEncoder {
    codec: Codec,
    clear: ClearCodecEncoder,
    surfaces: HashMap<u32, Surface>,
    next_surface: u16,
    next_frame: u32,
}

impl std::fmt::Debug for EgfxEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EgfxEncoder")
            .field("codec", &self.codec)
            .field("surfaces", &self.surfaces)
            .finish_non_exhaustive()
    }
}

/// An open frame: the messages so far.
#[derive(Debug)]
pub struct OpenFrame {
    window: u32,
    number: u32,
    surface: Surface,
    /// The surface is new, so all of the picture has to be written.
    pub whole: bool,
    pdus: Vec<u8>,
    messages: Vec<ToHost>,
}

impl OpenFrame {
    /// Number of the frame, which comes back in the acknowledgement.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The window.
    pub const fn window(&self) -> u32 {
        self.window
    }

    fn put(&mut self, pdu: &GfxPdu) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        wire::put_pdu(&mut bytes, pdu)?;
        if self.pdus.len() + bytes.len() > MAX_EGFX_BODY {
            self.messages.push(ToHost::Egfx(std::mem::take(&mut self.pdus)));
        }
        self.pdus.extend_from_slice(&bytes);
        Ok(())
    }
}

impl EgfxEncoder {
    /// An encoder without surfaces.
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            clear: ClearCodecEncoder::new(),
            surfaces: HashMap::new(),
            next_surface: 1,
            next_frame: 1,
        }
    }

    /// Opens a frame of a window whose picture has `width` x `height` pixels, and makes its surface where there is
    /// none of that size and format yet.
    ///
    /// # Errors
    /// [`LinkError::Unencodable`]; nothing has changed then.
    pub fn start(
        &mut self,
        window: u32,
        width: u32,
        height: u32,
        format: PixelFormat,
    ) -> Result<OpenFrame, LinkError> {
        self.try_start(window, width, height, format).map_err(unencodable)
    }

    fn try_start(
        &mut self,
        window: u32,
        width: u32,
        height: u32,
        format: PixelFormat,
    ) -> Result<OpenFrame, Fault> {
        let side = |side: u32| u16::try_from(side).ok().filter(|_| (1..=MAX_SIDE).contains(&side));
        let (Some(width), Some(height)) = (side(width), side(height)) else {
            return Err(Fault::new(format!("a surface of {width} x {height} pixels")));
        };
        let known = self.surfaces.get(&window).copied();
        let fits = known.filter(|known| (known.width, known.height, known.format) == (width, height, format));
        let surface = match fits {
            Some(surface) => surface,
            None => Surface { id: self.free_id()?, width, height, format },
        };
        let (pdus, messages, number) = (Vec::new(), Vec::new(), self.next_frame);
        let mut frame = OpenFrame { window, number, surface, whole: fits.is_none(), pdus, messages };
        if frame.whole {
            if let Some(old) = known {
                frame.put(&GfxPdu::DeleteSurface(DeleteSurfacePdu { surface_id: old.id }))?;
            }
            let pixel_format = format.to_wire();
            frame.put(&GfxPdu::CreateSurface(CreateSurfacePdu {
                surface_id: surface.id,
                width,
                height,
                pixel_format,
            }))?;
            frame.put(&GfxPdu::MapSurfaceToWindow(MapSurfaceToWindowPdu {
                surface_id: surface.id,
                window_id: window.into(),
                mapped_width: width.into(),
                mapped_height: height.into(),
            }))?;
            self.surfaces.insert(window, surface);
        }
        let timestamp = Timestamp { milliseconds: 0, seconds: 0, minutes: 0, hours: 0 };
        frame.put(&GfxPdu::StartFrame(StartFramePdu { timestamp, frame_id: number }))?;
        self.next_frame = self.next_frame.wrapping_add(1);
        Ok(frame)
    }

    fn free_id(&mut self) -> Result<u16, Fault> {
        if self.surfaces.len() >= MAX_SURFACES {
            return Err(Fault::new(format!("more than {MAX_SURFACES} surfaces")));
        }
        loop {
            let id = self.next_surface;
            self.next_surface = self.next_surface.wrapping_add(1);
            if !self.surfaces.values().any(|surface| surface.id == id) {
                return Ok(id);
            }
        }
    }

    /// Writes a rectangle of the picture. `pixels` are those of the rectangle only, tightly packed.
    ///
    /// # Errors
    /// [`LinkError::Unencodable`] if the rectangle is outside of the picture or `pixels` are of the wrong length.
    pub fn rect(&mut self, frame: &mut OpenFrame, rect: Rect, pixels: &[u8]) -> Result<(), LinkError> {
        self.try_rect(frame, rect, pixels).map_err(unencodable)
    }

    fn try_rect(&mut self, frame: &mut OpenFrame, rect: Rect, pixels: &[u8]) -> Result<(), Fault> {
        let surface = frame.surface;
        let row = rect.width as usize * 4;
        if !rect.fits(surface.width.into(), surface.height.into())
            || pixels.len() != row * rect.height as usize
        {
            return Err(Fault::new(format!("{} bytes for {rect:?} of {surface:?}", pixels.len())));
        }
        if rect.is_empty() {
            return Ok(());
        }
        // ClearCodec carries no alpha.
        let clear = self.codec == Codec::ClearCodec && surface.format == PixelFormat::Xrgb8888;
        let strip_bytes = if clear { CLEAR_STRIP_PIXELS * 4 } else { STRIP_BYTES };
        let rows = (strip_bytes / row).max(1);
        for (index, strip) in pixels.chunks(rows * row).enumerate() {
            // Both fit: the rectangle lies within 16-bit sides.
            let (top, height) = (rect.y + (index * rows) as u32, (strip.len() / row) as u32);
            let part = Rect::new(rect.x, top, rect.width, height);
            let destination_rectangle = part.to_wire()?;
            let (codec_id, bitmap_data) = if clear {
                let width = destination_rectangle.right - destination_rectangle.left;
                let height = destination_rectangle.bottom - destination_rectangle.top;
                (Codec1Type::ClearCodec, self.clear.encode(strip, width, height))
            } else {
                (Codec1Type::Uncompressed, strip.to_vec())
            };
            let pixel_format = surface.format.to_wire();
            let surface_id = surface.id;
            frame.put(&GfxPdu::WireToSurface1(WireToSurface1Pdu {
                surface_id,
                codec_id,
                pixel_format,
                destination_rectangle,
                bitmap_data,
            }))?;
        }
        Ok(())
    }

    /// Closes a frame and returns its messages, in order.
    ///
    /// # Errors
    /// [`LinkError::Unencodable`].
    pub fn finish(&mut self, mut frame: OpenFrame) -> Result<Vec<ToHost>, LinkError> {
        frame.put(&GfxPdu::EndFrame(EndFramePdu { frame_id: frame.number })).map_err(unencodable)?;
        frame.messages.push(ToHost::Egfx(frame.pdus));
        Ok(frame.messages)
    }

    /// Forgets a window; returns the message that deletes its surface, if it has one.
    pub fn close(&mut self, window: u32) -> Option<ToHost> {
        let surface = self.surfaces.remove(&window)?;
        let mut pdus = Vec::new();
        let pdu = GfxPdu::DeleteSurface(DeleteSurfacePdu { surface_id: surface.id });
        wire::put_pdu(&mut pdus, &pdu).ok().map(|()| ToHost::Egfx(pdus))
    }
}

impl PixelFormat {
    const fn to_wire(self) -> Wire {
        match self {
            Self::Argb8888 => Wire::ARgb,
            Self::Xrgb8888 => Wire::XRgb,
        }
    }

    pub(super) const fn from_wire(format: Wire) -> Self {
        match format {
            Wire::ARgb => Self::Argb8888,
            Wire::XRgb => Self::Xrgb8888,
        }
    }
}

fn unencodable(fault: Fault) -> LinkError {
    LinkError::Unencodable { message: "RDPGFX frame", detail: fault.0 }
}
