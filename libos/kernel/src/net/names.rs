//! Who is bound where: abstract unix names, and ports of the loopback interface. Paths are names in
//! the file system, whose inode refers to the socket.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::errno::{Errno, Result};
use crate::net::address::{Address, Domain, Internet};
use crate::net::socket::{Kind, Socket, State};
use crate::sync::Mutex;
use crate::vfs::{self, Credentials, Dentry};

/// `net.ipv4.ip_local_port_range`
const EPHEMERAL: core::ops::RangeInclusive<u16> = 32768..=60999;
/// Ports below are the superuser's.
const FIRST_UNPRIVILEGED: u16 = 1024;

type AbstractNames = BTreeMap<(Kind, Vec<u8>), Weak<Socket>>;

static ABSTRACT: Mutex<AbstractNames> = Mutex::new(BTreeMap::new());
static PORTS: Mutex<BTreeMap<(Kind, u16), Vec<Binding>>> = Mutex::new(BTreeMap::new());
static NEXT_PORT: AtomicU32 = AtomicU32::new(0);
static NEXT_NAME: AtomicU32 = AtomicU32::new(0);

/// A socket at a port.
struct Binding {
    ip: [u8; 16],
    socket: Weak<Socket>,
    v6_only: bool,
    /// `SO_REUSEADDR`, `SO_REUSEPORT`
    reuse: (bool, bool),
}

impl Binding {
    /// Whether packets to `address` are for it.
    fn takes(&self, address: &Internet) -> bool {
        let bound = Internet { ip: self.ip, port: 0 };
        if !bound.is_any() {
            return self.ip == address.ip;
        }
        if bound.is_v4() { address.is_v4() } else { !address.is_v4() || !self.v6_only }
    }

    /// Whether both can have the port: both share it, or both may take over what does not listen.
    fn tolerates(&self, other: &Self) -> bool {
        let Some(socket) = other.socket.upgrade() else {
            return true;
        };
        let listens = matches!(socket.link.lock().state, State::Listening { .. });
        !self.overlaps(other)
            || (self.reuse.1 && other.reuse.1)
            || (self.reuse.0 && other.reuse.0 && !listens)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let address = |binding: &Self| Internet { ip: binding.ip, port: 0 };
        self.takes(&address(other)) || other.takes(&address(self))
    }
}

/// The endpoint that the inode of a bound unix socket holds.
pub(crate) struct BoundSocket(Weak<Socket>);

/// The caller's working directory and umask.
fn place() -> (Arc<Dentry>, u32) {
    let process = crate::task::current().process();
    let fs = process.fs.lock();
    (fs.cwd.clone(), fs.umask)
}

/// Gives `socket` the name `address`; returns the name it then has.
///
/// # Errors
/// `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, and those of making a name in the file system.
pub(crate) fn bind(socket: &Socket, address: &Address) -> Result<Address> {
    match address {
        Address::Unnamed => autobind(socket),
        Address::Abstract(name) => {
            bind_abstract(socket, name)?;
            Ok(address.clone())
        }
        Address::Path(path) => {
            let endpoint: Arc<dyn core::any::Any + Send + Sync> = Arc::new(BoundSocket(socket.me.clone()));
            let path = &*vfs::bytes::from_bytes(path.to_vec());
            let (cwd, umask) = place();
            vfs::bind_socket(&cwd, path, endpoint, 0o777 & !umask, &Credentials::current())?;
            Ok(address.clone())
        }
        Address::Internet(address) => bind_port(socket, *address).map(Address::Internet),
    }
}

/// Why a socket that has a name gets no second one: Linux looks at a path first.
pub(crate) fn refusal(address: &Address) -> Errno {
    let taken = |path: &[u8]| {
        let path = &*vfs::bytes::from_bytes(path.to_vec());
        vfs::resolve(&place().0, path, false, &Credentials::current()).ok()
    };
    match address {
        Address::Path(path) if taken(path).is_some() => Errno::EADDRINUSE,
        _ => Errno::EINVAL,
    }
}

