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
    let (mut folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = folder.rsplit('/').next().unwrap_or(folder);
    let beside = folder;
    loop {
        if let Some(text) = tree.text(&format!("{folder}/SOURCES.md")) {
            // Further up, equal names in several folders are told apart by the folder, named on the same line.
            let told_apart = |line: &str| folder == beside || mentions(line, parent);
            if text.lines().any(|line| mentions(line, name) && told_apart(line)) {
                return true;
            }
        }
        match folder.rsplit_once('/') {
            Some((above, _)) => folder = above,
            None => return false,
        }
    }
}

/// Whether a text names a file or folder, and not only a longer name that ends or begins with it.
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
            ("feeds/okx/SOURCES.md", "| folder | file |\n| fixtures | `a.json` |\n"),
            ("feeds/okx/fixtures/a.json", ""),
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
            ("feeds/binance/fixtures/SOURCES.md", "`us/day.json`\n"),
            ("feeds/binance/fixtures/us/day.json", ""),
            ("feeds/binance/fixtures/usdm/day.json", ""),
            ("feeds/okx/fixtures/book.json", ""),
            ("benches/day.cap.gz", ""),
        ];
        let found = said(check, &files);
        let paths: Vec<&str> =
            found.iter().filter_map(|line| Some(line.split_once(":1: no SOURCES.md")?.0)).collect();
        let expected = [
            "benches/day.cap.gz",
            "feeds/binance/fixtures/usdm/day.json",
            "feeds/kraken/fixtures/ticker.json",
            "feeds/okx/fixtures/book.json",
        ];
        assert_eq!(paths, expected);
    }
}
