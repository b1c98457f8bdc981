//! The rules of the tree that no compiler knows, each a plain function from files to findings.
//!
//! | file | rule |
//! |---|---|
//! | [`edges`] | who may know whom |
//! | [`shape`] | a `//!` line on top, no file over 800 lines, clean line ends |
//! | [`words`] | loose ends, machine paths, and the environment read in one crate only |
//! | [`feeds`] | folders, table rows and match arms of feeds are the same set |
//! | [`recordings`] | every recorded file has its origin written down |
//! | [`series`] | every metric named under `dashboards/` exists |
//! | [`traps`] | every test named in the table of traps of `feeds/README.md` exists |
//! | [`links`] | every link between documents leads somewhere |

mod edges;
mod feeds;
mod links;
mod recordings;
mod series;
mod shape;
mod traps;
mod words;

use std::fmt;

use crate::exec::{self, Failure, failed};
use crate::metadata;
use crate::tree::Tree;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks the whole work tree and prints a line for each finding.
pub(crate) fn run() -> Result<(), Failure> {
    let tree = Tree::read(&exec::root())?;
    let packages = metadata::packages()?;
    let mut findings = edges::check(&tree, &packages);
    findings.extend(of_files(&tree));
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files and {} crates keep the rules", tree.files().count(), packages.len());
            Ok(())
        }
        1 => failed("tidy: 1 finding"),
        many => failed(format!("tidy: {many} findings")),
    }
}

/// The rules that need nothing but the files.
fn of_files(tree: &Tree) -> Vec<Finding> {
    [shape::check, words::check, feeds::check, recordings::check, series::check, traps::check, links::check]
        .into_iter()
        .flat_map(|rule| rule(tree))
        .collect()
}

/// The lines of a text with their numbers, from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a rule says of these files, a line each.
    pub(super) fn said(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
        rule(&Tree::of(files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_planted_violation_is_found_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/lib.rs"), "//! Fine.\n").unwrap();
        assert_eq!(of_files(&Tree::read(folder.path()).unwrap()), []);
        std::fs::write(folder.path().join("src/lib.rs"), "fn a() {}\t\n").unwrap();
        let found: Vec<String> =
            of_files(&Tree::read(folder.path()).unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "src/lib.rs:1: the first line must be `//!` and say what the file is",
                "src/lib.rs:1: a tab",
                "src/lib.rs:1: blanks at the end of the line",
            ]
        );
    }
}
