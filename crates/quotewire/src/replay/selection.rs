//! Which recordings a replay was asked for, whose messages they hold, and which of them belong together.
//!
//! A file is named by itself, behind its venue (`kraken_v2=FILE`), or by its folder. Files whose names a recorder made
//! (`20261121T231917.123456Z-FEED-CONNECTION.cap.zst`) and that differ in their times alone are the parts of one recording.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use feed::RestAnswer;
use feed::capture::{CaptureReader, PartName, read_rest};
use feed_replay::{Source, Track, catalogue_within};

use crate::failure::Failure;
use crate::feeds;

/// A track, and whose messages it holds.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) preset: &'static str,
    pub(crate) track: Track,
}

/// The tracks of a command line: files, folders, and `VENUE=FILE`; `venue` is whose messages they hold where nothing else
/// says it.
pub(crate) fn chosen(
    arguments: &[String],
    venue: Option<&str>,
    rest: Option<&Path>,
) -> Result<Vec<Chosen>, Failure> {
    let venue = venue.map(known).transpose()?;
    let files = of_venues(arguments, venue, "--venue V")?;
    if let (Some(_), Some(other)) = (rest, files.iter().find(|(preset, _)| *preset != files[0].0)) {
        let (first, other) = (files[0].0, other.0);
        let what = format!("--rest is the catalogue of one venue, and these are of {first} and {other}");
        return Err(Failure::usage(what));
    }
    tracks(files, rest)
}

/// Every file that is named, and whose messages it holds; `hint` is how to say that for all of them.
fn of_venues(
    arguments: &[String],
    venue: Option<&'static str>,
    hint: &str,
) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let mut files = Vec::new();
    for argument in arguments {
        let (told, path) = match argument.split_once('=') {
            Some((name, path)) if !Path::new(argument).exists() => (Some(known(name)?), Path::new(path)),
            _ => (venue, Path::new(argument.as_str())),
        };
        for path in recordings(path)? {
            let preset = told.or_else(|| by_folder(&path)).ok_or_else(|| {
                Failure::usage(format!(
                    "{}: say whose messages it holds: {hint}, V=FILE, or a folder of that name; there are {}",
                    path.display(),
                    feeds::preset_names()
                ))
            })?;
            files.push((preset, path));
        }
    }
    Ok(files)
}

/// Files of several venues as a feed for each, in the order of their presets, and when the first message of all was received.
#[expect(clippy::type_complexity, reason = "a list and a time, taken apart at once")]
pub(crate) fn side_by_side(
    arguments: &[String],
) -> Result<(Vec<(&'static str, Vec<String>)>, Option<i64>), Failure> {
    let mut feeds: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut first: Option<i64> = None;
    for (preset, path) in of_venues(arguments, None, "preset = \"V\"")? {
        let mut reader = CaptureReader::open(&path).map_err(Failure::capture)?;
        // A fault is left to the one who plays it.
        while let Ok(Some(record)) = reader.next() {
            if record.frame().is_some() && record.recv_ns != 0 {
                first = Some(first.map_or(record.recv_ns, |before| before.min(record.recv_ns)));
                break;
            }
        }
        feeds.entry(preset).or_default().push(path.display().to_string());
    }
    Ok((feeds.into_iter().collect(), first))
}

/// The tracks of a configured feed.
pub(crate) fn configured(
    preset: &'static str,
    files: &[String],
    rest: Option<&Path>,
) -> Result<Vec<Track>, Failure> {
    let mut all = Vec::new();
    for file in files {
        all.extend(recordings(Path::new(file))?.into_iter().map(|path| (preset, path)));
    }
    Ok(tracks(all, rest)?.into_iter().map(|chosen| chosen.track).collect())
}

fn known(name: &str) -> Result<&'static str, Failure> {
    let unknown = || Failure::usage(format!("unknown venue {name:?}; there are {}", feeds::preset_names()));
    feeds::preset(name).ok_or_else(unknown)
}

fn by_folder(path: &Path) -> Option<&'static str> {
    feeds::preset(path.parent()?.file_name()?.to_str()?)
}

/// The file itself, or what a folder holds: recordings, and folders of them. In the order of their names.
fn recordings(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    list(path, true, &mut found).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    if found.is_empty() {
        return Err(Failure::failed(format!("{}: no recording in it", path.display())));
    }
    Ok(found)
}

