//! The broker against hostile paths, links and requests, on trees of the test's own.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bailey_abi::stream::{
    AttributeChange, Attributes, Contents, Entry, ExitStatus, Kind, OpenMode, Reply, Request,
};
use bailey_monitor::broker::{Answer, Broker, Log, Root, Streams, open_source};
use tempfile::TempDir;

const READ: OpenMode = OpenMode { read: true, write: false, create: None, exclusive: false, truncate: false };
const MAKE: OpenMode =
    OpenMode { read: true, write: true, create: Some(0o6644), exclusive: false, truncate: false };

/// A system tree at `/system`, a home at `/home`, a file at `/note`, and a secret beside them all.
struct Trees {
    folder: TempDir,
    broker: Broker,
}

impl Trees {
    fn new() -> Self {
        Self::with_handles(16)
    }

    fn with_handles(most: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("system/open")).expect("a folder");
        fs::create_dir_all(path("system/closed")).expect("a folder");
        fs::create_dir(path("home")).expect("a folder");
        write(&path("system/open/public"), "public", 0o644);
        write(&path("system/private"), "private", 0o640);
        write(&path("system/shadow"), "hash", 0o644);
        write(&path("system/closed/inner"), "inner", 0o644);
        write(&path("secret"), "secret", 0o644);
        write(&path("note"), "note", 0o644);
        fs::set_permissions(path("system/closed"), fs::Permissions::from_mode(0o750)).expect("mode");
        let root = |guest: &str, name: &str, writable: bool, file: bool| Root {
            guest: guest.to_owned(),
            writable,
            public_only: guest == "/system",
            source: open_source(&path(name), file).expect("opens"),
        };
        let roots = vec![
            root("/system", "system", false, false),
            root("/home", "home", true, false),
            root("/note", "note", false, true),
        ];
        let streams = Streams {
            stdio: [None, Some(fs::File::open("/dev/null").expect("opens").into()), None],
            display: None,
        };
        let broker = Broker::new(roots, streams, (1000, 1000), most, Log::new("test", false, false));
        Self { folder, broker }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn ask(&mut self, request: Request) -> (Reply, Option<OwnedFd>) {
        match self.broker.answer(request) {
            Answer::Reply(reply, passed) => {
                let fd = passed.map(|handle| self.broker.descriptor(handle).expect("an open handle"));
                (reply, fd.map(|fd| fd.try_clone_to_owned().expect("duplicated")))
            }
            other => panic!("{other:?}"),
        }
    }

    fn reply(&mut self, request: Request) -> Reply {
        self.ask(request).0
    }

    fn open(&mut self, path: &str, mode: OpenMode) -> Result<(u64, Attributes, OwnedFd), i32> {
        match self.ask(Request::StreamOpen { uri: format!("file:{path}"), mode }) {
            (Reply::Stream { handle, attributes }, Some(fd)) => Ok((handle, attributes, fd)),
            (Reply::Error(errno), None) => Err(errno),
            other => panic!("{other:?}"),
        }
    }

    /// Nobody is told of this.
    fn close(&mut self, handle: u64) {
        assert!(matches!(self.broker.answer(Request::HandleClose { handle }), Answer::Nothing));
    }

