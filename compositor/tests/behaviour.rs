//! What the desktop does when the user clicks, drags and types

mod common;

use core::time::Duration;

use bailey_compositor::{
    Action, Button, Edges, Input, InstanceId, InstancePointer, PixelFormat, PixelView, Point, PointerImage,
    PointerShape, Rect, Scancode, ShowState, Size, ToInstance, Violation, WindowInfo, WindowRequest,
};
use common::{Fixture, RED, key, top_level};

const A: Scancode = Scancode::plain(0x1e);

/// Two instances with a window each.
fn two() -> (Fixture, InstanceId, InstanceId) {
    let mut fixture = Fixture::new(Size::new(1000, 700));
    let (a, b) = (fixture.instance(1, "a", 0), fixture.instance(2, "b", 1));
    fixture.window(a, 1, "first", Size::new(300, 200), RED);
    fixture.window(b, 1, "second", Size::new(300, 200), RED);
    fixture.drain();
    (fixture, a, b)
}

fn middle(rect: Rect) -> (i32, i32) {
    (rect.x + rect.width as i32 / 2, rect.y + rect.height as i32 / 2)
}

fn click_in(fixture: &mut Fixture, instance: InstanceId) {
    let (x, y) = middle(fixture.content_rect(instance, 1));
    fixture.click(x, y);
}

/// A place on the title bar, free of label and buttons.
fn title(content: Rect) -> (i32, i32) {
    (content.x + content.width as i32 / 2, content.y - 14)
}

fn entry(at: i32) -> (i32, i32) {
    (84 + at * 234 + 100, 700 - 18)
}

#[test]
fn keys_follow_the_click_and_never_the_pointer() {
    let (mut fixture, a, b) = two();
    click_in(&mut fixture, a);
    let (x, y) = middle(fixture.content_rect(b, 1));
    fixture.point(x, y);
    fixture.drain();
    fixture.key(A, false);
    let told = fixture.drain();
    assert_eq!(told, [(a, ToInstance::Key { scancode: A, released: false })]);
    // The click that changes the focus releases what is down, after the window lost the keyboard.
    fixture.click(x, y);
    let told = fixture.drain_to(a);
    let lost = ToInstance::Activate { window: 1, active: false };
    let released = ToInstance::Key { scancode: A, released: true };
    assert_eq!(
        told.iter().filter(|m| **m == lost || **m == released).collect::<Vec<_>>(),
        [&lost, &released]
    );
    // The key that went down elsewhere is not typed here; its release goes nowhere.
    fixture.key(A, true);
    assert_eq!(fixture.drain(), []);
}

#[test]
fn modifiers_held_during_a_click_count() {
    let (mut fixture, a, b) = two();
    click_in(&mut fixture, a);
    fixture.key(Scancode::CONTROL_LEFT, false);
    fixture.drain();
    click_in(&mut fixture, b);
    let pressed = ToInstance::Key { scancode: Scancode::CONTROL_LEFT, released: false };
    assert!(fixture.drain_to(b).contains(&pressed));
}

#[test]
fn content_gets_the_pointer_in_its_own_coordinates() {
    let (mut fixture, a, b) = two();
    let rect = fixture.content_rect(a, 1);
    let other = fixture.content_rect(b, 1);
    fixture.point(rect.x + 7, rect.y + 9);
    let told = fixture.drain_to(a);
    assert!(
        told.ends_with(&[ToInstance::InputTarget { window: Some(1) }, ToInstance::Pointer { x: 7, y: 9 }])
    );
    // While a button is held, the pointer stays with the window, wherever it is.
    fixture.button(false);
    fixture.drain();
    fixture.point(other.x + 1, other.y + 1);
    let (x, y) = (other.x + 1 - rect.x, other.y + 1 - rect.y);
    assert_eq!(fixture.drain(), [(a, ToInstance::Pointer { x, y })]);
    fixture.button(true);
    let told = fixture.drain();
    let released = (a, ToInstance::Button { button: Button::Left, released: true });
    assert_eq!(told[..2], [released, (a, ToInstance::InputTarget { window: None })]);
    assert!(told.contains(&(b, ToInstance::InputTarget { window: Some(1) })));
    fixture.input(Input::Wheel { horizontal: 0, vertical: 120 });
    assert_eq!(fixture.drain(), [(b, ToInstance::Wheel { horizontal: 0, vertical: 120 })]);
}

