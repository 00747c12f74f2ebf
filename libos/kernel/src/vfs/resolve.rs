//! Path resolution (`path_resolution(7)`).

use alloc::string::{String, ToString};
use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::vfs::bytes::to_bytes;
use crate::vfs::known;
use crate::vfs::{Credentials, Dentry, EXECUTE, FileKind, Followed, Stability, root};

/// `NAME_MAX`
pub const MAX_NAME: usize = 255;
/// Most symbolic links in one resolution (`MAXSYMLINKS`).
const MAX_LINKS: u32 = 40;
/// Most bytes of a path with all links put in.
const MAX_EXPANDED: usize = 64 * 1024;

/// The last component of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// A name.
    Name(String),
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// None: the path is `/`.
    Root,
}

/// Where a path leads.
#[derive(Debug)]
pub struct Walked {
    /// The directory that the last component is in.
    pub parent: Arc<Dentry>,
    /// The last component, after links (if they were followed).
    pub last: Last,
    /// What it stands for, if there is something.
    pub found: Option<Arc<Dentry>>,
    /// Whether the path ends in a slash: it must be a directory.
    pub slash: bool,
}

impl Walked {
    /// What was found.
    ///
    /// # Errors
    /// `ENOENT`; `ENOTDIR` for a trailing slash after something that is no directory.
    pub fn existing(self) -> Result<Arc<Dentry>> {
        let found = self.found.ok_or(Errno::ENOENT)?;
        if self.slash && found.inode.kind() != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        Ok(found)
    }
}

/// How paths are resolved.
#[derive(Debug)]
pub struct Walk<'a> {
    /// Where `/` is.
    pub root: Arc<Dentry>,
    /// Who asks.
    pub cred: &'a Credentials,
    /// `RESOLVE_NO_SYMLINKS`: meeting a link is `ELOOP`.
    pub no_links: bool,
    /// `RESOLVE_NO_MAGICLINKS`: meeting a magic link of `/proc` is `ELOOP`.
    pub no_magic: bool,
    /// `RESOLVE_BENEATH`: leaving the start directory is `EXDEV`.
    pub beneath: bool,
    /// `RESOLVE_IN_ROOT`: the start directory is the root.
    pub in_root: bool,
    /// What is found is only looked at: it is neither opened nor moved.
    pub look: bool,
}

/// A walk under way: what is left of `path` begins at `next`.
struct State {
    at: Arc<Dentry>,
    path: String,
    next: usize,
    links: u32,
    /// How lasting what it has come through is: as the least lasting directory.
    stability: Stability,
}

impl State {
    fn unless_leased(&mut self) {
        if self.stability == Stability::Leased {
            self.stability = Stability::Changing;
        }
    }
}

enum Step {
    On,
    Done(Walked),
}

/// The component of `path` at or after `from`: where it begins, where it ends, where the next one begins
/// (or the path ends), and whether a slash follows it.
fn component(path: &str, from: usize) -> (usize, usize, usize, bool) {
    let rest = &path[from..];
    let start = from + (rest.len() - rest.trim_start_matches('/').len());
    let end = path[start..].find('/').map_or(path.len(), |length| start + length);
    let after = &path[end..];
    (start, end, end + (after.len() - after.trim_start_matches('/').len()), !after.is_empty())
}

impl<'a> Walk<'a> {
    /// The ordinary way.
    pub fn new(cred: &'a Credentials) -> Self {
        Self {
            root: root(),
            cred,
            no_links: false,
            no_magic: false,
            beneath: false,
            in_root: false,
            look: false,
        }
    }

    /// Resolves `path` from `start`; the last component is followed through links if `follow`. A slash at
    /// the end asks for that too, but not where a name is made or removed: the caller knows.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG` for what comes before the last component;
    /// the last one may be missing.
    pub fn walk(&self, start: &Arc<Dentry>, path: &str, follow: bool) -> Result<Walked> {
        self.walk_far(start, path, follow).map(|(walked, _)| walked)
    }

    /// Resolves `path` as [`Self::walk`] to something that must exist; what lasts is kept for the next time.
    ///
    /// # Errors
    /// As [`Self::walk`], and `ENOENT`.
    pub fn find(&self, start: &Arc<Dentry>, path: &str, follow: bool) -> Result<Arc<Dentry>> {
        let follow = follow || path.ends_with('/');
        if self.is_restricted() {
            return self.walk(start, path, follow)?.existing();
        }
        let start_of = if path.starts_with('/') { None } else { Some(start) };
        let key = known::Path { start: start_of, path, follow, look: self.look, uid: self.cred.uid };
        if let Some(known) = known::find(&key) {
            return known;
        }
        let generation = known::generation();
        let (walked, stability) = self.walk_far(start, path, follow)?;
        let (parent, last) = (walked.parent.clone(), walked.last.clone());
        let found = walked.existing();
        let asked = match (stability, &last) {
            (Stability::Fixed, _) => None,
            (Stability::Leased, Last::Name(name)) => Some((&parent, name.as_str())),
            _ => return found,
        };
        match &found {
            Ok(dentry) => known::keep(&key, generation, asked, Some(dentry.clone())),
            Err(Errno::ENOENT) => known::keep(&key, generation, asked, None),
            Err(_) => {}
        }
        found
    }

    fn is_restricted(&self) -> bool {
        self.no_links || self.no_magic || self.beneath || self.in_root
    }

