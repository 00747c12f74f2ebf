//! The monitor's event loop: requests, process ends, signals, the daemon. It sleeps until one of
//! them has something to say.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use bailey_abi::codec::{self, MAX_MESSAGE};
use bailey_abi::stream::{Event, ExitStatus, Reply};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{SocketFlags, SocketType};

use super::channel::{self, Received};
use super::{Answer, Broker};
use crate::control::{self, FromMonitor, Incoming, ToMonitor};
use crate::signals::{End, Signals, reap};

/// Events that may wait for a kernel that does not take them.
const MOST_EVENTS: usize = 1024;

/// How an instance ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The first process's end.
    pub status: ExitStatus,
    /// What happened, in words.
    pub reason: String,
}

/// The descriptors that the loop listens on.
#[derive(Debug)]
pub struct Connections {
    /// The first process's request channel.
    pub first_channel: OwnedFd,
    /// The event channel.
    pub events: OwnedFd,
    /// Signals for the monitor.
    pub signals: Signals,
    /// Closed when the process that started the monitor is gone.
    pub life_line: OwnedFd,
    /// The daemon's line.
    pub control: Option<OwnedFd>,
    /// Process id of the first process.
    pub first_process: i32,
    /// Bound on channels.
    pub most_processes: usize,
}

/// Serves an instance until its end.
pub fn serve(broker: &mut Broker, connections: Connections) -> Outcome {
    let mut service = Service {
        broker,
        channels: vec![connections.first_channel],
        events: connections.events,
        queue: VecDeque::new(),
        signals: connections.signals,
        life_line: connections.life_line,
        control: connections.control,
        first_process: connections.first_process,
        most_processes: connections.most_processes,
        buffer: vec![0; MAX_MESSAGE],
    };
    loop {
        if let Some(outcome) = service.turn() {
            return outcome;
        }
    }
}

struct Service<'a> {
    broker: &'a mut Broker,
    channels: Vec<OwnedFd>,
    events: OwnedFd,
    queue: VecDeque<Event>,
    signals: Signals,
    life_line: OwnedFd,
    control: Option<OwnedFd>,
    first_process: i32,
    most_processes: usize,
    buffer: Vec<u8>,
}

fn failure(reason: impl Into<String>) -> Outcome {
    Outcome { status: ExitStatus::KernelFailure, reason: reason.into() }
}

