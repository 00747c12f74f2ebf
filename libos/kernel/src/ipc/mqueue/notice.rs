//! Who is told of a message in an empty queue (`mq_notify(3)`).

use alloc::sync::Arc;

use crate::net::Netlink;
use crate::signal::{self, SigInfo, code};
use crate::task;
use crate::vfs::OpenFile;

/// Bytes of a cookie (`NOTIFY_COOKIE_LEN`): the C library's, which makes a thread of it.
pub(super) const COOKIE: usize = 32;
/// `NOTIFY_WOKENUP`, the cookie's last byte when there is a message.
const WOKEN: u8 = 1;
/// `NOTIFY_REMOVED`, the same when there will be no word any more.
const REMOVED: u8 = 2;

/// How a process is told.
#[derive(Debug)]
pub enum Notice {
    /// `SIGEV_NONE`
    Silent,
    /// `SIGEV_SIGNAL`: the signal (0: none) and its value.
    Signal(u8, u64),
    /// `SIGEV_THREAD`: the cookie arrives on a netlink socket.
    Cookie(Arc<OpenFile>, [u8; COOKIE]),
}

impl Notice {
    /// Tells the process that a message has come, from the calling process.
    pub(super) fn tell(&self, pid: i32) {
        match self {
            Self::Signal(signo, value) if *signo > 0 => {
                let sender = task::current().process();
                let info = SigInfo::user(*signo, code::SI_MESGQ, sender.pid(), sender.identity().uid);
                if let Some(process) = task::find_process(pid) {
                    signal::send_to_process(&process, info.with_value(*value));
                }
            }
            Self::Silent | Self::Signal(..) => {}
            Self::Cookie(..) => self.cookie(WOKEN),
        }
    }

    /// Tells that nothing will be told.
    pub(super) fn drop_it(&self) {
        self.cookie(REMOVED);
    }

    fn cookie(&self, what: u8) {
        let Self::Cookie(socket, cookie) = self else { return };
        let mut cookie = *cookie;
        cookie[COOKIE - 1] = what;
        if let Some(socket) = socket.downcast::<Netlink>() {
            socket.deliver(&cookie);
        }
    }
}
