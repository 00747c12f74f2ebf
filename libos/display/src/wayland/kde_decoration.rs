//! `org_kde_kwin_server_decoration_manager`: the same promise to clients such as GTK 3, which
//! would draw a title bar of their own otherwise.

use wayland_protocols_misc::server_decoration::server::org_kde_kwin_server_decoration::{
    self, Mode, OrgKdeKwinServerDecoration,
};
use wayland_protocols_misc::server_decoration::server::org_kde_kwin_server_decoration_manager::{
    self, Mode as DefaultMode, OrgKdeKwinServerDecorationManager,
};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, WEnum};

use crate::state::State;

impl GlobalDispatch<OrgKdeKwinServerDecorationManager, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<OrgKdeKwinServerDecorationManager>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ()).default_mode(DefaultMode::Server);
    }
}

impl Dispatch<OrgKdeKwinServerDecorationManager, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &OrgKdeKwinServerDecorationManager,
        request: org_kde_kwin_server_decoration_manager::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        if let org_kde_kwin_server_decoration_manager::Request::Create { id, .. } = request {
            data_init.init(id, ()).mode(Mode::Server);
        }
    }
}

impl Dispatch<OrgKdeKwinServerDecoration, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        resource: &OrgKdeKwinServerDecoration,
        request: org_kde_kwin_server_decoration::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        // An answer to what we want already would start a never-ending exchange with GTK.
        if let org_kde_kwin_server_decoration::Request::RequestMode { mode } = request
            && mode != WEnum::Value(Mode::Server)
        {
            resource.mode(Mode::Server);
        }
    }
}
