//! Who may know whom, and who may use which package.
//!
//! The table below is the one truth; the sentences in CONTRIBUTING and ARCHITECTURE explain it. Dev-dependencies are
//! free, because a test may know more than the code it tests, with one exception: nothing may lean on the binary.

use super::{Finding, lines};
use crate::metadata::{Dependency, Package};
use crate::tree::Tree;

/// Any crate of ours.
const ANY: &[&str] = &["*"];

/// Which of our crates a crate may depend on. `feed-*` is every crate of `feeds/`.
const OURS: &[(&str, &[&str])] = &[
    ("market", &[]),
    ("feed", &["market"]),
    ("table", &["market"]),
    ("wire", &["market"]),
    ("edge", &["market", "table", "wire"]),
    ("feed-*", &["market", "feed"]),
    ("quotewire", &["market", "feed", "table", "wire", "edge", "feed-*"]),
    ("testkit", ANY),
    ("benches", ANY),
    ("gates", ANY),
    ("xtask", &[]),
];

/// Packages that only some of our crates may use, so that replacing one touches one crate.
const OWNED: &[(&str, &[&str])] = &[
    ("tokio-tungstenite", &["feed", "testkit"]),
    ("tungstenite", &["feed", "testkit", "benches"]),
    ("warp", &["edge", "testkit", "benches"]),
    ("hyper", &["edge", "feed", "testkit", "benches"]),
    ("hyper-util", &["edge", "feed", "testkit", "benches"]),
    ("clap", &["quotewire", "benches"]),
];

/// Crates that must stay free of some packages.
const WITHOUT: &[(&str, &[&str], &str)] = &[
    (
        "table",
        &["tokio", "tokio-util", "futures-util", "bytes", "serde_json"],
        "the table knows no tasks and no bytes",
    ),
    (
        "wire",
        &["tokio", "tokio-util", "futures-util", "socket2", "mio"],
        "wire knows no sockets and no tasks",
    ),
];

/// Crates whose packages are few enough to be named.
const ONLY: &[(&str, &[&str], &str)] = &[
    ("market", &["rust_decimal", "itoa"], "market is words and numbers"),
    ("xtask", &["serde_json"], "the door must open when everything else is broken"),
];

/// Reports every dependency that the tables do not allow.
pub(super) fn check(tree: &Tree, packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let place = |dependency: &Dependency, what: String| {
            let text = tree.text(&package.manifest).unwrap_or_default();
            let line = lines(text).find(|(_, line)| names(line, &dependency.name)).map_or(1, |(at, _)| at);
            Finding::new(&package.manifest, line, what)
        };
        if rule(OURS, &package.name).is_none() {
            let what = format!("crate `{}` has no row in the table of xtask's tidy/edges.rs", package.name);
            findings.push(Finding::new(&package.manifest, 1, what));
        }
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|p| p.name == dependency.name);
            if let Some(what) = objection(package, dependency, ours) {
                findings.push(place(dependency, what));
            }
        }
    }
    findings
}

fn objection(package: &Package, dependency: &Dependency, ours: bool) -> Option<String> {
    let (who, whom) = (package.name.as_str(), dependency.name.as_str());
    if dependency.dev {
        let leans = ours && matches!(whom, "quotewire" | "benches" | "xtask");
        return leans.then(|| format!("`{who}` may not depend on `{whom}`, not even in tests"));
    }
    if ours {
        let allowed = rule(OURS, who)?;
        let fine = allowed == ANY || allowed.iter().any(|pattern| matches(pattern, whom));
        return (!fine).then(|| match allowed {
            [] => format!("`{who}` may not depend on `{whom}`: it knows none of our crates"),
            _ => format!("`{who}` may not depend on `{whom}`, only on {}", allowed.join(", ")),
        });
    }
    if let Some(owners) = rule(OWNED, whom)
        && !owners.contains(&who)
    {
        return Some(format!("`{who}` may not use `{whom}`: it belongs to {}", owners.join(", ")));
    }
    let without = WITHOUT.iter().find(|(name, list, _)| *name == who && list.contains(&whom));
    let only = ONLY.iter().find(|(name, list, _)| *name == who && !list.contains(&whom));
    let (_, _, why) = without.or(only)?;
    Some(format!("`{who}` may not use `{whom}`: {why}"))
}