#[test]
fn the_title_bar_moves_a_window() {
    let (mut fixture, a, _) = two();
    let before = fixture.content_rect(a, 1);
    let (x, y) = title(before);
    fixture.point(x, y);
    fixture.button(false);
    fixture.point(x + 60, y + 200);
    fixture.button(true);
    let after = fixture.content_rect(a, 1);
    assert_eq!((after.x, after.y), (before.x + 60, before.y + 200));
    // It cannot be lost below the task strip or beside the desktop.
    let (x, y) = title(after);
    fixture.point(x, y);
    fixture.button(false);
    fixture.point(-5000, 5000);
    fixture.button(true);
    let lost = fixture.content_rect(a, 1);
    assert!(lost.right() >= 76 && lost.y <= 700 - 36, "{lost:?}");
}

#[test]
fn edges_resize_and_the_opposite_ones_stay() {
    let (mut fixture, a, _) = two();
    let before = fixture.content_rect(a, 1);
    fixture.point(before.x - 2, before.y + 100);
    fixture.button(false);
    fixture.drain();
    fixture.now += Duration::from_secs(1);
    fixture.point(before.x + 38, before.y + 100);
    let size = Size::new(260, 200);
    let asked = ToInstance::Configure { window: 1, size: Some(size), maximised: false, resizing: true };
    assert_eq!(fixture.drain_to(a), [asked]);
    fixture.present(a, 1, size, RED);
    let after = fixture.content_rect(a, 1);
    assert_eq!((after.x, after.right()), (before.x + 40, before.right()));
    fixture.button(true);
    let last = ToInstance::Configure { window: 1, size: Some(size), maximised: false, resizing: false };
    assert!(fixture.drain_to(a).contains(&last));
}

#[test]
fn resizing_keeps_to_the_wishes_of_the_window() {
    let (mut fixture, a, _) = two();
    let (min_size, max_size) = (Size::new(250, 0), Size::new(0, 220));
    let info = WindowInfo { min_size, max_size, ..top_level() };
    fixture.desktop.window_updated(key(a, 1), info).expect("allowed");
    let rect = fixture.content_rect(a, 1);
    fixture.point(rect.right() + 1, rect.bottom() + 1);
    fixture.button(false);
    fixture.drain();
    fixture.now += Duration::from_secs(1);
    fixture.point(rect.x, rect.bottom() + 300);
    let size = Some(Size::new(250, 220));
    let asked = ToInstance::Configure { window: 1, size, maximised: false, resizing: true };
    assert_eq!(fixture.drain_to(a), [asked]);
}

#[test]
fn buttons_of_the_frame_act_on_release_over_them() {
    let (mut fixture, a, _) = two();
    let rect = fixture.content_rect(a, 1);
    let button = |n: i32| (rect.right() - 30 * n + 15, rect.y - 14);
    let (x, y) = button(1);
    fixture.point(x, y);
    fixture.button(false);
    fixture.point(x, y + 100);
    fixture.button(true);
    assert!(!fixture.drain_to(a).contains(&ToInstance::Close { window: 1 }), "the pointer went away");
    fixture.click(x, y);
    assert!(fixture.drain_to(a).contains(&ToInstance::Close { window: 1 }));

    let (x, y) = button(2);
    fixture.click(x, y);
    let room = Size::new(1000 - 8, 700 - 36 - 36);
    let asked = ToInstance::Configure { window: 1, size: Some(room), maximised: true, resizing: false };
    assert!(fixture.drain_to(a).contains(&asked));
    fixture.present(a, 1, room, RED);
    assert_eq!(fixture.content_rect(a, 1).origin(), Point::new(4, 32));
    // Twice on the title bar: back to where it was.
    let (x, y) = title(fixture.content_rect(a, 1));
    fixture.now += Duration::from_secs(1);
    fixture.click(x, y);
    fixture.now += Duration::from_millis(200);
    fixture.click(x, y);
    fixture.present(a, 1, Size::new(300, 200), RED);
    assert_eq!(fixture.content_rect(a, 1), rect);

    let (x, y) = button(3);
    fixture.click(x, y);
    assert!(fixture.drain_to(a).contains(&ToInstance::Minimise { window: 1, minimised: true }));
    assert!(fixture.desktop.layers().iter().all(|layer| layer.window != Some(key(a, 1))));
    // The task strip brings it back.
    let (x, y) = entry(0);
    fixture.click(x, y);
    assert_eq!(fixture.desktop.focused(), Some(key(a, 1)));
    assert_eq!(fixture.content_rect(a, 1), rect);
    fixture.click(x, y);
    assert_ne!(fixture.desktop.focused(), Some(key(a, 1)), "in use, so put away");
}

