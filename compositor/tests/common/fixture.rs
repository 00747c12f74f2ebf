//! A desktop with instances for tests, and its picture

use core::time::Duration;
use std::collections::HashMap;

use bailey_compositor::{
    Action, Button, CanvasMut, Desktop, HeapStore, Input, InstanceId, LayerKind, PixelFormat, PixelView,
    Point, Rect, Scancode, Scope, Size, ToInstance, TrustColour, WindowInfo, WindowKey,
};

pub const RED: [u8; 4] = [0x10, 0x10, 0xf0, 0xff];

pub fn key(instance: InstanceId, window: u32) -> WindowKey {
    WindowKey::new(instance, window)
}

pub fn top_level() -> WindowInfo {
    WindowInfo { resizable: true, ..WindowInfo::default() }
}

pub struct Picture {
    pub size: Size,
    pub bytes: Vec<u8>,
}

impl Picture {
    pub fn pixel(&self, x: i32, y: i32) -> [u8; 4] {
        let at = (y as usize * self.size.width as usize + x as usize) * 4;
        self.bytes[at..at + 4].try_into().expect("four bytes")
    }

    pub fn count(&self, colour: [u8; 4]) -> usize {
        self.bytes.chunks_exact(4).filter(|pixel| *pixel == colour).count()
    }
}

pub struct Fixture {
    pub desktop: Desktop,
    pub now: Duration,
    colours: HashMap<u32, TrustColour>,
    told: Vec<(InstanceId, ToInstance)>,
}

impl Fixture {
    pub fn new(size: Size) -> Self {
        let desktop = Desktop::new(size, Box::new(HeapStore)).expect("heap");
        Self { desktop, now: Duration::from_secs(100), colours: HashMap::new(), told: Vec::new() }
    }

    pub fn instance(&mut self, id: u32, name: &str, colour: usize) -> InstanceId {
        self.colours.insert(id, TrustColour::nth(colour));
        self.desktop.add_instance(InstanceId(id), name, TrustColour::nth(colour));
        InstanceId(id)
    }

    pub fn colour(&self, id: u32) -> [u8; 4] {
        let TrustColour { r, g, b } = self.colours[&id];
        [b, g, r, 255]
    }

    pub fn window(&mut self, instance: InstanceId, window: u32, title: &str, size: Size, fill: [u8; 4]) {
        let info = WindowInfo { title: title.to_owned(), ..top_level() };
        self.desktop.window_created(key(instance, window), info).expect("allowed");
        self.present(instance, window, size, fill);
    }

    pub fn popup(
        &mut self,
        instance: InstanceId,
        window: u32,
        owner: u32,
        offset: Point,
        size: Size,
        fill: [u8; 4],
    ) {
        let info = WindowInfo { owner: Some(owner), popup: true, offset, ..WindowInfo::default() };
        self.desktop.window_created(key(instance, window), info).expect("allowed");
        self.present(instance, window, size, fill);
    }

    pub fn present(&mut self, instance: InstanceId, window: u32, size: Size, fill: [u8; 4]) {
        let bytes = fill.repeat((size.width * size.height) as usize);
        let view = PixelView::new(&bytes, size.width * 4, size, PixelFormat::Argb8888).expect("enough bytes");
        let damage = [Rect::at(Point::default(), size)];
        self.desktop.present(key(instance, window), size, &view, &damage, self.now).expect("allowed");
    }

    pub fn render(&self, scope: Scope) -> Picture {
        let size = self.desktop.size();
        let mut bytes = vec![0; size.byte_len() as usize];
        let mut canvas = CanvasMut::new(&mut bytes, size.width * 4, size).expect("enough bytes");
        self.desktop.render(scope, &mut canvas, &[Rect::at(Point::default(), size)]);
        Picture { size, bytes }
    }

    /// Writes the picture to the folder that BAILEY_TEST_PICTURES names, to be looked at.
    pub fn save(&self, picture: &Picture, name: &str) {
        let Ok(folder) = std::env::var("BAILEY_TEST_PICTURES") else {
            return;
        };
        let rgba = picture.bytes.chunks_exact(4).flat_map(|p| [p[2], p[1], p[0], p[3]]).collect();
        let image = image::RgbaImage::from_raw(picture.size.width, picture.size.height, rgba).expect("whole");
        image.save(format!("{folder}/{name}.png")).expect("written");
    }

    pub fn content_rect(&self, instance: InstanceId, window: u32) -> Rect {
        let own = |layer: &&bailey_compositor::Layer<'_>| {
            layer.window == Some(key(instance, window)) && layer.kind != LayerKind::Frame
        };
        self.desktop.layers().iter().find(own).map(|layer| layer.rect).expect("shown")
    }

    pub fn drain(&mut self) -> Vec<(InstanceId, ToInstance)> {
        for action in self.desktop.drain_actions() {
            if let Action::ToInstance { instance, message } = action {
                self.told.push((instance, message));
            }
        }
        core::mem::take(&mut self.told)
    }

    pub fn drain_to(&mut self, instance: InstanceId) -> Vec<ToInstance> {
        self.drain().into_iter().filter(|(to, _)| *to == instance).map(|(_, message)| message).collect()
    }

    pub fn input(&mut self, input: Input) {
        self.desktop.input(input, self.now);
    }

    pub fn point(&mut self, x: i32, y: i32) {
        self.input(Input::Motion { x, y });
    }

    pub fn button(&mut self, released: bool) {
        self.input(Input::Button { button: Button::Left, released });
    }

    pub fn click(&mut self, x: i32, y: i32) {
        self.point(x, y);
        self.button(false);
        self.button(true);
    }

    pub fn key(&mut self, scancode: Scancode, released: bool) {
        self.input(Input::Key { scancode, released });
    }
}
