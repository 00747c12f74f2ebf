//! Finding a graphics device that can draw in the window

use std::sync::Arc;

use wgpu::{
    Adapter, Backends, CurrentSurfaceTexture, DeviceDescriptor, Instance, InstanceDescriptor, PresentMode,
    Queue, RequestAdapterOptions, Surface, SurfaceConfiguration, SurfaceTexture, TextureFormat,
};
use winit::event_loop::OwnedDisplayHandle;
use winit::window::Window;

use crate::error::ViewerError;

/// A device, and the window's surface that it draws on.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: Queue,
    surface: Surface<'static>,
    config: SurfaceConfiguration,
    /// Longest side of a texture.
    pub(crate) max_side: u32,
}

impl Device {
    /// Takes Vulkan where it works, hardware before software, else OpenGL.
    pub(crate) fn open(window: &Arc<Window>, display: &OwnedDisplayHandle) -> Result<Self, ViewerError> {
        let mut reasons = Vec::new();
        for backends in [Backends::VULKAN, Backends::GL] {
            match Self::open_with(backends, window, display) {
                Ok(device) => return Ok(device),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(ViewerError::NoAdapter(reasons.join("; ")))
    }

    fn open_with(
        backends: Backends,
        window: &Arc<Window>,
        display: &OwnedDisplayHandle,
    ) -> Result<Self, String> {
        let descriptor = InstanceDescriptor {
            backends,
            ..InstanceDescriptor::new_with_display_handle(Box::new(display.clone()))
        };
        let instance = Instance::new(descriptor);
        let surface = instance.create_surface(window.clone()).map_err(|error| error.to_string())?;
        let options = RequestAdapterOptions { compatible_surface: Some(&surface), ..Default::default() };
        let adapter =
            pollster::block_on(instance.request_adapter(&options)).map_err(|error| error.to_string())?;
        let (device, queue) = Self::request(&adapter)?;
        let size = window.inner_size();
        let config = configuration(&surface, &adapter, size.width, size.height)?;
        let max_side = device.limits().max_texture_dimension_2d;
        let mut device = Self { device, queue, surface, config, max_side };
        device.resize(size.width, size.height);
        Ok(device)
    }

    fn request(adapter: &Adapter) -> Result<(wgpu::Device, Queue), String> {
        // The least that every driver has, but textures as large as this one can.
        let required_limits = wgpu::Limits::downlevel_webgl2_defaults().using_resolution(adapter.limits());
        let descriptor = DeviceDescriptor { label: Some("viewer"), required_limits, ..Default::default() };
        pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| error.to_string())
    }

    pub(crate) fn format(&self) -> TextureFormat {
        self.config.format
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        (self.config.width, self.config.height)
    }

    /// The window has another size.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        self.config.width = width.clamp(1, self.max_side);
        self.config.height = height.clamp(1, self.max_side);
        self.surface.configure(&self.device, &self.config);
    }

    /// The picture to draw next; `None` if none can be shown at the moment.
    pub(crate) fn next_picture(&mut self) -> Result<Option<SurfaceTexture>, ViewerError> {
        for _attempt in 0..2 {
            match self.surface.get_current_texture() {
                CurrentSurfaceTexture::Success(texture) | CurrentSurfaceTexture::Suboptimal(texture) => {
                    return Ok(Some(texture));
                }
                CurrentSurfaceTexture::Timeout | CurrentSurfaceTexture::Occluded => return Ok(None),
                CurrentSurfaceTexture::Outdated => self.surface.configure(&self.device, &self.config),
                CurrentSurfaceTexture::Lost => {
                    return Err(ViewerError::Gpu("the window's surface is lost".to_owned()));
                }
                CurrentSurfaceTexture::Validation => {
                    return Err(ViewerError::Gpu("the window's surface is not valid".to_owned()));
                }
            }
        }
        Ok(None)
    }
}

/// Pixels are composed as they are, without colour management, as the CPU and every RDP client do: a format that
/// does not convert from sRGB.
fn configuration(
    surface: &Surface<'_>,
    adapter: &Adapter,
    width: u32,
    height: u32,
) -> Result<SurfaceConfiguration, String> {
    let mut config = surface
        .get_default_config(adapter, width.max(1), height.max(1))
        .ok_or_else(|| "its driver cannot draw in this window".to_owned())?;
    let formats = surface.get_capabilities(adapter).formats;
    let plain = [TextureFormat::Bgra8Unorm, TextureFormat::Rgba8Unorm]
        .into_iter()
        .find(|format| formats.contains(format));
    config.format = plain.ok_or_else(|| format!("it offers none but {formats:?}"))?;
    config.present_mode = PresentMode::AutoVsync;
    config.desired_maximum_frame_latency = 2;
    Ok(config)
}
