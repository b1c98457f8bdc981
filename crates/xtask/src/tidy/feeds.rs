//! The folders of `feeds/`, the rows of its table, and the feeds that the binary knows are the same set; and every preset has
//! its fuzz target.

use std::collections::BTreeMap;

use super::{Finding, lines};
use crate::tree::Tree;

/// The table of feeds stands between these lines.
const BEGIN: &str = "<!-- feeds -->";
const END: &str = "<!-- end -->";

const README: &str = "feeds/README.md";
const REGISTRY: &str = "crates/quotewire/src/feeds.rs";
const FUZZ: &str = "crates/feed/fuzz/Cargo.toml";

/// Reports feeds that one place knows and another does not.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let folders: Vec<&str> = tree
        .files()
        .filter_map(|(path, _)| path.strip_prefix("feeds/")?.strip_suffix("/Cargo.toml"))
        .filter(|folder| !folder.contains('/'))
        .collect();
    if folders.is_empty() {
        return Vec::new();
    }
    let mut findings = match tree.text(README) {
        Some(text) => compare(&folders, &rows(text), README, "row in the table"),
        None => vec![Finding::new(README, 1, "missing: it holds the table of feeds")],
    };
    // The registry is the one file of the binary that names venues.
    if let Some(text) = tree.text(REGISTRY) {
        findings.extend(compare(&folders, &kinds(text), REGISTRY, "row in `PRESETS`"));
        for folder in &folders {
            if !text.contains(&format!("feed_{}::", folder.replace('-', "_"))) {
                findings.push(Finding::new(REGISTRY, 1, format!("nothing builds `feeds/{folder}`")));
            }
        }
        let manifest = tree.text(FUZZ).unwrap_or_default();
        for (preset, line) in presets(text) {
            let target = format!("name = \"{preset}\"\npath = \"fuzz_targets/{preset}.rs\"\n");
            if !manifest.contains(&target) {
                findings.push(Finding::new(REGISTRY, line, format!("`{preset}` has no target in {FUZZ}")));
            }
        }
    }
    findings
}

fn compare(folders: &[&str], named: &BTreeMap<String, usize>, path: &str, what: &str) -> Vec<Finding> {
    let absent = folders.iter().filter(|folder| !named.contains_key(**folder));
    let extra = named.iter().filter(|(name, _)| !folders.contains(&name.as_str()));
    absent
        .map(|folder| Finding::new(path, 1, format!("`feeds/{folder}` has no {what}")))
        .chain(
            extra.map(|(name, line)| Finding::new(path, *line, format!("`{name}` is no folder of feeds/"))),
        )
        .collect()
}

/// The names in the first column of the table, with their lines.
fn rows(text: &str) -> BTreeMap<String, usize> {
    lines(text)
        .skip_while(|(_, line)| *line != BEGIN)
        .take_while(|(_, line)| *line != END)
        .filter_map(|(at, line)| Some((line.strip_prefix("| `")?.split_once('`')?.0.to_owned(), at)))
        .collect()
}

/// The names of the rows of `PRESETS`, with their lines.
fn presets(text: &str) -> impl Iterator<Item = (&str, usize)> {
    lines(text).filter_map(|(at, line)| {
        Some((line.trim().strip_prefix("row(")?.trim_start().strip_prefix('"')?.split_once('"')?.0, at))
    })
}

/// The kinds in the rows of `PRESETS` (the second string of each), and all strings of `OTHER_KINDS`, with their lines.
fn kinds(text: &str) -> BTreeMap<String, usize> {
    let strings = |line: &str| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut found = BTreeMap::new();
    // A row that is too long for one line stands on several; its strings come in the same order.
    let mut row = Vec::new();
    for (at, line) in lines(text) {
        let line = line.trim();
        if line.starts_with("row(") || !row.is_empty() {
            row.extend(strings(line));
            if line.ends_with("),") || line.ends_with('}') {
                found.extend(row.drain(..).nth(1).map(|kind| (kind, at)));
            }
        } else if line.starts_with("const OTHER_KINDS") {
            found.extend(strings(line).into_iter().map(|kind| (kind, at)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    const TABLE: &str =
        "| `other` |\n<!-- feeds -->\n| feed |\n| `kraken` | x |\n| `sim` | x |\n<!-- end -->\n| `no` |\n";
    const SOURCE: &str = "    row(\"kraken_v2\", \"kraken\", \"v2\", feed_kraken::session),\n\
                          const OTHER_KINDS: [&str; 1] = [\"sim\"];\nlet a = \"x\";\nfeed_sim::new();\n";

    const TARGETS: &str = "name = \"kraken_v2\"\npath = \"fuzz_targets/kraken_v2.rs\"\n";

    fn files<'a>(table: &'a str, source: &'a str) -> [(&'a str, &'a str); 5] {
        let [kraken, sim] = [("feeds/kraken/Cargo.toml", ""), ("feeds/sim/Cargo.toml", "")];
        [kraken, sim, (README, table), (REGISTRY, source), (FUZZ, TARGETS)]
    }

    #[test]
    fn a_preset_that_nobody_fuzzes_is_named() {
        let two = SOURCE
            .replace("const OTHER", "row(\"kraken\", \"kraken\", \"v1\", feed_kraken::v1),\nconst OTHER");
        assert_eq!(
            said(check, &files(TABLE, &two)),
            ["crates/quotewire/src/feeds.rs:2: `kraken` has no target in crates/feed/fuzz/Cargo.toml"]
        );
    }

    #[test]
    fn three_equal_sets_pass() {
        assert_eq!(said(check, &files(TABLE, SOURCE)), [""; 0]);
    }

    #[test]
    fn a_feed_that_one_place_forgot_is_named() {
        assert_eq!(
            said(check, &files(&TABLE.replace("`sim`", "`ism`"), SOURCE)),
            [
                "feeds/README.md:1: `feeds/sim` has no row in the table",
                "feeds/README.md:5: `ism` is no folder of feeds/"
            ]
        );
        assert_eq!(
            said(check, &files(TABLE, &SOURCE.replace("[\"sim\"]", "[]"))),
            ["crates/quotewire/src/feeds.rs:1: `feeds/sim` has no row in `PRESETS`"]
        );
        assert_eq!(
            said(check, &files(TABLE, &SOURCE.replace("feed_sim::", "feed_kraken::"))),
            ["crates/quotewire/src/feeds.rs:1: nothing builds `feeds/sim`"]
        );
        assert_eq!(
            said(check, &[("feeds/sim/Cargo.toml", "")]),
            ["feeds/README.md:1: missing: it holds the table of feeds"]
        );
    }
}
