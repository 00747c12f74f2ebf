//! The line discipline (`n_tty`): a state machine, bytes in and bytes out.
//!
//! Input: [`Discipline::receive`] takes what the terminal's far side sends, edits the line, echoes
//! and finds signals. Output: [`Discipline::post`] translates what programs write.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::tty::termios::{
    ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ECHONL, ECHOPRT, ICANON, ICRNL, IEXTEN, IGNCR, IMAXBEL, INLCR, ISIG,
    ISTRIP, IUCLC, IUTF8, IXANY, IXON, NOFLSH, OCRNL, OLCUC, ONLCR, ONLRET, ONOCR, OPOST, PARMRK, Termios,
    VEOF, VEOL, VEOL2, VERASE, VINTR, VKILL, VLNEXT, VQUIT, VREPRINT, VSTART, VSTOP, VSUSP, VWERASE, XTABS,
};

/// Most bytes of input that are kept (`N_TTY_BUF_SIZE`).
pub const MAX_INPUT: usize = 4096;
/// `SIGINT`
pub const SIGINT: u8 = 2;
/// `SIGQUIT`
pub const SIGQUIT: u8 = 3;
/// `SIGTSTP`
pub const SIGTSTP: u8 = 20;

/// What input causes beside becoming readable.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Bytes for the far side, output processing done.
    pub echo: Vec<u8>,
    /// Signals for the foreground process group.
    pub signals: Vec<u8>,
    /// Output that has not reached the far side is to be dropped.
    pub flush_output: bool,
    /// `Some(true)`: output is stopped, `Some(false)`: it goes on.
    pub stopped: Option<bool>,
}

/// State of the discipline of one terminal.
#[derive(Debug, Default)]
pub struct Discipline {
    termios: Termios,
    /// Readable bytes.
    ready: VecDeque<u8>,
    /// In canonical mode: lengths of the lines in `ready`, delimiters included but `EOF`.
    lines: VecDeque<usize>,
    /// In canonical mode: the line that is being edited.
    edit: Vec<u8>,
    column: usize,
    /// Column at which the edited line started.
    edit_column: usize,
    literal_next: bool,
    /// `ECHOPRT`: what is erased is being printed, between `\` and `/`.
    erasing: bool,
    stopped: bool,
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

/// Letters of Latin 1, as the kernel's own character classes know them.
fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || matches!(byte, 0xc0..=0xde if byte != 0xd7)
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || matches!(byte, 0xe0..=0xfe if byte != 0xf7)
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

impl Discipline {
    /// The modes.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Whether output is stopped by `STOP`.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// `TCXONC`
    pub fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// `TCSETS`: what is typed ahead stays.
    pub fn set_termios(&mut self, termios: Termios) {
        let changed = (self.termios.lflag ^ termios.lflag) & ICANON != 0;
        self.termios = termios;
        if !termios.input(IXON) {
            self.stopped = false;
        }
        if changed {
            self.ready.extend(self.edit.drain(..));
            self.lines.clear();
            if termios.local(ICANON) && !self.ready.is_empty() {
                self.lines.push_back(self.ready.len());
            }
        }
    }

    /// Drops input that has not been read (`TCIFLUSH`).
    pub fn flush_input(&mut self) {
        self.ready.clear();
        self.lines.clear();
        self.edit.clear();
        self.literal_next = false;
        self.erasing = false;
    }

    /// Bytes that a read can get (`FIONREAD`).
    pub fn available(&self) -> usize {
        if self.termios.local(ICANON) && self.lines.is_empty() { 0 } else { self.ready.len() }
    }

    /// Whether a read that wants `minimum` bytes goes on at once.
    pub fn readable(&self, minimum: usize) -> bool {
        if self.termios.local(ICANON) { !self.lines.is_empty() } else { self.ready.len() >= minimum.max(1) }
    }

    /// Bytes that the far side can still send.
    pub fn room(&self) -> usize {
        MAX_INPUT.saturating_sub(self.ready.len() + self.edit.len())
    }

