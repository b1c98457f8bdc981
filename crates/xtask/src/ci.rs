//! Everything that must pass, in one command, here and on the build machine alike.
//!
//! The order is from what fails fast to what takes long. The first failure ends the run: what comes later would mostly
//! repeat it. A step that cannot run because something is missing has failed; nothing is skipped in silence.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::exec::{self, Failure, failed};
use crate::{docs, metadata, new_feed, setup, tidy};

/// One thing that must pass.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<(), Failure>,
}

/// The folder of the tests of the API's description.
const API: &str = "crates/quotewire/tests/api";

/// All of them, in order.
const STEPS: &[Step] = &[
    Step { name: "setup", what: "what the other steps need is installed", run: setup::run },
    Step { name: "tidy", what: "the rules of the tree that no compiler knows", run: tidy::run },
    Step { name: "fmt", what: "one format", run: fmt },
    Step { name: "clippy", what: "lints, warnings are errors", run: clippy },
    Step { name: "doc", what: "the API documents, warnings are errors", run: doc },
    Step { name: "test", what: "unit, crate and doc tests of every crate", run: test },
    Step { name: "new-feed", what: "a new adapter compiles and wants a recording", run: new_feed::prove },
    Step {
        name: "hyper",
        what: "the edge and the worlds again, with hyper writing every stream",
        run: hyper,
    },
    Step { name: "browser", what: "EventSource as browsers do it, in Chromium", run: browser },
    Step {
        name: "api",
        what: "the documents of the routes, and every route asked for all they say",
        run: api,
    },
    Step { name: "clients", what: "other people's clients, and the proxies of deploy/", run: clients },
    Step { name: "loom", what: "the table under every order of memory operations loom can find", run: loom },
    Step { name: "gates", what: "the hot path takes no more instructions than its limits", run: gates },
    Step { name: "docs", what: "documents equal what the program says", run: docs::check },
];

/// Runs the steps that the arguments choose; all of them without arguments.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
    let chosen = match args {
        [] => STEPS,
        ["--list"] => {
            for step in STEPS {
                println!("{:8} {}", step.name, step.what);
            }
            return Ok(());
        }
        ["--only", name] => std::slice::from_ref(&STEPS[place(name)?]),
        ["--from", name] => &STEPS[place(name)?..],
        _ => return Err(Failure::Usage("ci takes --list, --only STEP or --from STEP".to_owned())),
    };
    let mut durations = Vec::new();
    for step in chosen {
        println!("\n== {}: {}", step.name, step.what);
        let start = Instant::now();
        let outcome = (step.run)();
        let took = start.elapsed();
        if let Err(why) = outcome {
            println!("== {}: failed after {}", step.name, seconds(took));
            return failed(format!("ci: step `{0}`: {why} (again: `cargo xtask ci --only {0}`)", step.name));
        }
        println!("== {}: passed in {}", step.name, seconds(took));
        durations.push((step.name, took));
    }
    println!();
    for (name, took) in &durations {
        println!("{name:8} {:>8}", seconds(*took));
    }
    println!("{:8} {:>8}", "in all", seconds(durations.iter().map(|(_, took)| *took).sum()));
    if chosen.len() == STEPS.len() {
        println!("ci: all {} steps passed", STEPS.len());
    } else {
        println!("ci: {} of {} steps passed, the others were not asked for", chosen.len(), STEPS.len());
    }
    Ok(())
}

