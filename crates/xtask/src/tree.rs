//! The files of the work tree, read once, so that a rule is a plain function from files to findings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::exec::Failure;

/// Folders that hold nothing of ours: what tools build, fetch or keep for themselves (see `.gitignore`).
const SKIPPED: &[&str] = &[".git", "target", "node_modules", "corpus", "artifacts", ".venv", "__pycache__"];

/// Endings of the files people write. Everything else (recordings, pictures, lock files) is known by name only.
const WRITTEN: &[&str] = &[
    "rs", "toml", "md", "js", "mjs", "cjs", "ts", "css", "html", "json", "yml", "yaml", "py", "sh", "txt",
    "proto",
];

/// Folders whose files are kept byte for byte: what venues sent, and what we promised to send.
const KEPT: &[&str] = &["fixtures", "golden", "results", "snapshots"];

/// What is known of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text that people write.
    Text(String),
    /// It should be text and is not UTF-8.
    Broken,
    /// Not read: data, or kept byte for byte.
    Data,
}

/// The files of the work tree by their path from its top, with `/` between the parts.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Content>,
}

impl Tree {
    /// Reads the tree below `root`.
    pub(crate) fn read(root: &Path) -> Result<Tree, Failure> {
        let mut tree = Tree::default();
        tree.walk(root, "")?;
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<(), Failure> {
        let unreadable = |error| Failure::Failed(format!("{} cannot be read: {error}", folder.display()));
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    self.walk(&entry.path(), &format!("{path}/"))?;
                }
            } else if kind.is_file() {
                let content = if is_written(&path) {
                    match String::from_utf8(fs::read(entry.path()).map_err(unreadable)?) {
                        Ok(text) => Content::Text(text),
                        Err(_) => Content::Broken,
                    }
                } else {
                    Content::Data
                };
                self.files.insert(path, content);
            }
        }
        Ok(())
    }

    /// Every file with what is known of it, in order of paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Content)> {
        self.files.iter().map(|(path, content)| (path.as_str(), content))
    }

    /// Every file that people write, with its text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, content)| match content {
            Content::Text(text) => Some((path.as_str(), text.as_str())),
            Content::Broken | Content::Data => None,
        })
    }

    /// The text of one file; `None` when it is not there.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        match self.files.get(path) {
            Some(Content::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A tree of these texts.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let content = |path: &str, text: &str| {
            if is_written(path) { Content::Text(text.to_owned()) } else { Content::Data }
        };
        Tree { files: files.iter().map(|(path, text)| ((*path).to_owned(), content(path, text))).collect() }
    }
}

/// The ending of a path, after the last point of its file name.
pub(crate) fn ending(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, ending)| ending)
}

/// Whether people write this file. Files without an ending (`NOTICE`, `.ci/run`, `.gitignore`) are theirs too.
/// `SOURCES.md` is, wherever it stands.
fn is_written(path: &str) -> bool {
    let mut folders = path.split('/').rev();
    let name = folders.next().unwrap_or(path);
    if name != "SOURCES.md" && folders.any(|folder| KEPT.contains(&folder)) {
        return false;
    }
    ending(path).is_none_or(|ending| WRITTEN.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_and_the_rest_only_named() {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in [
            ("src/lib.rs", b"//! A." as &[u8]),
            ("src/bad.rs", b"\xff"),
            ("NOTICE", b"text"),
            (".gitignore", b"/target"),
            ("a/fixtures/frame.json", b"{} \t"),
            ("a/fixtures/SOURCES.md", b"# Sources"),
            ("a/day.cap.gz", b"\x1f\x8b"),
            ("target/debug/x.rs", b""),
            ("t/node_modules/m/index.js", b""),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let tree = Tree::read(folder.path()).unwrap();
        let texts: Vec<&str> = tree.texts().map(|(path, _)| path).collect();
        assert_eq!(texts, [".gitignore", "NOTICE", "a/fixtures/SOURCES.md", "src/lib.rs"]);
        let others: Vec<&str> =
            tree.files().filter(|(_, c)| !matches!(c, Content::Text(_))).map(|(path, _)| path).collect();
        assert_eq!(others, ["a/day.cap.gz", "a/fixtures/frame.json", "src/bad.rs"]);
        assert_eq!(tree.text("src/lib.rs"), Some("//! A."));
    }

    #[test]
    fn endings_are_those_of_the_file_name() {
        assert_eq!(ending("a.b/run"), None);
        assert_eq!(ending(".gitignore"), None);
        assert_eq!(ending("x/day.cap.gz"), Some("gz"));
    }
}