impl Service<'_> {
    /// One wait and what follows from it.
    fn turn(&mut self) -> Option<Outcome> {
        let ready = match self.wait() {
            Ok(ready) => ready,
            Err(Errno::INTR) => return None,
            Err(errno) => return Some(failure(format!("the monitor cannot wait: {errno}"))),
        };
        // Requests first: a process may have said in its last one what its end means.
        if let Some(outcome) = self.serve_channels(&ready.channels) {
            return Some(outcome);
        }
        if ready.life_line {
            return Some(failure("the process that started the monitor has ended"));
        }
        if ready.control
            && let Some(outcome) = self.take_control()
        {
            return Some(outcome);
        }
        if ready.signals
            && let Some(outcome) = self.take_signals()
        {
            return Some(outcome);
        }
        self.flush_events();
        None
    }

    fn wait(&self) -> rustix::io::Result<Ready> {
        let mut fds = Vec::with_capacity(self.channels.len() + 4);
        fds.push(PollFd::new(&self.signals, PollFlags::IN));
        fds.push(PollFd::new(&self.life_line, PollFlags::IN));
        let wanted = if self.queue.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        fds.push(PollFd::new(&self.events, wanted));
        fds.extend(self.channels.iter().map(|channel| PollFd::new(channel, PollFlags::IN)));
        fds.extend(self.control.iter().map(|line| PollFd::new(line, PollFlags::IN)));
        rustix::event::poll(&mut fds, None)?;
        let ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let (channels, control) = fds[3..].split_at(self.channels.len());
        Ok(Ready {
            signals: ready(&fds[0]),
            life_line: ready(&fds[1]),
            channels: channels.iter().map(ready).collect(),
            control: control.iter().any(ready),
        })
    }

    /// One request of every channel that has one.
    fn serve_channels(&mut self, ready: &[bool]) -> Option<Outcome> {
        let mut closed = Vec::new();
        for (index, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
            let received = channel::receive(self.channels[index].as_fd(), &mut self.buffer);
            match received {
                Ok(Received::Request(request)) => {
                    let answer = self.broker.answer(request);
                    if let Some(outcome) = self.carry_out(index, answer) {
                        return Some(outcome);
                    }
                }
                Ok(Received::Nothing) => {}
                Ok(Received::Closed) => closed.push(index),
                Ok(Received::Malformed(what)) => {
                    return Some(failure(format!("the instance sent a malformed request: {what}")));
                }
                Err(errno) => return Some(failure(format!("a request channel failed: {errno}"))),
            }
        }
        for index in closed.into_iter().rev() {
            self.channels.swap_remove(index);
        }
        None
    }

    fn carry_out(&mut self, index: usize, answer: Answer) -> Option<Outcome> {
        let theirs;
        let (reply, fd) = match answer {
            Answer::Reply(reply, passed) => (reply, passed.and_then(|handle| self.broker.descriptor(handle))),
            Answer::Nothing => return None,
            Answer::NewChannel => {
                let reply;
                (reply, theirs) = self.new_channel();
                (reply, theirs.as_ref().map(AsFd::as_fd))
            }
            Answer::End(status) => {
                return Some(Outcome { status, reason: describe(status) });
            }
        };
        match channel::reply(self.channels[index].as_fd(), &reply, fd) {
            Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => None,
            Err(Errno::AGAIN) => Some(failure("the instance does not take its replies")),
            Err(errno) => Some(failure(format!("a reply cannot be sent: {errno}"))),
        }
    }

    fn new_channel(&mut self) -> (Reply, Option<OwnedFd>) {
        if self.channels.len() >= self.most_processes {
            return (Reply::Error(Errno::AGAIN.raw_os_error()), None);
        }
        match channel::pair(SocketType::SEQPACKET, SocketFlags::empty()) {
            Ok((ours, theirs)) => {
                self.channels.push(ours);
                (Reply::Done, Some(theirs))
            }
            Err(errno) => (Reply::Error(errno.raw_os_error()), None),
        }
    }

    fn take_control(&mut self) -> Option<Outcome> {
        let line = self.control.as_ref()?;
        match control::receive(line.as_fd()) {
            Incoming::Message(ToMonitor::Terminate) => self.signal(libc::SIGTERM),
            Incoming::Message(ToMonitor::Signal { signo }) => self.signal(i32::from(signo)),
            Incoming::Message(ToMonitor::Kill) => {
                return Some(Outcome { status: ExitStatus::Signaled(9), reason: "killed on request".into() });
            }
            Incoming::Malformed => self.broker.log().line("the daemon sent an odd control message"),
            Incoming::Nothing => {}
            Incoming::Closed => return Some(failure("the daemon has gone")),
        }
        None
    }

    fn take_signals(&mut self) -> Option<Outcome> {
        while let Some(signal) = self.signals.take() {
            match signal {
                libc::SIGCHLD => {}
                libc::SIGWINCH => {
                    if let Some([rows, columns]) = crate::terminal::size() {
                        self.push(Event::TerminalSize { rows, columns });
                    }
                }
                other => self.signal(other),
            }
        }
        while let Some((pid, end)) = reap() {
            if pid == self.first_process {
                return Some(self.first_process_ended(end));
            }
            self.process_ended(pid, end);
        }
        None
    }

    /// The first process has ended; its last request may still lie on its channel.
    fn first_process_ended(&mut self, end: End) -> Outcome {
        for index in 0..self.channels.len() {
            while let Ok(Received::Request(request)) =
                channel::receive(self.channels[index].as_fd(), &mut self.buffer)
            {
                if let Answer::End(status) = self.broker.answer(request) {
                    return Outcome { status, reason: describe(status) };
                }
            }
        }
        let status = match end {
            End::Exited(status) => ExitStatus::Exited(status as u8),
            End::Signaled(signal) => ExitStatus::Signaled(signal as u8),
        };
        let reason = match end {
            End::Exited(crate::loader::FILTER_FAILED) => {
                return failure("the host refused the seccomp filter");
            }
            End::Exited(status) => format!("the first process ended by itself with status {status}"),
            End::Signaled(libc::SIGSYS) => {
                return failure("the first process made a host call that it may not make (SIGSYS)");
            }
            End::Signaled(signal) => format!("the first process was ended by signal {signal}"),
        };
        Outcome { status, reason }
    }

    /// A process that ends with status 0 has told the kernel; any other end is news to it.
    fn process_ended(&mut self, pid: i32, end: End) {
        let (signal, status) = match end {
            End::Exited(0) => return,
            End::Exited(status) => (None, Some(status)),
            End::Signaled(signal) => (Some(signal), None),
        };
        let text = match signal {
            Some(libc::SIGSYS) => "made a host call that it may not make (SIGSYS)".to_owned(),
            Some(signal) => format!("was ended by signal {signal}"),
            None => format!("ended with status {}", status.unwrap_or(0)),
        };
        self.broker.log().line(&format!("host process {pid} {text}"));
        if let Some(line) = &self.control {
            control::send(line.as_fd(), &FromMonitor::ProcessDied { pid, signal, status }, &[]);
        }
        self.push(Event::ProcessDied { host_pid: pid, signo: signal.unwrap_or(0) as u8 });
    }

    fn signal(&mut self, signal: i32) {
        if let Ok(signo) = u8::try_from(signal)
            && (1..=64).contains(&signo)
        {
            self.push(Event::Signal { signo });
        }
    }

    fn push(&mut self, event: Event) {
        if self.queue.len() < MOST_EVENTS {
            self.queue.push_back(event);
        }
    }

    fn flush_events(&mut self) {
        while let Some(event) = self.queue.front() {
            let Ok(bytes) = codec::encode(event, MAX_MESSAGE) else {
                self.queue.pop_front();
                continue;
            };
            match channel::send(self.events.as_fd(), &bytes, &[]) {
                Err(Errno::AGAIN) => return,
                // Sent, or nobody is there to take it any more.
                _ => self.queue.pop_front(),
            };
        }
    }
}

struct Ready {
    signals: bool,
    life_line: bool,
    channels: Vec<bool>,
    control: bool,
}

fn describe(status: ExitStatus) -> String {
    match status {
        ExitStatus::Exited(status) => format!("exited with status {status}"),
        ExitStatus::Signaled(signal) => format!("ended by signal {signal}"),
        ExitStatus::KernelFailure => "its kernel gave up".to_owned(),
    }
}
