//! Apps that nobody tuned for: ten from Debian's games, graphics, development and network sections, and some that are
//! more than one program, used through a stock RDP client.

use std::fs;
use std::path::Path;
use std::process::Command;

use bailey_tests::outcome::run;
use bailey_tests::reading::Part;
use bailey_tests::screen::{changed, open, pictures};
use bailey_tests::session::{LIMIT, Session, Window};

/// Runs a line of Python on the host, for formats that it knows.
fn python(script: &str, file: &Path) -> String {
    let outcome = run(Command::new("python3").args(["-c", script]).arg(file), LIMIT);
    assert_eq!(outcome.status, 0, "{}", outcome.describe());
    outcome.stdout
}

/// Drags across the middle of a window.
fn stroke(session: &Session, window: &Window) {
    let (x, y) = (window.part.0 + window.part.2 / 2, window.part.1 + window.part.3 / 2);
    session.screen.drag((x - 60, y - 40), (x + 60, y + 40));
}

#[test]
fn cutemaze_is_walked() {
    let session = Session::start();
    let window = session.open("cutemaze", &["cutemaze"], "");
    session.click(&window, window.part.2 / 2, window.part.3 / 2);
    session.wait_for_text("cutemaze", window.part, |text| text.contains("0 steps taken"));
    // Every place of a maze has a way out of it.
    for key in ["Up", "Right", "Down", "Left"] {
        session.screen.key(key);
    }
    let walked = |text: &str| text.contains("steps taken") && !text.contains(" 0 steps taken");
    session.wait_for_text("cutemaze", window.part, walked);
}

#[test]
fn gnome_mines_opens_a_field() {
    let session = Session::start();
    let window = session.open("gnome-mines", &["gnome-mines"], "");
    session.click(&window, window.part.2 / 4, window.part.3 / 3);
    session.wait_for_text("gnome-mines", window.part, |text| text.contains("0/10"));
    let before = open(&pictures().join("gnome-mines.png"));
    session.click(&window, window.part.2 / 3, window.part.3 / 2);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let after = session.screen.picture("gnome-mines");
    assert!(changed(&before, &after) > 500, "nothing was uncovered");
}

#[test]
fn inkscape_draws_a_rectangle() {
    let session = Session::start();
    session.open("inkscape", &["inkscape"], "Inkscape 1");
    session.screen.key("Escape");
    let window = session.wait_for_ready("inkscape", "New document");
    session.screen.key("r");
    stroke(&session, &window);
    session.screen.key("ctrl+s");
    session.save_as("inkscape", "Select", "/home/user/drawn.svg");
    let saved = session.home("inkscape").join("drawn.svg");
    session.wait_for_file(&saved, |contents| String::from_utf8_lossy(contents).contains("<rect"));
    session.screen.picture("inkscape");
}

#[test]
fn xournalpp_takes_a_stroke_of_the_pen() {
    let session = Session::start();
    let window = session.open("xournalpp", &["xournalpp"], "");
    stroke(&session, &window);
    session.screen.key("ctrl+s");
    session.save_as("xournalpp", "Save", "/home/user/note.xopp");
    let saved = session.home("xournalpp").join("note.xopp");
    session.wait_for_file(&saved, |contents| contents.len() > 100);
    session.screen.picture("xournalpp");
    let text = python("import gzip, sys; print(gzip.open(sys.argv[1]).read().decode())", &saved);
    assert!(text.contains("<stroke"), "{text}");
}

#[test]
fn drawing_draws_a_line() {
    let session = Session::start();
    session.daemon.run_app("drawing", &["drawing"]);
    session.wait_for("drawing", "the greeting", |window| window.title.is_empty());
    session.screen.key("Escape");
    let window = session.wait_for_ready("drawing", "Unsaved");
    stroke(&session, &window);
    session.screen.key("ctrl+s");
    session.save_as("drawing", "", "/home/user/line.png");
    let saved = session.home("drawing").join("line.png");
    session.wait_for_file(&saved, |contents| contents.ends_with(b"IEND\xaeB`\x82"));
    session.screen.picture("drawing");
    let picture = open(&saved);
    let drawn = picture.pixels().filter(|pixel| pixel.0[3] > 0 && pixel.0[1] < 100).count();
    assert!(drawn > 300, "{drawn} pixels are drawn");
}

#[test]
fn geany_edits_and_builds() {
    let session = Session::start();
    let path = session.put("geany", "tower.c", b"#include <stdio.h>\n");
    session.open("geany", &["geany", &path], "tower.c");
    session.screen.key("ctrl+End");
    session.screen.type_text("int main(void){return puts(\"bailey\")<0;}");
    session.screen.key("ctrl+s");
    let source = session.home("geany").join("tower.c");
    session.wait_for_file(&source, |contents| String::from_utf8_lossy(contents).contains("puts"));
    session.screen.key("F9");
    let built = session.home("geany").join("tower");
    session.wait_for_file(&built, |contents| contents.starts_with(b"\x7fELF"));
    session.screen.picture("geany");
}

