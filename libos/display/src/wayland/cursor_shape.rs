//! `wp_cursor_shape_manager_v1`: pointers by name.

use wayland_protocols::wp::cursor_shape::v1::server::wp_cursor_shape_device_v1::{
    self, Shape, WpCursorShapeDeviceV1,
};
use wayland_protocols::wp::cursor_shape::v1::server::wp_cursor_shape_manager_v1::{
    self, WpCursorShapeManagerV1,
};
use wayland_server::protocol::wl_pointer::WlPointer;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum, Weak};

use crate::input::shapes::{self, Picture};
use crate::state::State;
use crate::wayland::pointer::Cursor;

/// The pointer that a shape device belongs to; a tablet tool has none.
type Owner = Option<Weak<WlPointer>>;

impl GlobalDispatch<WpCursorShapeManagerV1, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WpCursorShapeManagerV1>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<WpCursorShapeManagerV1, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WpCursorShapeManagerV1,
        request: wp_cursor_shape_manager_v1::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        use wp_cursor_shape_manager_v1::Request;
        match request {
            Request::GetPointer { cursor_shape_device, pointer } => {
                data_init.init(cursor_shape_device, Some(pointer.downgrade()));
            }
            Request::GetTabletToolV2 { cursor_shape_device, .. } => {
                data_init.init(cursor_shape_device, Owner::None);
            }
            _ => {}
        }
    }
}

impl Dispatch<WpCursorShapeDeviceV1, Owner> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WpCursorShapeDeviceV1,
        request: wp_cursor_shape_device_v1::Request,
        owner: &Owner,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let wp_cursor_shape_device_v1::Request::SetShape { serial, shape } = request else {
            return;
        };
        let WEnum::Value(shape) = shape else {
            resource.post_error(wp_cursor_shape_device_v1::Error::InvalidShape, "unknown shape");
            return;
        };
        let Some(pointer) = owner.as_ref().and_then(|pointer| pointer.upgrade().ok()) else {
            return;
        };
        if state.may_set_cursor(&pointer, serial) {
            state.set_pointer_shape(Cursor::Fixed, shapes::shape(picture_of(shape)));
        }
    }
}

/// Which of our pictures stands for a shape.
fn picture_of(shape: Shape) -> Picture {
    match shape {
        Shape::Text | Shape::VerticalText => Picture::Text,
        Shape::Pointer | Shape::Grab | Shape::Grabbing => Picture::Hand,
        Shape::Crosshair | Shape::Cell => Picture::Cross,
        Shape::Wait | Shape::Progress => Picture::Wait,
        Shape::NotAllowed | Shape::NoDrop => Picture::Forbidden,
        Shape::EResize | Shape::WResize | Shape::EwResize | Shape::ColResize => Picture::Horizontal,
        Shape::NResize | Shape::SResize | Shape::NsResize | Shape::RowResize => Picture::Vertical,
        Shape::NwResize | Shape::SeResize | Shape::NwseResize => Picture::Falling,
        Shape::NeResize | Shape::SwResize | Shape::NeswResize => Picture::Rising,
        Shape::Move | Shape::AllScroll => Picture::Move,
        _ => Picture::Arrow,
    }
}
