//! Every test that the table of traps names exists.
//!
//! A venue's trap is remembered by a test alone: renamed or removed without this rule, the table would promise what
//! nobody checks any more.

use super::{Finding, lines};
use crate::tree::Tree;

/// The table of traps stands between these lines.
const BEGIN: &str = "<!-- traps -->";
const END: &str = "<!-- end -->";

const README: &str = "feeds/README.md";

/// Reports rows without a test and tests that are not there. They are written `folder/file.rs::name`, from `feeds/` on.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(README) else { return Vec::new() };
    let mut findings = Vec::new();
    // The first two lines of the table are its head.
    let rows = lines(text)
        .skip_while(|(_, line)| *line != BEGIN)
        .take_while(|(_, line)| *line != END)
        .filter(|(_, line)| line.starts_with('|'))
        .skip(2);
    for (at, row) in rows {
        let mut named =
            row.split('`').skip(1).step_by(2).filter_map(|word| word.split_once(".rs::")).peekable();
        if named.peek().is_none() {
            findings.push(Finding::new(README, at, "a trap without a test"));
        }
        for (file, name) in named {
            let path = format!("feeds/{file}.rs");
            match tree.text(&path) {
                None => findings.push(Finding::new(README, at, format!("there is no `{path}`"))),
                Some(source) if !has_test(source, name) => {
                    findings.push(Finding::new(README, at, format!("`{path}` has no test `{name}`")));
                }
                Some(_) => {}
            }
        }
    }
    findings
}

/// Whether a function of that name stands there behind an attribute that makes it a test.
fn has_test(source: &str, name: &str) -> bool {
    let (plain, waiting) = (format!("fn {name}("), format!("async fn {name}("));
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with(&plain) || line.starts_with(&waiting) {
            return is_test;
        }
        let attribute = line.starts_with("#[");
        is_test = (is_test && attribute) || line == "#[test]" || line.starts_with("#[tokio::test");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    const SOURCE: &str = "#[test]\nfn one() {}\n#[tokio::test]\nasync fn two() {}\nfn three() {}\n";

    fn table(row: &str) -> String {
        format!("| `no` | x |\n{BEGIN}\n| trap | test |\n|---|---|\n{row}\n{END}\n| `no` | x |\n")
    }

    fn of(row: &str) -> Vec<String> {
        said(check, &[(README, &table(row)), ("feeds/okx/tests/a.rs", SOURCE)])
    }

    #[test]
    fn tests_that_are_there_pass() {
        assert_eq!(of("| `1e-7` | `okx/tests/a.rs::one`, `okx/tests/a.rs::two` |"), [""; 0]);
    }

    #[test]
    fn what_is_no_test_is_found() {
        assert_eq!(of("| `1e-7` | soon |"), ["feeds/README.md:5: a trap without a test"]);
        assert_eq!(
            of("| x | `okx/tests/b.rs::one` |"),
            ["feeds/README.md:5: there is no `feeds/okx/tests/b.rs`"]
        );
        for name in ["three", "on", "four"] {
            assert_eq!(
                of(&format!("| x | `okx/tests/a.rs::{name}` |")),
                [format!("feeds/README.md:5: `feeds/okx/tests/a.rs` has no test `{name}`")]
            );
        }
    }
}
