use std::vec::Vec;

use super::*;
use crate::tty::termios::*;

fn raw() -> Termios {
    Termios { iflag: 0, oflag: 0, lflag: 0, ..Termios::default() }
}

#[test]
fn a_line_is_readable_when_it_ends() {
    let mut tty = Discipline::default();
    assert_eq!(tty.receive(b"hello").echo, b"hello");
    assert!(!tty.readable(1) && tty.available() == 0);
    assert_eq!(tty.receive(b"\r").echo, b"\r\n");
    assert!(tty.readable(1));
    assert_eq!(tty.read(3), b"hel");
    assert_eq!(tty.read(100), b"lo\n");
    assert!(!tty.readable(1));
}

#[test]
fn end_of_file() {
    let mut tty = Discipline::default();
    tty.receive(b"ab\x04\x04x\n");
    assert_eq!(tty.read(100), b"ab");
    assert!(tty.readable(1));
    assert_eq!(tty.read(100), b"");
    assert_eq!(tty.read(100), b"x\n");
}

#[test]
fn editing_and_its_echo() {
    let mut tty = Discipline::default();
    assert_eq!(tty.receive(b"ab\x7f").echo, b"ab\x08 \x08");
    assert_eq!(tty.receive(b"\x7f\x7f\x7f").echo, b"\x08 \x08");
    assert_eq!(tty.receive(b"\x01\x7f").echo, b"^A\x08 \x08\x08 \x08");
    assert_eq!(tty.receive(b"one two\x17").echo, b"one two\x08 \x08\x08 \x08\x08 \x08");
    assert_eq!(tty.receive(b"\x15").echo, b"\x08 \x08\x08 \x08\x08 \x08\x08 \x08");
    assert_eq!(tty.receive(b"\x16\x03x\n").echo, b"^\x08^Cx\r\n");
    assert_eq!(tty.read(100), b"\x03x\n");
}

#[test]
fn a_tab_is_rubbed_out_to_its_column() {
    let mut tty = Discipline::default();
    let mut prompt = Vec::new();
    tty.post(b"$ ", &mut prompt);
    assert_eq!(tty.receive(b"ab\t\x7f").echo, b"ab\t\x08\x08\x08\x08");
}

#[test]
fn utf8_is_erased_whole() {
    let mut tty = Discipline::default();
    tty.set_termios(Termios { iflag: ICRNL | IUTF8, ..Termios::default() });
    assert_eq!(tty.receive("é\x7f".as_bytes()).echo, b"\xc3\xa9\x08 \x08");
    tty.receive(b"\n");
    assert_eq!(tty.read(10), b"\n");
}

#[test]
fn signals_flush_and_echo() {
    let mut tty = Discipline::default();
    let effects = tty.receive(b"abc\x03");
    assert_eq!(effects.signals, [SIGINT]);
    assert_eq!(effects.echo, b"^C");
    assert!(effects.flush_output);
    tty.receive(b"\n");
    assert_eq!(tty.read(10), b"\n");
    assert_eq!(tty.receive(b"\x1a\x1c").signals, [SIGTSTP, SIGQUIT]);
    tty.set_termios(raw());
    assert!(tty.receive(b"\x03").signals.is_empty());
    assert_eq!(tty.read(10), b"\x03");
}

#[test]
fn flow_control() {
    let mut tty = Discipline::default();
    assert_eq!(tty.receive(b"\x13").stopped, Some(true));
    assert!(tty.stopped());
    assert_eq!(tty.receive(b"\x11").stopped, Some(false));
    assert!(!tty.readable(1));
    tty.receive(b"\x13");
    tty.set_termios(raw());
    assert!(!tty.stopped());
}

#[test]
fn changing_modes_keeps_what_was_typed() {
    let mut tty = Discipline::default();
    tty.receive(b"typed ahead");
    tty.set_termios(raw());
    assert!(tty.readable(11) && !tty.readable(12));
    tty.receive(b"\r");
    tty.set_termios(Termios::default());
    assert_eq!(tty.read(100), b"typed ahead\r");
}

#[test]
fn output_processing() {
    let mut tty = Discipline::default();
    let mut out = Vec::new();
    tty.post(b"a\nb\tc", &mut out);
    assert_eq!(out, b"a\r\nb\tc");
    out.clear();
    tty.set_termios(Termios { oflag: OPOST | XTABS | OCRNL, ..Termios::default() });
    tty.post(b"\r\t\n", &mut out);
    assert_eq!(out[0], b'\n');
    assert!(out.ends_with(b" \n"));
    out.clear();
    tty.set_termios(raw());
    tty.post(b"a\n\r\t", &mut out);
    assert_eq!(out, b"a\n\r\t");
}

#[test]
fn input_is_bounded() {
    let mut tty = Discipline::default();
    tty.receive(&[b'x'; 10_000]);
    tty.receive(b"\n");
    assert!(tty.available() <= MAX_INPUT);
    assert_eq!(tty.read(10_000).last(), Some(&b'\n'));
}
