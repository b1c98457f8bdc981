//! Every fuzz target for some seconds, and one table of what came of it.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{append, circumstances, kept};
use crate::exec::{self, Failure, failed};

/// Where fuzz targets are: the wire's, and one for each decoder.
const FOLDERS: [&str; 2] = ["crates/wire/fuzz", "crates/feed/fuzz"];

/// The table of results.
const RESULTS: &str = "benches/results/safety-fuzz.md";

/// One target, and what came of it.
#[derive(Debug)]
struct Target {
    folder: &'static str,
    name: String,
    /// Inputs made of recordings before the first run.
    seeds: usize,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Outcome {
    passed: bool,
    executions: Option<u64>,
    /// What it said, where it did not pass.
    said: String,
}

/// Fuzzes every target, as many at once as there are processors, and goes on after one that fails. Without AddressSanitizer:
/// there is no `unsafe` to watch.
pub(super) fn run(seconds: &str) -> Result<(), Failure> {
    if exec::find("cargo-fuzz").is_none() {
        exec::run(&mut exec::cargo(["install", "--locked", "cargo-fuzz"]))?;
    }
    let mut targets = Vec::new();
    for folder in FOLDERS {
        exec::run(&mut exec::cargo(["fuzz", "build", "-s", "none", "--fuzz-dir", folder]))?;
        let names = exec::read(&mut exec::cargo(["fuzz", "list", "--fuzz-dir", folder]))?;
        if names.trim().is_empty() {
            return failed(format!("{folder} has no fuzz targets"));
        }
        for name in names.split_whitespace() {
            let seeds = match fixtures(name) {
                Some(fixtures) => seed(folder, name, &fixtures)?,
                None => 0,
            };
            targets.push(Target { folder, name: name.to_owned(), seeds, outcome: None });
        }
    }
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    let (count, begun) = (targets.len(), AtomicUsize::new(0));
    let waiting = Mutex::new(targets.iter_mut());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(target) = next(&waiting) {
                    let number = begun.fetch_add(1, Ordering::Relaxed) + 1;
                    target.outcome = Some(one(target, seconds));
                    println!("safety: {number} of {count}: {}", row(target));
                }
            });
        }
    });
    let header = format!("cargo xtask safety fuzz --seconds {seconds}, {at_once} targets at once");
    append(RESULTS, &report(&circumstances(&header)?, &targets))?;
    println!("safety: fuzz added to {RESULTS}");
    let fallen: Vec<&str> =
        targets.iter().filter(|target| !target.passed()).map(|target| target.name.as_str()).collect();
    if fallen.is_empty() { Ok(()) } else { failed(format!("fuzzing broke {}", fallen.join(", "))) }
}

/// The next one that nobody has taken.
fn next<'t, I: Iterator<Item = &'t mut Target>>(waiting: &Mutex<I>) -> Option<&'t mut Target> {
    waiting.lock().ok()?.next()
}

fn one(target: &Target, seconds: &str) -> Outcome {
    let limit = format!("-max_total_time={seconds}");
    // Recorded messages are longer than the fuzzer's own limit of 4 KiB.
    let words = ["fuzz", "run", "-s", "none", "--fuzz-dir", target.folder, &target.name, "--", &limit];
    let mut command = exec::cargo(words);
    let ended = command
        .args(["-max_len=65536", "-print_final_stats=1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output();
    match ended {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = format!("{said}{}", String::from_utf8_lossy(&output.stdout));
            let passed = output.status.success();
            Outcome { passed, executions: executions(&said), said: if passed { String::new() } else { said } }
        }
        Err(error) => Outcome { passed: false, executions: None, said: error.to_string() },
    }
}

/// What the fuzzer counts at its end.
fn executions(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

impl Target {
    fn passed(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.passed)
    }
}

fn row(target: &Target) -> String {
    let executions = target.outcome.as_ref().and_then(|outcome| outcome.executions);
    let executions = executions.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let verdict = if target.passed() { "passed" } else { "**FAILED**" };
    format!("| {} | {} | {} | {executions} | {verdict} |", target.folder, target.name, target.seeds)
}

/// One run as the results keep it.
fn report(circumstances: &str, targets: &[Target]) -> String {
    let all: u64 = targets.iter().filter_map(|target| target.outcome.as_ref()?.executions).sum();
    let mut text = format!("```text\n{circumstances}targets   {}, {all} executions\n```\n\n", targets.len());
    text.push_str("| folder | target | seeds | executions | verdict |\n|---|---|---|---|---|\n");
    for target in targets {
        let _ = writeln!(text, "{}", row(target));
    }
    for target in targets {
        if let Some(Outcome { said, passed: false, .. }) = &target.outcome {
            let _ = writeln!(text, "\n`{}`:\n\n```text\n{}```", target.name, kept(said));
        }
    }
    text.push('\n');
    text
}

/// The recordings of a preset: a folder of its own among the fixtures of its adapter, or all of them.
fn fixtures(target: &str) -> Option<String> {
    let feeds = fs::read_dir(exec::root().join("feeds")).ok()?;
    let kinds = feeds.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let kind = kinds
        .filter(|kind| target == kind || target.starts_with(&format!("{kind}_")))
        .max_by_key(String::len)?;
    let all = format!("feeds/{kind}/fixtures");
    let own = format!("{all}/{target}");
    let there = |path: &str| exec::root().join(path).is_dir();
    [own, all].into_iter().find(|path| there(path))
}

/// Makes the corpus of a decoder's target from its recordings. Returns how many inputs it has then.
fn seed(folder: &str, target: &str, fixtures: &str) -> Result<usize, Failure> {
    let (manifest, corpus) = (format!("{folder}/Cargo.toml"), format!("{folder}/corpus/{target}"));
    let words = ["run", "--quiet", "--manifest-path", &manifest, "--example", "seeds", "--"];
    exec::run(exec::cargo(words).args([fixtures, &corpus]))?;
    Ok(fs::read_dir(exec::root().join(corpus)).map_or(0, Iterator::count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, passed: bool) -> Target {
        let said = if passed { "" } else { "thread panicked\n" }.to_owned();
        let outcome = Some(Outcome { passed, executions: passed.then_some(12), said });
        Target { folder: "crates/feed/fuzz", name: name.to_owned(), seeds: 3, outcome }
    }

    #[test]
    fn a_report_has_every_target_and_what_broke() {
        let text = report("date      x\n", &[target("kraken", true), target("okx", false)]);
        assert!(text.starts_with("```text\ndate      x\ntargets   2, 12 executions\n```\n"), "{text}");
        assert!(text.contains("| crates/feed/fuzz | kraken | 3 | 12 | passed |\n"), "{text}");
        assert!(text.contains("| crates/feed/fuzz | okx | 3 | - | **FAILED** |\n"), "{text}");
        assert!(text.contains("`okx`:\n\n```text\n  thread panicked\n```"), "{text}");
    }

    #[test]
    fn executions_are_read_from_the_end_of_the_output() {
        let said = "Done 944232 runs in 61 second(s)\nstat::number_of_executed_units: 944232\n";
        assert_eq!(executions(said), Some(944_232));
        assert_eq!(executions("panicked"), None);
    }
}