fn place(name: &str) -> Result<usize, Failure> {
    let names = || STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", ");
    STEPS
        .iter()
        .position(|step| step.name == name)
        .ok_or_else(|| Failure::Usage(format!("there is no step `{name}`, only {}", names())))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn fmt() -> Result<(), Failure> {
    exec::run(&mut exec::cargo(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), Failure> {
    exec::run(&mut exec::cargo([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn doc() -> Result<(), Failure> {
    let mut command = exec::cargo(["doc", "--locked", "--workspace", "--no-deps"]);
    exec::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn test() -> Result<(), Failure> {
    // A run that stops at the first crate hides what else is broken. What has failed is said once more at the end: there it
    // would otherwise be looked for among thousands of lines.
    let mut broken = Vec::new();
    let mut command = exec::cargo(["test", "--locked", "--workspace", "--no-fail-fast"]);
    let outcome =
        exec::run_and_hear(&mut command, |line| broken.extend(failed_test(line).map(str::to_owned)));
    if outcome.is_err() && !broken.is_empty() {
        return failed(format!("{} failed: {}", broken.len(), broken.join(", ")));
    }
    outcome
}

/// The name of the test, when the line says that one has failed.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// Writer loops own the sockets of plain HTTP/1.1 streams, and so of nearly every test. The other way of writing, which all
/// other streams take, must keep the same promises. What asks for it are the tests of the edge through its front door, and
/// the worlds.
fn hyper() -> Result<(), Failure> {
    for target in [&["--test", "edge"][..], &["--bin", "quotewire", "simulation"]] {
        // Of the whole workspace, as in `test`: for single crates cargo chooses other features and builds everything anew.
        let mut command = exec::cargo(["test", "--locked", "--workspace"]);
        exec::run(command.args(target).env("QUOTEWIRE_HAND_OVER", "no"))?;
    }
    Ok(())
}

fn browser() -> Result<(), Failure> {
    let binary = docs::build()?;
    let mut npm = exec::program("npm", ["test"]);
    exec::run(npm.current_dir(exec::root().join(setup::NODE_FOLDERS[0])).env("QUOTEWIRE_BIN", binary))
}

/// The committed documents, read by other people's programs; the routes, asked by what the served ones say. That both
/// are the same is what `docs` checks.
fn api() -> Result<(), Failure> {
    let binary = docs::build()?;
    let folder = exec::root().join(API);
    let documents =
        ["openapi", "asyncapi"].map(|name| exec::root().join(format!("crates/edge/spec/{name}.json")));
    exec::run(exec::program("node", ["validate.js"]).args(documents).current_dir(&folder))?;
    exec::run(
        exec::program(".venv/bin/python", ["cases.py"]).current_dir(&folder).env("QUOTEWIRE_BIN", binary),
    )
}

/// Other people's clients. The Rust ones are a workspace of their own: no step above has built or checked them.
fn clients() -> Result<(), Failure> {
    let binary = docs::build()?;
    let folder = exec::root().join("crates/quotewire/tests/clients");
    let manifest = folder.join("rust/Cargo.toml");
    let manifest = manifest.to_string_lossy();
    let target = metadata::target_folder()?.join("clients");
    exec::run(&mut exec::cargo(["fmt", "--check", "--manifest-path", &manifest]))?;
    let mut build = exec::cargo(["build", "--locked", "--manifest-path", &manifest, "--target-dir"]);
    exec::run(build.arg(&target).env("RUSTFLAGS", "-D warnings"))?;
    let mut npm = exec::program("npm", ["test"]);
    npm.env("QUOTEWIRE_BIN", binary).env("QUOTEWIRE_CLIENTS_BIN", target.join("debug"));
    exec::run(npm.current_dir(folder))
}

fn loom() -> Result<(), Failure> {
    exec::run(&mut loom_command())
}

/// Counted by valgrind, so that a busy machine changes nothing.
fn gates() -> Result<(), Failure> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut all = vec![setup::tools_folder()?.join("bin")];
    all.extend(std::env::split_paths(&paths));
    let path = std::env::join_paths(all).or_else(|error| failed(format!("PATH: {error}")))?;
    let words = ["bench", "--locked", "--package", "gates", "--bench", "gates", "--bench", "join"];
    exec::run(exec::cargo(words).env("PATH", path))
}

/// The loom tests of the table. They have a target folder of their own: `--cfg loom` would rebuild everything else.
pub(crate) fn loom_command() -> Command {
    let mut command = exec::cargo([
        "test",
        "--locked",
        "--release",
        "--package",
        "table",
        "--test",
        "loom",
        "--target-dir",
        "target/loom",
    ]);
    // Without link-time optimisation: it makes the build minutes longer and the search no faster.
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_PROFILE_RELEASE_LTO", "off");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_found_by_name_and_others_refused() {
        assert_eq!(place("setup").unwrap(), 0);
        assert_eq!(STEPS[place("docs").unwrap()].name, "docs");
        let why = place("lint").unwrap_err();
        assert!(matches!(&why, Failure::Usage(text) if text.contains("only setup, tidy")), "{why}");
    }

    #[test]
    fn a_failed_test_is_named() {
        assert_eq!(failed_test("test names::are_kept ... FAILED"), Some("names::are_kept"));
        assert_eq!(
            failed_test("test crates/a/src/lib.rs - b (line 3) ... FAILED"),
            Some("crates/a/src/lib.rs - b (line 3)")
        );
        for line in ["test names::are_kept ... ok", "test result: FAILED. 1 passed", "failures:"] {
            assert_eq!(failed_test(line), None);
        }
    }

    #[test]
    fn wrong_arguments_are_refused_before_anything_runs() {
        for args in [&["--only"] as &[&str], &["--form", "test"], &["test"], &["--only", "nothing"]] {
            assert!(matches!(run(args), Err(Failure::Usage(_))), "{args:?}");
        }
    }
}
