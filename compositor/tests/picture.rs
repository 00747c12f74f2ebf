//! A whole desktop rendered to a picture: who may draw where

mod common;

use bailey_compositor::{Point, Rect, Scope, Size, ToInstance, WindowInfo};
use common::{Fixture, RED, top_level};

#[test]
fn looks_like_a_desktop() {
    let mut fixture = Fixture::new(Size::new(1280, 720));
    let term = fixture.instance(1, "terminal", 0);
    let edit = fixture.instance(2, "editor", 1);
    let third = fixture.instance(3, "a hostile name \u{202e}gnp.exe that is long", 4);
    fixture.window(term, 1, "user@bailey: ~", Size::new(640, 400), [0x20, 0x18, 0x14, 0xff]);
    fixture.window(edit, 1, "Untitled 1 — Mousepad", Size::new(520, 360), [0xf8, 0xf8, 0xf8, 0xff]);
    fixture.window(third, 1, "tiny", Size::new(40, 10), RED);
    fixture.popup(edit, 2, 1, Point::new(10, 20), Size::new(160, 200), [0x40, 0x40, 0x40, 0x80]);
    let picture = fixture.render(Scope::Desktop);
    fixture.save(&picture, "desktop");
    let trust = fixture.colour(2);
    assert!(picture.count(trust) > 1000, "the popup and the frame show the instance's colour");
}

#[test]
fn content_never_reaches_a_frame() {
    let mut fixture = Fixture::new(Size::new(800, 600));
    let hostile = fixture.instance(1, "hostile", 0);
    // Sizes and offsets that try to reach over every edge.
    for (at, (width, height)) in
        [(1, 1), (3000, 3000), (10, 2000), (16384, 4), (300, 200)].into_iter().enumerate()
    {
        let window = u32::try_from(at).expect("few") * 10 + 1;
        fixture.window(hostile, window, "t", Size::new(width, height), RED);
        for (n, (x, y)) in
            [(0, 0), (-90, -90), (i32::MIN, i32::MIN), (i32::MAX, i32::MAX)].into_iter().enumerate()
        {
            let popup = window + 1 + u32::try_from(n).expect("few");
            fixture.popup(
                hostile,
                popup,
                window,
                Point::new(x, y),
                Size::new(700 * (n as u32 + 1), 500),
                RED,
            );
        }
    }
    let picture = fixture.render(Scope::Desktop);
    fixture.save(&picture, "hostile");
    let desktop = &fixture.desktop;
    let layers = desktop.layers();
    for (at, layer) in layers.iter().enumerate() {
        if layer.kind != bailey_compositor::LayerKind::Frame {
            continue;
        }
        // Where no layer above covers a frame, its own pixels show.
        for y in layer.rect.y.max(0)..layer.rect.bottom().min(600) {
            for x in layer.rect.x.max(0)..layer.rect.right().min(800) {
                let point = Point::new(x, y);
                if layers[at + 1..].iter().any(|above| above.rect.contains(point)) {
                    continue;
                }
                let offset =
                    ((y - layer.rect.y) as u32 * layer.stride() + (x - layer.rect.x) as u32 * 4) as usize;
                assert_eq!(
                    picture.pixel(x, y),
                    layer.storage.bytes()[offset..offset + 4],
                    "frame at {x},{y}"
                );
            }
        }
        // Nor is any content of the same window above or under it.
        for other in &layers {
            if other.window == layer.window && other.kind != bailey_compositor::LayerKind::Frame {
                assert_eq!(other.rect.intersection(layer.rect), None);
            }
        }
    }
}

#[test]
fn popups_stay_in_the_work_area_and_leave_some_of_it() {
    let mut fixture = Fixture::new(Size::new(800, 600));
    let app = fixture.instance(1, "app", 0);
    fixture.window(app, 1, "owner", Size::new(300, 200), RED);
    fixture.popup(app, 2, 1, Point::new(-500, 9000), Size::new(4000, 4000), RED);
    let work = Rect::new(0, 0, 800, 600 - 36);
    let mut area = Rect::default();
    for layer in
        fixture.desktop.layers().iter().filter(|layer| layer.window.is_some_and(|key| key.window == 2))
    {
        assert!(work.contains_rect(layer.rect), "{layer:?}");
        area = area.bounding(layer.rect);
    }
    assert!(area.width <= 720 && area.height <= 508, "{area:?}");
}

