//! From the scene to a stack of layers

use crate::desktop::{Desktop, Scope};
use crate::furniture::strip_rect;
use crate::geometry::{Point, Rect};
use crate::layer::{Layer, LayerDamage, LayerKind};
use crate::scene::Node;
use crate::surface::Surface;
use crate::window::WindowSummary;

impl Desktop {
    pub(crate) fn stacked_layers(&self) -> Vec<Layer<'_>> {
        self.layers_in(Scope::Desktop)
    }

    /// The layers that `scope` covers, from bottom to top.
    pub(crate) fn layers_in(&self, scope: Scope) -> Vec<Layer<'_>> {
        let whole = Rect::at(Point::default(), self.size);
        let mut layers = vec![layer(&self.furniture.background, LayerKind::Background, whole, None)];
        for key in self.scene.draw_order() {
            if let Scope::Instance(id) = scope
                && key.instance != id
            {
                continue;
            }
            if let Some(node) = self.scene.get(key).filter(|_| self.scene.is_shown(key)) {
                self.push_window(node, &mut layers);
            }
        }
        if scope == Scope::Desktop {
            layers.push(layer(&self.furniture.strip, LayerKind::Strip, strip_rect(self.size), None));
        }
        layers
    }

    pub(crate) fn summarise(&self) -> Vec<WindowSummary> {
        let order = self.scene.draw_order();
        let nodes = order.into_iter().filter_map(|key| self.scene.get(key));
        nodes
            .map(|node| {
                let shown = self.scene.is_shown(node.key) && node.frame.is_some();
                let layout = shown.then(|| self.layout_of(node));
                WindowSummary {
                    key: node.key,
                    title: node.info.title.clone(),
                    app_id: node.info.app_id.clone(),
                    popup: node.is_popup(),
                    outer: layout.map(|layout| layout.outer),
                    content: layout.map(|layout| layout.content),
                    focused: self.seat.focus == Some(node.key),
                    minimised: self
                        .scene
                        .get(self.scene.root_of(node.key))
                        .is_some_and(|root| root.minimised),
                    maximised: node.is_maximised(),
                }
            })
            .collect()
    }

    fn push_window<'a>(&self, node: &'a Node, layers: &mut Vec<Layer<'a>>) {
        let (Some(content), Some(frame)) = (&node.content, &node.frame) else {
            return;
        };
        let layout = self.layout_of(node);
        if !frame.fits(&layout) {
            return;
        }
        let kind = if node.is_popup() { LayerKind::Popup } else { LayerKind::Content };
        if !layout.content.is_empty() {
            layers.push(layer(content, kind, layout.content, Some(node)));
        }
        for (side, rect) in frame.placed(&layout) {
            layers.push(layer(side, LayerKind::Frame, rect, Some(node)));
        }
    }

    pub(crate) fn collect_layer_damage(&mut self) -> Vec<LayerDamage> {
        let mut damage = Vec::new();
        self.each_surface(|surface| {
            let rects = core::mem::take(&mut surface.unsent).into_rects();
            if !rects.is_empty() {
                damage.push(LayerDamage { id: surface.id, rects });
            }
        });
        damage
    }

    /// Calls `act` on every surface, shown or not.
    pub(crate) fn each_surface(&mut self, mut act: impl FnMut(&mut Surface)) {
        act(&mut self.furniture.background);
        act(&mut self.furniture.strip);
        for key in self.scene.keys() {
            let Some(node) = self.scene.get_mut(key) else {
                continue;
            };
            node.content.iter_mut().for_each(&mut act);
            node.frame.iter_mut().flat_map(|frame| frame.surfaces_mut()).for_each(&mut act);
        }
    }
}

fn layer<'a>(surface: &'a Surface, kind: LayerKind, rect: Rect, node: Option<&Node>) -> Layer<'a> {
    Layer {
        id: surface.id,
        kind,
        window: node.map(|node| node.key),
        rect,
        storage: surface.storage.as_ref(),
        storage_size: surface.size,
        source: Point::default(),
        opaque: kind != LayerKind::Popup,
    }
}
