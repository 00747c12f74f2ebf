use core::time::Duration;
use std::sync::Arc;
use std::vec::Vec;

use super::*;
use crate::errno::Errno;
use crate::ipc::eventfd::EventFd;
use crate::ipc::timerfd::TimerFd;
use crate::time::Clock;
use crate::user::UserBuffers;
use crate::vfs::{Events, OpenFile};

const EPOLLIN: u32 = 1;
const EPOLLOUT: u32 = 4;
const EPOLLET: u32 = 1 << 31;
const EPOLLONESHOT: u32 = 1 << 30;

fn set(open: &Arc<OpenFile>) -> &Epoll {
    open.downcast::<Epoll>().unwrap()
}

fn interest(events: u32, data: u64) -> Interest {
    Interest { events, data }
}

fn signal(file: &OpenFile) {
    let mut bytes = 1u64.to_ne_bytes();
    file.file.write(file, &mut UserBuffers::kernel(&mut bytes), 0).unwrap();
}

fn drain(file: &OpenFile) {
    let mut bytes = [0; 8];
    file.file.read(file, &mut UserBuffers::kernel(&mut bytes), 0).unwrap();
}

fn ready(epoll: &Arc<OpenFile>) -> Vec<u64> {
    set(epoll).collect(10).iter().map(|event| event.data).collect()
}

#[test]
fn level_triggered_items_stay_ready_until_they_are_not() {
    let epoll = Epoll::open();
    let event = EventFd::open(0, false, 0);
    set(&epoll).add(5, &event, interest(EPOLLIN, 7)).unwrap();
    assert!(ready(&epoll).is_empty());
    signal(&event);
    assert_eq!(ready(&epoll), [7]);
    assert_eq!(ready(&epoll), [7]);
    assert_eq!(epoll.file.poll(&epoll) & Events::IN, Events::IN);
    drain(&event);
    assert!(ready(&epoll).is_empty());
    assert_eq!(epoll.file.poll(&epoll), Events::NONE);
}

#[test]
fn edge_triggered_items_come_once_a_change() {
    let epoll = Epoll::open();
    let event = EventFd::open(1, false, 0);
    set(&epoll).add(5, &event, interest(EPOLLIN | EPOLLET, 7)).unwrap();
    assert_eq!(ready(&epoll), [7]);
    assert!(ready(&epoll).is_empty());
    signal(&event);
    assert_eq!(ready(&epoll), [7]);
    assert!(ready(&epoll).is_empty());
}

#[test]
fn one_shot_items_wait_for_a_modification() {
    let epoll = Epoll::open();
    let event = EventFd::open(1, false, 0);
    set(&epoll).add(5, &event, interest(EPOLLIN | EPOLLONESHOT, 7)).unwrap();
    assert_eq!(ready(&epoll), [7]);
    signal(&event);
    assert!(ready(&epoll).is_empty());
    set(&epoll).modify(5, &event, interest(EPOLLOUT, 8)).unwrap();
    assert_eq!(ready(&epoll), [8]);
}

#[test]
fn registration_errors() {
    let epoll = Epoll::open();
    let event = EventFd::open(0, false, 0);
    assert_eq!(set(&epoll).delete(5, &event), Err(Errno::ENOENT));
    set(&epoll).add(5, &event, interest(EPOLLIN, 0)).unwrap();
    assert_eq!(set(&epoll).add(5, &event, interest(EPOLLIN, 0)), Err(Errno::EEXIST));
    set(&epoll).add(6, &event, interest(EPOLLIN, 0)).unwrap();
    set(&epoll).delete(5, &event).unwrap();
    assert_eq!(set(&epoll).modify(5, &event, interest(EPOLLIN, 0)), Err(Errno::ENOENT));
    assert_eq!(set(&epoll).add(9, &epoll, interest(EPOLLIN, 0)), Err(Errno::EINVAL));
}

#[test]
fn a_closed_file_leaves_the_set() {
    let epoll = Epoll::open();
    let event = EventFd::open(1, false, 0);
    let file = event.file.clone();
    set(&epoll).add(5, &event, interest(EPOLLIN, 7)).unwrap();
    drop(event);
    assert!(ready(&epoll).is_empty());
    // The number is free again, the file under another description.
    let again = OpenFile::new(file, 2, "again");
    set(&epoll).add(5, &again, interest(EPOLLIN, 9)).unwrap();
    assert_eq!(ready(&epoll), [9]);
}

#[test]
fn sets_nest_but_not_in_circles() {
    let (outer, inner) = (Epoll::open(), Epoll::open());
    let event = EventFd::open(0, false, 0);
    set(&inner).add(5, &event, interest(EPOLLIN, 1)).unwrap();
    set(&outer).add(6, &inner, interest(EPOLLIN, 2)).unwrap();
    assert_eq!(set(&inner).add(7, &outer, interest(EPOLLIN, 3)), Err(Errno::ELOOP));
    assert!(ready(&outer).is_empty());
    signal(&event);
    assert_eq!(ready(&outer), [2]);
    assert_eq!(ready(&inner), [1]);
    drop(outer);
    assert_eq!(ready(&inner), [1]);
}

#[test]
fn a_timer_tells_when_it_will_ring() {
    let epoll = Epoll::open();
    let timer = TimerFd::open(Clock::Monotonic, 0);
    set(&epoll).add(5, &timer, interest(EPOLLIN, 7)).unwrap();
    assert_eq!(epoll.file.deadline(), None);
    let fd = timer.downcast::<TimerFd>().unwrap();
    fd.set(Duration::from_secs(1000), Duration::ZERO, false);
    assert!(epoll.file.deadline().is_some());
    assert!(ready(&epoll).is_empty());
    fd.set(Duration::from_nanos(1), Duration::ZERO, true);
    assert_eq!(ready(&epoll), [7]);
}
