//! The ladder of apps: each unmodified from Debian, in an instance of its own, driven by keys and pointer through
//! a stock RDP client far enough to prove that it works. The proof is an effect: a file, a title, or what is read.

use std::process::Command;

use bailey_tests::outcome::run;
use bailey_tests::processes::descendants;
use bailey_tests::session::{LIMIT, Session};

#[test]
fn gnome_calculator_calculates() {
    let session = Session::start();
    let window = session.open("gnome-calculator", &["gnome-calculator"], "");
    session.screen.type_text("123*321\n");
    session.wait_for_text("gnome-calculator", window.part, |text| text.contains("39483"));
    session.click_word("gnome-calculator", window.part, "mod");
    session.screen.type_text("1000\n");
    session.wait_for_text("gnome-calculator", window.part, |text| text.split(' ').any(|word| word == "483"));
}

#[test]
fn kcalc_calculates() {
    let session = Session::start();
    let window = session.open("kcalc", &["kcalc"], "");
    session.screen.type_slowly(&["1", "2", "3", "asterisk", "3", "2", "1", "equal"]);
    session.wait_for_text("kcalc", window.part, |text| text.contains("39,483"));
}

#[test]
fn focuswriter_saves_what_is_typed() {
    let session = Session::start();
    let window = session.open("focuswriter", &["focuswriter"], "Untitled");
    session.click(&window, window.part.2 / 2, window.part.3 / 2);
    session.screen.type_text("written by Qt 6");
    // The title's star: there is something to save.
    session.wait_for_title("focuswriter", "*");
    session.screen.key("ctrl+s");
    session.wait_for_focus("focuswriter", "Save");
    session.screen.picture("focuswriter-save");
    session.screen.key("ctrl+a");
    session.screen.type_text("/home/user/proof.odt\n");
    let saved = session.home("focuswriter").join("proof.odt");
    session.wait_for_file(&saved, |contents| contents.starts_with(b"PK"));
    session.wait_for_title("focuswriter", "proof");
    session.screen.picture("focuswriter");
    let contents = member(&saved, "content.xml");
    assert!(contents.contains("written by Qt 6"), "{contents}");
}

/// Opens the clipboard demo by the pointer, and copies text from one field to another. The first one is empty and has
/// the keyboard, or has a word that is to be replaced.
fn uses_gtk_demo(program: &str, word: Option<&str>) {
    let session = Session::start();
    let window = session.open(program, &[program], "");
    session.double_click_word(program, window.part, "Clipboard");
    let demo = session.wait_for(program, "the demo", |demo| demo.focused && demo.part != window.part);
    if let Some(word) = word {
        session.double_click_word(program, demo.part, word);
    }
    session.screen.type_text("portcullis");
    session.click_word(program, demo.part, "Copy");
    session.click_word(program, demo.part, "Paste");
    session.wait_for_text(program, demo.part, |text| text.matches("portcullis").count() == 2);
}

#[test]
fn gtk3_demo_copies_and_pastes() {
    uses_gtk_demo("gtk3-demo", None);
}

#[test]
fn gtk4_demo_copies_and_pastes() {
    uses_gtk_demo("gtk4-demo", Some("this!"));
}

/// A document of two pages, by hand: PDF 1.4 without a cross-reference table, which readers make themselves.
fn two_pages() -> Vec<u8> {
    let page = |text: &str| format!("BT /F1 48 Tf 72 600 Td ({text}) Tj ET");
    let mut document = String::from(
        "%PDF-1.4\n\
         1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
         2 0 obj<</Type/Pages/Kids[3 0 R 5 0 R]/Count 2>>endobj\n\
         7 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n",
    );
    for (object, text) in [(3, "Drawbridge"), (5, "Courtyard")] {
        let contents = page(text);
        document += &format!(
            "{object} 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {} 0 R\
             /Resources<</Font<</F1 7 0 R>>>>>>endobj\n\
             {} 0 obj<</Length {}>>stream\n{contents}\nendstream endobj\n",
            object + 1,
            object + 1,
            contents.len(),
        );
    }
    document += "trailer<</Root 1 0 R/Size 8>>\n%%EOF\n";
    document.into_bytes()
}

#[test]
fn evince_shows_and_turns_pages() {
    let session = Session::start();
    let path = session.put("evince", "two-pages.pdf", &two_pages());
    session.open("evince", &["evince", &path], "");
    let window = session.wait_for_title("evince", "two-pages.pdf");
    session.wait_for_text("evince", window.part, |text| text.contains("Drawbridge"));
    session.screen.key("ctrl+Next");
    session.wait_for_text("evince-2", window.part, |text| text.contains("Courtyard"));
}

/// What a document of LibreOffice holds: a member of its ZIP archive.
fn member(document: &std::path::Path, member: &str) -> String {
    let script = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]).decode())";
    run(Command::new("python3").args(["-c", script]).arg(document).arg(member), LIMIT).stdout
}

