//! A new program in place of the old (execve(2)), and the first one.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use bailey_abi::layout::{APP_START, KERNEL_BASE};

use crate::errno::{Errno, Result};
use crate::host::memory;
use crate::mm::{Elf, Loaded, StackContents, build_stack, load, vdso};
use crate::sync::wait_event;
use crate::task::{Process, Program, Thread, end_threads};
use crate::vfs::{Credentials, Dentry, EXECUTE, Events, FileKind, OpenFile, Walk, open, read_kernel};

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
}

fn open_program(start: &Arc<Dentry>, path: &str) -> Result<Arc<OpenFile>> {
    let cred = Credentials::current();
    let file = open(&Walk::new(&cred), start, path, 0, 0)?;
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

fn candidate(start: &Arc<Dentry>, path: &str, mut arguments: Vec<Vec<u8>>) -> Result<Candidate> {
    let mut called = path.to_string();
    let mut file = open_program(start, path)?;
    for _ in 0..MAX_SCRIPTS {
        let mut line = [0; MAX_SCRIPT_LINE];
        let length = read_kernel(&file, &mut line, 0)?;
        if !line[..length].starts_with(b"#!") {
            let elf = Elf::read(file.clone())?;
            let interpreter = match elf.interpreter()? {
                Some(path) => Some(Elf::read(open_program(&crate::vfs::root(), &path)?)?),
                None => None,
            };
            return Ok(Candidate {
                elf,
                interpreter,
                path: file.name(),
                called: path.to_string(),
                arguments,
            });
        }
        let (program, argument) = script_line(&line[2..length])?;
        let mut new = alloc::vec![program.clone().into_bytes()];
        new.extend(argument.map(String::into_bytes));
        new.push(called.clone().into_bytes());
        new.extend(arguments.into_iter().skip(1));
        arguments = new;
        file = open_program(start, &program)?;
        called = program;
    }
    Err(Errno::ELOOP)
}

/// The interpreter and its argument in a script's first line, behind `#!`.
fn script_line(line: &[u8]) -> Result<(String, Option<String>)> {
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
    let text = core::str::from_utf8(&line[..end]).map_err(|_| Errno::ENOEXEC)?;
    let text = text.trim_matches(|character| matches!(character, ' ' | '\t' | '\0'));
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
    start: &Arc<Dentry>,
    path: &str,
    arguments: Vec<Vec<u8>>,
    environment: &[Vec<u8>],
) -> Result<Executed> {
    let process = thread.process();
    let candidate = candidate(start, path, arguments)?;
    let strings: usize = candidate.arguments.iter().chain(environment).map(|text| text.len() + 9).sum();
    if strings > 2 << 20 {
        return Err(Errno::E2BIG);
    }
    leave_only(thread);
    clear_memory(process)?;
    let executed = enter_image(process, &candidate, environment);
    if executed.is_err() {
        crate::task::exit_group(
            process,
            crate::task::ExitCode::signaled(crate::signal::number::SIGSEGV, false),
        );
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
    process.files().close_on_exec();
    process.relations.lock().executed = true;
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
    if program.contains('/') {
        return execute(thread, &start, program, arguments, &environment);
    }
    let path = environment.iter().find_map(|text| text.strip_prefix(b"PATH="));
    let path =
        path.and_then(|path| core::str::from_utf8(path).ok()).unwrap_or("/usr/local/bin:/usr/bin:/bin");
    let mut result = Err(Errno::ENOENT);
    for folder in path.split(':') {
        let full = alloc::format!("{folder}/{program}");
        result = execute(thread, &start, &full, arguments.clone(), &environment);
        if !matches!(result, Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)) {
            break;
        }
    }
    result
}
