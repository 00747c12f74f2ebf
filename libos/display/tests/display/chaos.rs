//! Clients that ask for anything in any order. They may be cut off; the service and the others live on.

use bailey_link::{InputEvent, PixelTransport, PointerButton, ToInstance};
use wayland_client::protocol::wl_output::Transform;
use wayland_client::protocol::wl_subcompositor::WlSubcompositor;
use wayland_client::protocol::wl_subsurface::WlSubsurface;
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_protocols::wp::viewporter::client::wp_viewport::WpViewport;
use wayland_protocols::wp::viewporter::client::wp_viewporter::WpViewporter;
use wayland_protocols::xdg::shell::client::xdg_popup::XdgPopup;
use wayland_protocols::xdg::shell::client::xdg_surface::XdgSurface;
use wayland_protocols::xdg::shell::client::xdg_toplevel::XdgToplevel;

use crate::client::Client;
use crate::host::Host;

/// xorshift64*: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn number(&mut self) -> i32 {
        const ODD: [i32; 12] = [0, 1, -1, 2, 7, 64, 100, 257, 5000, i32::MAX, i32::MIN, i32::MIN + 1];
        ODD[self.below(ODD.len())]
    }

    fn small(&mut self) -> i32 {
        self.below(40) as i32 + 1
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { Some(&all[self.below(all.len())]) }
    }
}

#[derive(Default)]
struct Things {
    /// Break rules, too. Those who don't live longer and get further.
    wild: bool,
    surfaces: Vec<WlSurface>,
    /// Surfaces that have a role.
    taken: Vec<WlSurface>,
    xdg: Vec<XdgSurface>,
    toplevels: Vec<XdgToplevel>,
    popups: Vec<XdgPopup>,
    subsurfaces: Vec<WlSubsurface>,
    viewports: Vec<WpViewport>,
}

impl Things {
    fn make(&mut self, client: &Client, dice: &mut Dice) {
        let free: Vec<WlSurface> = self
            .surfaces
            .iter()
            .filter(|surface| self.wild || !self.taken.contains(surface))
            .cloned()
            .collect();
        let surface = dice.pick(&free).cloned();
        self.taken.extend(surface.clone());
        let handle = &client.handle;
        match (dice.below(7), surface) {
            (0 | 1, _) | (_, None) => self.surfaces.push(client.surface()),
            (2, Some(surface)) => {
                let xdg = client.base.get_xdg_surface(&surface, handle, ());
                self.toplevels.push(xdg.get_toplevel(handle, ()));
                self.xdg.push(xdg);
                surface.commit();
            }
            (3, Some(surface)) => {
                let positioner = client.base.create_positioner(handle, ());
                positioner.set_size(dice.small(), dice.small());
                positioner.set_anchor_rect(dice.number(), dice.number(), dice.small(), dice.small());
                positioner.set_offset(dice.number(), dice.number());
                let parent = dice.pick(&self.xdg).cloned();
                let xdg = client.base.get_xdg_surface(&surface, handle, ());
                let popup = xdg.get_popup(parent.as_ref(), &positioner, handle, ());
                if self.wild {
                    popup.grab(&client.seat, 0);
                }
                self.popups.push(popup);
                self.xdg.push(xdg);
                surface.commit();
            }
            (4 | 5, Some(surface)) => {
                let parent = dice.pick(&self.surfaces).cloned().unwrap_or_else(|| surface.clone());
                let factory: WlSubcompositor = client.bind(1);
                self.subsurfaces.push(factory.get_subsurface(&surface, &parent, handle, ()));
            }
            (_, Some(surface)) => {
                let factory: WpViewporter = client.bind(1);
                self.viewports.push(factory.get_viewport(&surface, handle, ()));
            }
        }
    }

