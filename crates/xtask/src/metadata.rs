//! The crates of the workspace and what each depends on, as `cargo metadata` tells it.

use std::path::PathBuf;

use serde_json::Value;

use crate::exec::{self, Failure, failed};

/// One crate of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// The package's name (`feed-kraken`).
    pub(crate) name: String,
    /// Its `Cargo.toml`, relative to the top of the work tree.
    pub(crate) manifest: String,
    /// What it depends on.
    pub(crate) dependencies: Vec<Dependency>,
    /// The names of its bench targets.
    pub(crate) benches: Vec<String>,
}

/// One line of a crate's dependencies.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    /// The package depended on.
    pub(crate) name: String,
    /// Whether only tests, benches and examples see it.
    pub(crate) dev: bool,
}

/// The crates of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>, Failure> {
    let metadata = metadata()?;
    let root = format!("{}/", exec::root().display());
    let Some(packages) = metadata["packages"].as_array() else {
        return failed("`cargo metadata` names no packages");
    };
    Ok(packages.iter().map(|package| read(package, &root)).collect())
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf, Failure> {
    match metadata()?["target_directory"].as_str() {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => failed("`cargo metadata` names no target directory"),
    }
}

fn metadata() -> Result<Value, Failure> {
    let text = exec::read(&mut exec::cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&text).or_else(|error| failed(format!("`cargo metadata` is not JSON: {error}")))
}

fn read(package: &Value, root: &str) -> Package {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let manifest = text(&package["manifest_path"]);
    Package {
        name: text(&package["name"]),
        manifest: manifest.strip_prefix(root).unwrap_or(&manifest).to_owned(),
        dependencies: list(&package["dependencies"])
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                dev: dependency["kind"].as_str() == Some("dev"),
            })
            .collect(),
        benches: list(&package["targets"])
            .filter(|target| list(&target["kind"]).any(|kind| kind.as_str() == Some("bench")))
            .map(|target| text(&target["name"]))
            .collect(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_tells_is_read() {
        let package = serde_json::json!({
            "name": "wire",
            "manifest_path": "/src/crates/wire/Cargo.toml",
            "dependencies": [{"name": "bytes", "kind": null}, {"name": "tokio", "kind": "dev"}],
            "targets": [{"name": "wire", "kind": ["lib"]}, {"name": "encode", "kind": ["bench"]}],
        });
        let read = read(&package, "/src/");
        assert_eq!((read.name.as_str(), read.manifest.as_str()), ("wire", "crates/wire/Cargo.toml"));
        let dependencies: Vec<(&str, bool)> =
            read.dependencies.iter().map(|d| (d.name.as_str(), d.dev)).collect();
        assert_eq!(dependencies, [("bytes", false), ("tokio", true)]);
        assert_eq!(read.benches, ["encode"]);
    }
}
