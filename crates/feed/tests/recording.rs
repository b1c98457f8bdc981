//! Recordings into a folder: each file can be played alone, the disk is bounded, and what fails is said.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use feed::capture::{
    CaptureReader, FolderSettings, Packing, PartName, Payload, Recorded, Recording, is_unfinished,
};
use market::{Clock, RealClock};

const SECOND: i64 = 1_000_000_000;
/// 2026-11-21 23:19:17 UTC.
const START: i64 = 1_795_303_157 * SECOND;

fn settings(folder: &Path) -> FolderSettings {
    FolderSettings {
        folder: folder.to_owned(),
        packing: Packing::Zstd,
        rotate_size: 1 << 30,
        rotate_age: Duration::from_secs(3_600),
        max_disk: 4 << 30,
    }
}

fn start(settings: &FolderSettings) -> std::io::Result<Recording> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    Recording::into_folder(settings, clock)
}

/// Every recording in the folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for inside in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if inside.is_dir() {
            files.extend(std::fs::read_dir(&inside).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    files.sort_by_key(|path| path.file_name().unwrap().to_owned());
    files
}

/// A file's records as lines.
fn lines(path: &Path) -> Vec<String> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut lines = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        let text = match record.payload {
            Payload::Opened(text) => format!("@ {text}"),
            Payload::Sent(text) => format!("> {text}"),
            Payload::Text(text) => format!("< {text}"),
            Payload::Rest { url, body } => format!("G {url} {body}"),
            Payload::Binary(bytes) => format!("B {}", bytes.len()),
        };
        lines.push(format!("{} {text}", record.recv_ns - START));
    }
    lines
}

/// Bytes that nothing can pack.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

const HEAD: [&str; 4] =
    ["0 G https://a/symbols [1]", "1 G https://a/more [2]", "10 @ wss://a/ws", "11 > subscribe"];

/// The catalogue, a connection, its subscription.
fn begin(recording: &Recording) -> feed::capture::Recorder {
    let hand = recording.of_feed("toy", "feed");
    hand.record(START, Payload::Rest { url: "https://a/symbols", body: "[1]" });
    hand.record(START + 1, Payload::Rest { url: "https://a/more", body: "[2]" });
    let connection = hand.of_connection(0);
    connection.record(START + 10, Payload::Opened("wss://a/ws"));
    connection.record(START + 11, Payload::Sent("subscribe"));
    connection
}

#[test]
fn each_file_begins_with_what_it_takes_to_play_it_alone() {
    for packing in [Packing::Zstd, Packing::Gzip, Packing::Plain] {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            FolderSettings { packing, rotate_age: Duration::from_secs(10), ..settings(folder.path()) };
        let recording = start(&settings).unwrap();
        let hand = begin(&recording);
        // A border is where the age is reached, not where it is passed.
        for seconds in [1, 9, 10, 19, 20, 45] {
            hand.record(START + seconds * SECOND, Payload::Text("tick"));
        }
        let recorded = recording.finish().unwrap();
        assert_eq!(recorded, Recorded { records: 10, lost: 0, unfit: 0 });
        let files = files(folder.path());
        let names: Vec<_> = files.iter().map(|f| f.file_name().unwrap().to_str().unwrap()).collect();
        let ending = packing.ending();
        assert_eq!(
            names,
            [
                format!("20261121T231917.000000Z-feed-0.cap{ending}"),
                format!("20261121T231927.000000Z-feed-0.cap{ending}"),
                format!("20261121T231937.000000Z-feed-0.cap{ending}"),
                format!("20261121T232002.000000Z-feed-0.cap{ending}"),
            ]
        );
        for (file, ticks) in files.iter().zip([&[1, 9][..], &[10, 19], &[20], &[45]]) {
            let mut expected: Vec<String> = HEAD.map(str::to_owned).into();
            expected.extend(ticks.iter().map(|at| format!("{} < tick", at * SECOND)));
            assert_eq!(lines(file), expected, "{}", file.display());
            assert_eq!(file.parent().unwrap().file_name().unwrap(), "toy");
        }
    }
}