    fn change(&self, client: &Client, dice: &mut Dice) {
        let Some(surface) = dice.pick(&self.surfaces).cloned() else {
            return;
        };
        match dice.below(12) {
            0 => surface.attach(None, 0, 0),
            1 => surface.damage(dice.number(), dice.number(), dice.number(), dice.number()),
            2 => surface.set_buffer_scale(dice.small() % 4 + 1),
            3 => surface.set_buffer_transform(Transform::Flipped90),
            4 => surface.offset(dice.number(), dice.number()),
            5 => {
                if let Some(sub) = dice.pick(&self.subsurfaces) {
                    sub.set_position(dice.number(), dice.number());
                    sub.set_desync();
                }
            }
            6 => {
                if let (Some(sub), Some(other), true) =
                    (dice.pick(&self.subsurfaces), dice.pick(&self.surfaces), self.wild)
                {
                    sub.place_below(other);
                }
            }
            7 => {
                if let Some(viewport) = dice.pick(&self.viewports) {
                    viewport.set_source(dice.small().into(), 0.5, dice.small().into(), 3.25);
                    viewport.set_destination(dice.small(), dice.small());
                }
            }
            8 => {
                if let Some(xdg) = dice.pick(&self.xdg) {
                    xdg.set_window_geometry(dice.number(), dice.number(), dice.small(), dice.small());
                }
            }
            9 => {
                if let Some(toplevel) = dice.pick(&self.toplevels) {
                    if self.wild {
                        toplevel.set_parent(dice.pick(&self.toplevels));
                    }
                    toplevel.set_maximized();
                    toplevel.set_max_size(dice.small(), dice.small());
                }
            }
            _ if !self.wild && !self.taken.contains(&surface) => {}
            _ => {
                let buffer = client
                    .buffer(dice.small(), dice.small(), |x, y| ((x * y) as u32).wrapping_mul(0x0101_0101));
                client.show(&surface, &buffer);
            }
        }
        surface.frame(&client.handle, ());
        surface.commit();
    }

    fn destroy(&mut self, dice: &mut Dice) {
        macro_rules! drop_one {
            ($list:ident) => {
                if !self.$list.is_empty() {
                    let index = dice.below(self.$list.len());
                    self.$list.swap_remove(index).destroy();
                }
            };
        }
        if !self.wild {
            // In the order that the protocol asks for, and the surface with them.
            match dice.below(3) {
                0 => drop_one!(subsurfaces),
                1 => drop_one!(viewports),
                _ => {}
            }
            return;
        }
        match dice.below(8) {
            0 => drop_one!(surfaces),
            1 => drop_one!(xdg),
            2 | 3 => drop_one!(toplevels),
            4 => drop_one!(popups),
            5 | 6 => drop_one!(subsurfaces),
            _ => drop_one!(viewports),
        }
    }
}

/// Does one random thing after another until it is cut off or has done enough.
fn rampage(host: &mut Host, dice: &mut Dice, wild: bool) -> usize {
    let mut client = Client::connect(host);
    let mut things = Things { wild, ..Things::default() };
    for step in 0..300 {
        match dice.below(10) {
            0..=2 => things.make(&client, dice),
            9 => things.destroy(dice),
            _ => things.change(&client, dice),
        }
        if !wild && client.queue.roundtrip(&mut client.told).is_err() {
            return step;
        }
        if step % 8 == 0 {
            let windows: Vec<u32> = host.windows.keys().copied().collect();
            if let Some(window) = dice.pick(&windows).copied() {
                host.point(window, dice.small() as i16, -5);
                let (button, released) = (PointerButton::Left, dice.below(2) == 0);
                host.input(vec![InputEvent::PointerButton { button, released, x: 3, y: 3 }]);
                host.send(&ToInstance::Activate { window, active: dice.below(3) > 0 });
                host.send(&ToInstance::WindowMove { window, width: 50, height: 60, resizing: false });
            }
            host.take_in();
            if client.queue.roundtrip(&mut client.told).is_err() {
                return step;
            }
        }
    }
    300
}

#[test]
fn nothing_that_clients_do_brings_the_service_down() {
    for pixels in [PixelTransport::SharedMemory, PixelTransport::Egfx] {
        let mut host = Host::start(pixels, &["sleep", "600"]);
        let mut innocent = Client::connect(&mut host);
        let window = innocent.window("innocent", 10, 10, 0xff00_0000);
        let id = host.window("innocent", |info| info.title == "innocent");
        let mut dice = Dice(0x5eed_0001);
        let mut steps = 0;
        for round in 0..40u32 {
            steps += rampage(&mut host, &mut dice, round % 4 == 0);
            let colour = 0xff00_0000 | round;
            innocent.show(&window.surface, &innocent.buffer(10, 10, |_, _| colour));
            host.until("the innocent window's picture", |host| host.pictures[&id].pixel(5, 5) == colour);
        }
        assert!(steps > 1000, "clients got no further than {steps} steps together");
        host.until("the end of all other windows", |host| host.windows.len() == 1);
    }
}