    /// Takes at most `room` bytes: in canonical mode of one line (an empty one is the end of file),
    /// else whatever there is.
    pub fn read(&mut self, room: usize) -> Vec<u8> {
        let available = match self.lines.front() {
            Some(line) if self.termios.local(ICANON) => *line,
            _ => self.ready.len(),
        };
        let count = available.min(room);
        if self.termios.local(ICANON)
            && let Some(line) = self.lines.front_mut()
        {
            *line -= count;
            if *line == 0 {
                self.lines.pop_front();
            }
        }
        self.ready.drain(..count).collect()
    }

    /// Takes bytes from the far side.
    pub fn receive(&mut self, bytes: &[u8]) -> Effects {
        let mut effects = Effects::default();
        for byte in bytes {
            self.receive_byte(*byte, &mut effects);
        }
        effects
    }

    fn receive_byte(&mut self, mut byte: u8, effects: &mut Effects) {
        if self.termios.input(ISTRIP) {
            byte &= 0x7f;
        }
        if self.termios.input(IUCLC) && self.termios.local(IEXTEN) && is_upper(byte) {
            byte += 0x20;
        }
        if core::mem::take(&mut self.literal_next) {
            self.echo(byte, effects);
            self.store(byte, effects);
            return;
        }
        if self.flow_control(byte, effects) || self.signal(byte, effects) {
            return;
        }
        if self.stopped && self.termios.input(IXON) && self.termios.input(IXANY) {
            self.stop(false, effects);
        }
        let was_return = byte == b'\r';
        match byte {
            b'\r' if self.termios.input(IGNCR) => return,
            b'\r' if self.termios.input(ICRNL) => byte = b'\n',
            b'\n' if self.termios.input(INLCR) => byte = b'\r',
            _ => {}
        }
        if self.termios.local(ICANON) && self.edit_line(byte, effects) {
            return;
        }
        if self.termios.local(ECHO) {
            self.finish_erasing(effects);
            if byte == b'\n' && was_return {
                self.put(b'\n', &mut effects.echo);
            } else {
                self.echo(byte, effects);
            }
        }
        if byte == 0xff && self.termios.input(PARMRK) {
            self.store(byte, effects);
        }
        self.store(byte, effects);
    }

    fn stop(&mut self, stopped: bool, effects: &mut Effects) {
        self.stopped = stopped;
        effects.stopped = Some(stopped);
    }

    fn flow_control(&mut self, byte: u8, effects: &mut Effects) -> bool {
        if !self.termios.input(IXON) {
            return false;
        }
        if self.termios.is(VSTART, byte) {
            self.stop(false, effects);
        } else if self.termios.is(VSTOP, byte) {
            self.stop(true, effects);
        } else {
            return false;
        }
        true
    }

    fn signal(&mut self, byte: u8, effects: &mut Effects) -> bool {
        if !self.termios.local(ISIG) {
            return false;
        }
        let signal = if self.termios.is(VINTR, byte) {
            SIGINT
        } else if self.termios.is(VQUIT, byte) {
            SIGQUIT
        } else if self.termios.is(VSUSP, byte) {
            SIGTSTP
        } else {
            return false;
        };
        if !self.termios.local(NOFLSH) {
            self.flush_input();
            effects.echo.clear();
            effects.flush_output = true;
        }
        if self.termios.input(IXON) && self.stopped {
            self.stop(false, effects);
        }
        if self.termios.local(ECHO) {
            self.echo(byte, effects);
        }
        effects.signals.push(signal);
        true
    }