    fn attributes(&mut self, path: &str) -> Result<Attributes, i32> {
        match self.reply(Request::StreamAttributesQuery { uri: format!("file:{path}") }) {
            Reply::Attributes(attributes) => Ok(attributes),
            Reply::Error(errno) => Err(errno),
            other => panic!("{other:?}"),
        }
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, i32> {
        let (mut all, mut cursor) = (Vec::new(), 0);
        loop {
            match self.reply(Request::StreamEnumerate { uri: format!("file:{path}"), cursor }) {
                Reply::Entries { entries, next } => {
                    all.extend(entries);
                    match next {
                        Some(next) => cursor = next,
                        None => return Ok(all),
                    }
                }
                Reply::Error(errno) => return Err(errno),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn write(path: &Path, contents: &str, mode: u32) {
    fs::write(path, contents).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

fn contents(fd: OwnedFd) -> String {
    let mut text = String::new();
    fs::File::from(fd).read_to_string(&mut text).expect("read");
    text
}

#[test]
fn without_a_network_nothing_outside_is_opened() {
    let mut trees = Trees::new();
    let mode = READ;
    for uri in ["tcp:10.0.0.1:22", "udp:[2001:db8::1]:53", "dns:example.org", "tcp:127.0.0.1:22", "tcp:junk"]
    {
        let reply = trees.reply(Request::StreamOpen { uri: uri.to_owned(), mode });
        assert_eq!(reply, Reply::Error(libc::ENETUNREACH), "{uri}");
    }
}

#[test]
fn requests_of_sockets_are_refused_on_files() {
    let mut trees = Trees::new();
    let (handle, _, _) = trees.open("/note", READ).expect("opens");
    let option = bailey_abi::network::SocketOption::TcpNodelay;
    for request in [
        Request::SocketShutdown { handle, read: true, write: true },
        Request::SocketSetOption { handle, option, value: 1 },
        Request::SocketSendEmpty { handle },
    ] {
        assert_eq!(trees.reply(request), Reply::Error(libc::ENOTSOCK));
    }
    for request in [
        Request::SocketShutdown { handle: 99, read: true, write: true },
        Request::SocketSetOption { handle: 99, option, value: 1 },
        Request::SocketSendEmpty { handle: 99 },
    ] {
        assert_eq!(trees.reply(request), Reply::Error(libc::EBADF));
    }
}

#[test]
fn granted_files_are_read_and_others_are_not_there() {
    let mut trees = Trees::new();
    let (_, attributes, fd) = trees.open("/system/open/public", READ).expect("opens");
    assert_eq!((attributes.kind, attributes.size), (Kind::Regular, 6));
    assert_eq!(contents(fd), "public");
    let (_, _, fd) = trees.open("/note", READ).expect("opens");
    assert_eq!(contents(fd), "note");
    for path in ["/secret", "/", "/hom", "/home2", "/etc/passwd"] {
        assert_eq!(trees.open(path, READ).map(drop), Err(libc::ENOENT), "{path}");
    }
    assert_eq!(trees.open("/note/x", READ).map(drop), Err(libc::ENOTDIR));
    assert_eq!(trees.open("/system/open", READ).map(drop), Err(libc::EISDIR));
}

#[test]
fn crooked_paths_are_refused() {
    let mut trees = Trees::new();
    let long = format!("/home/{}", "x".repeat(256));
    for path in ["/home/../secret", "/home/./x", "/home//x", "/home/", "home/x", "", "/home/..", "/home/a\0b"]
    {
        assert_eq!(trees.open(path, MAKE).map(drop), Err(libc::EINVAL), "{path:?}");
        assert_eq!(trees.attributes(path).map(drop), Err(libc::EINVAL), "{path:?}");
    }
    assert_eq!(trees.open(&long, MAKE).map(drop), Err(libc::ENAMETOOLONG));
    let deep = format!("/home{}", "/x".repeat(3000));
    assert_eq!(trees.open(&deep, MAKE).map(drop), Err(libc::ENAMETOOLONG));
    for uri in ["", "file", "http://x/", "stdio:3", "stdio:0", "display:", "display:1"] {
        let reply = trees.reply(Request::StreamOpen { uri: uri.into(), mode: READ });
        assert!(matches!(reply, Reply::Error(_)), "{uri}: {reply:?}");
    }
}

#[test]
fn links_are_never_followed() {
    let mut trees = Trees::new();
    symlink("../secret", trees.path("home/link")).expect("a link");
    symlink("..", trees.path("home/up")).expect("a link");
    symlink("../home", trees.path("system/home")).expect("a link");
    assert_eq!(trees.open("/home/link", READ).map(drop), Err(libc::ELOOP));
    assert_eq!(trees.open("/home/link", MAKE).map(drop), Err(libc::ELOOP));
    assert!(trees.open("/home/up/secret", READ).is_err());
    assert!(trees.open("/home/up/new", MAKE).is_err());
    assert!(trees.open("/system/home/x", READ).is_err());
    assert_eq!(trees.attributes("/home/link").expect("attributes").kind, Kind::Symlink);
    let target = trees.reply(Request::StreamReadLink { uri: "file:/home/link".into() });
    assert_eq!(target, Reply::Target("../secret".into()));
    let change = AttributeChange { mode: Some(0o777), ..AttributeChange::default() };
    let reply = trees.reply(Request::StreamAttributesSet { uri: "file:/home/link".into(), change });
    assert!(matches!(reply, Reply::Error(_)), "{reply:?}");
    let mode = fs::metadata(trees.path("secret")).expect("metadata").mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn system_trees_show_what_everybody_may_read() {
    let mut trees = Trees::new();
    assert_eq!(trees.open("/system/private", READ).map(drop), Err(libc::EACCES));
    assert_eq!(trees.open("/system/shadow", READ).map(drop), Err(libc::EACCES));
    assert_eq!(trees.open("/system/closed/inner", READ).map(drop), Err(libc::EACCES));
    assert_eq!(trees.attributes("/system/closed/inner").map(drop), Err(libc::EACCES));
    assert_eq!(trees.list("/system/closed").map(drop), Err(libc::EACCES));
    assert!(trees.attributes("/system/private").is_ok());
    let attributes = trees.attributes("/system/open").expect("attributes");
    assert_eq!(attributes.kind, Kind::Directory);
}

#[test]
fn what_is_told_ahead_is_what_may_be_read() {
    let mut trees = Trees::new();
    symlink("../secret", trees.path("home/link")).expect("a link");
    symlink("..", trees.path("home/up")).expect("a link");
    fs::create_dir_all(trees.path("home/folder/below")).expect("a folder");
    write(&trees.path("home/folder/below/deep"), "deep", 0o600);
    write(&trees.path("home/small"), "small", 0o600);
    write(&trees.path("home/large"), &"x".repeat(40_000), 0o600);
    let open = |path: &str| (path.to_owned(), "public".to_owned());
    for (directory, names, expected) in [
        ("/system", &["private", "shadow", "closed", "../secret", "..", ""][..], vec![]),
        ("/system", &["closed/inner", "missing", "open/public"], vec![open("open/public")]),
        ("/system/open", &["public", "../private"], vec![open("public")]),
        ("/", &["secret", "home/../secret"], vec![]),
        ("/home", &["link", "up", "up/secret", "large", "small"], vec![("small".into(), "small".into())]),
        (
            "/home",
            &["folder"],
            vec![("folder".into(), "below".into()), ("folder/below".into(), "deep".into())],
        ),
    ] {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let request = Request::StreamEnumerateAhead { directory: format!("file:{directory}"), names };
        let Reply::Ahead(found) = trees.reply(request) else { panic!("{directory} is refused") };
        let text = |contents: &Contents| match contents {
            Contents::Bytes(bytes) => String::from_utf8_lossy(&bytes.0).into_owned(),
            Contents::Names(names) => names.iter().map(|entry| entry.name.as_str()).collect(),
        };
        let found: Vec<_> = found.iter().map(|ahead| (ahead.path.clone(), text(&ahead.contents))).collect();
        assert_eq!(found, expected, "{directory}");
    }
    let names = vec![String::from("small"); 65];
    let many = trees.reply(Request::StreamEnumerateAhead { directory: "file:/home".into(), names });
    assert_eq!(many, Reply::Error(libc::EINVAL));
    let targets: Vec<_> =
        trees.list("/home").expect("names").into_iter().filter_map(|entry| entry.target).collect();
    assert!(targets.contains(&String::from("../secret")) && targets.len() == 2, "{targets:?}");
}

#[test]
fn a_directory_that_has_moved_is_found_anew() {
    let mut trees = Trees::new();
    let rename = |from: &str, to: &str| Request::StreamRename {
        from: format!("file:/home/{from}"),
        to: format!("file:/home/{to}"),
        flags: 0,
    };
    fs::create_dir_all(trees.path("home/one/below")).expect("a folder");
    fs::create_dir_all(trees.path("home/two/below")).expect("a folder");
    write(&trees.path("home/one/below/file"), "one", 0o600);
    write(&trees.path("home/two/below/file"), "two", 0o600);
    for (path, expected) in [("/home/one/below/file", "one"), ("/home/two/below/file", "two")] {
        assert_eq!(contents(trees.open(path, READ).expect("opens").2), expected);
    }
    assert_eq!(trees.reply(rename("one", "three")), Reply::Done);
    assert_eq!(trees.reply(rename("two", "one")), Reply::Done);
    assert_eq!(contents(trees.open("/home/one/below/file", READ).expect("opens").2), "two");
    assert_eq!(trees.open("/home/two/below/file", READ).map(drop), Err(libc::ENOENT));
    // Somebody on the host moves it: for a moment the old one may be found, never longer.
    fs::rename(trees.path("home/one"), trees.path("home/four")).expect("moved");
    while trees.attributes("/home/one/below/file").is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn read_only_grants_cannot_be_changed() {
    let mut trees = Trees::new();
    let uri = |name: &str| format!("file:/system/open/{name}");
    let write = OpenMode { write: true, ..READ };
    assert_eq!(trees.open("/system/open/public", write).map(drop), Err(libc::EROFS));
    assert_eq!(trees.open("/system/open/new", MAKE).map(drop), Err(libc::EROFS));
    let create = OpenMode { write: false, ..MAKE };
    assert_eq!(trees.open("/system/open/new", create).map(drop), Err(libc::EROFS));
    for request in [
        Request::StreamDelete { uri: uri("public"), directory: false },
        Request::StreamRename { from: uri("public"), to: uri("other"), flags: 0 },
        Request::StreamRename { from: uri("public"), to: "file:/home/x".into(), flags: 0 },
        Request::StreamLink { from: uri("public"), to: "file:/home/x".into() },
        Request::StreamSymlink { uri: uri("link"), target: "x".into() },
        Request::StreamMakeDirectory { uri: uri("new"), mode: 0o755 },
        Request::StreamAttributesSet {
            uri: uri("public"),
            change: AttributeChange { mode: Some(0), ..AttributeChange::default() },
        },
    ] {
        assert_eq!(trees.reply(request.clone()), Reply::Error(libc::EROFS), "{request:?}");
    }
    let (handle, ..) = trees.open("/system/open/public", READ).expect("opens");
    let length = trees.reply(Request::StreamSetLength { handle, length: 0 });
    assert_eq!(length, Reply::Error(libc::EINVAL));
    assert_eq!(fs::read_to_string(trees.path("system/open/public")).expect("read"), "public");
}

#[test]
fn a_writable_grant_is_a_working_file_system() {
    let mut trees = Trees::new();
    let done = |reply: Reply| assert_eq!(reply, Reply::Done);
    let file = |name: &str| format!("file:/home/{name}");
    let made = trees.reply(Request::StreamMakeDirectory { uri: file("a"), mode: 0o755 });
    assert!(matches!(made, Reply::Attributes(Attributes { kind: Kind::Directory, .. })), "{made:?}");
    let (handle, attributes, _) = trees.open("/home/a/new", MAKE).expect("made");
    assert_eq!((attributes.mode, attributes.uid, attributes.gid), (0o644, 1000, 1000));
    done(trees.reply(Request::StreamSetLength { handle, length: 9000 }));
    done(trees.reply(Request::StreamFlush { handle }));
    let punch = (libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE).cast_unsigned();
    let space = |mode| Request::StreamAllocate { handle, mode, offset: 0, length: 8192 };
    done(trees.reply(space(0)));
    done(trees.reply(space(punch)));
    let odd = libc::FALLOC_FL_COLLAPSE_RANGE.cast_unsigned();
    assert_eq!(trees.reply(space(odd)), Reply::Error(libc::EOPNOTSUPP));
    let hole = Request::StreamSeek { handle, offset: 10, hole: true };
    assert_eq!(trees.reply(hole), Reply::Offset(10));
    let beyond = Request::StreamSeek { handle, offset: 9000, hole: false };
    assert_eq!(trees.reply(beyond), Reply::Error(libc::ENXIO));
    let change = AttributeChange { mode: Some(0o644), ..AttributeChange::default() };
    done(trees.reply(Request::StreamAttributesSet { uri: format!("handle:{handle}"), change }));
    let exclusive = OpenMode { exclusive: true, ..MAKE };
    assert_eq!(trees.open("/home/a/new", exclusive).map(drop), Err(libc::EEXIST));
    done(trees.reply(Request::StreamLink { from: file("a/new"), to: file("hard") }));
    assert_eq!(trees.attributes("/home/hard").expect("attributes").nlink, 2);
    let made = trees.reply(Request::StreamSymlink { uri: file("soft"), target: "/etc/shadow".into() });
    assert!(matches!(made, Reply::Attributes(Attributes { kind: Kind::Symlink, .. })), "{made:?}");
    done(trees.reply(Request::StreamRename { from: file("a/new"), to: file("a/moved"), flags: 0 }));
    let taken = trees.reply(Request::StreamRename {
        from: file("a/moved"),
        to: file("soft"),
        flags: libc::RENAME_NOREPLACE,
    });
    assert_eq!(taken, Reply::Error(libc::EEXIST));
    let names: Vec<_> = trees.list("/home").expect("names").into_iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let full = trees.reply(Request::StreamDelete { uri: file("a"), directory: true });
    assert_eq!(full, Reply::Error(libc::ENOTEMPTY));
    done(trees.reply(Request::StreamDelete { uri: file("a/moved"), directory: false }));
    done(trees.reply(Request::StreamDelete { uri: file("a"), directory: true }));
    let itself = trees.reply(Request::StreamDelete { uri: "file:/home".into(), directory: true });
    assert_eq!(itself, Reply::Error(libc::EBUSY));
    let space = trees.reply(Request::StreamSpaceQuery { uri: file("soft") });
    assert!(matches!(space, Reply::Space { blocks: 1.., .. }), "{space:?}");
}

#[test]
fn modes_and_times_are_set_without_set_user_id() {
    let mut trees = Trees::new();
    let (handle, ..) = trees.open("/home/file", MAKE).expect("made");
    assert_eq!(trees.reply(Request::StreamSetLength { handle, length: 9000 }), Reply::Done);
    let change = AttributeChange { mode: Some(0o4700), atime: None, mtime: Some((-5, 7)) };
    let set = trees.reply(Request::StreamAttributesSet { uri: "file:/home/file".into(), change });
    assert_eq!(set, Reply::Done);
    let attributes = trees.attributes("/home/file").expect("attributes");
    assert_eq!((attributes.mode, attributes.mtime, attributes.size), (0o700, (-5, 7), 9000));
}

#[test]
fn large_directories_come_in_pieces_and_whole() {
    let mut trees = Trees::new();
    let mut expected: Vec<_> = (0..1000).map(|index| format!("file-{index:04}")).collect();
    for name in &expected {
        fs::write(trees.path("home").join(name), "").expect("written");
    }
    let mut names: Vec<_> = trees.list("/home").expect("names").into_iter().map(|entry| entry.name).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
    let odd = trees.reply(Request::StreamEnumerate { uri: "file:/home".into(), cursor: u64::MAX });
    assert_eq!(odd, Reply::Error(libc::EINVAL));
}

#[test]
fn what_is_no_file_is_not_opened() {
    let mut trees = Trees::new();
    let fifo = std::ffi::CString::new(trees.path("home/fifo").to_str().expect("text")).expect("text");
    // SAFETY: a NUL-terminated path.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o644) }, 0);
    let _listener = std::os::unix::net::UnixListener::bind(trees.path("home/socket")).expect("a socket");
    for name in ["fifo", "socket"] {
        assert_eq!(trees.open(&format!("/home/{name}"), READ).map(drop), Err(libc::EACCES), "{name}");
        assert_eq!(trees.open(&format!("/home/{name}"), MAKE).map(drop), Err(libc::EACCES), "{name}");
    }
}

#[test]
fn handles_are_bounded_and_die_once() {
    let mut trees = Trees::with_handles(3);
    let handles: Vec<_> = (0..3).map(|_| trees.open("/system/open/public", READ).expect("opens").0).collect();
    assert_eq!(trees.open("/system/open/public", READ).map(drop), Err(libc::EMFILE));
    trees.close(handles[0]);
    trees.close(handles[0]);
    assert!(trees.open("/system/open/public", READ).is_ok());
    let (reply, fd) = trees.ask(Request::HandleFetch { handle: handles[1] });
    assert!(matches!(reply, Reply::Stream { .. }));
    assert_eq!(contents(fd.expect("a descriptor")), "public");
    for handle in [0, 99, u64::MAX] {
        trees.close(handle);
        assert_eq!(trees.reply(Request::HandleFetch { handle }), Reply::Error(libc::EBADF));
        assert_eq!(trees.reply(Request::StreamFlush { handle }), Reply::Error(libc::EBADF));
    }
}

#[test]
fn the_end_is_told_apart_from_replies() {
    let mut trees = Trees::new();
    let status = ExitStatus::Exited(3);
    let answer = trees.broker.answer(Request::InstanceExit { status });
    assert!(matches!(answer, Answer::End(ExitStatus::Exited(3))));
    assert!(matches!(trees.broker.answer(Request::ProcessChannel), Answer::NewChannel));
}

/// Somebody swaps a directory for a link out of the grant, over and over, while it is walked.
#[test]
fn a_racing_rename_never_leads_outside() {
    let mut trees = Trees::new();
    fs::create_dir(trees.path("home/real")).expect("a folder");
    fs::create_dir(trees.path("outside")).expect("a folder");
    write(&trees.path("home/real/file"), "inside", 0o644);
    write(&trees.path("outside/file"), "outside", 0o644);
    symlink("../outside", trees.path("home/link")).expect("a link");
    let done = AtomicBool::new(false);
    let (real, link, spare) = (trees.path("home/real"), trees.path("home/link"), trees.path("home/spare"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (from, to) in [(&real, &spare), (&link, &real), (&real, &link), (&spare, &real)] {
                    let _ = fs::rename(from, to);
                }
            }
        });
        let mut reached = 0;
        for round in 0.. {
            if round >= 20_000 && reached >= 100 {
                break;
            }
            std::thread::yield_now();
            if let Ok((handle, _, fd)) = trees.open("/home/real/file", READ) {
                assert_eq!(contents(fd), "inside");
                reached += 1;
                trees.close(handle);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

proptest::proptest! {
    /// Whatever bytes an instance sends, the broker refuses or answers them, and changes nothing
    /// outside the writable grant.
    #[test]
    fn any_bytes_are_answered_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let mut trees = Trees::new();
        for kind in 0..26 {
            let mut message = bytes.clone();
            message.insert(0, kind);
            for end in 0..message.len() {
                let sent = &message[..=end];
                if let Ok(request) = bailey_abi::codec::decode(sent, bailey_abi::codec::MAX_MESSAGE) {
                    trees.broker.answer(request);
                }
            }
        }
        proptest::prop_assert_eq!(fs::read_to_string(trees.path("secret")).expect("read"), "secret");
    }
}
