//! A new program in place of the old (execve(2)), and the first one.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use bailey_abi::layout::{APP_START, KERNEL_BASE};

use crate::errno::{Errno, Result};
use crate::host::memory;
use crate::mm::{Elf, Loaded, StackContents, build_stack, load, vdso};
use crate::signal::number::SIGCHLD;
use crate::sync::wait_event;
use crate::task::{Process, Program, Thread, end_threads, insert_thread, remove_thread};
use crate::vfs::{
    Credentials, Dentry, EXECUTE, Events, FileKind, OpenFile, Use, Walk, open, open_dentry, read_kernel,
};

/// Process id of the instance's first program.
pub const FIRST_PROCESS: i32 = 2;
/// How deep interpreters of scripts may be nested.
const MAX_SCRIPTS: usize = 5;
/// Bytes of a script's first line.
const MAX_SCRIPT_LINE: usize = 256;

/// Where the new program starts.
#[derive(Clone, Copy, Debug)]
pub struct Executed {
    /// Instruction pointer.
    pub entry: u64,
    /// Stack pointer.
    pub stack: u64,
}

/// A program to be run, found and checked while the old one is still there.
struct Candidate {
    elf: Elf,
    interpreter: Option<Elf>,
    path: String,
    called: String,
    arguments: Vec<Vec<u8>>,
    running: Option<Arc<Use>>,
}

/// What is to be run.
#[derive(Debug)]
pub enum Image {
    /// What a path leads to; relative to a folder given by its descriptor, with that and whether an exec closes it.
    Named {
        /// Where the path starts.
        start: Arc<Dentry>,
        /// The path.
        path: String,
        /// Whether a link at its end is followed.
        follow: bool,
        /// See above.
        folder: Option<(i32, bool)>,
    },
    /// An open file, its descriptor, and whether an exec closes that.
    Open {
        /// The file.
        file: Arc<OpenFile>,
        /// Its descriptor.
        fd: i32,
        /// See above.
        closes: bool,
    },
}

impl Image {
    /// The program's file, the name that a script's interpreter is given, and whether that name is there in it.
    fn open(&self) -> Result<(Arc<OpenFile>, String, bool)> {
        match self {
            Self::Named { start, path, follow, folder } => {
                if path.is_empty() {
                    return Err(Errno::ENOENT);
                }
                let flags = if *follow { 0 } else { O_NOFOLLOW };
                let file = open_program(start, path, flags)?;
                Ok(match folder {
                    Some((fd, closes)) => (file, alloc::format!("/dev/fd/{fd}/{path}"), !closes),
                    None => (file, path.clone(), true),
                })
            }
            Self::Open { file, fd, closes } => {
                let cred = Credentials::current();
                let program = match &file.dentry {
                    Some(dentry) if dentry.inode.kind() == FileKind::Regular => {
                        open_dentry(dentry, 0, &cred)?
                    }
                    Some(_) => return Err(Errno::EACCES),
                    None => file.clone(),
                };
                check_program(&program, &cred)?;
                Ok((program, alloc::format!("/dev/fd/{fd}"), !closes))
            }
        }
    }
}

const O_NOFOLLOW: u32 = 0o400_000;

fn open_program(start: &Arc<Dentry>, path: &str, flags: u32) -> Result<Arc<OpenFile>> {
    let cred = Credentials::current();
    let file = open(&Walk::new(&cred), start, path, flags, 0)?;
    check_program(&file, &cred)?;
    Ok(file)
}

fn check_program(file: &OpenFile, cred: &Credentials) -> Result<()> {
    let stat = file.file.stat()?;
    if stat.kind != FileKind::Regular {
        return Err(Errno::EACCES);
    }
    let owner = crate::vfs::Owner { mode: stat.mode, uid: stat.uid, gid: stat.gid };
    cred.check_owner(owner, false, EXECUTE)
}

/// Keeps a file that has a name from being written to.
fn keep(file: &OpenFile) -> Result<Option<Arc<Use>>> {
    file.dentry.as_ref().map(|dentry| Use::to_run(dentry.inode.id()).map(Arc::new)).transpose()
}

