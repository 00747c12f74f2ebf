//! X11's targets and MIME types of the same thing.

/// Text in UTF-8, as Wayland clients name it.
const UTF8_TEXT: &str = "text/plain;charset=utf-8";
/// Text, in what a Wayland client may also name it, best first.
const TEXTS: &[&str] = &[UTF8_TEXT, "UTF8_STRING", "text/plain", "TEXT", "STRING"];
/// Targets of ICCCM 2.6.2 that are no contents.
const NO_CONTENTS: &[&str] = &["TARGETS", "TIMESTAMP", "MULTIPLE", "SAVE_TARGETS", "DELETE"];

/// The MIME types that targets of these names make up.
pub(super) fn mime_types(targets: &[String]) -> Vec<String> {
    let mut types: Vec<String> =
        targets.iter().filter(|name| !NO_CONTENTS.contains(&name.as_str())).cloned().collect();
    let text = types.iter().any(|name| TEXTS.contains(&name.as_str()));
    for name in [UTF8_TEXT, "text/plain"] {
        if text && !types.iter().any(|known| known == name) {
            types.push(name.to_owned());
        }
    }
    types
}

/// The target that gives a MIME type: its own name, if X11 programs know it by that.
pub(super) fn target_of<'a>(mime_type: &'a str, targets: &[String]) -> &'a str {
    let known = |name: &str| targets.iter().any(|target| target == name);
    let text = TEXTS.contains(&mime_type) && !known(mime_type);
    match text {
        false => mime_type,
        true if known("STRING") && !known("UTF8_STRING") => "STRING",
        true => "UTF8_STRING",
    }
}

/// The targets that stand for MIME types.
pub(super) fn targets(types: &[String]) -> Vec<String> {
    let mut targets = types.to_vec();
    let text = types.iter().any(|name| TEXTS.contains(&name.as_str()));
    for name in ["UTF8_STRING", "TEXT", "STRING"] {
        if text && !targets.iter().any(|known| known == name) {
            targets.push(name.to_owned());
        }
    }
    targets
}

/// The MIME type that gives a target, of those that a client offers.
pub(super) fn mime_type_of<'a>(target: &'a str, types: &[String]) -> Option<&'a str> {
    let offered = |name: &str| types.iter().any(|known| known == name);
    if offered(target) {
        return Some(target);
    }
    let text = TEXTS.contains(&target);
    TEXTS.iter().copied().find(|name| text && offered(name))
}

/// Text in UTF-8 as ICCCM's STRING, which is Latin-1.
pub(super) fn to_latin1(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn text_goes_by_all_its_names() {
        let tk = list(&["MULTIPLE", "TARGETS", "TIMESTAMP", "UTF8_STRING", "STRING", "image/png"]);
        assert_eq!(mime_types(&tk), ["UTF8_STRING", "STRING", "image/png", UTF8_TEXT, "text/plain"]);
        assert_eq!(target_of(UTF8_TEXT, &tk), "UTF8_STRING");
        assert_eq!(target_of("image/png", &tk), "image/png");
        assert_eq!(target_of("text/plain", &list(&["STRING"])), "STRING");
        assert_eq!(mime_types(&list(&["image/png"])), ["image/png"]);
        let gtk = list(&["text/html", UTF8_TEXT]);
        assert_eq!(targets(&gtk), ["text/html", UTF8_TEXT, "UTF8_STRING", "TEXT", "STRING"]);
        assert_eq!(mime_type_of("STRING", &gtk), Some(UTF8_TEXT));
        assert_eq!(mime_type_of("text/html", &gtk), Some("text/html"));
        assert_eq!(mime_type_of("image/png", &gtk), None);
        assert_eq!(mime_type_of("STRING", &list(&["image/png"])), None);
    }

    #[test]
    fn latin1_has_no_more_than_its_letters() {
        assert_eq!(to_latin1("café €".as_bytes()), b"caf\xe9 ?");
    }
}