#[test]
fn a_file_that_has_grown_enough_gives_way_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let settings = FolderSettings { rotate_size: 300_000, ..settings(folder.path()) };
    let recording = start(&settings).unwrap();
    let hand = begin(&recording);
    for n in 0..100 {
        hand.record(START + (n + 1) * SECOND, Payload::Binary(&noise(n as u64, 20_000)));
    }
    let watch = recording.watch();
    let recorded = recording.finish().unwrap();
    assert_eq!((recorded.records, recorded.lost), (104, 0));
    let files = files(folder.path());
    // 2 MB of noise, in base64 and packed again: at least its own size.
    assert!((4..=8).contains(&files.len()), "{files:?}");
    let mut binaries = Vec::new();
    for file in &files {
        let (head, rest): (Vec<_>, Vec<_>) = lines(file).into_iter().partition(|line| !line.contains(" B "));
        assert_eq!(head, HEAD);
        binaries.extend(rest);
    }
    let expected: Vec<_> = (0..100).map(|n| format!("{} B 20000", (n + 1) * SECOND)).collect();
    assert_eq!(binaries, expected, "nothing twice, nothing left out");
    let standing = watch.look();
    assert_eq!(standing.files_closed, files.len() as u64);
    let on_disk: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(standing.disk_bytes, on_disk);
    assert_eq!(standing.feeds["feed"], (104, 0));
}

#[test]
fn the_oldest_make_room_and_only_ours() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("toy");
    std::fs::create_dir_all(&inside).unwrap();
    let foreign = ["20210417.cap.gz", "notes.txt", "20201121T231917.000000Z-feed-0.cap.zst.bak"];
    for name in foreign {
        std::fs::write(inside.join(name), noise(1, 100_000)).unwrap();
    }
    // Left by earlier runs: one that was closed and one that was killed.
    for name in ["20201121T231917.000000Z-feed-0.cap.zst", "20201121T231918.000000Z-other-3.cap.gz.part"] {
        std::fs::write(inside.join(name), noise(2, 100_000)).unwrap();
    }
    let settings = FolderSettings { rotate_size: 200_000, max_disk: 1_000_000, ..settings(folder.path()) };
    let recording = start(&settings).unwrap();
    let hand = begin(&recording);
    for n in 0..200 {
        hand.record(START + (n + 1) * SECOND, Payload::Binary(&noise(n as u64, 20_000)));
    }
    let watch = recording.watch();
    recording.finish().unwrap();
    let (ours, others): (Vec<_>, Vec<_>) = files(folder.path()).into_iter().partition(|path| {
        path.file_name().and_then(|name| name.to_str()).and_then(PartName::parse).is_some()
    });
    assert_eq!(others.len(), foreign.len(), "{others:?}");
    let taken: u64 = ours.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(taken <= 1_000_000 && taken > 500_000, "{taken}");
    assert!(watch.look().files_deleted >= 10, "{:?}", watch.look());
    // The latest past is there, without a gap, and each file of it is whole.
    let ticks: Vec<String> =
        ours.iter().flat_map(|file| lines(file)).filter(|line| line.contains(" B ")).collect();
    let first = 200 - ticks.len();
    let expected: Vec<_> = (first..200).map(|n| format!("{} B 20000", (n as i64 + 1) * SECOND)).collect();
    assert_eq!(ticks, expected);
}

#[test]
fn a_bound_that_cannot_be_kept_ends_the_recording_and_not_the_hands() {
    let folder = tempfile::tempdir().unwrap();
    let settings = FolderSettings { max_disk: 1_000, ..settings(folder.path()) };
    let recording = start(&settings).unwrap();
    let hand = recording.of_feed("toy", "feed");
    hand.record(START, Payload::Rest { url: "https://a", body: &format!("{:?}", noise(3, 20_000)) });
    for n in 0..10 {
        hand.record(START + n, Payload::Binary(&noise(n as u64, 20_000)));
    }
    let watch = recording.watch();
    let error = recording.finish().unwrap_err();
    assert!(error.to_string().contains("max_disk is 1000"), "{error}");
    assert!(watch.look().stopped);
    let before = watch.look().feeds["feed"].1;
    hand.record(START, Payload::Text("too late"));
    assert_eq!(watch.look().feeds["feed"].1, before + 1, "lost and counted");
}

#[test]
fn each_connection_and_each_feed_has_files_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let recording = start(&settings(folder.path())).unwrap();
    let (one, two) = (recording.of_feed("toy", "feed"), recording.of_feed("other", "second"));
    one.record(START, Payload::Rest { url: "https://a", body: "[]" });
    for (hand, number) in [(&one, 0), (&one, 1), (&two, 0)] {
        let hand = hand.of_connection(number);
        hand.record(START + 1_000 * number as i64, Payload::Opened("wss://a"));
        hand.record(START + 1_000 * number as i64, Payload::Text("tick"));
    }
    recording.finish().unwrap();
    let files = files(folder.path());
    let names: Vec<String> =
        files.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
    assert_eq!(
        names,
        [
            "toy/20261121T231917.000000Z-feed-0.cap.zst",
            "other/20261121T231917.000000Z-second-0.cap.zst",
            "toy/20261121T231917.000001Z-feed-1.cap.zst",
        ]
    );
    assert_eq!(lines(&files[2]), ["0 G https://a []", "1000 @ wss://a", "1000 < tick"]);
    assert_eq!(lines(&files[1]).len(), 2, "another feed has another catalogue");
}