#[test]
fn meld_merges_a_change() {
    let session = Session::start();
    let left = session.put("meld", "left.txt", b"one\ntwo\nthree\n");
    let right = session.put("meld", "right.txt", b"one\n2\nthree\n");
    let window = session.open("meld", &["meld", &left, &right], "");
    session.wait_for_text("meld", window.part, |text| text.matches("three").count() == 2);
    session.screen.key("alt+Right");
    session.click_word("meld", window.part, "three");
    session.screen.key("ctrl+s");
    let merged = session.home("meld").join("right.txt");
    session.wait_for_file(&merged, |contents| contents == b"one\ntwo\nthree\n");
    session.screen.picture("meld");
}

#[test]
fn sqlitebrowser_inserts_a_row() {
    let session = Session::start();
    let path = session.put("sqlitebrowser", "castle.db", b"");
    let file = session.home("sqlitebrowser").join("castle.db");
    python("import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('create table towers(name)')", &file);
    let window = session.open("sqlitebrowser", &["sqlitebrowser", &path], "castle.db");
    let (x, y, width, height) = window.part;
    session.click_word("sqlitebrowser", (x, y, width * 2 / 3, height / 3), "SQL");
    session.click(&window, width / 4, height / 3);
    session.screen.type_text("insert into towers values('keep')");
    session.screen.key("ctrl+Return");
    session.wait_for_text("sqlitebrowser", window.part, |text| text.contains("successfully"));
    session.screen.key("ctrl+s");
    let keep =
        "import sqlite3, sys; print(list(sqlite3.connect(sys.argv[1]).execute('select * from towers')))";
    session.wait_until("the row is there", || python(keep, &file).contains("keep").then_some(()));
}

#[test]
fn gnome_terminal_outlives_its_launcher() {
    let session = Session::start();
    // The launcher has the bus start the terminal's server, and ends.
    session.open("gnome-terminal", &["gnome-terminal"], "");
    session.screen.type_text("echo bailey-$((6*7)) > ~/proof\n");
    let made = session.home("gnome-terminal").join("proof");
    session.wait_for_file(&made, |contents| contents == b"bailey-42\n");
    session.screen.picture("gnome-terminal");
    session.screen.type_text("exit\n");
    session.wait_for_end("gnome-terminal");
}

/// A capture of UDP datagrams to these ports: the format of pcap-savefile(5), version 2.4, link type Ethernet.
fn capture(ports: &[u16]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (second, port) in (1_u32..).zip(ports) {
        let payload = b"bailey";
        let datagram_length = 8 + payload.len() as u16;
        let mut packet = [[2; 6], [4; 6]].concat();
        packet.extend([8, 0, 0x45, 0]);
        packet.extend((20 + datagram_length).to_be_bytes());
        packet.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        for field in [40_000, *port, datagram_length, 0] {
            packet.extend(field.to_be_bytes());
        }
        packet.extend(payload);
        let length = packet.len() as u32;
        for word in [second, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

/// The lowest part of a window, where the status is.
fn bottom(window: &Window) -> Part {
    let (x, y, width, height) = window.part;
    (x, y + height - 100, width, 100)
}

#[test]
fn wireshark_filters_packets() {
    let session = Session::start();
    let path = session.put("wireshark", "gate.pcap", &capture(&[7777, 7778, 7777]));
    let window = session.open("wireshark", &["wireshark", &path], "gate.pcap");
    session.wait_for_text("wireshark", bottom(&window), |text| text.contains("Displayed: 3"));
    session.screen.key("ctrl+slash");
    // The first blank closes the list of what a name may go on with, while the keys after it are on their way.
    session.screen.type_text("udp.port == 7778\n");
    let window = session.wait_for_ready("wireshark", "gate.pcap");
    session.wait_for_text("wireshark", bottom(&window), |text| text.contains("Displayed: 1"));
}

/// A torrent of one file in one piece: BEP 3.
fn torrent(name: &str, contents: &Path) -> Vec<u8> {
    let sum = python(
        "import hashlib, sys; print(hashlib.sha1(open(sys.argv[1], 'rb').read()).hexdigest(), end='')",
        contents,
    );
    let length = fs::metadata(contents).expect("the file").len();
    let digit = |at: usize| u8::from_str_radix(&sum[at..at + 2], 16).expect("a sum in hexadecimal");
    let mut torrent = format!(
        "d8:announce18:http://localhost/a4:infod6:lengthi{length}e4:name{}:{name}12:piece lengthi16384e6:pieces20:",
        name.len()
    )
    .into_bytes();
    torrent.extend((0..sum.len()).step_by(2).map(digit));
    torrent.extend(b"ee");
    torrent
}

#[test]
fn transmission_checks_a_file() {
    let session = Session::start();
    let name = "transmission-gtk";
    // Without XDG user directories that is where GTK suggests to put things.
    session.put(name, "Desktop/courtyard.txt", b"many buildings, one drawbridge\n");
    let contents = session.home(name).join("Desktop/courtyard.txt");
    let path = session.put(name, "courtyard.torrent", &torrent("courtyard.txt", &contents));
    session.daemon.run_app(name, &[name, &path]);
    let greeting = session.wait_for(name, "the greeting", |window| window.title.is_empty());
    session.click_word(name, greeting.part, "Agree");
    session.wait_for_focus(name, "Torrent Options");
    session.screen.key("Return");
    let window = session.wait_for_focus(name, "Transmission");
    session.wait_for_text(name, window.part, |text| text.contains("Seeding"));
}
