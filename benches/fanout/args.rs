//! What the command line asks for.

use std::path::PathBuf;

use crate::row::{self, Row};
use crate::scenario::{self, Plan};

pub(crate) const HELP: &str = "\
usage: cargo xtask bench fanout [OPTION...]

  --scenario A,C     which ones (default: all)
                       A  1,000 clients on one symbol: the knee
                       B  10,000 clients, one of 500 symbols each, 2,000 updates/s
                       C  1,000 clients x 50 of 500 symbols, 5,000 updates/s
                       K  as C: the knee
                       D  10,000 idle clients: memory
                       E  one reader in five stops for 30 s
                       F  as A at 50 updates/s
                       G  ingest of 1,000,000 updates/s (Quotewire only)
                       M  memory of 10,000 clients x 500 symbols, and of 100,000 symbols (Quotewire only)
                       W  ten waves of 5,000 clients: memory after each
  --rows R,S         which servers: bare-ad, bare-bN (a window of N ms), bare-same (the window that gives batches like
                     those of the Quotewire row before it), uring-bN (bare, on io_uring), warp, nchan-N
                     (workers), quotewire-latest, quotewire-every; a Quotewire row may have settings: quotewire-every+server.x=y+env.NAME=VALUE+binary=FILE
  --set server.x=y   a setting of every Quotewire row; may be repeated
  --binary FILE      the quotewire to measure (default: the one built beside this program)
  --repeat N         how often (default 1)
  --seconds N        length of a measurement that is no knee (default 8)
  --out FILE         writes the report there too, after every scenario

exit codes: 0 fine, 1 failed, 2 wrong usage";

/// What to do.
#[derive(Debug)]
pub(crate) enum Asked {
    Help,
    /// Be the bare writer.
    Bare {
        symbols: u32,
        window: Option<f64>,
        ring: bool,
    },
    /// Be the warp server.
    Warp {
        symbols: u32,
    },
    /// Measure.
    Run {
        plan: Plan,
        out: Option<String>,
    },
}

/// Reads the words behind the program's name.
pub(crate) fn read(words: &[String]) -> Result<Asked, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("`{text}` is not a number"));
    match words.as_slice() {
        ["--help" | "-h" | "help"] => return Ok(Asked::Help),
        ["serve", what @ ("bare" | "uring"), symbols, window] => {
            let ring = *what == "uring";
            return Ok(Asked::Bare { symbols: number(symbols)?, window: window.parse().ok(), ring });
        }
        ["serve", "warp", symbols] => return Ok(Asked::Warp { symbols: number(symbols)? }),
        _ => {}
    }
    let mut scenarios: Vec<char> = scenario::ALL.iter().map(|(letter, _)| *letter).collect();
    let (mut rows, mut set, mut out) = (row::USUAL.to_owned(), Vec::new(), None);
    let (mut repeat, mut seconds) = (1, 8);
    let mut binary = beside();
    let mut rest = words.iter();
    while let Some(option) = rest.next() {
        let value = *rest.next().ok_or_else(|| format!("`{option}` takes a value"))?;
        match *option {
            "--scenario" => {
                scenarios.clear();
                for word in value.split(',') {
                    let known = scenario::ALL.iter().find(|(letter, _)| word == letter.to_string());
                    scenarios.push(known.ok_or_else(|| format!("there is no scenario `{word}`"))?.0);
                }
            }
            "--rows" => value.clone_into(&mut rows),
            "--set" => set.push(row::setting(value)?),
            "--binary" => binary = PathBuf::from(value),
            "--repeat" => repeat = number(value)?.clamp(1, 100) as usize,
            "--seconds" => seconds = u64::from(number(value)?.clamp(1, 600)),
            "--out" => out = Some(value.to_owned()),
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    let rows =
        rows.split(',').map(|text| Row::parse(text, &binary, &set)).collect::<Result<Vec<Row>, String>>()?;
    Ok(Asked::Run { plan: Plan { scenarios, rows, repeat, seconds }, out })
}

/// The binary that was built into the same folder as this program.
fn beside() -> PathBuf {
    std::env::current_exe()
        .map(|me| me.with_file_name("quotewire"))
        .unwrap_or_else(|_| PathBuf::from("quotewire"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_line_of_options_becomes_a_plan() {
        let Ok(Asked::Run { plan, out }) = asked(
            "--scenario A,K --rows bare-b10,quotewire-every --set limits.streams=5 --repeat 3 --seconds 20 --out x.md",
        ) else {
            panic!("not a plan");
        };
        assert_eq!((plan.scenarios, plan.rows.len(), plan.repeat, plan.seconds), (vec!['A', 'K'], 2, 3, 20));
        assert_eq!(out.as_deref(), Some("x.md"));
        assert!(matches!(asked(""), Ok(Asked::Run { plan, .. }) if plan.scenarios.len() == 11));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, word) in [
            ("--scenario X", "`X`"),
            ("--rows node", "`node`"),
            ("--speed 3", "`--speed`"),
            ("--set", "`--set`"),
        ] {
            assert!(asked(line).unwrap_err().contains(word), "{line}");
        }
    }
}
