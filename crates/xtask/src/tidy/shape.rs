//! The shape of a file: a `//!` line on top, a bounded length, clean line ends.

use super::{Finding, lines};
use crate::tree::{Content, Tree, ending};

/// The longest a file may be. Ask at 300 lines, split at 500; nobody reads 800.
const LINES_MAX: usize = 800;

/// Endings of files that have a longest length: those that people read from top to bottom.
const READ: &[&str] = &["rs", "js", "mjs", "css", "html", "md", "py", "ts"];

/// Files that may be longer. Each line says why.
const LONGER: &[&str] = &[];

/// Reports files out of shape.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, content) in tree.files() {
        match content {
            Content::Text(text) => of_text(path, text, &mut findings),
            Content::Broken => findings.push(Finding::new(path, 1, "not UTF-8")),
            Content::Data => {}
        }
    }
    findings
}

fn of_text(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let mut found = |line, what: String| findings.push(Finding::new(path, line, what));
    if ending(path) == Some("rs") && !text.starts_with("//! ") {
        found(1, "the first line must be `//!` and say what the file is".to_owned());
    }
    let count = text.lines().count();
    if count > LINES_MAX && ending(path).is_some_and(|e| READ.contains(&e)) && !LONGER.contains(&path) {
        found(LINES_MAX + 1, format!("{count} lines; {LINES_MAX} is the most a file may have"));
    }
    for (at, line) in lines(text) {
        if line.contains('\t') {
            found(at, "a tab".to_owned());
        }
        if line.ends_with([' ', '\t']) {
            found(at, "blanks at the end of the line".to_owned());
        }
    }
    if let Some(at) = text.find('\r') {
        found(text[..at].matches('\n').count() + 1, "a carriage return".to_owned());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found(count, "no line feed at the end of the file".to_owned());
    }
    if text.ends_with("\n\n") {
        found(count, "an empty line at the end of the file".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    #[test]
    fn a_good_file_passes() {
        let files = [("src/lib.rs", "//! What it is.\nfn a() {}\n"), ("a.md", "# A\n"), ("empty.txt", "")];
        assert_eq!(said(check, &files), [""; 0]);
    }

    #[test]
    fn each_fault_of_shape_is_found() {
        let cases: &[(&str, &str, &str)] = &[
            ("a.rs", "use x;\n", "a.rs:1: the first line must be `//!` and say what the file is"),
            ("a.rs", "//! A.\nx \n", "a.rs:2: blanks at the end of the line"),
            ("a.js", "\tx;\n", "a.js:1: a tab"),
            ("a.md", "a\r\nb\r\n", "a.md:1: a carriage return"),
            ("a.md", "a\nb\rc\n", "a.md:2: a carriage return"),
            ("NOTICE", "a", "NOTICE:1: no line feed at the end of the file"),
            ("a.toml", "a = 1\n\n", "a.toml:2: an empty line at the end of the file"),
        ];
        for (path, text, expected) in cases {
            assert_eq!(said(check, &[(path, text)]), [*expected]);
        }
    }

    #[test]
    fn the_longest_file_passes_and_one_line_more_does_not() {
        let of = |lines: usize| "//! A.\n".repeat(lines);
        assert_eq!(said(check, &[("a.rs", &of(800))]), [""; 0]);
        assert_eq!(
            said(check, &[("a.rs", &of(801))]),
            ["a.rs:801: 801 lines; 800 is the most a file may have"]
        );
        assert_eq!(said(check, &[("a.json", &of(801))]), [""; 0], "generated and data files may be long");
    }
}