#[test]
fn popups_cannot_leave_their_owner() {
    let mut fixture = Fixture::new(Size::new(800, 600));
    let app = fixture.instance(1, "app", 0);
    fixture.window(app, 1, "owner", Size::new(200, 100), RED);
    let owner = fixture.content_rect(app, 1);
    fixture.popup(app, 2, 1, Point::new(500, 300), Size::new(50, 40), RED);
    let popup = fixture.content_rect(app, 2);
    // Touching the frame, border to border.
    assert_eq!((popup.x - 2, popup.y - 2), (owner.right() + 4, owner.bottom() + 4));
}

#[test]
fn transparent_top_levels_show_nothing_of_what_is_below() {
    let mut fixture = Fixture::new(Size::new(800, 600));
    let victim = fixture.instance(1, "victim", 0);
    let hostile = fixture.instance(2, "hostile", 1);
    fixture.window(victim, 1, "secret", Size::new(600, 400), RED);
    fixture.window(hostile, 1, "see through", Size::new(600, 400), [0, 0, 0, 0]);
    fixture.drain();
    let over = fixture.content_rect(hostile, 1);
    let picture = fixture.render(Scope::Desktop);
    let seen = (over.y..over.bottom()).any(|y| (over.x..over.right()).any(|x| picture.pixel(x, y) == RED));
    assert!(!seen, "a transparent window of one instance shows another's pixels");
}

#[test]
fn one_instance_alone_can_be_shown() {
    let mut fixture = Fixture::new(Size::new(800, 600));
    let (a, b) = (fixture.instance(1, "a", 0), fixture.instance(2, "b", 1));
    fixture.window(a, 1, "a", Size::new(300, 200), RED);
    fixture.window(b, 1, "b", Size::new(300, 200), [0, 0xff, 0, 0xff]);
    let picture = fixture.render(Scope::Instance(a));
    assert_eq!(picture.count([0, 0xff, 0, 0xff]), 0);
    assert!(picture.count(RED) >= 300 * 200);
}

#[test]
fn oversized_windows_are_asked_to_shrink_and_shown_in_part() {
    let mut fixture = Fixture::new(Size::new(800, 600));
    let app = fixture.instance(1, "app", 0);
    fixture.window(app, 1, "big", Size::new(3000, 2000), RED);
    let asked = fixture.drain_to(app).into_iter().find_map(|message| match message {
        ToInstance::Configure { window: 1, size, .. } => size,
        _ => None,
    });
    let room = Size::new(800 - 8, 600 - 36 - 36);
    assert_eq!(asked, Some(room));
    assert_eq!(fixture.content_rect(app, 1).size(), room);
}

#[test]
fn a_name_is_shown_on_the_frame_in_the_instances_colour() {
    let mut fixture = Fixture::new(Size::new(800, 600));
    let app = fixture.instance(1, "app", 3);
    fixture.window(app, 1, "title", Size::new(300, 200), RED);
    let with_name = fixture.render(Scope::Desktop);
    let info = WindowInfo { title: "another".to_owned(), ..top_level() };
    fixture.desktop.window_updated(common::key(app, 1), info).expect("allowed");
    let renamed = fixture.render(Scope::Desktop);
    assert_ne!(with_name.bytes, renamed.bytes, "the title is drawn");
    let outer = fixture.content_rect(app, 1);
    let colour = fixture.colour(1);
    for y in outer.y..outer.bottom() {
        assert_eq!(renamed.pixel(outer.x - 1, y), colour);
        assert_eq!(renamed.pixel(outer.right(), y), colour);
    }
}
