//! What the steps need installed, found or fetched: a fresh Debian with Rust, gcc, Python and Node is enough.

use std::fs;
use std::path::{Path, PathBuf};

use crate::exec::{self, Failure, failed};
use crate::metadata;

/// A program that a step starts, and the Debian package that brings it.
struct Tool {
    program: &'static str,
    package: &'static str,
}

/// Programs that `apt-get` can bring.
const TOOLS: &[Tool] = &[
    // The EventSource tests run in the real things.
    Tool { program: "chromium", package: "chromium" },
    Tool { program: "firefox-esr", package: "firefox-esr" },
    // One of other people's clients, and the proxies that stand between them and us.
    Tool { program: "curl", package: "curl" },
    Tool { program: "nginx", package: "nginx" },
    Tool { program: "haproxy", package: "haproxy" },
    // The third of the three independent SSE parsers is a Node package, and the browser tests are driven from Node.
    Tool { program: "node", package: "nodejs" },
    Tool { program: "npm", package: "npm" },
    // The command lines of the documents are run as they stand.
    Tool { program: "curl", package: "curl" },
    Tool { program: "jq", package: "jq" },
    // Counts the instructions of the hot path.
    Tool { program: "valgrind", package: "valgrind" },
    // Asks every route with whatever its description allows and forbids.
    Tool { program: "python3", package: "python3-venv" },
];

/// Folders whose `package-lock.json` says what Node needs.
pub(crate) const NODE_FOLDERS: &[&str] = &[
    "crates/quotewire/tests/browser",
    "crates/wire/tests/node",
    "crates/quotewire/tests/api",
    "crates/quotewire/tests/clients",
];

/// Folders whose `requirements.txt` says what Python needs; each gets an environment of its own in `.venv`.
const PYTHON_FOLDERS: &[&str] = &["crates/quotewire/tests/api", "crates/quotewire/tests/clients/python"];

/// Installs what is missing; does nothing when all is there.
pub(crate) fn run() -> Result<(), Failure> {
    for part in ["fmt", "clippy"] {
        if exec::read(&mut exec::cargo([part, "--version"])).is_err() {
            return failed(format!(
                "`cargo {part}` is missing; `rustup component add rustfmt clippy` brings it"
            ));
        }
    }
    debian_packages()?;
    gungraun_runner()?;
    for folder in NODE_FOLDERS {
        node_packages(folder)?;
    }
    for folder in PYTHON_FOLDERS {
        python_packages(folder)?;
    }
    Ok(())
}

/// Where programs go that cargo builds for the steps.
pub(crate) fn tools_folder() -> Result<PathBuf, Failure> {
    Ok(metadata::target_folder()?.join("tools"))
}

/// The program that runs the benches of `gates`; it must be of the version that they are built with.
fn gungraun_runner() -> Result<(), Failure> {
    let Ok(lock) = fs::read_to_string(exec::root().join("Cargo.lock")) else {
        return failed("Cargo.lock cannot be read");
    };
    let Some(version) = locked(&lock, "gungraun") else {
        return failed("Cargo.lock names no gungraun");
    };
    let folder = tools_folder()?;
    let folder = folder.to_string_lossy();
    let version = format!("={version}");
    // Unoptimised, because it only starts valgrind and reads what that wrote. Does nothing when it is there already.
    let install =
        ["install", "--locked", "--debug", "--root", &folder, "--version", &version, "gungraun-runner"];
    exec::run(&mut exec::cargo(install))
}

/// The version of a package in a lock file.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let name = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

fn debian_packages() -> Result<(), Failure> {
    let missing: Vec<&str> =
        TOOLS.iter().filter(|tool| exec::find(tool.program).is_none()).map(|tool| tool.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let Some(apt) = exec::find("apt-get") else {
        return failed(format!("missing: {list}; there is no apt-get here, so install them by hand"));
    };
    // `sudo -n` never asks for a password: a question nobody can see would hang for ever.
    let root = exec::read(&mut exec::program("id", ["-u"]))?.trim() == "0";
    let apt = apt.to_string_lossy().into_owned();
    let mut words: Vec<&str> = if root { vec![] } else { vec!["sudo", "-n"] };
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", &apt, "-o", "Acquire::Retries=3"]);
    let apt_get = |args: &[&str]| {
        let words = [&words, args].concat();
        exec::run(&mut exec::program(words[0], &words[1..]))
    };
    apt_get(&["update"])
        .and_then(|()| {
            apt_get(&[&["install", "--yes", "--no-install-recommends"], missing.as_slice()].concat())
        })
        .or_else(|why| failed(format!("missing: {list}; they could not be installed: {why}")))?;
    match TOOLS.iter().find(|tool| exec::find(tool.program).is_none()) {
        Some(tool) => {
            failed(format!("`{}` is still missing after installing {}", tool.program, tool.package))
        }
        None => Ok(()),
    }
}

/// Brings the packages of one folder, unless those of this very lock file are there already.
fn node_packages(folder: &str) -> Result<(), Failure> {
    let path = exec::root().join(folder);
    once(&path.join("package-lock.json"), &path.join("node_modules/.installed-lock.json"), || {
        let mut npm = exec::program("npm", ["ci", "--no-audit", "--no-fund"]);
        // The browser is Debian's; drivers must not fetch one of their own.
        npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").env("PUPPETEER_SKIP_DOWNLOAD", "1");
        exec::run(npm.current_dir(&path))
    })
}

/// The same for Python, in an environment of the folder's own: Debian refuses packages beside its own.
fn python_packages(folder: &str) -> Result<(), Failure> {
    let path = exec::root().join(folder);
    once(&path.join("requirements.txt"), &path.join(".venv/installed-requirements.txt"), || {
        // Cleared, because an environment of another interpreter does not work.
        exec::run(exec::program("python3", ["-m", "venv", "--clear", ".venv"]).current_dir(&path)).or_else(
            |why| failed(format!("{why}; on Debian the package python3-venv brings what is missing")),
        )?;
        let args =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
        exec::run(exec::program(&path.join(".venv/bin/python").to_string_lossy(), args).current_dir(&path))
    })
}

/// Installs unless what was installed last is what the list wants.
fn once(list: &Path, stamp: &Path, install: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let Ok(wanted) = fs::read(list) else {
        return failed(format!("{} is missing", list.display()));
    };
    if fs::read(stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    // Written last, so that an installation that broke off is done again.
    fs::write(stamp, wanted)
        .or_else(|error| failed(format!("{} cannot be written: {error}", stamp.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"a\"\nversion = \"4.5.6\"\n";
        assert_eq!((locked(lock, "a"), locked(lock, "b")), (Some("4.5.6"), None));
    }
}