/// Takes the name away (a path's inode stays in the file system, as on Linux).
pub(crate) fn unbind(socket: &Socket, address: &Address) {
    match address {
        Address::Abstract(name) => {
            let mut names = ABSTRACT.lock();
            let key = (socket.kind, name.clone());
            if names.get(&key).is_some_and(|bound| bound.as_ptr() == socket.me.as_ptr()) {
                names.remove(&key);
            }
        }
        Address::Internet(address) => {
            let mut ports = PORTS.lock();
            let key = (socket.kind, address.port);
            if let Some(bindings) = ports.get_mut(&key) {
                bindings.retain(|binding| binding.socket.as_ptr() != socket.me.as_ptr());
                if bindings.is_empty() {
                    ports.remove(&key);
                }
            }
        }
        Address::Unnamed | Address::Path(_) => {}
    }
}

/// The unix socket of `kind` at `address`.
///
/// # Errors
/// `ECONNREFUSED`, `EPROTOTYPE`, and those of a path look-up.
pub(crate) fn find_unix(kind: Kind, address: &Address) -> Result<Arc<Socket>> {
    let found = match address {
        Address::Abstract(name) => ABSTRACT.lock().get(&(kind, name.clone())).and_then(Weak::upgrade),
        Address::Path(path) => {
            let path = &*vfs::bytes::from_bytes(path.to_vec());
            let endpoint = vfs::lookup_socket(&place().0, path, &Credentials::current())?;
            endpoint.downcast_ref::<BoundSocket>().and_then(|bound| bound.0.upgrade())
        }
        _ => return Err(Errno::EINVAL),
    };
    let socket = found.ok_or(Errno::ECONNREFUSED)?;
    if socket.inbox.lock().closed {
        return Err(Errno::ECONNREFUSED);
    }
    if socket.kind == kind { Ok(socket) } else { Err(Errno::EPROTOTYPE) }
}

/// The socket that packets to `address` are for: one bound to the very address before one bound to
/// the wildcard.
pub(crate) fn find_port(kind: Kind, address: &Internet) -> Option<Arc<Socket>> {
    let ports = PORTS.lock();
    let bindings = ports.get(&(kind, address.port))?;
    let exact = bindings.iter().filter(|binding| binding.ip == address.ip);
    let wild = bindings.iter().filter(|binding| binding.takes(address));
    exact.chain(wild).find_map(|binding| binding.socket.upgrade())
}

fn bind_abstract(socket: &Socket, name: &[u8]) -> Result<()> {
    let mut names = ABSTRACT.lock();
    let key = (socket.kind, name.to_vec());
    if names.get(&key).is_some_and(|bound| bound.strong_count() > 0) {
        return Err(Errno::EADDRINUSE);
    }
    names.insert(key, socket.me.clone());
    Ok(())
}

/// Five hexadecimal digits (`unix(7)`, autobind).
fn autobind(socket: &Socket) -> Result<Address> {
    for _ in 0..=0xfffff {
        let number = NEXT_NAME.fetch_add(1, Ordering::Relaxed) & 0xfffff;
        let name = format!("{number:05x}").into_bytes();
        if bind_abstract(socket, &name).is_ok() {
            return Ok(Address::Abstract(name));
        }
    }
    Err(Errno::ENOSPC)
}

/// Binds to a port; port 0 chooses one.
pub(crate) fn bind_port(socket: &Socket, address: Internet) -> Result<Internet> {
    if !address.is_any() && !address.is_here() {
        return Err(Errno::EADDRNOTAVAIL);
    }
    if (1..FIRST_UNPRIVILEGED).contains(&address.port) && crate::task::current_ids().0 != 0 {
        return Err(Errno::EACCES);
    }
    let (v6_only, reuse) = {
        let options = socket.options.lock();
        (options.v6_only || socket.domain == Domain::Inet, options.reuse())
    };
    let mut ports = PORTS.lock();
    let mut try_port = |port: u16, reuse: (bool, bool)| {
        let binding = Binding { ip: address.ip, socket: socket.me.clone(), v6_only, reuse };
        let bindings = ports.entry((socket.kind, port)).or_default();
        let free = bindings.iter().all(|other| binding.tolerates(other));
        if free {
            bindings.push(binding);
        }
        free
    };
    if address.port != 0 {
        let free = try_port(address.port, reuse);
        return if free { Ok(address) } else { Err(Errno::EADDRINUSE) };
    }
    let count = EPHEMERAL.len();
    for _ in 0..count {
        let step = NEXT_PORT.fetch_add(1, Ordering::Relaxed) as usize % count;
        let port = EPHEMERAL.start() + u16::try_from(step).unwrap_or(0);
        if try_port(port, (false, false)) {
            return Ok(Internet { port, ..address });
        }
    }
    Err(Errno::EADDRINUSE)
}
