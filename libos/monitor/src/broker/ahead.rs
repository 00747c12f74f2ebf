//! What a reader of a directory asks for next, told before it asks.

use std::os::fd::AsFd;

use bailey_abi::codec::{MAX_AHEAD, MAX_AHEAD_BYTES};
use bailey_abi::stream::{Ahead, Bytes, Contents, Entry, Kind};
use rustix::fs::{FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::{Errno, Result};

use super::attributes::Owner;
use super::files::{MOST_ATTRIBUTE_BYTES, Room, entry, entry_size};
use super::place::{Grants, Place, file_path};

/// Most things in one answer: what it costs at most.
const MOST: usize = 256;

/// What is in these names of a directory, as far as there is room; then, level by level, what is in the directories
/// among what has been told.
///
/// # Errors
/// `EINVAL` for too many names. What fails of one name leaves that out.
pub(super) fn gather(grants: &Grants, owner: Owner, directory: &str, names: &[String]) -> Result<Vec<Ahead>> {
    if names.len() > MAX_AHEAD {
        return Err(Errno::INVAL);
    }
    let mut gathering =
        Gathering { grants, owner, directory: directory.trim_end_matches('/'), room: Room::of_a_message() };
    let mut found: Vec<Ahead> = names.iter().filter_map(|name| gathering.look(name)).collect();
    let mut next = 0;
    while let Some(Ahead { path, contents, .. }) = found.get(next) {
        next += 1;
        let Contents::Names(names) = contents else { continue };
        let directories = names.iter().filter(|name| name.attributes.kind == Kind::Directory);
        let paths: Vec<String> = directories.map(|name| format!("{path}/{}", name.name)).collect();
        for path in paths {
            match gathering.look(&path) {
                Some(more) if found.len() < MOST => found.push(more),
                // Those after it have no room either, as a rule.
                _ => return Ok(found),
            }
        }
    }
    Ok(found)
}

struct Gathering<'a> {
    grants: &'a Grants,
    owner: Owner,
    directory: &'a str,
    room: Room,
}

impl Gathering<'_> {
    /// What is in the file at `path`, if that can be told and there is room for it.
    fn look(&mut self, path: &str) -> Option<Ahead> {
        let whole = format!("{}/{path}", self.directory);
        let place = self.grants.find(file_path(&whole).ok()?).ok()?;
        let stat = place.stat().ok()?;
        place.check_readable(&stat).ok()?;
        let before = self.room;
        let told = self.room.take(path.len() + MOST_ATTRIBUTE_BYTES).then(|| {
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => self.bytes(&place, &stat),
                FileType::Directory => Some((Contents::Names(self.names(&place)?), stat)),
                _ => None,
            }
        });
        let Some((contents, stat)) = told.flatten() else {
            self.room = before;
            return None;
        };
        let attributes = self.owner.attributes(Some(place.root), &stat);
        Some(Ahead { path: path.to_owned(), attributes, contents })
    }

    /// All bytes of a regular file that nobody changes meanwhile, and its attributes when they have been read.
    fn bytes(&mut self, place: &Place<'_>, before: &Stat) -> Option<(Contents, Stat)> {
        let size = u64::try_from(before.st_size).ok().filter(|size| *size <= MAX_AHEAD_BYTES)?;
        let size = usize::try_from(size).ok().filter(|size| self.room.take(*size))?;
        let fd = place.open(OFlags::RDONLY, Mode::empty()).ok()?;
        let mut bytes = vec![0; size];
        let mut done = 0;
        while done < size {
            match rustix::io::read(&fd, &mut bytes[done..]) {
                Ok(0) => return None,
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        let after = rustix::fs::fstat(&fd).ok()?;
        let identity = |stat: &Stat| {
            let changed = (stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec);
            (stat.st_dev, stat.st_ino, stat.st_mode, stat.st_size, changed)
        };
        (identity(before) == identity(&after)).then_some((Contents::Bytes(Bytes(bytes)), after))
    }

    /// All names in a directory.
    fn names(&mut self, place: &Place<'_>) -> Option<Vec<Entry>> {
        let directory = place.open(OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).ok()?;
        let mut buffer = Vec::with_capacity(16 * 1024);
        let mut names = RawDir::new(directory.as_fd(), buffer.spare_capacity_mut());
        let mut listed = Vec::new();
        while let Some(name) = names.next() {
            let name = name.ok()?;
            let Some(entry) = entry(place, self.owner, directory.as_fd(), name.file_name()) else { continue };
            if !self.room.take(entry_size(&entry)) {
                return None;
            }
            listed.push(entry);
        }
        Some(listed)
    }
}