fn candidate(image: &Image, mut arguments: Vec<Vec<u8>>) -> Result<Candidate> {
    let (mut file, mut called, named) = image.open()?;
    let start = crate::task::current().process().fs.lock().cwd.clone();
    let mut running = keep(&file)?;
    // The first, and then one for each interpreter.
    for _ in 0..=MAX_SCRIPTS {
        let mut line = [0; MAX_SCRIPT_LINE];
        let length = read_kernel(&file, &mut line, 0)?;
        if !line[..length].starts_with(b"#!") {
            let elf = Elf::read(file.clone())?;
            let interpreter = match elf.interpreter()? {
                Some(path) => Some(Elf::read(open_program(&crate::vfs::root(), &path, 0)?)?),
                None => None,
            };
            return Ok(Candidate { elf, interpreter, path: file.name(), called, arguments, running });
        }
        let (program, argument) = script_line(&line[2..length], length == MAX_SCRIPT_LINE)?;
        if !named {
            return Err(Errno::ENOENT);
        }
        let mut new = alloc::vec![program.clone().into_bytes()];
        new.extend(argument.map(String::into_bytes));
        new.push(called.clone().into_bytes());
        new.extend(arguments.into_iter().skip(1));
        arguments = new;
        file = open_program(&start, &program, 0)?;
        running = keep(&file)?;
        called = program;
    }
    Err(Errno::ELOOP)
}

/// The interpreter and its argument in a script's first line, behind `#!`.
/// `cut` says that the file goes on behind `line`.
fn script_line(line: &[u8], cut: bool) -> Result<(String, Option<String>)> {
    let newline = line.iter().position(|byte| *byte == b'\n');
    let end = newline.unwrap_or_else(|| line.len() - usize::from(cut));
    let text = core::str::from_utf8(&line[..end]).map_err(|_| Errno::ENOEXEC)?;
    let text = text.trim_matches(|character| matches!(character, ' ' | '\t' | '\0'));
    // The interpreter's name must have an end, its argument need not.
    if newline.is_none() && cut && !text.contains([' ', '\t']) {
        return Err(Errno::ENOEXEC);
    }
    let (program, argument) = match text.split_once([' ', '\t']) {
        Some((program, rest)) => (program, Some(rest.trim_start().to_string())),
        None => (text, None),
    };
    if program.is_empty() { Err(Errno::ENOEXEC) } else { Ok((program.to_string(), argument)) }
}

/// `execve(2)`: on success the old program is gone and the caller goes on at what is returned.
///
/// # Errors
/// `ENOENT`, `EACCES`, `ENOEXEC`, `E2BIG`, `ENOMEM`, `ELOOP`; after the old program is gone a failure ends the process.
pub fn execute(
    thread: &Thread,
    image: &Image,
    arguments: Vec<Vec<u8>>,
    environment: &[Vec<u8>],
) -> Result<Executed> {
    let process = thread.process();
    let candidate = candidate(image, arguments)?;
    leave_only(thread);
    let leader = lead(thread);
    let thread = leader.as_deref().unwrap_or(thread);
    clear_memory(process)?;
    let executed = enter_image(process, &candidate, environment);
    if executed.is_err() {
        crate::task::exit_group(process, crate::task::ExitCode::signaled(crate::signal::number::SIGSEGV));
        return executed;
    }
    new_identity(thread, &candidate, environment);
    executed
}

/// Ends the process's other threads and waits until they are gone.
fn leave_only(thread: &Thread) {
    let process = thread.process();
    end_threads(process, Some(thread));
    loop {
        let alone = || (process.threads.lock().len() <= 1).then_some(());
        thread.attention.store(false, Ordering::SeqCst);
        if wait_event(&[&process.changed], None, alone).is_ok() {
            break;
        }
        if thread.ending.load(Ordering::SeqCst) {
            crate::task::exit_thread(thread, None);
        }
    }
    process.threaded.store(false, Ordering::SeqCst);
    thread.attention.store(true, Ordering::SeqCst);
}

/// A thread that runs a new program becomes the leader: it takes the process's id as its own.
fn lead(thread: &Thread) -> Option<Arc<Thread>> {
    let process = thread.process();
    if thread.tid == process.pid() {
        return None;
    }
    let signals = thread.signals.lock().clone();
    let leader = Thread::new(process.pid(), process.clone(), thread.block(), signals, *thread.name.lock());
    *leader.scheduling.lock() = *thread.scheduling.lock();
    leader.set_host_tid(thread.host_tid());
    leader.attention.store(true, Ordering::SeqCst);
    let old = core::mem::replace(&mut *process.threads.lock(), alloc::vec![leader.clone()]);
    drop(old);
    insert_thread(&leader);
    remove_thread(thread.tid);
    *leader.before.lock() = thread.block().replace_thread(&leader);
    Some(leader)
}

