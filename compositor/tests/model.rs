//! Random sequences of everything that can happen to a desktop; after each step, what must always hold

#[path = "common/ops.rs"]
mod ops;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use bailey_compositor::{
    Action, Button, CanvasMut, Desktop, HeapStore, Input, InstanceId, LayerKind, Limits, PixelFormat,
    PixelView, Point, Rect, Scancode, Scope, Size, ToInstance, TrustColour, Violation, WindowInfo, WindowKey,
    WindowRequest,
};
use ops::{Op, op};
use proptest::prelude::*;

const DESKTOP: Size = Size::new(320, 260);
const LIMITS: Limits = Limits { windows: 6, side: 400, bytes: 900_000, pointer_side: 64, owner_depth: 3 };

/// What the test knows without asking the desktop.
#[derive(Default)]
struct Model {
    instances: BTreeSet<u32>,
    windows: BTreeMap<WindowKey, Known>,
    /// Of each instance: the active window, keys and buttons that are down, the pointer's target, by what it was told.
    told: BTreeMap<u32, Told>,
    asked: BTreeMap<WindowKey, Size>,
}

/// A window that exists.
#[derive(Clone, Copy, Debug)]
struct Known {
    popup: bool,
    owner: Option<WindowKey>,
}

impl Known {
    fn of(key: WindowKey, info: &WindowInfo) -> Self {
        let owner = info.owner.map(|owner| WindowKey::new(key.instance, owner));
        Self { popup: info.popup, owner }
    }
}

#[derive(Default, Debug)]
struct Told {
    active: Option<u32>,
    keys: BTreeSet<Scancode>,
    buttons: BTreeSet<Button>,
    target: Option<u32>,
}

