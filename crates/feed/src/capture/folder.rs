//! A folder of recordings: `FOLDER/PRESET/20261121T231917.123456Z-FEED-CONNECTION.cap.zst`.
//!
//! * The folder inside says whose messages a file holds, and the name when it begins: names sort by time.
//! * `.part` stands behind the name of a file that is not closed. One that is left of a process that was killed can be
//!   read up to its last flush.
//! * **The disk is bounded**: when all recordings of the folder take more than [`FolderSettings::max_disk`], the oldest
//!   closed ones are deleted, those of earlier runs included, so that there is always the latest past. Only files whose
//!   names have the form above are ever deleted, and none through a symbolic link. When nothing is left to delete, recording stops.
//! * One process records into a folder: `.lock` inside is locked as long as it does.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use market::Micros;

use super::Packing;

/// Behind the name of a file that is being written.
const UNFINISHED: &str = ".part";

/// Where a recording goes and what it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSettings {
    /// The folder. It is made if it is not there.
    pub folder: PathBuf,
    /// What the files are packed with.
    pub packing: Packing,
    /// A file that has grown by so many packed bytes is closed, and the next one begun. All files that are being written
    /// together stay below half of what the disk may hold, so with many connections they are closed earlier.
    pub rotate_size: u64,
    /// A file that is so old is closed.
    pub rotate_age: Duration,
    /// What all recordings of the folder may take.
    pub max_disk: u64,
}

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartName {
    /// When it begins, as it stands in the name: `20261121T231917.123456Z`.
    pub began: String,
    /// The feed.
    pub feed: String,
    /// Which of the feed's connections.
    pub connection: u32,
}

impl PartName {
    /// The name for a file that begins at this time.
    pub(super) fn new(began: Micros, feed: &str, connection: u32) -> PartName {
        PartName { began: stamp(began), feed: feed.to_owned(), connection }
    }

    /// Reads a file's name, whatever it is packed with and whether it is closed or not.
    pub fn parse(name: &str) -> Option<PartName> {
        let (bare, ending) = name.split_once(".cap")?;
        let ending = ending.strip_suffix(UNFINISHED).unwrap_or(ending);
        if !matches!(ending, "" | ".gz" | ".zst") {
            return None;
        }
        let (began, rest) = bare.split_once('-')?;
        let (feed, connection) = rest.rsplit_once('-')?;
        let form = b"00000000T000000.000000Z";
        let formed = began.len() == form.len()
            && began.bytes().zip(form).all(|(b, f)| if *f == b'0' { b.is_ascii_digit() } else { b == *f });
        if !formed || feed.is_empty() {
            return None;
        }
        Some(PartName {
            began: began.to_owned(),
            feed: feed.to_owned(),
            connection: connection.parse().ok()?,
        })
    }

    fn file_name(&self, packing: Packing) -> String {
        let PartName { began, feed, connection } = self;
        format!("{began}-{feed}-{connection}.cap{}", packing.ending())
    }
}

/// Whether a file was not closed, so that it may end in the middle.
pub fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|ending| *ending == UNFINISHED[1..])
}

