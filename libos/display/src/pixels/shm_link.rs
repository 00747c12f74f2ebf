//! Pixels by shared memory: buffers are named, never sent.

use std::collections::HashMap;

use bailey_link::{PixelFormat, ToHost};

use crate::pixels::extents_unsafe::contiguous;
use crate::pixels::link::{PixelError, PixelLink};
use crate::pixels::picture::{Direct, Picture};
use crate::pixels::pool::{SharedPool, Slot};
use crate::pixels::rect::{Rect, strips};
use crate::pixels::source::{BYTES_PER_PIXEL, Format};

/// Client rectangles that stay named per window; clients cycle through two or three.
const MAX_NAMED: usize = 4;
/// Pictures of our own per window: as many as may be unacknowledged.
const SLOTS: usize = 2;
/// Bytes composed at a time.
const STRIP: i64 = 1 << 20;

/// What the host was told of one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Description {
    offset: u64,
    width: u32,
    height: u32,
    stride: u32,
    opaque: bool,
}

#[derive(Debug)]
struct Named {
    buffer: u32,
    description: Description,
    /// The frame that names it and is not acknowledged yet.
    in_use: Option<u32>,
    /// Ours, for composed pictures.
    slot: Option<Slot>,
}

/// One window's buffers, oldest use first.
#[derive(Debug, Default)]
struct WindowBuffers {
    named: Vec<Named>,
}

/// The shared-memory link.
#[derive(Debug)]
pub struct SharedMemoryLink {
    pool: SharedPool,
    windows: HashMap<u32, WindowBuffers>,
    next_buffer: u32,
    scratch: Vec<u8>,
}

impl SharedMemoryLink {
    /// A link whose composed pictures lie in `pool`.
    pub fn new(pool: SharedPool) -> Self {
        Self { pool, windows: HashMap::new(), next_buffer: 1, scratch: Vec::new() }
    }

    /// The client's rectangle as the host can map it, if it lies in one piece.
    fn describe(direct: &Direct<'_>, picture: &Picture) -> Result<Option<Description>, PixelError> {
        let (width, height) = picture.unsigned_size();
        let length = u64::from(height - 1) * direct.buffer.stride + u64::from(width) * BYTES_PER_PIXEL;
        let Ok(stride) = u32::try_from(direct.buffer.stride) else {
            return Ok(None);
        };
        direct.buffer.check_size()?;
        let Ok(Some(offset)) = contiguous(&direct.buffer.pool.file, direct.offset, length) else {
            return Ok(None);
        };
        let opaque = direct.buffer.format == Format::Xrgb8888;
        Ok(Some(Description { offset, width, height, stride, opaque }))
    }

    /// The number of a client's rectangle; names it to the host the first time.
    fn name(&mut self, window: u32, description: Description, out: &mut Vec<ToHost>) -> usize {
        let buffers = self.windows.entry(window).or_default();
        let known = |named: &Named| named.slot.is_none() && named.description == description;
        if let Some(index) = buffers.named.iter().position(known) {
            let named = buffers.named.remove(index);
            buffers.named.push(named);
            return buffers.named.len() - 1;
        }
        while buffers.named.len() >= MAX_NAMED {
            let Some(index) = buffers.named.iter().position(|named| named.in_use.is_none()) else {
                break;
            };
            forget(&mut self.pool, buffers.named.remove(index), out);
        }
        let buffer = self.next_buffer;
        self.next_buffer = self.next_buffer.wrapping_add(1);
        buffers.named.push(Named { buffer, description, in_use: None, slot: None });
        out.push(created(buffer, description));
        buffers.named.len() - 1
    }

