//! A row of the tables: which server, how it is set up, and how it is spelled.

use std::io;
use std::path::{Path, PathBuf};

use crate::peers::quotewire::{Quotewire, Setting, Settings};
use crate::peers::{Own, Server, nchan};

/// Every row that is measured unless others are asked for.
pub(crate) const USUAL: &str =
    "bare-b10,bare-ad,uring-b10,warp,nchan-1,nchan-2,quotewire-latest,quotewire-every,bare-same";

/// One server to measure.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// As it was asked for.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a row starts.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// The bare writer; `None` is adaptive, otherwise a window in milliseconds.
    Bare(Option<f64>),
    /// The bare writer on io_uring, with a window in milliseconds.
    Uring(f64),
    /// The bare writer with the window that gives batches as large as those of the last Quotewire row.
    BareSame,
    Warp,
    Nchan(u32),
    Quotewire(Settings),
}

impl Row {
    /// Reads `bare-b10`, `bare-ad`, `bare-same`, `uring-b10`, `warp`, `nchan-2`,
    /// `quotewire-every+server.x=y+env.NAME=VALUE+binary=FILE`.
    pub(crate) fn parse(text: &str, binary: &Path, set: &[Setting]) -> Result<Row, String> {
        let mut words = text.split('+');
        let name = words.next().unwrap_or_default();
        let unknown = || {
            format!(
                "there is no row `{name}`, only bare-ad, bare-bN, bare-same, uring-bN, warp, nchan-N, quotewire-latest, quotewire-every"
            )
        };
        let kind = match name.split_once('-').unwrap_or((name, "")) {
            ("bare", "ad") => Kind::Bare(None),
            ("bare", "same") => Kind::BareSame,
            ("bare", window) => {
                let millis = window.strip_prefix('b').and_then(|n| n.parse().ok()).filter(|n| *n > 0.0);
                Kind::Bare(Some(millis.ok_or_else(unknown)?))
            }
            ("uring", window) => {
                let millis = window.strip_prefix('b').and_then(|n| n.parse().ok()).filter(|n| *n > 0.0);
                Kind::Uring(millis.ok_or_else(unknown)?)
            }
            ("warp", "") => Kind::Warp,
            ("nchan", workers) => Kind::Nchan(workers.parse().ok().filter(|n| *n > 0).ok_or_else(unknown)?),
            ("quotewire", mode) => {
                let mode = ["latest", "every"].into_iter().find(|known| *known == mode);
                let mut settings = Settings {
                    binary: binary.to_owned(),
                    mode: mode.ok_or_else(unknown)?,
                    set: set.to_vec(),
                    env: Vec::new(),
                };
                for word in words.by_ref() {
                    if let Some(variable) = word.strip_prefix("env.") {
                        let (name, value) = variable
                            .split_once('=')
                            .ok_or_else(|| format!("`{word}` is not of the form env.NAME=VALUE"))?;
                        settings.env.push((name.to_owned(), value.to_owned()));
                        continue;
                    }
                    match setting(word)? {
                        (key, value) if key == "binary" => {
                            settings.binary = PathBuf::from(value.trim_matches('"'))
                        }
                        pair => settings.set.push(pair),
                    }
                }
                Kind::Quotewire(settings)
            }
            _ => return Err(unknown()),
        };
        match words.next() {
            Some(_) => Err(format!("only quotewire rows take settings, not `{name}`")),
            None => Ok(Row { name: shown(text), kind }),
        }
    }

    /// Why it cannot be measured on this machine, if so.
    pub(crate) fn missing(&self) -> Option<String> {
        match self.kind {
            Kind::Nchan(_) => nchan::missing(),
            _ => None,
        }
    }

    /// Starts it. `same` is the window of a [`Kind::BareSame`].
    pub(crate) fn start(&self, symbols: u32, same: Option<f64>) -> io::Result<Box<dyn Server>> {
        Ok(match &self.kind {
            Kind::Bare(window) => Box::new(bare(symbols, *window)?),
            Kind::BareSame => Box::new(bare(symbols, same)?),
            Kind::Uring(window) => Box::new(Own::start("uring", symbols, &[window.to_string()])?),
            Kind::Warp => Box::new(Own::start("warp", symbols, &[])?),
            Kind::Nchan(workers) => Box::new(nchan::Nchan::start(*workers, symbols)?),
            Kind::Quotewire(settings) => Box::new(Quotewire::start(settings, symbols)?),
        })
    }

    /// Whether other rows are compared with it.
    pub(crate) const fn is_bare(&self) -> bool {
        matches!(self.kind, Kind::Bare(_) | Kind::BareSame)
    }
}

/// A row's name without the folders of its binary and its libraries, which mean something on one machine only.
fn shown(text: &str) -> String {
    let word = |word: &str| match word.split_once('=') {
        Some((key, path)) if path.starts_with('/') => {
            format!("{key}={}", path.rsplit('/').next().unwrap_or(path))
        }
        _ => word.to_owned(),
    };
    text.split('+').map(word).collect::<Vec<_>>().join("+")
}

fn bare(symbols: u32, window: Option<f64>) -> io::Result<Own> {
    let window = window.map_or("ad".to_owned(), |millis| millis.to_string());
    Own::start("bare", symbols, &[window])
}

/// Reads `section.key=value`. A value that is no TOML by itself is taken as text.
pub(crate) fn setting(text: &str) -> Result<Setting, String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is not of the form key=value"))?;
    let plain =
        value.parse::<f64>().is_ok() || matches!(value, "true" | "false") || value.starts_with(['"', '[']);
    Ok((key.to_owned(), if plain { value.to_owned() } else { format!("\"{value}\"") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_their_settings() {
        let read = |text: &str| Row::parse(text, Path::new("q"), &[]);
        for name in USUAL.split(',').chain(["bare-b2.5", "uring-b5"]) {
            assert_eq!(read(name).unwrap().name, name);
        }
        let row = read("quotewire-every+server.writer=own+limits.streams=5+binary=/b/q").unwrap();
        let Kind::Quotewire(settings) = row.kind else { panic!("{row:?}") };
        assert_eq!((settings.mode, settings.binary.to_str()), ("every", Some("/b/q")));
        assert_eq!(row.name, "quotewire-every+server.writer=own+limits.streams=5+binary=q");
        let set = [("server.writer", "\"own\""), ("limits.streams", "5")];
        assert_eq!(settings.set, set.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let row = read("quotewire-latest+env.LD_PRELOAD=/l/libx.so.2+env.ARENAS=1").unwrap();
        assert_eq!(row.name, "quotewire-latest+env.LD_PRELOAD=libx.so.2+env.ARENAS=1");
        let Kind::Quotewire(settings) = row.kind else { panic!("{row:?}") };
        let env = [("LD_PRELOAD", "/l/libx.so.2"), ("ARENAS", "1")];
        assert_eq!(settings.env, env.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for wrong in [
            "quotewire-latest+env.ARENAS",
            "bare-b0",
            "bare",
            "uring-ad",
            "warp-2",
            "nchan",
            "quotewire",
            "quotewire-trades",
            "warp+a=b",
            "node",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
