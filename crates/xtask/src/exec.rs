//! Other programs: found, run, and heard.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a chore did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was tried and went wrong: read the output above, mend, run again.
    Failed(String),
    /// It was asked for in the wrong way: nothing was tried.
    Usage(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(why) | Failure::Usage(why) => f.write_str(why),
        }
    }
}

/// Shorthand for an attempt that went wrong.
pub(crate) fn failed<T>(why: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Failed(why.into()))
}

/// The top of the work tree.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A program with its arguments, which will be run at the top of the work tree without an input.
pub(crate) fn program<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// `cargo` with its arguments: the one that runs us, so that a `+toolchain` is kept. What it has set for us about our own crate
/// is taken away again: build scripts that look at such variables would have half of the dependencies built anew, first here
/// and then by the next `cargo` that is typed by hand.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), args);
    let ours = |name: &OsStr| {
        let name = name.to_string_lossy();
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
}

/// Runs a program with its output going where ours goes, and prints the line that repeats it by hand.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let line = spelled(command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(format!("`{line}` ended with {status}")),
        Err(error) => failed(format!("`{line}` could not be started: {error}")),
    }
}

/// The same, and `hear` is told every line that it writes to its standard output.
pub(crate) fn run_and_hear(command: &mut Command, mut hear: impl FnMut(&str)) -> Result<(), Failure> {
    let line = spelled(command);
    println!("$ {line}");
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return failed(format!("`{line}` could not be started: {error}")),
    };
    let mut said = child.stdout.take().map(BufReader::new);
    let mut bytes = Vec::new();
    // Bytes, because a test may write anything. What cannot be read is not worth stopping for: how it ends counts.
    while let Some(Ok(1..)) = said.as_mut().map(|said| said.read_until(b'\n', &mut bytes)) {
        let text = String::from_utf8_lossy(&bytes);
        print!("{text}");
        hear(text.trim_end());
        bytes.clear();
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(format!("`{line}` ended with {status}")),
        Err(error) => failed(format!("`{line}` could not be waited for: {error}")),
    }
}

/// Runs a program and returns what it wrote to its standard output.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let line = spelled(command);
    let output = match command.stderr(Stdio::inherit()).output() {
        Ok(output) => output,
        Err(error) => return failed(format!("`{line}` could not be started: {error}")),
    };
    if !output.status.success() {
        return failed(format!("`{line}` ended with {}", output.status));
    }
    String::from_utf8(output.stdout).or_else(|_| failed(format!("`{line}` did not write UTF-8")))
}

/// Where a program stands on the search path, or where Debian puts servers, which ordinary users do not search.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The command as one would type it, with the variables it sets.
pub(crate) fn spelled(command: &Command) -> String {
    let folder = command.get_current_dir().filter(|folder| *folder != root());
    let folder = folder.map(|folder| folder.strip_prefix(root()).unwrap_or(folder).to_path_buf());
    let mut words: Vec<String> = folder.map(|f| format!("cd {} &&", f.display())).into_iter().collect();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.to_string_lossy(), quoted(value)));
        }
    }
    let name = Path::new(command.get_program());
    words.push(name.file_name().unwrap_or(name.as_os_str()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(quoted));
    words.join(" ").replace(&format!("{}/", root().display()), "")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "\"'$;&|<>*".contains(c)) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_can_be_typed_again() {
        let mut command = cargo(["test", "--", "a b"]);
        command.env("RUSTFLAGS", "--cfg loom").current_dir(root().join("crates"));
        assert_eq!(spelled(&command), "cd crates && RUSTFLAGS='--cfg loom' cargo test -- 'a b'");
    }

    #[test]
    fn a_cargo_that_we_start_is_as_one_that_is_typed() {
        let command = cargo(["test"]);
        let taken: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        // Set by the cargo that runs this test.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME"].map(OsStr::new) {
            assert_eq!(std::env::var_os(name).is_some(), taken.contains(&(name, None)), "{taken:?}");
        }
    }

    #[test]
    fn a_program_that_fails_or_is_missing_is_a_failure() {
        assert!(run(&mut program("true", [""; 0])).is_ok());
        let why = run(&mut program("false", [""; 0])).unwrap_err().to_string();
        assert!(why.contains("`false` ended with exit status: 1"), "{why}");
        let why = read(&mut program("no-such-program", [""; 0])).unwrap_err().to_string();
        assert!(why.contains("could not be started"), "{why}");
        let mut heard = Vec::new();
        let outcome = run_and_hear(&mut program("sh", ["-c", "echo one; printf two; false"]), |line| {
            heard.push(line.to_owned());
        });
        assert!(outcome.is_err() && heard == ["one", "two"], "{heard:?}");
        assert!(run_and_hear(&mut program("true", [""; 0]), |_| {}).is_ok());
        assert!(find("sh").is_some() && find("no-such-program").is_none());
    }
}
