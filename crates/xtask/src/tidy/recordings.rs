//! Every recorded file names its origin: it stands in a `SOURCES.md` of its folder or of one above.
//!
//! Recorded data is other people's work. Without an origin nobody can check it, record it again, or keep its licence.

use super::Finding;
use crate::tree::Tree;

/// Reports recorded files without an origin.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .map(|(path, _)| path)
        .filter(|path| is_recorded(path) && !has_origin(tree, path))
        .map(|path| Finding::new(path, 1, "no SOURCES.md beside it or above names this file and its origin"))
        .collect()
}

/// Anything in a folder `fixtures`, and capture files wherever they are.
fn is_recorded(path: &str) -> bool {
    let in_fixtures = path.split('/').rev().skip(1).any(|folder| folder == "fixtures");
    let capture = [".cap.gz", ".cap.zst", ".rest.gz", ".rest.zst"].iter().any(|end| path.ends_with(end));
    (in_fixtures || capture) && !path.ends_with("/SOURCES.md")
}

fn has_origin(tree: &Tree, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        folder = above;
        if tree.text(&format!("{folder}/SOURCES.md")).is_some_and(|text| mentions(text, name)) {
            return true;
        }
    }
    false
}

/// Whether a text names a file, and not only a longer name that ends or begins with it.
fn mentions(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + name.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    #[test]
    fn a_file_named_beside_or_above_passes() {
        let files = [
            ("feeds/kraken/fixtures/SOURCES.md", "| `ticker.json` | Kraken, 2021 |\n`v2/book.json`.\n"),
            ("feeds/kraken/fixtures/ticker.json", ""),
            ("feeds/kraken/fixtures/v2/book.json", ""),
            ("crates/quotewire/demo/SOURCES.md", "day.cap.gz: recorded by hand\n"),
            ("crates/quotewire/demo/day.cap.gz", ""),
        ];
        assert_eq!(said(check, &files), [""; 0]);
    }

    #[test]
    fn a_file_without_an_origin_is_found() {
        let files = [
            ("feeds/kraken/fixtures/SOURCES.md", "old-ticker.json, book.json5\n"),
            ("feeds/kraken/fixtures/ticker.json", ""),
            ("feeds/okx/fixtures/book.json", ""),
            ("benches/day.cap.gz", ""),
        ];
        let found = said(check, &files);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("benches/day.cap.gz:1: no SOURCES.md"), "{found:?}");
    }
}
