//! The long proofs, too slow for every change: run them after touching the table or the wire, and before a release.
//!
//! Each run is written to `benches/results/` with its date, commit, compiler and machine, so that a proof is a fact one
//! can look up and not a memory.

mod fuzz;

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::ci;
use crate::exec::{self, Failure, failed};

/// How many lines from the end of an output are kept with the result.
const LINES_KEPT: usize = 40;

/// Most preemptions that loom explores in the long run; the run of `ci` has the bound of the tests themselves.
const LOOM_PREEMPTIONS: &str = "4";

/// Runs one proof by name, or all of them.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
    let (proof, seconds) = match args {
        [] => (None, "60"),
        ["--seconds", seconds] => (None, *seconds),
        [proof] => (Some(*proof), "60"),
        [proof, "--seconds", seconds] => (Some(*proof), *seconds),
        _ => return Err(Failure::Usage("safety takes one proof and --seconds N".to_owned())),
    };
    if !seconds.parse::<u32>().is_ok_and(|n| n > 0) {
        return Err(Failure::Usage(format!("`{seconds}` is no number of seconds")));
    }
    match proof {
        None => {
            tsan()?;
            loom()?;
            vanish()?;
            fuzz::run(seconds)
        }
        Some("tsan") => tsan(),
        Some("loom") => loom(),
        Some("fuzz") => fuzz::run(seconds),
        Some("vanish") => vanish(),
        Some(other) => {
            Err(Failure::Usage(format!("there is no proof `{other}`, only tsan, loom, vanish, fuzz")))
        }
    }
}

/// The stress test of the table under ThreadSanitizer: no data race that this run can see.
fn tsan() -> Result<(), Failure> {
    let host = host()?;
    // The sanitizer must see the standard library's atomics as well, so the library is built again from its source.
    exec::run(&mut exec::program("rustup", ["component", "add", "rust-src"]))?;
    let mut command = exec::cargo([
        "test",
        "--locked",
        "--release",
        "-Zbuild-std",
        "--package",
        "table",
        "--test",
        "stress",
        "--target",
        &host,
        "--target-dir",
        "target/tsan",
    ]);
    command
        // Sanitizers are not stable options; this is the documented way to use them with a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=thread")
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    recorded("tsan", &mut command)
}

/// The loom tests with a deeper bound than in `ci`.
fn loom() -> Result<(), Failure> {
    recorded("loom", ci::loom_command().env("LOOM_MAX_PREEMPTIONS", LOOM_PREEMPTIONS))
}

/// A client that vanishes without a word, in network namespaces: needs root and iproute2.
fn vanish() -> Result<(), Failure> {
    exec::run(&mut exec::cargo(["build", "--locked", "--package", "quotewire"]))?;
    recorded("vanish", &mut exec::program("bash", ["crates/edge/tests/vanish.sh", "target/debug/quotewire"]))
}

/// Runs a proof and adds what it said to the results, whatever the outcome.
fn recorded(name: &str, command: &mut Command) -> Result<(), Failure> {
    let line = exec::spelled(command);
    println!("$ {line}");
    let start = Instant::now();
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .or_else(|error| failed(format!("`{line}` could not be started: {error}")))?;
    let took = start.elapsed().as_secs_f64();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    println!("{}", said.trim_end());
    let verdict =
        if output.status.success() { "passed".to_owned() } else { format!("FAILED, {}", output.status) };
    let path = format!("benches/results/safety-{name}.txt");
    append(&path, &entry(&line, &verdict, took, &said)?)?;
    println!("safety: {name} {verdict} in {took:.1} s, added to {path}");
    if output.status.success() { Ok(()) } else { failed(format!("`{line}` ended with {}", output.status)) }
}

fn entry(line: &str, verdict: &str, took: f64, said: &str) -> Result<String, Failure> {
    let mut out = circumstances(line)?;
    let _ = writeln!(out, "{:9} {verdict} in {took:.1} s\n", "verdict");
    out.push_str(&kept(said));
    out.push('\n');
    Ok(out)
}

/// When, of what, by which compiler, where, and how.
fn circumstances(line: &str) -> Result<String, Failure> {
    let asked = |name: &str, args: &[&str]| -> Result<String, Failure> {
        Ok(exec::read(&mut exec::program(name, args))?.trim().to_owned())
    };
    let machine = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = machine.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let mut out = String::new();
    let mut put = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:9} {value}");
    };
    put("date", &asked("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?);
    put("commit", &asked("git", &["describe", "--always", "--dirty", "--abbrev=12"])?);
    put("compiler", &asked("rustc", &["--version"])?);
    put(
        "machine",
        &format!(
            "{}, {} threads, {}",
            processor.map_or("unknown processor", |(_, name)| name),
            std::thread::available_parallelism().map_or(0, usize::from),
            asked("uname", &["-sr"])?
        ),
    );
    put("command", line);
    Ok(out)
}

/// The end of an output, without the paths of this machine.
fn kept(said: &str) -> String {
    let root = exec::root().display().to_string();
    let lines: Vec<String> =
        said.lines().map(|line| format!("  {}", line.trim_end()).replace(&root, ".")).collect();
    let from = lines.len().saturating_sub(LINES_KEPT);
    let mut out = if from > 0 { format!("  ({from} lines before)\n") } else { String::new() };
    for line in &lines[from..] {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn append(path: &str, text: &str) -> Result<(), Failure> {
    let file = exec::root().join(path);
    let unwritable = |error| failed(format!("{path} cannot be written: {error}"));
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).or_else(unwritable)?;
    }
    let mut whole = fs::read_to_string(&file).unwrap_or_default();
    whole.push_str(text);
    fs::write(&file, whole).or_else(unwritable)
}

/// The platform of the compiler: `-Zbuild-std` wants it by name.
fn host() -> Result<String, Failure> {
    let version = exec::read(&mut exec::program("rustc", ["-vV"]))?;
    match version.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => failed("`rustc -vV` names no host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_short_and_belongs_to_no_machine() {
        let said = format!("{}running {}/x  \n", "line\n".repeat(60), exec::root().display());
        let kept = kept(&said);
        assert_eq!(kept.lines().count(), LINES_KEPT + 1);
        assert!(kept.starts_with("  (21 lines before)\n"), "{kept}");
        assert!(kept.ends_with("  running ./x\n"), "{kept}");
    }

    #[test]
    fn wrong_arguments_are_refused_before_anything_runs() {
        for args in
            [&["miri"] as &[&str], &["fuzz", "--seconds", "0"], &["--seconds"], &["fuzz", "--seconds", "x"]]
        {
            assert!(matches!(run(args), Err(Failure::Usage(_))), "{args:?}");
        }
    }
}
