//! The source tree, as the tidy check sees it.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests crate lies in the repository's root").to_path_buf()
}

/// A file of the tree.
#[derive(Debug)]
pub struct Source {
    /// Path from the root, with `/`.
    pub path: String,
    /// Contents.
    pub text: String,
}

impl Source {
    /// Lines before a trailing inline test module.
    pub fn body(&self) -> impl Iterator<Item = &str> {
        self.text.lines().take_while(|line| *line != "#[cfg(test)]")
    }

    /// Name without folder.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Every tracked or new file with this extension, outside build outputs.
pub fn sources(extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), &root(), extension, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(root: &Path, folder: &Path, extension: &str, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            let skipped = name == ".git" || name.starts_with("target") || name == "out";
            if !skipped {
                collect(root, &path, extension, found);
            }
        } else if path.extension().is_some_and(|found| found == extension)
            && let Ok(text) = fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            found.push(Source { path, text });
        }
    }
}

/// A function: where it starts and how many lines it has.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Line of its signature, from 1.
    pub line: usize,
    /// Lines from the signature to the closing brace.
    pub length: usize,
}

/// The functions of a file, by rustfmt's layout: the closing brace has the signature's indent.
pub fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if !starts_function(line.trim_start()) {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let declared_only =
            |line: &str| line.trim_end().ends_with(';') && line.len() - line.trim_start().len() <= indent;
        for (offset, later) in lines[index..].iter().enumerate() {
            if later.trim_end() == close
                || (offset == 0 && later.contains('{') && later.trim_end().ends_with('}'))
            {
                found.push(Function { line: index + 1, length: offset + 1 });
                break;
            }
            if declared_only(later) {
                break;
            }
        }
    }
    found
}

fn starts_function(line: &str) -> bool {
    for word in line.split_whitespace() {
        match word {
            "fn" => return true,
            "pub" | "const" | "unsafe" | "async" | "extern" | "\"C\"" => {}
            _ if word.starts_with("pub(") => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Function, functions};

    #[test]
    fn functions_are_found_with_their_length() {
        let text = "fn a() {}\n\npub(crate) const fn b(\n    x: u8,\n) -> u8 {\n    x\n}\ntrait T {\n    fn c(&self);\n    fn d(&self) {\n    }\n}\n";
        let expected = [(1, 1), (3, 5), (10, 2)].map(|(line, length)| Function { line, length });
        assert_eq!(functions(text), expected);
    }
}
