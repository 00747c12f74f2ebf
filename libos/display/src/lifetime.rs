//! How long there is something to serve: as long as the program runs, and then as long as what it has started shows
//! windows. Launchers end at once, and the bus starts a program for them or they leave one behind.

use std::time::Duration;

/// How long a client of a program that has ended may take until its first window, and between windows.
const GRACE: Duration = Duration::from_secs(5);

/// What there is to show, now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// Windows.
    pub windows: usize,
    /// Wayland clients that may come to have some.
    pub clients: usize,
}

/// Whether the program runs, and if not, since when nothing is shown.
#[derive(Clone, Copy, Debug, Default)]
pub enum Lifetime {
    /// The program runs.
    #[default]
    Running,
    /// It has ended well; the time is the last at which there was a window.
    Ended(Duration),
}

impl Lifetime {
    /// The program has ended with this status. A failure ends all.
    pub fn program_ended(&mut self, status: u8, now: Duration) -> Option<u8> {
        *self = Self::Ended(now);
        (status != 0).then_some(status)
    }

    /// The status to end with, if it is time to.
    pub fn over(&mut self, shown: Shown, now: Duration) -> Option<u8> {
        let Self::Ended(last) = self else { return None };
        if shown.windows > 0 {
            *last = now;
            return None;
        }
        (shown.clients == 0 || now >= last.saturating_add(GRACE)).then_some(0)
    }

    /// When to ask again, if nothing happens before.
    pub fn deadline(&self, shown: Shown) -> Option<Duration> {
        match self {
            Self::Ended(last) if shown.windows == 0 => Some(last.saturating_add(GRACE)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_failure_and_an_end_without_clients_end_all() {
        assert_eq!(Lifetime::default().program_ended(3, at(1)), Some(3));
        let mut lifetime = Lifetime::default();
        assert_eq!(lifetime.over(Shown::default(), at(100)), None, "it runs");
        assert_eq!(lifetime.program_ended(0, at(100)), None);
        assert_eq!(lifetime.over(Shown::default(), at(100)), Some(0));
    }

    #[test]
    fn what_is_left_behind_lives_as_long_as_its_windows() {
        let (bare, window) = (Shown { windows: 0, clients: 1 }, Shown { windows: 1, clients: 1 });
        let mut lifetime = Lifetime::default();
        assert_eq!(lifetime.program_ended(0, at(10)), None);
        assert_eq!((lifetime.over(bare, at(11)), lifetime.deadline(bare)), (None, Some(at(15))));
        assert_eq!((lifetime.over(window, at(500)), lifetime.deadline(window)), (None, None));
        assert_eq!(lifetime.over(bare, at(504)), None);
        assert_eq!(lifetime.over(bare, at(505)), Some(0));
    }
}