#[test]
fn a_named_file_is_for_one_connection_and_the_next_has_the_next_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.cap.gz");
    let recording = Recording::start(&path).unwrap();
    let hand = recording.of_feed("toy", "feed");
    for number in 0..2 {
        let hand = hand.of_connection(number);
        hand.record(START, Payload::Opened("wss://a"));
        hand.record(START + 1, Payload::Text(&format!("of {number}")));
    }
    assert!(!path.exists(), "it has its name when it is whole");
    recording.finish().unwrap();
    assert_eq!(lines(&path), ["0 @ wss://a", "1 < of 0"]);
    assert_eq!(lines(&folder.path().join("day-1.cap.gz")), ["0 @ wss://a", "1 < of 1"]);
    let again = Recording::start(&path).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn a_new_life_of_a_connection_stays_in_its_file_and_changes_the_head_of_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let settings = FolderSettings { rotate_age: Duration::from_secs(10), ..settings(folder.path()) };
    let recording = start(&settings).unwrap();
    begin(&recording).record(START + SECOND, Payload::Text("a"));
    let hand = recording.of_feed("toy", "none");
    drop(hand);
    recording.finish().unwrap();
    let recording = start(&settings).unwrap();
    let hand = begin(&recording);
    hand.record(START + 5 * SECOND, Payload::Opened("wss://a/again"));
    hand.record(START + 6 * SECOND, Payload::Text("b"));
    hand.record(START + 15 * SECOND, Payload::Text("c"));
    recording.finish().unwrap();
    let files = files(folder.path());
    assert_eq!(files.len(), 3, "the run before had the same second, so a microsecond tells them apart");
    let again = format!("{} @ wss://a/again", 5 * SECOND);
    assert_eq!(lines(&files[1])[4..], [again.clone(), format!("{} < b", 6 * SECOND)]);
    assert_eq!(lines(&files[2])[2..], [again, format!("{} < c", 15 * SECOND)]);
}

#[test]
fn two_cannot_record_into_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let recording = start(&settings(folder.path())).unwrap();
    let error = start(&settings(folder.path())).unwrap_err();
    assert!(error.to_string().ends_with("another process records into it"), "{error}");
    recording.finish().unwrap();
    start(&settings(folder.path())).unwrap().finish().unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_stops_the_recording_and_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let recording = start(&settings(folder.path())).unwrap();
    // Where the folder of the feed should be stands a file.
    std::fs::write(folder.path().join("toy"), "").unwrap();
    let hand = recording.of_feed("toy", "feed");
    hand.record(START, Payload::Opened("wss://a"));
    let error = recording.finish().unwrap_err();
    assert!(error.to_string().contains(&folder.path().join("toy").display().to_string()), "{error}");
    assert!(!is_unfinished(&folder.path().join("toy")));
}

/// A disk that stands still until it is told to go on, and keeps what it is given.
struct StuckDisk(std::sync::mpsc::Receiver<()>, Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for StuckDisk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // An error here means that the test has let go of the other end: go on for good.
        let _let_go = self.0.recv();
        self.1.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_slow_disk_costs_is_counted_and_marked_where_it_is_missing() {
    let (go_on, stuck) = std::sync::mpsc::sync_channel(0);
    let written = Arc::default();
    let disk = StuckDisk(stuck, Arc::clone(&written));
    let recording =
        Recording::with_writer(feed::capture::CaptureWriter::new(disk, Packing::Plain).unwrap()).unwrap();
    let (hand, watch) = (recording.recorder(), recording.watch());
    hand.record(START, Payload::Opened("wss://a"));
    let big = vec![0; 1 << 20];
    for n in 1..=200 {
        hand.record(START + n, Payload::Binary(&big));
    }
    let lost = watch.look().feeds[""].1;
    assert!(lost > 100, "{lost} of 200 MB with room for 64");
    drop(go_on);
    // The first one that finds room again.
    let (mut at, mut more) = (START + 1_000, lost);
    loop {
        hand.record(at, Payload::Text("again"));
        if watch.look().feeds[""].1 == more {
            break;
        }
        (at, more) = (at + 1, more + 1);
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let recorded = recording.finish().unwrap();
    assert_eq!((recorded.records + recorded.lost) as i64, 201 + at - (START + 1_000) + 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.cap");
    std::fs::write(&file, &*written.lock().unwrap()).unwrap();
    let lines = lines(&file);
    let opened: Vec<usize> = (0..lines.len()).filter(|&n| lines[n].contains(" @ ")).collect();
    assert_eq!(opened.len(), 2, "opened, and gone on behind the hole");
    let behind = at - START;
    assert_eq!(lines[opened[1]..], [format!("{behind} @ wss://a"), format!("{behind} < again")]);
}