#[test]
fn alt_tab_changes_windows_when_alt_goes_up() {
    let (mut fixture, a, b) = two();
    click_in(&mut fixture, a);
    fixture.drain();
    fixture.key(Scancode::ALT_LEFT, false);
    fixture.key(Scancode::TAB, false);
    fixture.key(Scancode::TAB, true);
    assert_eq!(fixture.desktop.focused(), Some(key(a, 1)));
    fixture.key(Scancode::ALT_LEFT, true);
    assert_eq!(fixture.desktop.focused(), Some(key(b, 1)));
    let tab = |message: &ToInstance| matches!(message, ToInstance::Key { scancode: Scancode::TAB, .. });
    assert!(!fixture.drain().iter().any(|(_, message)| tab(message)), "no instance sees the Tab");
}

#[test]
fn an_instance_cannot_take_the_keyboard_from_another() {
    let (mut fixture, a, b) = two();
    click_in(&mut fixture, a);
    fixture.window(b, 2, "surprise", Size::new(900, 600), RED);
    assert_eq!(fixture.desktop.focused(), Some(key(a, 1)));
    // Nor does it cover the window in use.
    let order: Vec<_> = fixture.desktop.layers().iter().filter_map(|layer| layer.window).collect();
    assert_eq!(order.last(), Some(&key(a, 1)));
    // Its own second window is another matter.
    fixture.window(a, 2, "dialog", Size::new(100, 100), RED);
    assert_eq!(fixture.desktop.focused(), Some(key(a, 2)));
    // A newly started instance comes up in front, unless the user is typing.
    let c = fixture.instance(3, "c", 2);
    fixture.key(A, false);
    fixture.window(c, 1, "new", Size::new(100, 100), RED);
    assert_eq!(fixture.desktop.focused(), Some(key(a, 2)));
    let d = fixture.instance(4, "d", 3);
    fixture.now += Duration::from_secs(2);
    fixture.window(d, 1, "new", Size::new(100, 100), RED);
    assert_eq!(fixture.desktop.focused(), Some(key(d, 1)));
}

#[test]
fn popups_go_with_their_owner_and_dialogs_stay() {
    let (mut fixture, a, _) = two();
    fixture.popup(a, 2, 1, Point::new(5, 5), Size::new(50, 50), RED);
    fixture.popup(a, 3, 2, Point::new(5, 5), Size::new(50, 50), RED);
    let info = WindowInfo { owner: Some(1), ..top_level() };
    fixture.desktop.window_created(key(a, 4), info).expect("allowed");
    fixture.present(a, 4, Size::new(60, 60), RED);
    fixture.desktop.window_removed(key(a, 1)).expect("it exists");
    let left: Vec<_> = fixture.desktop.layers().iter().filter_map(|layer| layer.window).collect();
    assert!(left.contains(&key(a, 4)) && !left.contains(&key(a, 2)) && !left.contains(&key(a, 3)));
    assert_eq!(fixture.desktop.window_removed(key(a, 2)), Err(Violation::UnknownWindow(2)));
}

#[test]
fn a_click_elsewhere_ends_popups() {
    let (mut fixture, a, _) = two();
    click_in(&mut fixture, a);
    fixture.popup(a, 2, 1, Point::new(5, 5), Size::new(50, 50), RED);
    fixture.drain();
    fixture.click(990, 600);
    let told = fixture.drain_to(a);
    let [off, on] = [false, true].map(|active| ToInstance::Activate { window: 1, active });
    assert!(told.windows(2).any(|pair| pair == [off, on]), "{told:?}");
}

#[test]
fn an_instance_may_start_a_move_only_while_its_window_is_held() {
    let (mut fixture, a, _) = two();
    let before = fixture.content_rect(a, 1);
    fixture.desktop.window_request(key(a, 1), WindowRequest::Move).expect("it exists");
    fixture.point(5, 5);
    assert_eq!(fixture.content_rect(a, 1), before);
    let (x, y) = middle(before);
    fixture.point(x, y);
    fixture.button(false);
    fixture.desktop.window_request(key(a, 1), WindowRequest::Move).expect("it exists");
    fixture.point(x + 50, y + 20);
    fixture.button(true);
    let after = fixture.content_rect(a, 1);
    assert_eq!((after.x, after.y), (before.x + 50, before.y + 20));
    let told = fixture.drain_to(a);
    let button = |released| ToInstance::Button { button: Button::Left, released };
    let count = |message| told.iter().filter(|own| **own == message).count();
    assert_eq!((count(button(false)), count(button(true))), (1, 1), "{told:?}");

    let both = WindowRequest::Resize(Edges { left: true, right: true, ..Edges::default() });
    fixture.desktop.window_request(key(a, 1), both).expect("nonsense is ignored");
}

