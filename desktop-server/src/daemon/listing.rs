//! What `bailey ps` tells.

use bailey_compositor::{InstanceId, LayerKind, WindowKey};

use super::core::Core;
use super::event::Id;
use super::instance::State;
use crate::protocol::{InstanceInfo, Listing, WindowEntry};

impl Core {
    /// Everything.
    pub(super) fn listing(&self) -> Listing {
        let size = self.desktop.size();
        let (running, ended): (Vec<_>, Vec<_>) =
            self.instances.iter().partition(|(_, instance)| instance.state == State::Running);
        let ids = running.into_iter().chain(ended).map(|(id, _)| *id);
        Listing {
            desktop: (size.width, size.height),
            listen: self.address,
            sessions: self.sessions.len(),
            viewers: self.viewers.len(),
            instances: ids.filter_map(|id| self.instance_info(id)).collect(),
        }
    }

    /// One instance.
    pub(super) fn instance_info(&self, id: Id) -> Option<InstanceInfo> {
        let instance = self.instances.get(&id)?;
        let (status, signal) = match instance.state {
            State::Exited(status, _) => (Some(status), None),
            State::Killed(signal, _) => (None, Some(signal)),
            State::Running | State::CutOff(_) | State::Failed(_) => (None, None),
        };
        let window_list = self.window_list(id);
        Some(InstanceInfo {
            name: instance.name.clone(),
            state: instance.state.word().to_owned(),
            reason: instance.state.reason(),
            status,
            signal,
            pid: instance.pid,
            command: instance.command.clone(),
            age: self.now().saturating_sub(instance.started).as_secs(),
            windows: window_list.len(),
            window_list,
            log: instance.log.clone(),
        })
    }

    fn window_list(&self, id: Id) -> Vec<WindowEntry> {
        let live = self.instances.get(&id).and_then(|instance| instance.live.as_ref());
        let layers = self.desktop.layers();
        let shown = layers.iter().filter(|layer| layer.kind == LayerKind::Content);
        let own = shown.filter_map(|layer| {
            Some((layer.window.filter(|key| key.instance == InstanceId(id))?, layer.rect))
        });
        own.map(|(WindowKey { window, .. }, rect)| WindowEntry {
            id: window,
            title: live
                .and_then(|live| live.windows.get(&window))
                .map(|info| info.title.clone())
                .unwrap_or_default(),
            x: rect.x,
            y: rect.y,
            width: rect.width,
            height: rect.height,
            focused: self.desktop.focused() == Some(WindowKey::new(InstanceId(id), window)),
        })
        .collect()
    }
}
