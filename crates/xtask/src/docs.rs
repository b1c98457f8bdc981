//! Documents that repeat what the program says, so that they cannot drift from it.
//!
//! A Markdown file asks for the output of the binary with a pair of lines; what stands between them is ours:
//!
//! ```text
//! <!-- generated: quotewire docs metrics -->
//! <!-- end -->
//! ```
//!
//! The output of `--help` is put into a code block. [`WHOLE`] names the files that are generated from end to end.

use std::fs;
use std::path::{Path, PathBuf};

use crate::exec::{self, Failure, failed};
use crate::metadata;
use crate::tree::{Tree, ending};

/// Files whose whole text is the output of the binary with these arguments.
const WHOLE: &[(&str, &str)] = &[
    ("crates/quotewire/quotewire.example.toml", "docs config"),
    ("crates/edge/spec/openapi.json", "docs openapi"),
    ("crates/edge/spec/asyncapi.json", "docs asyncapi"),
];

const BEGIN: &str = "<!-- generated: quotewire ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end -->";

/// A document as it is and as it should be.
struct Document {
    path: String,
    is: String,
    should: String,
}

/// Writes every generated document.
pub(crate) fn write() -> Result<(), Failure> {
    let documents = documents()?;
    for document in documents.iter().filter(|document| document.is != document.should) {
        fs::write(exec::root().join(&document.path), &document.should)
            .or_else(|error| failed(format!("{} cannot be written: {error}", document.path)))?;
        println!("wrote {}", document.path);
    }
    println!("docs: {} documents say what the program says", documents.len());
    Ok(())
}

/// Tells whether every generated document is up to date.
pub(crate) fn check() -> Result<(), Failure> {
    let documents = documents()?;
    let mut old = 0;
    for document in documents.iter().filter(|document| document.is != document.should) {
        println!("{}", difference(document));
        old += 1;
    }
    if old > 0 {
        return failed(format!("docs: {old} out of date; `cargo xtask docs` writes them"));
    }
    println!("docs: {} documents say what the program says", documents.len());
    Ok(())
}

/// Builds the binary and returns where it is.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    exec::run(&mut exec::cargo(["build", "--locked", "--package", "quotewire"]))?;
    Ok(metadata::target_folder()?.join("debug/quotewire"))
}

fn documents() -> Result<Vec<Document>, Failure> {
    let binary = build()?;
    let says = |args: &str| say(&binary, args);
    let tree = Tree::read(&exec::root())?;
    let mut documents = Vec::new();
    for (path, args) in WHOLE {
        let is = tree.text(path).unwrap_or_default().to_owned();
        documents.push(Document { path: (*path).to_owned(), is, should: says(args)? });
    }
    for (path, text) in tree.texts() {
        if ending(path) == Some("md") && text.lines().any(|line| asked(line).is_some()) {
            let should = filled(path, text, says)?;
            documents.push(Document { path: path.to_owned(), is: text.to_owned(), should });
        }
    }
    Ok(documents)
}

/// What the binary says to these arguments, with one line feed at the end.
fn say(binary: &Path, args: &str) -> Result<String, Failure> {
    let mut command = exec::program(&binary.to_string_lossy(), args.split_whitespace());
    // Help text is wrapped to the terminal and names the variables that are set; a document has neither.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUOTEWIRE_"))
    {
        command.env_remove(name);
    }
    let said = exec::read(command.env("COLUMNS", "100").env("NO_COLOR", "1"))?;
    Ok(format!("{}\n", said.trim_end()))
}

/// The arguments that a line asks the binary's output for.
fn asked(line: &str) -> Option<&str> {
    line.strip_prefix(BEGIN)?.strip_suffix(BEGIN_END)
}

/// The text with every asked-for block filled.
fn filled(path: &str, text: &str, says: impl Fn(&str) -> Result<String, Failure>) -> Result<String, Failure> {
    let mut out = String::with_capacity(text.len());
    let mut fenced = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        fenced ^= line.starts_with("```");
        let Some(args) = asked(line).filter(|_| !fenced) else { continue };
        if !lines.any(|line| line == END) {
            return failed(format!("{path}: `{line}` has no `{END}` after it"));
        }
        let said = says(args)?;
        if args.ends_with("--help") {
            out.push_str(&format!("```text\n{said}```\n{END}\n"));
        } else {
            out.push_str(&format!("\n{said}\n{END}\n"));
        }
    }
    Ok(out)
}

/// The first line that differs, as it is and as it should be.
fn difference(document: &Document) -> String {
    let mut is = document.is.lines();
    let mut should = document.should.lines();
    let mut at = 1;
    loop {
        match (is.next(), should.next()) {
            (Some(a), Some(b)) if a == b => at += 1,
            (None, None) => return format!("{}:{at}: line ends differ", document.path),
            (a, b) => {
                let [a, b] = [a, b].map(|line| line.unwrap_or("(nothing)"));
                return format!("{}:{at}: out of date\n  is:     {a}\n  should: {b}", document.path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A\n<!-- generated: quotewire docs metrics -->\nold\n<!-- end -->\ntail\n";

    fn fill(text: &str) -> Result<String, Failure> {
        filled("a.md", text, |args| Ok(format!("output of {args}\n")))
    }

    #[test]
    fn a_block_is_replaced_and_the_rest_stays() {
        let once = fill(PAGE).unwrap();
        assert_eq!(
            once,
            "# A\n<!-- generated: quotewire docs metrics -->\n\noutput of docs metrics\n\n<!-- end -->\ntail\n"
        );
        assert_eq!(fill(&once).unwrap(), once, "filling twice changes nothing");
        let help = fill("<!-- generated: quotewire serve --help -->\n<!-- end -->\n").unwrap();
        assert!(help.contains("```text\noutput of serve --help\n```\n"), "{help}");
    }

    #[test]
    fn a_block_without_an_end_is_an_error() {
        let why = fill("<!-- generated: quotewire docs metrics -->\nold\n").unwrap_err().to_string();
        assert!(why.starts_with("a.md: "), "{why}");
        assert!(why.contains("has no `<!-- end -->`"), "{why}");
    }

    #[test]
    fn a_marker_in_a_code_block_is_an_example() {
        let example = format!("```text\n{PAGE}```\n");
        assert_eq!(fill(&example).unwrap(), example);
    }

    #[test]
    fn the_first_difference_is_shown() {
        let document = |is: &str, should: &str| {
            difference(&Document { path: "a.md".into(), is: is.into(), should: should.into() })
        };
        assert_eq!(document("a\nb\n", "a\nc\n"), "a.md:2: out of date\n  is:     b\n  should: c");
        assert_eq!(document("a\n", "a\nc\n"), "a.md:2: out of date\n  is:     (nothing)\n  should: c");
    }
}