fn list(folder: &Path, deeper: bool, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        entries.push(entry?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if deeper {
                list(&path, false, found)?;
            }
        } else if is_recording(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_recording(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let name = name.strip_suffix(".part").unwrap_or(name);
    [".cap", ".cap.gz", ".cap.zst"].iter().any(|ending| name.ends_with(ending))
}

/// Files that are parts of one recording, put in order; every other file is a track by itself. Tracks stand in the order
/// in which they were named first.
fn tracks(files: Vec<(&'static str, PathBuf)>, rest: Option<&Path>) -> Result<Vec<Chosen>, Failure> {
    let mut seen = HashSet::new();
    let mut groups: Vec<Group> = Vec::new();
    for (preset, path) in files {
        if !seen.insert(path.clone()) {
            return Err(Failure::usage(format!("{} is named twice", path.display())));
        }
        let name = path.file_name().and_then(|name| name.to_str()).and_then(PartName::parse);
        let began = name.as_ref().map(|name| name.began.clone()).unwrap_or_default();
        let line = name.map(|name| (path.parent().map(Path::to_owned), name.feed, name.connection));
        let known = groups.iter_mut().find(|g| line.is_some() && g.line == line && g.preset == preset);
        match known {
            Some(group) => group.parts.push((began, path)),
            None => groups.push(Group { preset, line, parts: vec![(began, path)] }),
        }
    }
    groups.into_iter().map(|group| group.track(rest)).collect()
}

/// Files that one decoder plays.
struct Group {
    preset: &'static str,
    /// Folder, feed and connection, where the names tell them.
    line: Option<(Option<PathBuf>, String, u32)>,
    /// When each begins, and where it is.
    parts: Vec<(String, PathBuf)>,
}

impl Group {
    fn track(mut self, rest: Option<&Path>) -> Result<Chosen, Failure> {
        self.parts.sort();
        let paths = self.parts.into_iter().map(|(_, path)| path);
        let beside = rest.map(Path::to_owned);
        let paths: Vec<PathBuf> = paths.collect();
        let beside = beside.or_else(|| paths.first().and_then(|path| rest_beside(path)));
        let parts: Vec<Source> = paths.into_iter().map(Source::File).collect();
        let mut answers: Vec<RestAnswer> = catalogue_within(&parts).map_err(Failure::capture)?;
        if let Some(file) = &beside {
            answers.extend(read_rest(file).map_err(Failure::capture)?);
        }
        let beside = beside.map(Source::File);
        Ok(Chosen { preset: self.preset, track: Track { parts, beside, answers } })
    }
}

/// `20210417-book.cap.gz` belongs to `20210417.rest.gz`: the same name, shortened part by part.
fn rest_beside(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let mut stem = name.split(".cap").next()?;
    loop {
        for ending in [".rest.gz", ".rest.zst", ".rest"] {
            let candidate = file.with_file_name(format!("{stem}{ending}"));
            if candidate.is_file() {
                return Some(candidate);
            }
        }
        stem = stem.rsplit_once('-')?.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_beside_a_recording_are_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("20210417.rest.gz"), b"").unwrap();
        for name in ["20210417.cap.gz", "20210417-book.cap.gz", "20210417-first-half.cap.gz"] {
            let found = rest_beside(&dir.path().join(name));
            assert_eq!(found, Some(dir.path().join("20210417.rest.gz")), "{name}");
        }
        assert_eq!(rest_beside(&dir.path().join("20240808-btcusdt.cap.gz")), None);
    }

    /// Each track as `PRESET: FILES`.
    fn shown(chosen: &[Chosen]) -> Vec<String> {
        let name = |source: &Source| source.name().rsplit('/').next().unwrap_or_default().to_owned();
        let parts = |track: &Track| track.parts.iter().map(name).collect::<Vec<_>>().join(" ");
        chosen.iter().map(|one| format!("{}: {}", one.preset, parts(&one.track))).collect()
    }

    #[test]
    fn a_folder_is_played_as_what_was_recorded_into_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "okx/20261121T000000.000000Z-a-0.cap.zst",
            "okx/20261121T020000.000000Z-a-0.cap.zst.part",
            "okx/20261121T010000.000000Z-a-0.cap.gz",
            "okx/20261121T000000.000000Z-a-1.cap",
            "kraken_v2/20261121T000000.000000Z-a-0.cap",
            "kraken_v2/20210417.cap",
            "kraken_v2/20210418.cap",
            "kraken_v2/notes.txt",
            ".lock",
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        let all = chosen(&[dir.path().display().to_string()], None, None).unwrap();
        assert_eq!(
            shown(&all),
            [
                "kraken_v2: 20210417.cap",
                "kraken_v2: 20210418.cap",
                "kraken_v2: 20261121T000000.000000Z-a-0.cap",
                "okx: 20261121T000000.000000Z-a-0.cap.zst 20261121T010000.000000Z-a-0.cap.gz \
                 20261121T020000.000000Z-a-0.cap.zst.part",
                "okx: 20261121T000000.000000Z-a-1.cap",
            ]
        );
        let file = |name: &str| dir.path().join(name).display().to_string();
        // What is named goes before the folder; a venue that is told is told for all.
        let named = format!("binance={}", file("okx/20261121T000000.000000Z-a-1.cap"));
        let two = chosen(&[named.clone(), file("kraken_v2/20210417.cap")], None, None).unwrap();
        assert_eq!(shown(&two), ["binance: 20261121T000000.000000Z-a-1.cap", "kraken_v2: 20210417.cap"]);
        let told = chosen(&[file("kraken_v2/20210417.cap")], Some("kraken"), None).unwrap();
        assert_eq!(shown(&told), ["kraken: 20210417.cap"]);

        let wrong = |arguments: &[String], rest: Option<&Path>| {
            chosen(arguments, None, rest).unwrap_err().to_string()
        };
        let twice = [file("okx/20261121T000000.000000Z-a-1.cap"), file("okx")];
        assert!(wrong(&twice, None).ends_with("is named twice"));
        std::fs::create_dir(dir.path().join("empty")).unwrap();
        assert!(wrong(&[file("empty")], None).ends_with("empty: no recording in it"));
        std::fs::write(dir.path().join("x.cap"), b"").unwrap();
        assert!(wrong(&[file("x.cap")], None).contains("say whose messages it holds: --venue V, V=FILE"));
        assert!(wrong(&["nobody=x.cap".to_owned()], None).starts_with("unknown venue \"nobody\"; there are"));
        let both = [named, file("kraken_v2/20210417.cap")];
        assert!(wrong(&both, Some(Path::new("x"))).starts_with("--rest is the catalogue of one venue"));
    }
}
