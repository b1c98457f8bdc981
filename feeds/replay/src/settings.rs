//! What the configuration says of a replay.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// The keys of a `[[feeds]]` entry of kind `replay`, besides those that every feed has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The recording.
    pub file: PathBuf,
    /// The recorded HTTP answers (its catalogue); without it the caller looks beside the recording.
    #[serde(default)]
    pub rest: Option<PathBuf>,
    /// How fast.
    #[serde(default)]
    pub speed: Speed,
    /// Whether it starts over at its end.
    #[serde(default, rename = "loop")]
    pub looped: bool,
}

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// At a multiple of the recorded pace.
    Times {
        /// The multiple in thousandths: 1000 is the recorded pace.
        thousandths: NonZeroU32,
    },
    /// Without any pause.
    Max,
}

/// A thousand thousandths.
const RECORDED_PACE: NonZeroU32 = NonZeroU32::new(1_000).expect("a constant that is not zero");

impl Default for Speed {
    fn default() -> Speed {
        Speed::Times { thousandths: RECORDED_PACE }
    }
}

/// Why a text is not a speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeedError;

impl fmt::Display for SpeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a speed is \"max\" or a multiple from 0.001x to 1000000x, as in \"1x\", \"10x\" or \"0.5x\"",
        )
    }
}

impl std::error::Error for SpeedError {}

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Speed, SpeedError> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        let number = text.strip_suffix('x').unwrap_or(text);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 3 {
            return Err(SpeedError);
        }
        let whole: u32 = whole.parse().map_err(|_| SpeedError)?;
        let fraction: u32 = format!("{fraction:0<3}").parse().map_err(|_| SpeedError)?;
        if whole > 1_000_000 {
            return Err(SpeedError);
        }
        let thousandths = NonZeroU32::new(whole * 1_000 + fraction).ok_or(SpeedError)?;
        Ok(Speed::Times { thousandths })
    }
}

impl<'de> Deserialize<'de> for Speed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Speed, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a speed is \"max\" or a multiple, as in \"10x\"")]
        enum Raw {
            Text(String),
            Whole(u32),
        }
        let text = match Raw::deserialize(deserializer)? {
            Raw::Text(text) => text,
            Raw::Whole(times) => times.to_string(),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_and_others_refused() {
        let thousandths = |text: &str| match text.parse::<Speed>() {
            Ok(Speed::Times { thousandths }) => Some(thousandths.get()),
            Ok(Speed::Max) | Err(SpeedError) => None,
        };
        assert_eq!("max".parse(), Ok(Speed::Max));
        for (text, expected) in [
            ("1", 1_000),
            ("1x", 1_000),
            ("10x", 10_000),
            ("0.5x", 500),
            ("2.125", 2_125),
            ("0.001x", 1),
            ("1000000x", 1_000_000_000),
        ] {
            assert_eq!(thousandths(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "x",
            "0",
            "0x",
            "0.0",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.0001",
            "1e3",
            "MAX",
            "1000001",
            "99999999999",
        ] {
            assert_eq!(text.parse::<Speed>(), Err(SpeedError), "{text:?}");
        }
    }

    #[test]
    fn settings_refuse_what_they_do_not_know() {
        let read = |json: &str| serde_json::from_str::<Settings>(json);
        let all = read(r#"{"file":"a.cap.gz","rest":"a.rest.gz","speed":"10x","loop":true}"#).unwrap();
        assert_eq!(all.speed, "10x".parse().unwrap());
        assert!(all.looped && all.rest.is_some());
        let least = read(r#"{"file":"a.cap.gz"}"#).unwrap();
        assert_eq!((least.speed, least.looped, least.rest), (Speed::default(), false, None));
        assert_eq!(read(r#"{"file":"a","speed":2}"#).unwrap().speed, "2x".parse().unwrap());
        assert!(read(r#"{"file":"a","sped":"2x"}"#).unwrap_err().to_string().contains("sped"));
        assert!(read(r#"{"file":"a","speed":"fast"}"#).unwrap_err().to_string().contains("a speed is"));
        assert!(read(r#"{"speed":"1x"}"#).unwrap_err().to_string().contains("file"));
    }
}