/// Closes LibreOffice's greeting.
fn dismiss_tip(session: &Session, name: &str, title: &str) {
    session.wait_for_focus(name, "Tip of the Day");
    session.screen.key("Escape");
    session.wait_for_ready(name, title);
}

#[test]
fn libreoffice_calc_adds_saves_and_reopens() {
    let session = Session::start();
    session.daemon.run_app("calc", &["libreoffice", "--calc"]);
    dismiss_tip(&session, "calc", "LibreOffice Calc");
    session.screen.type_text("19\n23\n=A1+A2\n");
    session.screen.key("ctrl+s");
    session.save_as("calc", "Save", "/home/user/sum.ods");
    let saved = session.home("calc").join("sum.ods");
    session.wait_for_file(&saved, |contents| contents.starts_with(b"PK"));
    session.wait_for_title("calc", "sum.ods");
    let contents = member(&saved, "content.xml");
    assert!(contents.contains("of:=[.A1]+[.A2]") && contents.contains("office:value=\"42\""), "{contents}");
    session.screen.key("ctrl+q");
    session.wait_for_end("calc");
    let window = session.open("calc", &["libreoffice", "--calc", "/home/user/sum.ods"], "sum.ods");
    session.wait_for_text("calc", window.part, |text| text.contains("42"));
}

#[test]
fn libreoffice_impress_makes_and_shows_a_slide() {
    let session = Session::start();
    session.daemon.run_app("impress", &["libreoffice", "--impress"]);
    session.wait_for_title("impress", "Select a Template");
    session.screen.key("Escape");
    dismiss_tip(&session, "impress", "LibreOffice Impress");
    let window = session.wait_for_focus("impress", "LibreOffice Impress");
    session.double_click_word("impress", window.part, "Title");
    session.screen.type_text("Courtyard");
    session.screen.key("Escape");
    session.screen.key("F5");
    let show = session.wait_for_ready("impress", "Presenting");
    session.wait_for_text("impress-show", show.part, |text| text.contains("Courtyard"));
    session.screen.key("Escape");
    session.wait_for_focus("impress", "LibreOffice Impress");
    session.screen.key("ctrl+s");
    session.save_as("impress", "Save", "/home/user/show.odp");
    let saved = session.home("impress").join("show.odp");
    session.wait_for_file(&saved, |contents| contents.starts_with(b"PK"));
    session.wait_for_title("impress", "show.odp");
    let contents = member(&saved, "content.xml");
    assert!(contents.contains("Courtyard"), "{contents}");
}

#[test]
fn xterm_by_xwayland_runs_a_shell() {
    let session = Session::start();
    session.open("xterm", &["xterm"], "");
    session.screen.type_text("echo bailey-$((6*7)) > ~/proof\n");
    let made = session.home("xterm").join("proof");
    session.wait_for_file(&made, |contents| contents == b"bailey-42\n");
    session.screen.picture("xterm");
}

/// Makes a repository of two commits and shows it.
const GITK: &str = "git init -q castle && cd castle && git config user.name u && git config user.email u@localhost &&\
    for part in Drawbridge Courtyard; do echo $part > $part && git add . && git commit -q -m \"Build $part\"; done;\
    exec gitk";

#[test]
fn gitk_by_xwayland_shows_commits() {
    let session = Session::start();
    let window = session.open("gitk", &["sh", "-c", GITK], "castle");
    session.wait_for_text("gitk", window.part, |text| text.contains("Build Courtyard"));
    // The patch of the older commit, which a click on it shows.
    session.click_word("gitk", window.part, "Drawbridge");
    session.wait_for_text("gitk", window.part, |text| text.contains("+Drawbridge"));
}

/// A page that answers in its title, by JavaScript.
const PAGE: &str = "<!doctype html><title>waiting</title>\
    <form id=form><input id=field autofocus><button>Answer</button></form>\
    <script>form.onsubmit = event => { event.preventDefault();\
    document.title = [...field.value].reverse().join('') + ' ' + (6 * 7); };</script>";

#[test]
fn firefox_runs_a_page_with_a_form() {
    let session = Session::start();
    let path = session.put("firefox", "page.html", PAGE.as_bytes());
    let window = session.open("firefox", &["firefox-esr", &path], "waiting");
    session.screen.type_text("yeliab");
    session.click_word("firefox", window.part, "Answer");
    session.wait_for_title("firefox", "bailey 42");
    session.screen.picture("firefox");
    // As shipped it is many processes: pages do not run in the one that draws the window.
    let monitor = session.daemon.instance("firefox").and_then(|instance| instance["pid"].as_u64());
    let monitor = monitor.and_then(|pid| u32::try_from(pid).ok()).expect("the monitor's process");
    let count = descendants(monitor).len();
    assert!(count > 5, "{count} processes");
}
