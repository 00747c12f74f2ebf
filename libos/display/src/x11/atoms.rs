//! Names that ICCCM, EWMH and Xwayland use.

use x11rb::atom_manager;

atom_manager! {
    /// The X server's numbers for the names.
    pub Atoms:
    /// Answers for the names.
    AtomsCookie {
        CLIPBOARD,
        INCR,
        TARGETS,
        TEXT,
        UTF8_STRING,
        WL_SURFACE_ID,
        WM_CHANGE_STATE,
        WM_DELETE_WINDOW,
        WM_PROTOCOLS,
        WM_S0,
        WM_STATE,
        WM_TAKE_FOCUS,
        _NET_ACTIVE_WINDOW,
        _NET_CLIENT_LIST,
        _NET_CLOSE_WINDOW,
        _NET_FRAME_EXTENTS,
        _NET_SUPPORTED,
        _NET_SUPPORTING_WM_CHECK,
        _NET_WM_MOVERESIZE,
        _NET_WM_NAME,
        _NET_WM_STATE,
        _NET_WM_STATE_FULLSCREEN,
        _NET_WM_STATE_HIDDEN,
        _NET_WM_STATE_MAXIMIZED_HORZ,
        _NET_WM_STATE_MAXIMIZED_VERT,
        _NET_WM_WINDOW_TYPE,
    }
}

impl Atoms {
    /// What of EWMH this window manager does, for _NET_SUPPORTED.
    pub const fn supported(&self) -> [u32; 12] {
        [
            self._NET_ACTIVE_WINDOW,
            self._NET_CLIENT_LIST,
            self._NET_CLOSE_WINDOW,
            self._NET_FRAME_EXTENTS,
            self._NET_SUPPORTING_WM_CHECK,
            self._NET_WM_MOVERESIZE,
            self._NET_WM_NAME,
            self._NET_WM_STATE,
            self._NET_WM_STATE_FULLSCREEN,
            self._NET_WM_STATE_HIDDEN,
            self._NET_WM_STATE_MAXIMIZED_HORZ,
            self._NET_WM_STATE_MAXIMIZED_VERT,
        ]
    }
}
