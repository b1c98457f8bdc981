//! Every metric named under `dashboards/` exists: a board or an alert on a series that is never written stays silent
//! for ever.

use std::collections::BTreeSet;

use super::{Finding, lines};
use crate::tree::Tree;

/// What every series of ours begins with.
const PREFIX: &str = "quotewire_";
/// Where the catalogue of series is, and what its block begins with. `cargo xtask docs` writes it.
const CATALOGUE: &str = "dashboards/README.md";
const BEGIN: &str = "<!-- generated: quotewire docs metrics -->";
const END: &str = "<!-- end -->";
/// What Prometheus adds to the name of a histogram.
const SUFFIXES: &[&str] = &["_bucket", "_sum", "_count"];

/// Reports series that are named and not in the catalogue.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let known = tree.text(CATALOGUE).map(catalogue).unwrap_or_default();
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.starts_with("dashboards/")) {
        for (at, line) in lines(text) {
            for name in series(line).filter(|name| !exists(&known, name)) {
                let what = format!("`{name}` is not in the catalogue of {CATALOGUE}");
                findings.push(Finding::new(path, at, what));
            }
        }
    }
    findings
}

/// The names in the first column of the generated table.
fn catalogue(text: &str) -> BTreeSet<&str> {
    text.lines()
        .skip_while(|line| *line != BEGIN)
        .take_while(|line| *line != END)
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0))
        .collect()
}

fn series(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(|word| word.len() > PREFIX.len() && word.starts_with(PREFIX))
}

fn exists(known: &BTreeSet<&str>, name: &str) -> bool {
    known.contains(name)
        || SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix)).any(|base| known.contains(base))
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    const README: &str = "# Dashboards\n<!-- generated: quotewire docs metrics -->\n| series |\n|---|\n\
                          | `quotewire_clients` | gauge |\n| `quotewire_lag_seconds` | histogram |\n<!-- end -->\n";

    #[test]
    fn known_series_and_their_histogram_parts_pass() {
        let board = "{\"expr\": \"rate(quotewire_lag_seconds_bucket{job=\\\"quotewire\\\"}[5m]) / quotewire_clients\"}";
        assert_eq!(said(check, &[(CATALOGUE, README), ("dashboards/grafana/a.json", board)]), [""; 0]);
    }

    #[test]
    fn a_series_that_nobody_writes_is_found() {
        let alert = "expr: up == 0\nexpr: quotewire_cleints > 0\n";
        assert_eq!(
            said(check, &[(CATALOGUE, README), ("dashboards/prometheus/alerts.yml", alert)]),
            [
                "dashboards/prometheus/alerts.yml:2: `quotewire_cleints` is not in the catalogue of dashboards/README.md"
            ]
        );
        assert_eq!(
            said(check, &[("dashboards/a.md", "quotewire_clients\n")]).len(),
            1,
            "no catalogue, no series"
        );
    }
}
