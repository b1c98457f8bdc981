//! What the configuration says of recording.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use feed::capture::{FolderSettings, Packing};
use toml::Spanned;

use super::checked::duration;
use super::{Fault, raw};

/// What venues send is written down here; nowhere without a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordConfig {
    pub(crate) dir: Option<PathBuf>,
    pub(crate) rotate_size: Size,
    pub(crate) rotate_age: Duration,
    pub(crate) max_disk: Size,
    pub(crate) compression: Compression,
}

impl Default for RecordConfig {
    fn default() -> RecordConfig {
        RecordConfig {
            dir: None,
            // A quarter of an hour of the busiest venue, and few enough files for a month.
            rotate_size: Size(256 << 20),
            rotate_age: Duration::from_secs(3_600),
            max_disk: Size(10 << 30),
            compression: Compression::Zstd,
        }
    }
}

impl RecordConfig {
    /// As the recorder takes it; none when nothing is to be recorded.
    pub(crate) fn folder(&self) -> Option<FolderSettings> {
        Some(FolderSettings {
            folder: self.dir.clone()?,
            packing: self.compression.packing(),
            rotate_size: self.rotate_size.0,
            rotate_age: self.rotate_age,
            max_disk: self.max_disk.0,
        })
    }

    /// What does not go together.
    pub(crate) fn objection(&self) -> Option<String> {
        let RecordConfig { rotate_size, max_disk, .. } = self;
        (max_disk.0 < rotate_size.0.saturating_mul(2)).then(|| {
            format!("max_disk ({max_disk}) is at least twice rotate_size ({rotate_size}): one file to write, one to keep")
        })
    }
}

/// What recordings are packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Compression {
    /// Zstandard: smaller and quicker.
    Zstd,
    /// gzip: read by everything.
    Gzip,
}

impl Compression {
    pub(crate) const fn packing(self) -> Packing {
        match self {
            Compression::Zstd => Packing::Zstd,
            Compression::Gzip => Packing::Gzip,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Compression::Zstd => "zstd",
            Compression::Gzip => "gzip",
        }
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Size, &'static str> {
        const WHAT: &str =
            "a size is a whole number with a unit: kB, MB, GB, TB, KiB, MiB, GiB or TiB, as in \"256MiB\"";
        let (number, unit) =
            UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit))).ok_or(WHAT)?;
        let number = number.trim_end();
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(WHAT);
        }
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or(WHAT)?;
        if bytes < 64 << 10 { Err("at least 64KiB") } else { Ok(Size(bytes)) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest unit that divides it.
        let whole = UNITS.iter().filter(|(_, unit)| self.0.is_multiple_of(*unit));
        match whole.max_by_key(|(_, unit)| unit) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

pub(super) fn check(raw: raw::Record) -> Result<RecordConfig, Fault> {
    let defaults = RecordConfig::default();
    let place = raw.max_disk.as_ref().or(raw.rotate_size.as_ref()).map(Spanned::span);
    let size = |text: Option<Spanned<String>>, default: Size| match text {
        None => Ok(default),
        Some(text) => text.get_ref().parse().map_err(|what: &str| Fault::at(&text.span(), what)),
    };
    let compression = match raw.compression {
        None => defaults.compression,
        Some(name) => match name.get_ref().as_str() {
            "zstd" => Compression::Zstd,
            "gzip" => Compression::Gzip,
            _ => return Err(Fault::at(&name.span(), "\"zstd\" or \"gzip\"")),
        },
    };
    let range = Duration::from_secs(1)..Duration::from_secs(7 * 86_400);
    let config = RecordConfig {
        dir: raw.dir.map(|dir| dir.into_inner().into()),
        rotate_size: size(raw.rotate_size, defaults.rotate_size)?,
        rotate_age: duration(raw.rotate_age, defaults.rotate_age, range)?,
        max_disk: size(raw.max_disk, defaults.max_disk)?,
        compression,
    };
    match config.objection() {
        Some(what) => Err(Fault::at(&place.unwrap_or(0..0), what)),
        None => Ok(config),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_shown_and_others_refused() {
        for (text, bytes, shown) in [
            ("64KiB", 65_536, "64KiB"),
            ("256MiB", 256 << 20, "256MiB"),
            ("10 GiB", 10 << 30, "10GiB"),
            ("1024MiB", 1 << 30, "1GiB"),
            ("250MB", 250_000_000, "250MB"),
            ("1TB", 1_000_000_000_000, "1TB"),
            ("100kB", 100_000, "100kB"),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
            assert_eq!(Size(bytes).to_string(), shown);
        }
        for text in ["", "MB", "1", "1.5GB", "-1GB", "1gb", "1 G", "1KiB", "99999999999999999999TB"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused_where_it_stands() {
        let read = |text: &str| super::super::parse(text).map(|config| config.record);
        let all = read(
            "[record]\ndir = \"d\"\nrotate_size = \"1MiB\"\nrotate_age = \"5m\"\nmax_disk = \"2MiB\"\ncompression = \"gzip\"\n",
        );
        let all = all.unwrap().folder().unwrap();
        assert_eq!((all.rotate_size, all.max_disk, all.packing), (1 << 20, 2 << 20, Packing::Gzip));
        assert_eq!(read("[record]\n").unwrap(), RecordConfig::default());
        assert_eq!(RecordConfig::default().folder(), None, "nothing is recorded unless somebody says where");
        for (text, what) in [
            ("[record]\nmax_disk = \"511MiB\"\n", "max_disk (511MiB) is at least twice rotate_size (256MiB)"),
            ("[record]\ncompression = \"xz\"\n", "\"zstd\" or \"gzip\""),
            ("[record]\nrotate_size = \"7\"\n", "a size is a whole number with a unit"),
            ("[record]\nrotate_age = \"0s\"\n", "at least 1s"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(format!("{fault:?}").replace('\\', "").contains(what), "{fault:?}");
        }
    }
}