/// `20261121T231917.123456Z`
fn stamp(at: Micros) -> String {
    let of_day = at.get().rem_euclid(86_400_000_000);
    let (second, micros) = (of_day / 1_000_000, of_day % 1_000_000);
    let date = at.date8().unwrap_or_else(|| "00000000".to_owned());
    format!("{date}T{:02}{:02}{:02}.{micros:06}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// A folder that is being recorded into.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) settings: FolderSettings,
    /// Files that may be deleted, oldest first, and what they take.
    closed: BTreeMap<(PartName, PathBuf), u64>,
    closed_bytes: u64,
    /// Locked as long as it is open.
    _lock: File,
}

impl Folder {
    /// Opens a folder and takes stock of what is in it.
    pub(super) fn open(settings: &FolderSettings) -> io::Result<Folder> {
        let folder = &settings.folder;
        fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
        let path = folder.join(".lock");
        let lock = File::options().create(true).append(true).open(&path).map_err(|e| named(&path, &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("{}: another process records into it", folder.display());
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, what));
            }
            Err(TryLockError::Error(error)) => return Err(named(&path, &error)),
        }
        let mut stock =
            Folder { settings: settings.clone(), closed: BTreeMap::new(), closed_bytes: 0, _lock: lock };
        for entry in fs::read_dir(folder).map_err(|error| named(folder, &error))? {
            let entry = entry?;
            // What a link leads to lies somewhere else, and nothing is ever deleted there.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            // What cannot be listed is none of ours.
            let Ok(files) = fs::read_dir(entry.path()) else { continue };
            for file in files.flatten() {
                let name = file.file_name().to_str().and_then(PartName::parse);
                if let (Some(name), Ok(about)) = (name, file.metadata())
                    && about.is_file()
                {
                    stock.closed(name, file.path(), about.len());
                }
            }
        }
        Ok(stock)
    }

    /// A path for a new file. A name that is taken gives way by microseconds.
    pub(super) fn place(
        &self,
        preset: &str,
        began: Micros,
        feed: &str,
        connection: u32,
    ) -> io::Result<(PartName, PathBuf)> {
        let inside = self.settings.folder.join(preset);
        fs::create_dir_all(&inside).map_err(|error| named(&inside, &error))?;
        let mut began = began;
        loop {
            let name = PartName::new(began, feed, connection);
            let path = inside.join(name.file_name(self.settings.packing));
            if !path.exists() && !unfinished(&path).exists() {
                return Ok((name, path));
            }
            began = Micros(began.get() + 1);
        }
    }

    /// A file can be deleted from now on.
    pub(super) fn closed(&mut self, name: PartName, path: PathBuf, bytes: u64) {
        self.closed_bytes += bytes;
        self.closed.insert((name, path), bytes);
    }

    /// What the closed files take.
    pub(super) const fn closed_bytes(&self) -> u64 {
        self.closed_bytes
    }

    /// Deletes the oldest closed files until these and those that are being written take no more than they may.
    /// Returns how many had to go.
    ///
    /// # Errors
    /// When there is nothing left to delete, or a file cannot be deleted.
    pub(super) fn make_room(&mut self, being_written: u64) -> io::Result<u64> {
        let mut deleted = 0;
        while self.closed_bytes + being_written > self.settings.max_disk {
            let Some(((_, path), bytes)) = self.closed.pop_first() else {
                let most = self.settings.max_disk;
                let what = format!("the files being written take {being_written} bytes, max_disk is {most}");
                return Err(io::Error::other(what));
            };
            self.closed_bytes -= bytes;
            match fs::remove_file(&path) {
                Ok(()) => deleted += 1,
                // Somebody has taken it away, which is all that was wanted.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(named(&path, &error)),
            }
        }
        Ok(deleted)
    }
}

/// The path of a file while it is being written.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

/// An error that says which file it is about.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_when_whose_and_which_and_sort_by_time() {
        let name = PartName::new(Micros(1_795_303_157_123_456), "binance-futures.1", 12);
        let text = name.file_name(Packing::Zstd);
        assert_eq!(text, "20261121T231917.123456Z-binance-futures.1-12.cap.zst");
        for ending in ["", ".gz", ".zst", ".part", ".gz.part", ".zst.part"] {
            let text = format!("20261121T231917.123456Z-binance-futures.1-12.cap{ending}");
            assert_eq!(PartName::parse(&text), Some(name.clone()), "{text}");
        }
        let times = [0, 1, 999_999, 1_000_000, 86_399_999_999, 86_400_000_000, 1_795_303_157_123_456];
        let names: Vec<_> = times.map(|at| PartName::new(Micros(at), "x", 0).file_name(Packing::Gzip)).into();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn other_files_are_not_taken_for_ours() {
        for text in [
            "20210417.cap.gz",
            "20210417-book.cap.gz",
            "20240808-btcusdt.cap.gz",
            "20261121T231917Z-x-0.cap.gz",
            "20261121T231917.123456Z-x.cap.gz",
            "20261121T231917.123456Z--0.cap.gz",
            "20261121T231917.123456Z-x-0.cap.gz.old",
            "20261121T231917.123456Z-x-0.rest.gz",
            "20261121T231917.123456Z-x-y.cap.gz",
            "2026112xT231917.123456Z-x-0.cap.gz",
        ] {
            assert_eq!(PartName::parse(text), None, "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_taken_stock_of_through_a_link() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = "20261121T231917.123456Z-x-0.cap.gz";
        fs::write(other.path().join(name), [0; 64]).unwrap();
        std::os::unix::fs::symlink(other.path(), own.path().join("kraken")).unwrap();
        fs::create_dir(own.path().join("okx")).unwrap();
        fs::write(own.path().join("okx").join(name), [0; 16]).unwrap();
        std::os::unix::fs::symlink(
            other.path().join(name),
            own.path().join("okx").join(name.replace("x-0", "x-1")),
        )
        .unwrap();
        let settings = FolderSettings {
            folder: own.path().to_owned(),
            packing: Packing::Gzip,
            rotate_size: 1,
            rotate_age: Duration::MAX,
            max_disk: 0,
        };
        let mut stock = Folder::open(&settings).unwrap();
        assert_eq!(stock.closed_bytes(), 16);
        assert_eq!(stock.make_room(0).unwrap(), 1);
        assert!(other.path().join(name).exists(), "a file outside of the folder was deleted");
    }
}
