//! Measurements: criterion benches of the `benches` crate, in release.

use crate::exec::{self, Failure};

/// Runs one bench by name, or all of them.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
    let mut split = args.splitn(2, |arg| *arg == "--");
    let (named, rest) = (split.next().unwrap_or_default(), split.next().unwrap_or_default());
    let mut words = vec!["bench", "--locked", "--package", "benches"];
    match named {
        // The library has no benches, and the plain test harness would not know criterion's options.
        [] => words.push("--benches"),
        [name] if !name.starts_with('-') => words.extend(["--bench", name]),
        _ => return Err(Failure::Usage("bench takes one name, and what follows `--`".to_owned())),
    }
    words.push("--");
    words.extend(rest);
    exec::run(&mut exec::cargo(words))
}
