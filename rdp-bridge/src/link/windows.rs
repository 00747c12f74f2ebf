//! The windows of an instance, as far as the link has to know them.

use std::collections::{HashMap, VecDeque};

use bailey_link::limits::MAX_TITLE_UNITS;
use bailey_link::{WindowInfo, displayable};

use super::violation::LinkViolation;

/// Numbers of popups kept that went with their owners.
const MAX_GONE: usize = 1024;

#[derive(Debug)]
pub(crate) struct Window {
    owner: Option<u32>,
    popup: bool,
    /// Serials of presents that are not acknowledged.
    pub(crate) unacknowledged: VecDeque<u32>,
    /// What the instance was last told.
    pub(crate) maximised: bool,
}

/// What is known of a number that an instance uses for a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Exists,
    /// Gone with its owner; the instance may not have noticed.
    Gone,
}

#[derive(Debug, Default)]
pub(crate) struct Windows {
    windows: HashMap<u32, Window>,
    gone: VecDeque<u32>,
}

impl Windows {
    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    pub(crate) fn get_mut(&mut self, window: u32) -> Option<&mut Window> {
        self.windows.get_mut(&window)
    }

    pub(crate) fn standing(&self, window: u32) -> Result<Standing, LinkViolation> {
        if self.windows.contains_key(&window) {
            Ok(Standing::Exists)
        } else if self.gone.contains(&window) {
            Ok(Standing::Gone)
        } else {
            Err(LinkViolation::UnknownWindow(window))
        }
    }

    pub(crate) fn create(&mut self, info: WindowInfo, limit: usize) -> Result<WindowInfo, LinkViolation> {
        if self.windows.contains_key(&info.id) {
            return Err(LinkViolation::DuplicateWindow(info.id));
        }
        if self.windows.len() >= limit {
            return Err(LinkViolation::TooManyWindows(limit));
        }
        let info = self.checked(info)?;
        self.gone.retain(|gone| *gone != info.id);
        let window = Window {
            owner: info.owner,
            popup: info.popup,
            unacknowledged: VecDeque::new(),
            maximised: false,
        };
        self.windows.insert(info.id, window);
        Ok(info)
    }

    /// `None` for a window that is gone.
    pub(crate) fn update(&mut self, info: WindowInfo) -> Result<Option<WindowInfo>, LinkViolation> {
        if self.standing(info.id)? == Standing::Gone {
            return Ok(None);
        }
        let info = self.checked(info)?;
        if let Some(window) = self.windows.get_mut(&info.id) {
            window.owner = info.owner;
        }
        Ok(Some(info))
    }

    /// False for a window that was gone already.
    pub(crate) fn delete(&mut self, window: u32) -> Result<bool, LinkViolation> {
        if self.standing(window)? == Standing::Gone {
            self.gone.retain(|gone| *gone != window);
            return Ok(false);
        }
        self.windows.remove(&window);
        let mut parents = vec![window];
        while let Some(parent) = parents.pop() {
            let owned: Vec<u32> = self
                .windows
                .iter()
                .filter(|(_, w)| w.popup && w.owner == Some(parent))
                .map(|(id, _)| *id)
                .collect();
            for popup in owned {
                self.windows.remove(&popup);
                self.gone.push_back(popup);
                parents.push(popup);
            }
        }
        while self.gone.len() > MAX_GONE {
            self.gone.pop_front();
        }
        Ok(true)
    }

    /// Texts made harmless; an owner that is not a window of the instance is dropped, or refused for a popup.
    fn checked(&self, mut info: WindowInfo) -> Result<WindowInfo, LinkViolation> {
        let owner = info.owner.filter(|owner| *owner != info.id && self.windows.contains_key(owner));
        if info.popup && owner.is_none() {
            return Err(LinkViolation::PopupOwner { popup: info.id, owner: info.owner });
        }
        info.owner = owner;
        info.title = displayable(&info.title, MAX_TITLE_UNITS);
        info.app_id = displayable(&info.app_id, MAX_TITLE_UNITS);
        Ok(info)
    }
}
