//! `cargo xtask new-feed NAME`: an adapter that compiles, is wired in everywhere, and has a test that fails until there is
//! a recording of its venue.

use std::fs;
use std::path::Path;

use crate::exec::{self, Failure, failed};

/// The files of a new adapter by their path in its folder.
const FILES: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("../templates/feed/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../templates/feed/lib.rs.in")),
    ("src/session.rs", include_str!("../templates/feed/session.rs.in")),
    ("src/decode.rs", include_str!("../templates/feed/decode.rs.in")),
    ("src/catalogue.rs", include_str!("../templates/feed/catalogue.rs.in")),
    ("tests/capture.rs", include_str!("../templates/feed/capture.rs.in")),
    ("fixtures/SOURCES.md", include_str!("../templates/feed/SOURCES.md.in")),
];

/// The manifest of the fuzz targets.
const FUZZ: &str = "crates/feed/fuzz/Cargo.toml";

/// Makes the adapter and says what comes next.
pub(crate) fn run(name: &str) -> Result<(), Failure> {
    make(&exec::root(), name)?;
    println!("feeds/{name} is there, with its row in feeds/README.md, its preset and its dependency lines");
    println!("next: feeds/README.md, \"How to add a venue\"; `cargo test -p {}` fails until", package(name));
    println!("feeds/{name}/fixtures holds a recording");
    Ok(())
}

/// Writes the folder, and the lines by which the rest of the tree knows it.
pub(crate) fn make(root: &Path, name: &str) -> Result<(), Failure> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let letter = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !letter || name.len() > 32 || name.ends_with('_') || !name.bytes().all(good) {
        return Err(Failure::Usage(format!(
            "{name:?} is no name for a feed: lower-case letters, digits and _, a letter first"
        )));
    }
    let folder = root.join("feeds").join(name);
    if folder.exists() {
        return failed(format!("feeds/{name} is there already"));
    }
    // Whatever is not as expected is found before the first file is written.
    let edits = [
        insert(
            root,
            "Cargo.toml",
            "feed-replay = {",
            &format!("{} = {{ path = \"feeds/{name}\" }}", package(name)),
        )?,
        insert(
            root,
            "crates/quotewire/Cargo.toml",
            "feed-replay.workspace",
            &format!("{}.workspace = true", package(name)),
        )?,
        insert(
            root,
            "crates/quotewire/src/feeds.rs",
            "    // New presets stand above this line.",
            &format!("    row(\"{name}\", \"{name}\", \"\", feed_{name}::session),"),
        )?,
        insert(
            root,
            "feeds/README.md",
            "| `replay` |",
            &format!("| `{name}` | `{}` | | not proven on a recording |", name.to_uppercase()),
        )?,
        {
            let dependency = format!("{} = {{ path = \"../../../feeds/{name}\" }}\n", package(name));
            let (path, text) = insert(
                root,
                FUZZ,
                "# Not a member of the project's workspace",
                &filled(include_str!("../templates/feed/fuzz_bin.toml.in"), name),
            )?;
            (
                path,
                text.replacen(
                    "\n# One target a decoder.",
                    &format!("{dependency}\n# One target a decoder."),
                    1,
                ),
            )
        },
    ];
    let target = root.join(format!("crates/feed/fuzz/fuzz_targets/{name}.rs"));
    fs::write(&target, filled(include_str!("../templates/feed/fuzz_target.rs.in"), name))
        .map_err(|error| unwritable(&target, &error))?;
    for (path, template) in FILES {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        fs::write(&path, filled(template, name)).map_err(|error| unwritable(&path, &error))?;
    }
    for (path, text) in edits {
        let path = root.join(path);
        fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

/// The step of `ci`: in a copy of the tree a new adapter compiles, keeps the rules, and its first test fails for want of a
/// recording.
pub(crate) fn prove() -> Result<(), Failure> {
    const NAME: &str = "proof_of_new_feed";
    let copy = crate::metadata::target_folder()?.join("new-feed");
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(|error| unwritable(&copy, &error))?;
    }
    for path in exec::read(&mut exec::program("git", ["ls-files", "-co", "--exclude-standard"]))?.lines() {
        let (from, to) = (exec::root().join(path), copy.join(path));
        // Recordings are not needed, and a file that was deleted but not yet committed is not there.
        if path.contains("/fixtures/") || !from.is_file() {
            continue;
        }
        let parent = to.parent().unwrap_or(&copy);
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        fs::copy(&from, &to).map_err(|error| unwritable(&to, &error))?;
    }
    make(&copy, NAME)?;
    let target = crate::metadata::target_folder()?;
    let mut test =
        exec::cargo(["test", "--offline", "--no-fail-fast", "--package", &package(NAME), "--target-dir"]);
    test.arg(&target).current_dir(&copy);
    let mut said = String::new();
    let ended_well = exec::run_and_hear(&mut test, |line| said.extend([line, "\n"])).is_ok();
    // What is left behind is in the way of nobody.
    let _ = fs::remove_dir_all(&copy);
    let failing = "test a_recording_of_the_venue_is_there ... FAILED";
    let passing = "test every_recording_is_decoded ... ok";
    if ended_well || !said.contains(failing) || !said.contains(passing) {
        return failed(format!(
            "a new adapter should compile and want a recording, but its tests said:\n{said}"
        ));
    }
    Ok(())
}