    /// What a byte does to the line beside being part of it; true where it is done with.
    fn edit_line(&mut self, byte: u8, effects: &mut Effects) -> bool {
        let termios = self.termios;
        let extended = termios.local(IEXTEN);
        if termios.is(VERASE, byte) {
            self.erase_character(effects);
        } else if termios.is(VKILL, byte) {
            self.kill_line(effects);
        } else if extended && termios.is(VWERASE, byte) {
            self.erase_word(effects);
        } else if extended && termios.is(VLNEXT, byte) {
            self.literal_next = true;
            self.finish_erasing(effects);
            if termios.local(ECHO) && termios.local(ECHOCTL) {
                effects.echo.extend_from_slice(b"^\x08");
            }
        } else if extended && termios.local(ECHO) && termios.is(VREPRINT, byte) {
            self.reprint(byte, effects);
        } else if byte == b'\n' {
            if termios.local(ECHO) || termios.local(ECHONL) {
                self.put(b'\n', &mut effects.echo);
            }
            self.end_line(Some(byte));
        } else if termios.is(VEOF, byte) {
            self.end_line(None);
        } else if termios.is(VEOL, byte) || (extended && termios.is(VEOL2, byte)) {
            if termios.local(ECHO) {
                self.echo(byte, effects);
            }
            self.end_line(Some(byte));
        } else {
            return false;
        }
        true
    }

    fn end_line(&mut self, delimiter: Option<u8>) {
        self.edit.extend(delimiter);
        self.lines.push_back(self.edit.len());
        self.ready.extend(self.edit.drain(..));
    }

    fn store(&mut self, byte: u8, effects: &mut Effects) {
        // One place is kept for the delimiter.
        if self.room() <= 1 {
            if self.termios.input(IMAXBEL) {
                effects.echo.push(7);
            }
        } else if self.termios.local(ICANON) {
            self.edit.push(byte);
        } else {
            self.ready.push_back(byte);
        }
    }

    fn echo(&mut self, byte: u8, effects: &mut Effects) {
        if !self.termios.local(ECHO) {
            return;
        }
        if self.edit.is_empty() {
            self.edit_column = self.column;
        }
        if self.termios.local(ECHOCTL) && is_control(byte) && byte != b'\t' {
            effects.echo.extend_from_slice(&[b'^', byte ^ 0x40]);
            self.column += 2;
        } else {
            self.put(byte, &mut effects.echo);
        }
    }

    /// Ends what `ECHOPRT` prints.
    fn finish_erasing(&mut self, effects: &mut Effects) {
        if core::mem::take(&mut self.erasing) {
            self.put(b'/', &mut effects.echo);
        }
    }

    /// Removes the last character and shows that; false where there is none.
    fn erase_one(&mut self, effects: &mut Effects) -> bool {
        let before = self.edit.clone();
        let Some(first) = self.pop_character() else { return false };
        if !self.termios.local(ECHO) {
            return true;
        }
        if self.termios.local(ECHOPRT) {
            if !core::mem::replace(&mut self.erasing, true) {
                self.put(b'\\', &mut effects.echo);
            }
            for byte in &before[self.edit.len()..] {
                self.echo(*byte, effects);
            }
        } else {
            self.rub_out(first, effects);
        }
        true
    }

    fn end_erasing_at_start(&mut self, effects: &mut Effects) {
        if self.edit.is_empty() && self.termios.local(ECHO) {
            self.finish_erasing(effects);
        }
    }

    fn erase_character(&mut self, effects: &mut Effects) {
        let termios = self.termios;
        if termios.local(ECHO) && !termios.local(ECHOE) && !termios.local(ECHOPRT) {
            if self.pop_character().is_some() {
                self.echo(termios.cc[VERASE], effects);
            }
        } else if self.erase_one(effects) {
            self.end_erasing_at_start(effects);
        }
    }

    fn erase_word(&mut self, effects: &mut Effects) {
        let mut in_word = false;
        while let Some(last) = self.edit.last() {
            let word = last.is_ascii_alphanumeric() || *last == b'_' || *last >= 0x80;
            if in_word && !word {
                break;
            }
            in_word |= word;
            self.erase_one(effects);
        }
        self.end_erasing_at_start(effects);
    }

