//! Words that must not stand in the tree: loose ends, paths of one machine, and reads of the environment outside the
//! binary.
//!
//! The words are spelled in two halves here, so that this file may be checked as well.

use super::{Finding, lines};
use crate::tree::{Tree, ending};

/// Loose ends: finish them, or write down what is missing where its reader will look.
const LOOSE: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("db", "g!("),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("TO", "DO"),
    concat!("#[ig", "nore"),
    concat!("test.", "skip"),
    concat!("it.", "skip("),
    concat!("test.", "only"),
    concat!("it.", "only("),
    concat!("mark.", "skip"),
];

/// Paths and hosts that mean something on one machine only.
const LOCAL: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/fa", "rm/"),
    concat!("/ho", "me/"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("registry.npm", "js.org"),
    concat!("files.python", "hosted.org"),
    concat!("deb.deb", "ian.org"),
];

/// Reads of the environment. Configuration has one door, the binary, so that every value has one origin.
const ENVIRONMENT: &[&str] = &[concat!("env::", "var"), concat!("env::", "vars"), concat!("env::", "var_os")];

/// Where the environment may be read: the binary, this tool, and what only tests use.
const READERS: &[&str] = &["crates/quotewire/", "crates/xtask/", "crates/testkit/", "benches/"];

/// Reports forbidden words.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        let reads_environment = ending(path) != Some("rs") || may_read_environment(path);
        let mut in_tests = false;
        for (at, line) in lines(text) {
            in_tests |= line.trim_start().starts_with("#[cfg(test)]");
            for word in LOOSE.iter().filter(|word| stands_in(line, word)) {
                findings.push(Finding::new(path, at, format!("`{word}` is a loose end")));
            }
            for word in LOCAL.iter().filter(|word| stands_in(line, word)) {
                findings.push(Finding::new(path, at, format!("`{word}` belongs to one machine")));
            }
            if !reads_environment && !in_tests && ENVIRONMENT.iter().any(|word| stands_in(line, word)) {
                let what = "the environment is read outside crates/quotewire: take the value as an argument";
                findings.push(Finding::new(path, at, what));
            }
        }
    }
    findings
}

fn may_read_environment(path: &str) -> bool {
    READERS.iter().any(|folder| path.starts_with(folder))
        || path.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"))
}

/// Whether a word stands in a line by itself and not inside a longer one.
fn stands_in(line: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    let begins = |at: usize| !word.starts_with(letter) || !line[..at].ends_with(letter);
    let ends = |at: usize| !word.ends_with(letter) || !line[at + word.len()..].starts_with(letter);
    line.match_indices(word).any(|(at, _)| begins(at) && ends(at))
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    #[test]
    fn every_loose_end_and_local_path_is_found() {
        for word in LOOSE {
            let found = said(check, &[("a.rs", &format!("//! A.\n x {word}\n"))]);
            assert_eq!(found, [format!("a.rs:2: `{word}` is a loose end")]);
        }
        for word in LOCAL {
            let found = said(check, &[("docs.md", &format!("see {word} x\n"))]);
            assert_eq!(found, [format!("docs.md:1: `{word}` belongs to one machine")]);
        }
    }

    #[test]
    fn longer_words_are_other_words() {
        let text = "a FIXMEs network/x mytodo!(1) YYXXX hackney XXXL\n";
        assert_eq!(said(check, &[("a.md", text)]), [""; 0]);
    }

    #[test]
    fn only_the_binary_and_tests_read_the_environment() {
        let line = format!("let x = std::{}(\"X\");\n", ENVIRONMENT[0]);
        for path in
            ["crates/quotewire/src/config.rs", "crates/feed/tests/live.rs", "crates/testkit/src/lib.rs"]
        {
            assert_eq!(said(check, &[(path, &line)]), [""; 0]);
        }
        let found = said(check, &[("crates/feed/src/ws.rs", &line)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/feed/src/ws.rs:1: the environment"), "{found:?}");
        let at_the_foot = format!("#[cfg(test)]\nmod tests {{\n{line}}}\n");
        assert_eq!(said(check, &[("crates/feed/src/ws.rs", &at_the_foot)]), [""; 0]);
    }
}