fn package(name: &str) -> String {
    format!("feed-{}", name.replace('_', "-"))
}

fn filled(template: &str, name: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    template
        .replace("@package@", &package(name))
        .replace("@crate@", &format!("feed_{name}"))
        .replace("@VENUE@", &name.to_uppercase())
        .replace("@Type@", &name.split('_').map(capital).collect::<String>())
        .replace("@host@", &name.replace('_', "-"))
        .replace("@name@", name)
}

/// The text of a file with a line put before the first one that begins like that.
fn insert<'p>(root: &Path, path: &'p str, before: &str, line: &str) -> Result<(&'p str, String), Failure> {
    let file = root.join(path);
    let text =
        fs::read_to_string(&file).or_else(|error| failed(format!("{path} cannot be read: {error}")))?;
    let place =
        text.match_indices(before).map(|(at, _)| at).find(|&at| at == 0 || text[..at].ends_with('\n'));
    match place {
        Some(at) => Ok((path, format!("{}{line}\n{}", &text[..at], &text[at..]))),
        None => failed(format!(
            "{path} has no line that begins with {before:?}, before which the new one belongs"
        )),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("Cargo.toml", "[workspace.dependencies]\nfeed-replay = { path = \"feeds/replay\" }\n"),
            ("crates/quotewire/Cargo.toml", "feed-replay.workspace = true\n"),
            ("crates/quotewire/src/feeds.rs", "[\n    // New presets stand above this line.\n];\n"),
            ("feeds/README.md", "| `replay` | x |\n"),
            (FUZZ, "market = {}\n\n# One target a decoder.\n\n# Not a member of the project's workspace:\n"),
            ("crates/feed/fuzz/fuzz_targets/kraken.rs", ""),
        ];
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn it_is_wired_in_everywhere_and_named_throughout() {
        let root = tree();
        make(root.path(), "foo_bar").unwrap();
        let text = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
        assert!(text("Cargo.toml").contains("feed-foo-bar = { path = \"feeds/foo_bar\" }\nfeed-replay"));
        assert!(text("crates/quotewire/Cargo.toml").starts_with("feed-foo-bar.workspace = true\n"));
        assert!(
            text("crates/quotewire/src/feeds.rs")
                .contains("    row(\"foo_bar\", \"foo_bar\", \"\", feed_foo_bar::session),\n    // New")
        );
        assert!(text("feeds/README.md").starts_with("| `foo_bar` | `FOO_BAR` |"));
        assert!(text("crates/feed/fuzz/fuzz_targets/foo_bar.rs").contains("target!(feed_foo_bar::session)"));
        let fuzz = text(FUZZ);
        assert!(
            fuzz.starts_with("market = {}\nfeed-foo-bar = { path = \"../../../feeds/foo_bar\" }\n\n#"),
            "{fuzz}"
        );
        assert!(
            fuzz.contains("\n[[bin]]\nname = \"foo_bar\"\npath = \"fuzz_targets/foo_bar.rs\"\n"),
            "{fuzz}"
        );
        for (path, _) in FILES {
            let written = text(&format!("feeds/foo_bar/{path}"));
            assert!(!written.contains('@'), "{path} has a gap left");
        }
        assert!(text("feeds/foo_bar/src/session.rs").contains("pub struct FooBar {"));
    }

    #[test]
    fn nothing_is_overwritten_and_bad_names_are_refused() {
        let root = tree();
        for name in ["", "Kraken", "_x", "x_", "1x", "a-b", "../x", "é"] {
            assert!(matches!(make(root.path(), name), Err(Failure::Usage(_))), "{name}");
        }
        make(root.path(), "x").unwrap();
        assert!(matches!(make(root.path(), "x"), Err(Failure::Failed(_))));
        fs::write(root.path().join("feeds/README.md"), "no table").unwrap();
        assert!(make(root.path(), "y").is_err());
        assert!(!root.path().join("feeds/y").exists(), "nothing is left half done");
    }
}
