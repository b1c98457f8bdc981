//! Measurements: criterion benches of the `benches` crate, in release.

use crate::exec::{self, Failure};
use crate::metadata;

/// Runs one bench by name, or all of them. What follows `--` goes to the bench.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
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