    /// A picture of our own for the window, not in the host's hands.
    fn own(
        &mut self,
        window: u32,
        picture: &Picture,
        out: &mut Vec<ToHost>,
    ) -> Result<(usize, Slot), PixelError> {
        let (width, height) = picture.unsigned_size();
        let opaque = picture.is_opaque();
        let buffers = self.windows.entry(window).or_default();
        let fits = |named: &Named| {
            let is = named.description;
            is.width == width && is.height == height && is.opaque == opaque
        };
        // Slots of another size are of no use any more.
        while let Some(index) = buffers
            .named
            .iter()
            .position(|named| named.slot.is_some() && named.in_use.is_none() && !fits(named))
        {
            forget(&mut self.pool, buffers.named.remove(index), out);
        }
        let free = buffers
            .named
            .iter()
            .position(|named| named.slot.is_some() && named.in_use.is_none() && fits(named));
        if let Some(index) = free
            && let Some(slot) = buffers.named[index].slot
        {
            return Ok((index, slot));
        }
        let stride = width * BYTES_PER_PIXEL as u32;
        let room = PixelError::NoRoom { width: picture.width, height: picture.height };
        let held = buffers.named.iter().filter(|named| named.slot.is_some()).count();
        // Old sizes may still be in flight, so allow for twice the usual number.
        if held >= SLOTS * 2 {
            return Err(room);
        }
        let slot = self.pool.allocate(u64::from(stride) * u64::from(height)).ok_or(room)?;
        let buffer = self.next_buffer;
        self.next_buffer = self.next_buffer.wrapping_add(1);
        let description = Description { offset: slot.host_offset, width, height, stride, opaque };
        buffers.named.push(Named { buffer, description, in_use: None, slot: Some(slot) });
        out.push(created(buffer, description));
        Ok((buffers.named.len() - 1, slot))
    }

    /// Writes the damaged rectangles of a composed picture into its slot.
    fn fill(&mut self, slot: Slot, picture: &Picture, damage: &[Rect]) -> Result<(), PixelError> {
        let stride = u64::from(picture.unsigned_size().0) * BYTES_PER_PIXEL;
        for rect in damage.iter().flat_map(|rect| strips(*rect, STRIP)) {
            let composed = picture.compose(rect, &mut self.scratch);
            let left = u64::try_from(rect.x).unwrap_or(0) * BYTES_PER_PIXEL;
            let top = u64::try_from(rect.y).unwrap_or(0);
            let row_bytes = usize::try_from(rect.width).unwrap_or(0) * 4;
            let whole = row_bytes as u64 == stride;
            let chunk = if whole { self.scratch.len().max(1) } else { row_bytes.max(1) };
            for (row, bytes) in self.scratch.chunks(chunk).enumerate() {
                let offset = slot.file_offset + (top + row as u64) * stride + left;
                self.pool.write(offset, bytes).map_err(PixelError::Pool)?;
            }
            composed?;
        }
        Ok(())
    }
}

impl PixelLink for SharedMemoryLink {
    fn present(
        &mut self,
        window: u32,
        serial: u32,
        picture: &Picture,
        damage: &[Rect],
        out: &mut Vec<ToHost>,
    ) -> Result<bool, PixelError> {
        let direct = match picture.direct() {
            Some(direct) => Self::describe(&direct, picture)?,
            None => None,
        };
        let index = if let Some(description) = direct {
            self.name(window, description, out)
        } else {
            let (index, slot) = self.own(window, picture, out)?;
            self.fill(slot, picture, damage)?;
            index
        };
        if let Some(named) = self.windows.get_mut(&window).and_then(|all| all.named.get_mut(index)) {
            named.in_use = Some(serial);
            let buffer = named.buffer;
            let damage = damage.iter().map(|rect| rect.to_link()).collect();
            out.push(ToHost::Present { window, buffer, serial, damage });
        }
        Ok(direct.is_some())
    }

    fn acknowledged(&mut self, window: u32, serial: u32) {
        let Some(buffers) = self.windows.get_mut(&window) else {
            return;
        };
        for named in &mut buffers.named {
            // Frames are acknowledged in order, so an older one is done too.
            if named.in_use.is_some_and(|used| serial.wrapping_sub(used) < u32::MAX / 2) {
                named.in_use = None;
            }
        }
    }

    fn frame_acknowledged(&mut self, _frame: u32) -> Option<(u32, u32)> {
        None
    }

    fn close(&mut self, window: u32, out: &mut Vec<ToHost>) {
        let Some(buffers) = self.windows.remove(&window) else {
            return;
        };
        for named in buffers.named {
            forget(&mut self.pool, named, out);
        }
    }
}

fn created(buffer: u32, is: Description) -> ToHost {
    let Description { offset, width, height, stride, opaque } = is;
    let format = if opaque { PixelFormat::Xrgb8888 } else { PixelFormat::Argb8888 };
    ToHost::CreateBuffer { buffer, offset, width, height, stride, format }
}

fn forget(pool: &mut SharedPool, named: Named, out: &mut Vec<ToHost>) {
    out.push(ToHost::DestroyBuffer { buffer: named.buffer });
    if let Some(slot) = named.slot {
        pool.release(slot);
    }
}