fn clear_memory(process: &Process) -> Result<()> {
    let old = core::mem::take(&mut *process.mm.lock());
    // SAFETY: all of the application's memory, which nobody uses any more.
    unsafe { memory::free(APP_START, KERNEL_BASE - APP_START)? };
    drop(old);
    Ok(())
}

fn enter_image(process: &Process, candidate: &Candidate, environment: &[Vec<u8>]) -> Result<Executed> {
    let program = load(process, &candidate.elf, false)?;
    let interpreter = candidate.interpreter.as_ref().map(|elf| load(process, elf, true)).transpose()?;
    set_heap(process, &program);
    let vdso = vdso::map(process)?;
    let identity = process.identity();
    let stack = build_stack(
        process,
        &StackContents {
            arguments: &candidate.arguments,
            environment,
            path: candidate.called.as_bytes(),
            program,
            interpreter,
            executable: candidate.elf.executable_stack(),
            vdso,
            ids: (identity.uid, identity.gid),
        },
    )?;
    Ok(Executed { entry: interpreter.map_or(program.entry, |interpreter| interpreter.entry), stack })
}

fn set_heap(process: &Process, program: &Loaded) {
    // A page apart, so that running past the image faults.
    let start = program.end + 0x1000;
    process.mm.lock().heap = (start, start);
}

/// What else a new program changes: names, signals, descriptors, timers.
fn new_identity(thread: &Thread, candidate: &Candidate, environment: &[Vec<u8>]) {
    let process = thread.process();
    *process.program.lock() = Program {
        exe: candidate.path.clone(),
        command_line: joined(&candidate.arguments),
        environment: joined(environment),
        running: candidate.running.clone(),
    };
    let base = candidate.called.rsplit('/').next().unwrap_or(&candidate.called);
    let mut name = [0; 16];
    for (slot, byte) in name.iter_mut().take(15).zip(base.bytes()) {
        *slot = byte;
    }
    *thread.name.lock() = name;
    process.signals.lock().reset_handlers();
    thread.signals.lock().alternate = crate::signal::AltStack::default();
    thread.clear_child_tid.store(0, Ordering::Relaxed);
    thread.robust_list.store(0, Ordering::Relaxed);
    process.timers.lock().clear();
    {
        let mut relations = process.relations.lock();
        relations.executed = true;
        relations.exit_signal = SIGCHLD;
    }
    // Who sees a descriptor close knows that the program is new (setpgid(2)).
    process.files().close_on_exec();
    process.generation.fetch_add(1, Ordering::SeqCst);
    process.changed.wake(Events::IN);
}

fn joined(strings: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    for text in strings {
        all.extend_from_slice(text);
        all.push(0);
    }
    all
}

/// Runs the instance's first program; `program` is looked up in `PATH` where it has no slash.
///
/// # Errors
/// As [`execute`].
pub fn start_first(
    thread: &Thread,
    program: &str,
    arguments: &[String],
    environment: &[String],
) -> Result<Executed> {
    let start = thread.process().fs.lock().cwd.clone();
    let bytes = |texts: &[String]| texts.iter().map(|text| text.clone().into_bytes()).collect::<Vec<_>>();
    let (arguments, environment) = (bytes(arguments), bytes(environment));
    let image = |path: String| Image::Named { start: start.clone(), path, follow: true, folder: None };
    if program.contains('/') {
        return execute(thread, &image(program.to_string()), arguments, &environment);
    }
    let path = environment.iter().find_map(|text| text.strip_prefix(b"PATH="));
    let path =
        path.and_then(|path| core::str::from_utf8(path).ok()).unwrap_or("/usr/local/bin:/usr/bin:/bin");
    let mut result = Err(Errno::ENOENT);
    for folder in path.split(':') {
        let full = alloc::format!("{folder}/{program}");
        result = execute(thread, &image(full), arguments.clone(), &environment);
        if !matches!(result, Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)) {
            break;
        }
    }
    result
}