    /// As [`Self::walk`]; says as well how lasting that is.
    fn walk_far(&self, start: &Arc<Dentry>, path: &str, follow: bool) -> Result<(Walked, Stability)> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let top = if self.in_root { start.clone() } else { self.root.clone() };
        let mut state = State {
            at: start.clone(),
            path: path.to_string(),
            next: 0,
            links: 0,
            stability: Stability::Fixed,
        };
        if path.starts_with('/') {
            self.absolute()?;
            state.at = top.clone();
        }
        loop {
            match self.step(&mut state, start, &top, follow)? {
                Step::On => {}
                Step::Done(walked) => return Ok((walked, state.stability)),
            }
        }
    }

    fn absolute(&self) -> Result<()> {
        if self.beneath { Err(Errno::EXDEV) } else { Ok(()) }
    }

    fn step(&self, state: &mut State, start: &Arc<Dentry>, top: &Arc<Dentry>, follow: bool) -> Result<Step> {
        let (begin, end, next, slash) = component(&state.path, state.next);
        let name = &state.path[begin..end];
        let is_last = next == state.path.len();
        if name.is_empty() {
            let parent = state.at.clone();
            return Ok(Step::Done(Walked {
                found: Some(parent.clone()),
                parent,
                last: Last::Root,
                slash: true,
            }));
        }
        if name.len() > MAX_NAME && to_bytes(name).len() > MAX_NAME {
            return Err(Errno::ENAMETOOLONG);
        }
        if state.at.inode.kind() != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        self.cred.check(&*state.at.inode, EXECUTE)?;
        state.stability = match (state.stability, state.at.inode.stability()) {
            (Stability::Fixed, other) => other,
            (Stability::Leased, Stability::Fixed | Stability::Leased) => Stability::Leased,
            _ => Stability::Changing,
        };
        if name == "." || name == ".." {
            let last = if name == "." { Last::Dot } else { Last::DotDot };
            state.next = next;
            return self.step_dots(state, start, top, last, is_last.then_some(slash));
        }
        let looked = if self.look { state.at.look_at(name) } else { state.at.lookup(name) };
        let found = match looked {
            Ok(found) => found,
            Err(Errno::ENOENT) if is_last => {
                let parent = state.at.clone();
                return Ok(Step::Done(Walked {
                    parent,
                    last: Last::Name(name.to_string()),
                    found: None,
                    slash,
                }));
            }
            Err(error) => return Err(error),
        };
        if found.inode.kind() == FileKind::Symlink && (!is_last || follow) {
            state.next = next;
            // A link that comes and goes is not asked for again.
            state.unless_leased();
            return self.follow(state, top, &found, slash && is_last);
        }
        if is_last {
            let parent = state.at.clone();
            return Ok(Step::Done(Walked {
                parent,
                last: Last::Name(name.to_string()),
                found: Some(found),
                slash,
            }));
        }
        state.at = found;
        state.next = next;
        Ok(Step::On)
    }

    /// `.` or `..`; the walk ends there where `ends` says whether a slash follows.
    fn step_dots(
        &self,
        state: &mut State,
        start: &Arc<Dentry>,
        top: &Arc<Dentry>,
        last: Last,
        ends: Option<bool>,
    ) -> Result<Step> {
        let parent = state.at.clone();
        if last == Last::DotDot {
            // The directory above changes as its directory is moved.
            state.unless_leased();
            state.at = self.up(&parent, start, top)?;
        }
        Ok(match ends {
            Some(slash) => Step::Done(Walked { parent, last, found: Some(state.at.clone()), slash }),
            None => Step::On,
        })
    }

    fn up(&self, at: &Arc<Dentry>, start: &Arc<Dentry>, top: &Arc<Dentry>) -> Result<Arc<Dentry>> {
        if self.beneath && Arc::ptr_eq(at, start) {
            return Err(Errno::EXDEV);
        }
        if Arc::ptr_eq(at, top) {
            return Ok(at.clone());
        }
        Ok(at.parent().unwrap_or_else(|| at.clone()))
    }

    /// Puts a link's target in front of what is left of the path.
    fn follow(&self, state: &mut State, top: &Arc<Dentry>, link: &Arc<Dentry>, slash: bool) -> Result<Step> {
        state.links += 1;
        if self.no_links || state.links > MAX_LINKS {
            return Err(Errno::ELOOP);
        }
        if let Some(target) = link.inode.follow() {
            return self.follow_magic(state, target?, slash);
        }
        let mut path = link.inode.read_link()?;
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.starts_with('/') {
            self.absolute()?;
            state.at = top.clone();
        }
        let rest = &state.path[state.next..];
        if !rest.is_empty() || slash {
            path.push('/');
            path.push_str(rest);
        }
        if path.len() > MAX_EXPANDED {
            return Err(Errno::ENAMETOOLONG);
        }
        state.path = path;
        state.next = 0;
        Ok(Step::On)
    }

    fn follow_magic(&self, state: &mut State, target: Followed, slash: bool) -> Result<Step> {
        state.stability = Stability::Changing;
        if self.no_magic {
            return Err(Errno::ELOOP);
        }
        if self.beneath || self.in_root {
            return Err(Errno::EXDEV);
        }
        let dentry = match target {
            Followed::Dentry(dentry) => dentry,
            Followed::File(file) => crate::vfs::procfs::anonymous_dentry(file)?,
        };
        if state.next == state.path.len() {
            let parent = dentry.parent().unwrap_or_else(|| dentry.clone());
            let last = Last::Name(dentry.name());
            return Ok(Step::Done(Walked { parent, last, found: Some(dentry), slash }));
        }
        state.at = dentry;
        Ok(Step::On)
    }
}

/// Resolves `path`, which must exist, in the ordinary way.
///
/// # Errors
/// As [`Walk::walk`], and `ENOENT`.
pub fn resolve(start: &Arc<Dentry>, path: &str, follow: bool, cred: &Credentials) -> Result<Arc<Dentry>> {
    Walk::new(cred).find(start, path, follow)
}