fn rule(table: &[(&str, &'static [&'static str])], name: &str) -> Option<&'static [&'static str]> {
    table.iter().find(|(pattern, _)| matches(pattern, name)).map(|(_, list)| *list)
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// Whether a line of a manifest declares this dependency.
fn names(line: &str, dependency: &str) -> bool {
    line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, normal: &[&str], dev: &[&str]) -> Package {
        let of = |names: &[&str], dev| -> Vec<Dependency> {
            names.iter().map(|name| Dependency { name: (*name).to_owned(), dev }).collect()
        };
        Package {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: [of(normal, false), of(dev, true)].concat(),
            benches: Vec::new(),
        }
    }

    fn said(packages: &[Package]) -> Vec<String> {
        let tree = Tree::of(&[("crates/wire/Cargo.toml", "[package]\n[dependencies]\ntokio = \"1\"\n")]);
        check(&tree, packages).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_allowed_edges_pass() {
        let packages = [
            package("market", &["rust_decimal", "itoa"], &["proptest"]),
            package("feed", &["market", "tokio", "tokio-tungstenite"], &["testkit"]),
            package("table", &["market", "dashmap"], &["loom", "tokio"]),
            package("wire", &["market", "bytes"], &["tokio", "sse-stream"]),
            package("edge", &["market", "table", "wire", "warp", "hyper", "tokio"], &["feed", "testkit"]),
            package("feed-kraken", &["market", "feed", "serde"], &["testkit"]),
            package(
                "quotewire",
                &["market", "table", "feed", "wire", "edge", "feed-kraken", "clap"],
                &["testkit"],
            ),
            package("testkit", &["feed", "edge", "tokio-tungstenite"], &[]),
            package("benches", &["testkit", "table", "warp"], &["criterion"]),
            package("xtask", &["serde_json"], &["tempfile"]),
        ];
        assert_eq!(said(&packages), [""; 0]);
    }

    #[test]
    fn each_forbidden_edge_is_named() {
        let cases: &[(&str, &str, bool, &str)] = &[
            ("market", "wire", false, "`market` may not depend on `wire`: it knows none of our crates"),
            ("market", "serde", false, "`market` may not use `serde`: market is words and numbers"),
            ("feed-kraken", "table", false, "`feed-kraken` may not depend on `table`, only on market, feed"),
            (
                "feed-kraken",
                "feed-sim",
                false,
                "`feed-kraken` may not depend on `feed-sim`, only on market, feed",
            ),
            ("table", "tokio", false, "`table` may not use `tokio`: the table knows no tasks and no bytes"),
            ("wire", "socket2", false, "`wire` may not use `socket2`: wire knows no sockets and no tasks"),
            ("edge", "feed", false, "`edge` may not depend on `feed`, only on market, table, wire"),
            ("edge", "testkit", false, "`edge` may not depend on `testkit`, only on market, table, wire"),
            ("feed", "warp", false, "`feed` may not use `warp`: it belongs to edge, testkit, benches"),
            (
                "edge",
                "tokio-tungstenite",
                false,
                "`edge` may not use `tokio-tungstenite`: it belongs to feed, testkit",
            ),
            ("xtask", "market", false, "`xtask` may not depend on `market`: it knows none of our crates"),
            ("edge", "quotewire", true, "`edge` may not depend on `quotewire`, not even in tests"),
        ];
        let known: Vec<Package> =
            ["market", "feed", "table", "wire", "edge", "testkit", "quotewire", "feed-sim"]
                .map(|name| package(name, &[], &[]))
                .to_vec();
        for (who, whom, dev, expected) in cases {
            let list = [*whom];
            let (normal, tests): (&[&str], &[&str]) = if *dev { (&[], &list) } else { (&list, &[]) };
            let mut packages: Vec<Package> = known.iter().filter(|p| p.name != *who).cloned().collect();
            packages.push(package(who, normal, tests));
            assert_eq!(said(&packages), [format!("crates/{who}/Cargo.toml:1: {expected}")]);
        }
    }

    #[test]
    fn a_finding_points_at_the_line_and_a_new_crate_needs_a_row() {
        let found = said(&[package("wire", &["tokio"], &[]), package("util", &[], &[])]);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("crates/wire/Cargo.toml:3: "), "{found:?}");
        assert!(found[1].contains("crate `util` has no row"), "{found:?}");
    }
}