struct World {
    desktop: Desktop,
    model: Model,
    now: Duration,
    /// What a viewer that repaints only damage sees.
    picture: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let desktop = Desktop::with_limits(DESKTOP, Box::new(HeapStore), LIMITS).expect("heap");
        Self { desktop, model: Model::default(), now: Duration::ZERO, picture: Vec::new() }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::AddInstance(id) => {
                let colour = TrustColour::nth(id as usize);
                self.desktop.add_instance(InstanceId(id), &format!("app {id}"), colour);
                self.model.instances.insert(id);
            }
            Op::RemoveInstance(id) => {
                self.desktop.remove_instance(InstanceId(id));
                self.model.instances.remove(&id);
                self.model.windows.retain(|key, _| key.instance.0 != id);
                self.model.told.remove(&id);
            }
            Op::Create(key, info) => self.create(key, info),
            Op::Update(key, info) => self.update(key, info),
            Op::Remove(key) => {
                let known = self.model.windows.contains_key(&key);
                let removed = self.desktop.window_removed(key).is_ok();
                assert!(known || !removed);
            }
            Op::Present(key, size, fill, damage) => self.present(key, size, fill, damage),
            Op::Request(key, request) => {
                let _refusal_is_fine = self.desktop.window_request(key, request);
            }
            Op::Open(key, info, size) => {
                self.create(key, info);
                self.present(key, size, [7, 8, 9, 128], Rect::default());
            }
            Op::PressOn { layer, x, y, release } => {
                self.point_at(layer, x, y);
                self.button(false);
                if release {
                    self.button(true);
                }
            }
            Op::DragTo { layer, x, y } => self.point_at(layer, x, y),
            Op::Input(input) => self.desktop.input(input, self.now),
            Op::Obey => {
                for (key, size) in core::mem::take(&mut self.model.asked) {
                    self.present(key, size, [9, 9, 9, 255], Rect::default());
                }
            }
            Op::Resize(size) => self.desktop.resized(size).expect("heap"),
            Op::Wait(ms) => self.now += Duration::from_millis(ms.into()),
        }
    }

    fn create(&mut self, key: WindowKey, info: WindowInfo) {
        let known = Known::of(key, &info);
        if self.desktop.window_created(key, info).is_ok() {
            assert!(self.model.instances.contains(&key.instance.0));
            assert!(self.model.windows.insert(key, known).is_none());
        }
    }

    fn update(&mut self, key: WindowKey, info: WindowInfo) {
        let known = Known::of(key, &info);
        if self.desktop.window_updated(key, info).is_ok() {
            let before = self.model.windows.insert(key, known).expect("it exists");
            assert_eq!(before.popup, known.popup);
        }
    }

    fn point_at(&mut self, layer: u8, x: u8, y: u8) {
        // Not the background.
        let layers = self.desktop.layers();
        let rect = layers[1 + usize::from(layer) % (layers.len() - 1)].rect;
        let along = |from: i32, length: u32, share: u8| from + (length * u32::from(share) / 256) as i32;
        let (x, y) = (along(rect.x, rect.width, x), along(rect.y, rect.height, y));
        drop(layers);
        self.desktop.input(Input::Motion { x, y }, self.now);
    }

    fn button(&mut self, released: bool) {
        self.desktop.input(Input::Button { button: Button::Left, released }, self.now);
    }

    fn present(&mut self, key: WindowKey, size: Size, fill: [u8; 4], damage: Rect) {
        let small = Size::new(size.width.min(500), size.height.min(500));
        let bytes = fill.repeat((small.width * small.height) as usize);
        let view =
            PixelView::new(&bytes, small.width * 4, small, PixelFormat::Argb8888).expect("enough bytes");
        match self.desktop.present(key, size, &view, &[damage], self.now) {
            Ok(()) => assert!(size.width <= LIMITS.side && size.height <= LIMITS.side && !size.is_empty()),
            Err(Violation::UnknownInstance | Violation::UnknownWindow(_)) => {}
            Err(
                Violation::WindowSize { .. } | Violation::TooManyBytes { .. } | Violation::SourceSize { .. },
            ) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// Takes the actions into account as instances would.
    fn listen(&mut self) {
        for action in self.desktop.drain_actions() {
            let Action::ToInstance { instance, message } = action else {
                continue;
            };
            if !self.model.instances.contains(&instance.0) {
                continue;
            }
            let told = self.model.told.entry(instance.0).or_default();
            match message {
                ToInstance::Activate { window, active: true } => {
                    assert_eq!(told.active, None, "two windows active");
                    told.active = Some(window);
                }
                ToInstance::Activate { window, active: false } => {
                    assert_eq!(told.active.take(), Some(window));
                }
                ToInstance::Key { scancode, released: false } => {
                    assert!(told.active.is_some(), "a key without focus");
                    assert!(told.keys.insert(scancode), "{scancode:?} pressed twice");
                }
                ToInstance::Key { scancode, released: true } => {
                    assert!(told.keys.remove(&scancode), "{scancode:?} released but not pressed");
                }
                ToInstance::Button { button, released: false } => {
                    assert!(told.target.is_some(), "a button without target");
                    assert!(told.buttons.insert(button), "{button:?} pressed twice");
                }
                ToInstance::Button { button, released: true } => {
                    assert!(told.buttons.remove(&button), "{button:?} released but not pressed");
                }
                ToInstance::InputTarget { window } => told.target = window,
                ToInstance::Configure { window, size: Some(size), .. } => {
                    self.model.asked.insert(WindowKey::new(instance, window), size);
                }
                ToInstance::Pointer { .. } | ToInstance::Wheel { .. } => {
                    assert!(told.target.is_some(), "the pointer without target");
                }
                _ => {}
            }
        }
    }

    fn verify(&mut self) {
        self.verify_layers();
        self.verify_owners();
        self.verify_focus();
        self.verify_damage();
    }

    fn verify_layers(&mut self) {
        let size = self.desktop.size();
        let whole = Rect::at(Point::default(), size);
        let work = Rect::new(0, 0, size.width, size.height - 36);
        let layers = self.desktop.layers();
        let ids: BTreeSet<_> = layers.iter().map(|layer| layer.id).collect();
        assert_eq!(ids.len(), layers.len(), "a layer's number twice");
        assert_eq!(
            layers.first().map(|layer| (layer.kind, layer.rect)),
            Some((LayerKind::Background, whole))
        );
        assert_eq!(layers.last().map(|layer| layer.kind), Some(LayerKind::Strip));
        let mut outer: BTreeMap<WindowKey, Rect> = BTreeMap::new();
        for layer in &layers {
            assert!(
                layer.rect.width <= layer.storage_size.width
                    && layer.rect.height <= layer.storage_size.height
            );
            assert!(!layer.rect.is_empty());
            let Some(key) = layer.window else { continue };
            assert!(self.model.instances.contains(&key.instance.0), "a window of a removed instance");
            let popup = self.model.windows.get(&key).expect("a window that does not exist");
            if popup.popup {
                assert!(work.contains_rect(layer.rect), "a popup over the edge: {layer:?}");
            }
            let bounds = outer.entry(key).or_default();
            *bounds = bounds.bounding(layer.rect);
            for other in &layers {
                let same = other.id != layer.id && other.window == layer.window;
                assert!(
                    !same || other.rect.intersection(layer.rect).is_none(),
                    "{layer:?} overlaps {other:?}"
                );
            }
        }
        for (key, bounds) in &outer {
            let area = |rect: Rect| u64::from(rect.width) * u64::from(rect.height);
            let parts: u64 =
                layers.iter().filter(|layer| layer.window == Some(*key)).map(|layer| area(layer.rect)).sum();
            assert_eq!(parts, area(*bounds), "frame and content of {key:?} leave a gap");
            assert!(bounds.size().width <= work.width.max(184) && bounds.y >= 0, "{key:?} at {bounds:?}");
            assert!(bounds.intersection(work).is_some(), "{key:?} out of reach at {bounds:?}");
        }
    }

    fn verify_focus(&self) {
        let shown: Vec<WindowKey> = self.desktop.layers().iter().filter_map(|layer| layer.window).collect();
        let top_level = shown.iter().any(|key| !self.model.windows[key].popup);
        match self.desktop.focused() {
            Some(focus) => {
                assert!(shown.contains(&focus), "focus on what is not shown");
                assert!(!self.model.windows[&focus].popup, "focus on a popup");
            }
            None => assert!(!top_level, "windows, but no focus"),
        }
        for (instance, told) in &self.model.told {
            let active = self
                .desktop
                .focused()
                .filter(|focus| focus.instance.0 == *instance)
                .map(|focus| focus.window);
            assert_eq!(told.active, active, "instance {instance} was told otherwise");
            assert!(active.is_some() || told.keys.is_empty(), "keys stuck in instance {instance}: {told:?}");
            assert!(
                told.target.is_some() || told.buttons.is_empty(),
                "buttons stuck in {instance}: {told:?}"
            );
        }
    }

    /// A viewer that repaints only damage sees what a full repaint shows.
    fn verify_damage(&mut self) {
        let size = self.desktop.size();
        if self.picture.len() as u64 != size.byte_len() {
            self.picture = vec![0; size.byte_len() as usize];
        }
        let damage = self.desktop.take_damage();
        for (at, rect) in damage.iter().enumerate() {
            assert!(Rect::at(Point::default(), size).contains_rect(*rect));
            assert!(
                damage[at + 1..].iter().all(|other| other.intersection(*rect).is_none()),
                "damage overlaps"
            );
        }
        let mut canvas = CanvasMut::new(&mut self.picture, size.width * 4, size).expect("enough bytes");
        self.desktop.render(Scope::Desktop, &mut canvas, &damage);
        let mut full = vec![0; self.picture.len()];
        let mut canvas = CanvasMut::new(&mut full, size.width * 4, size).expect("enough bytes");
        self.desktop.render(Scope::Desktop, &mut canvas, &[Rect::at(Point::default(), size)]);
        if let Some(at) =
            self.picture.chunks_exact(4).zip(full.chunks_exact(4)).position(|(seen, real)| seen != real)
        {
            let (x, y) = (at as u32 % size.width, at as u32 / size.width);
            panic!("pixel {x},{y} is stale; damage was {damage:?}; layers {:#?}", self.desktop.layers());
        }
    }

    /// Owned windows lie above their owners; popups have one.
    fn verify_owners(&self) {
        let layers = self.desktop.layers();
        let places = |key: WindowKey| {
            layers.iter().enumerate().filter(move |(_, l)| l.window == Some(key)).map(|(at, _)| at)
        };
        for (key, known) in &self.model.windows {
            let Some(owner) = known.owner else {
                assert!(!known.popup, "{key:?} is a popup of nobody");
                continue;
            };
            assert!(self.model.windows.contains_key(&owner), "{key:?} has outlived its owner {owner:?}");
            if let (Some(lowest), Some(highest)) = (places(*key).min(), places(owner).max()) {
                assert!(lowest > highest, "{key:?} is below its owner {owner:?}");
            }
            assert!(
                places(*key).next().is_none() || places(owner).next().is_some(),
                "{key:?} without its owner"
            );
        }
    }

    /// Windows that vanish with another one are known to the test by the desktop's refusal to know them.
    fn forget_vanished(&mut self) {
        let mut vanished = BTreeMap::new();
        for (key, known) in &self.model.windows {
            if self.desktop.window_request(*key, WindowRequest::Move).is_err() {
                vanished.insert(*key, *known);
            }
        }
        for key in vanished.keys() {
            self.model.windows.remove(key);
            self.model.asked.remove(key);
            // An instance that removed its active window was not told, and knows.
            let told = self.model.told.entry(key.instance.0).or_default();
            told.active = told.active.filter(|window| *window != key.window);
        }
        // Dialogs pass to the owner's owner.
        for known in self.model.windows.values_mut().filter(|known| !known.popup) {
            while let Some(gone) = known.owner.and_then(|owner| vanished.get(&owner)) {
                known.owner = gone.owner;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_whatever_happens(ops in prop::collection::vec(op(), 1..100)) {
        let mut world = World::new();
        for id in 1..3 {
            world.apply(Op::AddInstance(id));
        }
        for op in ops {
            world.apply(op);
            world.forget_vanished();
            world.listen();
            world.verify();
        }
    }
}