    fn kill_line(&mut self, effects: &mut Effects) {
        let termios = self.termios;
        if self.edit.is_empty() {
            return;
        }
        if termios.local(ECHO) && !(termios.local(ECHOK) && termios.local(ECHOKE) && termios.local(ECHOE)) {
            self.edit.clear();
            self.finish_erasing(effects);
            self.echo(termios.cc[VKILL], effects);
            if termios.local(ECHOK) {
                self.put(b'\n', &mut effects.echo);
            }
            return;
        }
        while self.erase_one(effects) {}
        self.end_erasing_at_start(effects);
    }

    /// Removes the last character (all its bytes in UTF-8) and returns its first byte.
    fn pop_character(&mut self) -> Option<u8> {
        let mut last = self.edit.pop()?;
        while self.termios.input(IUTF8) && is_continuation(last) {
            match self.edit.pop() {
                Some(byte) => last = byte,
                None => break,
            }
        }
        Some(last)
    }

    fn rub_out(&mut self, first: u8, effects: &mut Effects) {
        let times = if first == b'\t' {
            let (columns, after_tab) = self.columns_since_tab();
            let start = if after_tab { 0 } else { self.edit_column };
            let width = 8 - ((columns + start) & 7);
            effects.echo.extend(core::iter::repeat_n(8, width));
            self.column = self.column.saturating_sub(width);
            0
        } else if is_control(first) {
            if self.termios.local(ECHOCTL) { 2 } else { 0 }
        } else {
            1
        };
        for _ in 0..times {
            effects.echo.extend_from_slice(b"\x08 \x08");
            self.column = self.column.saturating_sub(1);
        }
    }

    /// Columns that the line has taken since its last tab, and whether there is one.
    fn columns_since_tab(&self) -> (usize, bool) {
        let mut columns = 0;
        for byte in self.edit.iter().rev() {
            if *byte == b'\t' {
                return (columns, true);
            }
            if is_control(*byte) {
                columns += if self.termios.local(ECHOCTL) { 2 } else { 0 };
            } else if !(self.termios.input(IUTF8) && is_continuation(*byte)) {
                columns += 1;
            }
        }
        (columns, false)
    }

    fn reprint(&mut self, byte: u8, effects: &mut Effects) {
        self.finish_erasing(effects);
        self.echo(byte, effects);
        self.put(b'\n', &mut effects.echo);
        let line = core::mem::take(&mut self.edit);
        for byte in &line {
            self.echo(*byte, effects);
        }
        self.edit = line;
    }

    /// Output processing of what a program writes.
    pub fn post(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            self.put(*byte, out);
        }
    }

    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        let termios = self.termios;
        if !termios.output(OPOST) {
            out.push(byte);
            return;
        }
        match byte {
            b'\n' => {
                if termios.output(ONLCR) {
                    out.push(b'\r');
                }
                if termios.output(ONLCR | ONLRET) {
                    self.column = 0;
                }
                self.edit_column = self.column;
                out.push(b'\n');
            }
            b'\r' if termios.output(ONOCR) && self.column == 0 => {}
            b'\r' => {
                out.push(if termios.output(OCRNL) { b'\n' } else { b'\r' });
                if !termios.output(OCRNL) || termios.output(ONLRET) {
                    self.column = 0;
                    self.edit_column = 0;
                }
            }
            b'\t' => {
                let width = 8 - (self.column & 7);
                self.column += width;
                if termios.oflag & XTABS == XTABS {
                    out.extend(core::iter::repeat_n(b' ', width));
                } else {
                    out.push(byte);
                }
            }
            8 => {
                self.column = self.column.saturating_sub(1);
                out.push(byte);
            }
            _ => {
                if !(is_control(byte) || termios.input(IUTF8) && is_continuation(byte)) {
                    self.column += 1;
                }
                let raised = termios.output(OLCUC) && is_lower(byte);
                out.push(if raised { byte - 0x20 } else { byte });
            }
        }
    }
}

#[cfg(test)]
#[path = "ldisc_tests.rs"]
mod tests;
