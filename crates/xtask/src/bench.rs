//! Measurements, in release: criterion benches of the `benches` crate, and the fan-out bench, which is a program.

use crate::exec::{self, Failure};
use crate::metadata;

/// Runs one bench by name, or all of criterion's. What follows `--` goes to the bench; to `fanout`, what follows its name.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
    if let ["fanout", rest @ ..] = args {
        return fanout(rest);
    }
    let mut split = args.splitn(2, |arg| *arg == "--");
    let (named, rest) = (split.next().unwrap_or_default(), split.next().unwrap_or_default());
    let packages = metadata::packages()?;
    let all: Vec<&str> = packages
        .iter()
        .filter(|package| package.name == "benches")
        .flat_map(|package| package.benches.iter().map(String::as_str))
        .collect();
    let chosen = match named {
        [] => all,
        [name] if all.contains(name) => vec![*name],
        [name] => return Err(Failure::Usage(format!("there is no bench `{name}`, only {}", all.join(", ")))),
        _ => return Err(Failure::Usage("bench takes one name, and what follows `--`".to_owned())),
    };
    // By name, because `--benches` would run the library's tests as well, which do not know criterion's options.
    let mut words = vec!["bench", "--locked", "--package", "benches"];
    words.extend(chosen.iter().flat_map(|name| ["--bench", *name]));
    words.push("--");
    words.extend(rest);
    exec::run(&mut exec::cargo(words))
}

/// The fan-out bench runs the shipped binary, which it finds beside itself. It takes most of an hour, so it runs only when
/// it is named.
fn fanout(rest: &[&str]) -> Result<(), Failure> {
    let build = ["build", "--locked", "--release", "--package", "quotewire"];
    exec::run(&mut exec::cargo(build))?;
    let run = ["run", "--locked", "--release", "--package", "benches", "--bin", "fanout", "--"];
    exec::run(&mut exec::cargo(run.iter().chain(rest)))
}