#[test]
fn shows_the_pointer_that_fits_the_place() {
    let (mut fixture, a, _) = two();
    let shapes = |fixture: &mut Fixture| -> Vec<PointerShape> {
        let shape = |action| {
            if let Action::PointerShape(shape) = action { Some(shape) } else { None }
        };
        fixture.desktop.drain_actions().into_iter().filter_map(shape).collect()
    };
    let rect = fixture.content_rect(a, 1);
    fixture.point(rect.x - 2, rect.y + 100);
    assert_eq!(shapes(&mut fixture), [PointerShape::ResizeEw]);
    fixture.point(rect.right() + 1, rect.bottom() + 1);
    assert_eq!(shapes(&mut fixture), [PointerShape::ResizeNwse]);
    fixture.desktop.set_pointer(a, InstancePointer::Hidden).expect("allowed");
    assert_eq!(shapes(&mut fixture), []);
    fixture.point(rect.x + 5, rect.y + 5);
    assert_eq!(shapes(&mut fixture), [PointerShape::Hidden]);
    let image = |side: u32| {
        let size = Size::new(side, side);
        PointerImage { size, hot_spot: Point::new(1, 1), pixels: vec![0; size.byte_len() as usize] }
    };
    fixture.desktop.set_pointer(a, InstancePointer::Image(image(32))).expect("allowed");
    assert!(matches!(shapes(&mut fixture)[..], [PointerShape::Image(_)]));
    let refused = fixture.desktop.set_pointer(a, InstancePointer::Image(image(500)));
    assert_eq!(refused, Err(Violation::PointerImage(Size::new(500, 500))));
    assert_eq!(shapes(&mut fixture), [PointerShape::Default]);
}

#[test]
fn refuses_what_is_too_much() {
    let (mut fixture, a, _) = two();
    let view =
        |size: Size, bytes: &'static [u8]| PixelView::new(bytes, size.width * 4, size, PixelFormat::Xrgb8888);
    let small = view(Size::new(1, 1), &[0; 4]).expect("enough");
    let present = |fixture: &mut Fixture, window: u32, size: Size| {
        let now = fixture.now;
        fixture.desktop.present(key(a, window), size, &small, &[], now)
    };
    let huge = Size::new(100_000, 10_000);
    assert_eq!(present(&mut fixture, 1, huge), Err(Violation::WindowSize { size: huge, limit: 16_384 }));
    let side = Size::new(16_384, 16_384);
    assert!(matches!(present(&mut fixture, 1, side), Err(Violation::TooManyBytes { .. })));
    let two = Size::new(2, 2);
    let source_size = Size::new(1, 1);
    assert_eq!(present(&mut fixture, 1, two), Err(Violation::SourceSize { size: two, source_size }));
    assert_eq!(present(&mut fixture, 77, two), Err(Violation::UnknownWindow(77)));
    for window in 2..=500 {
        fixture.desktop.window_created(key(a, window), top_level()).expect("allowed");
    }
    assert_eq!(fixture.desktop.window_created(key(a, 501), top_level()), Err(Violation::TooManyWindows(500)));
    let own = WindowInfo { owner: Some(1), ..top_level() };
    assert!(matches!(fixture.desktop.window_updated(key(a, 1), own), Err(Violation::BadOwner { .. })));
}

#[test]
fn confirmations_of_the_hosts_own_doing_are_no_wishes() {
    let (mut fixture, a, _) = two();
    let report = |fixture: &mut Fixture, show_state| {
        let info = WindowInfo { show_state, ..top_level() };
        fixture.desktop.window_updated(key(a, 1), info).expect("allowed");
    };
    let configures = |fixture: &mut Fixture| {
        let is = |message: &ToInstance| matches!(message, ToInstance::Configure { .. });
        fixture.drain_to(a).into_iter().filter(is).count()
    };
    let double_click = |fixture: &mut Fixture| {
        let (x, y) = title(fixture.content_rect(a, 1));
        fixture.now += Duration::from_secs(1);
        fixture.click(x, y);
        fixture.click(x, y);
    };
    double_click(&mut fixture);
    double_click(&mut fixture);
    assert_eq!(configures(&mut fixture), 2);
    // Late confirmations of both: nothing more to do.
    report(&mut fixture, ShowState::Maximised);
    report(&mut fixture, ShowState::Normal);
    assert_eq!(configures(&mut fixture), 0);
    // A wish.
    report(&mut fixture, ShowState::Maximised);
    assert_eq!(configures(&mut fixture), 1);
}

#[test]
fn new_windows_lie_side_by_side_while_there_is_room() {
    let mut fixture = Fixture::new(Size::new(1280, 800));
    let a = fixture.instance(1, "a", 0);
    for window in 1..=4 {
        fixture.window(a, window, "w", Size::new(500, 300), RED);
    }
    let rects: Vec<Rect> = (1..=4).map(|window| fixture.content_rect(a, window)).collect();
    for (at, rect) in rects.iter().enumerate() {
        assert!(rects[at + 1..].iter().all(|other| other.intersection(*rect).is_none()), "{rects:?}");
    }
}
