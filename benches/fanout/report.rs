//! Results as text: one table a scenario, every repeat, and medians.

use std::fmt::Write;
use std::fs;
use std::process::Command;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// A number and how many decimals are worth telling.
    Number(f64, usize),
    /// Not measured.
    None,
}

impl Cell {
    /// A number that may be missing.
    pub(crate) fn maybe(number: Option<f64>, decimals: usize) -> Cell {
        number.filter(|n| n.is_finite()).map_or(Cell::None, |n| Cell::Number(n, decimals))
    }
}

/// One scenario's figures.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// What was measured.
    pub(crate) title: String,
    /// Its columns, without the row's name.
    pub(crate) columns: &'static [&'static str],
    lines: Vec<(String, Result<Vec<Cell>, String>)>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(title: impl Into<String>, columns: &'static [&'static str]) -> Table {
        Table { title: title.into(), columns, lines: Vec::new() }
    }

    /// Adds what a row came to, or why it came to nothing.
    pub(crate) fn add(&mut self, row: &str, outcome: Result<Vec<Cell>, String>) {
        self.lines.push((row.to_owned(), outcome));
    }

    /// As markdown: medians, and below them every repeat when there were several.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.lines {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let medians: Vec<(String, Vec<Cell>)> = names
            .iter()
            .filter_map(|name| {
                let of_row: Vec<&Vec<Cell>> = self
                    .lines
                    .iter()
                    .filter(|(n, _)| n == name)
                    .filter_map(|(_, o)| o.as_ref().ok())
                    .collect();
                let cells = (0..self.columns.len()).map(|column| median(&of_row, column)).collect();
                (!of_row.is_empty()).then(|| ((*name).to_owned(), cells))
            })
            .collect();
        self.grid(&medians, &mut text);
        if self.lines.len() > names.len() {
            text.push_str("\nEvery repeat:\n\n");
            let mut repeats: Vec<(String, Vec<Cell>)> = Vec::new();
            for name in &names {
                let of_row = self.lines.iter().filter(|(n, _)| n == name);
                repeats.extend(of_row.filter_map(|(n, o)| Some((n.clone(), o.as_ref().ok()?.clone()))));
            }
            self.grid(&repeats, &mut text);
        }
        let mut told = Vec::new();
        for (name, why) in self.lines.iter().filter_map(|(name, o)| Some((name, o.as_ref().err()?))) {
            let line = format!("`{name}` was not measured: {why}\n");
            if !told.contains(&line) {
                text.push_str(if told.is_empty() { "\n* " } else { "* " });
                text.push_str(&line);
                told.push(line);
            }
        }
        text
    }

    fn grid(&self, lines: &[(String, Vec<Cell>)], text: &mut String) {
        let _ = writeln!(text, "| row | {} |", self.columns.join(" | "));
        let _ = writeln!(text, "|---{}|", "|---".repeat(self.columns.len()));
        for (name, cells) in lines {
            let cells: Vec<String> = cells.iter().map(shown).collect();
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
    }
}

fn median(lines: &[&Vec<Cell>], column: usize) -> Cell {
    let mut numbers: Vec<(f64, usize)> = lines
        .iter()
        .filter_map(|cells| match cells.get(column) {
            Some(Cell::Number(n, decimals)) => Some((*n, *decimals)),
            _ => None,
        })
        .collect();
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(&(upper, decimals)) = numbers.get(numbers.len() / 2) else { return Cell::None };
    let lower = numbers[(numbers.len() - 1) / 2].0;
    Cell::Number(f64::midpoint(lower, upper), decimals)
}

/// A number with its thousands apart.
fn shown(cell: &Cell) -> String {
    let Cell::Number(number, decimals) = cell else { return "-".to_owned() };
    let text = format!("{number:.decimals$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(w, r)| (w, Some(r)));
    let mut out = String::new();
    let digits = whole.trim_start_matches('-');
    if whole.starts_with('-') {
        out.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(rest) = rest {
        out.push('.');
        out.push_str(rest);
    }
    out
}

/// What was measured where and when, for the head of a report.
pub(crate) fn place() -> String {
    let first = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map_or(line.clone(), |(_, value)| value.trim().to_owned())
    };
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok();
        output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let changed = if said("git", &["status", "--porcelain"]).is_empty() { "" } else { ", with changes" };
    format!(
        "{}; commit {}{changed}; {cores} x {}, {}; Linux {}; {}",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        said("git", &["rev-parse", "--short", "HEAD"]),
        first("/proc/cpuinfo", "model name"),
        first("/proc/meminfo", "MemTotal"),
        kernel.trim(),
        said("rustc", &["--version"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_give_medians_and_failures_their_reason() {
        let mut table = Table::new("A", &["events/s", "p99"]);
        for (events, p99) in [(1_234_567.0, 3.25), (1_000.0, 1.25), (2_000_000.0, 2.0)] {
            table.add("bare", Ok(vec![Cell::Number(events, 0), Cell::Number(p99, 1)]));
        }
        table.add("nchan", Err("it is not there".to_owned()));
        table.add("nchan", Err("it is not there".to_owned()));
        table.add("warp", Ok(vec![Cell::Number(-4321.0, 0), Cell::None]));
        let text = table.markdown();
        assert!(
            text.starts_with("## A\n\n| row | events/s | p99 |\n|---|---|---|\n| bare | 1,234,567 | 2.0 |\n")
        );
        assert!(
            text.contains("| warp | -4,321 | - |\n") && text.contains("| bare | 1,000 | 1.2 |\n"),
            "{text}"
        );
        assert_eq!(text.matches("`nchan` was not measured: it is not there\n").count(), 1);
    }
}
