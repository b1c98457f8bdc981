//! The one door for chores: `cargo xtask ci` and its parts.
//!
//! | file | what it is |
//! |---|---|
//! | [`ci`] | the steps that must pass, in order |
//! | [`setup`] | what those steps need installed |
//! | [`tidy`] | the rules of the tree that no compiler knows |
//! | [`docs`] | documents that repeat what the program says |
//! | [`safety`] | the long proofs: ThreadSanitizer, loom, fuzzing |
//! | [`mod@bench`] | measurements |
//! | [`new_feed`] | the beginning of an adapter |
//! | [`tree`], [`metadata`], [`exec`] | the files, the crates, other programs |
//!
//! It knows none of our crates: a broken crate must not stop the tool that says what is broken.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a chore does")]

mod bench;
mod ci;
mod docs;
mod exec;
mod metadata;
mod new_feed;
mod safety;
mod setup;
mod tidy;
mod tree;

use std::process::ExitCode;

use exec::Failure;

const HELP: &str = "\
The one door for chores.

usage: cargo xtask COMMAND [OPTION...]

  ci                 everything that must pass, and what it needs installed first
     --list            name the steps
     --only STEP       run one step
     --from STEP       run this step and those after it
  tidy               the rules of the tree that no compiler knows (a second)
  docs               write the documents that repeat what the program says
     --check           only tell whether they are up to date
  new-feed NAME      the beginning of an adapter in feeds/NAME, wired in, with a test that wants a recording
  safety [PROOF]     the long proofs: tsan, loom, vanish, fuzz (all when none is named)
     --seconds N       time for each fuzz target (60)
  bench [NAME]       measure, in release; NAME is one file of benches/
     -- ARG...         handed to the bench
     fanout OPTION...  the fan-out bench, with options of its own (`cargo xtask bench fanout --help`)
  help               this text

exit codes: 0 fine, 1 failed, 2 wrong usage
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        [] | ["help" | "--help" | "-h"] | [_, "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["ci", rest @ ..] => ci::run(rest),
        ["tidy"] => tidy::run(),
        ["docs"] => docs::write(),
        ["docs", "--check"] => docs::check(),
        ["new-feed", name] => new_feed::run(name),
        ["safety", rest @ ..] => safety::run(rest),
        ["bench", rest @ ..] => bench::run(rest),
        [other, ..] => Err(Failure::Usage(format!("cannot do `{other}` like that"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(why)) => {
            eprintln!("error: {why}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(why)) => {
            eprintln!("error: {why}; `cargo xtask help` tells what there is");
            ExitCode::from(2)
        }
    }
}
