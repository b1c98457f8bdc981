//! `quotewire replay`: a recording through its venue's decoder and the table, without a server.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use feed::capture::{CaptureReader, Payload, read_rest};
use feed::pump::{FrameTap, pump};
use feed::{InstrumentId, Instruments, RestAnswer};
use feed_replay::Speed;
use market::{FieldSet, Quote};
use table::{FeedInfo, FeedMode, Table};
use wire::{Style, encode};

use crate::cli;
use crate::failure::Failure;
use crate::feeds;
use crate::sink::{PublishTime, TableSink};

/// Most symbols of a recording; the largest one here has 7,799.
const SYMBOLS_MAX: usize = 65_536;
/// The table's epoch of a replay: a constant, so that the same recording gives the same bytes.
const EPOCH: u64 = 1;

/// Runs the command.
pub(crate) fn run(args: &cli::Replay, out: &mut impl Write) -> Result<(), Failure> {
    let Some(preset) = feeds::preset(&args.venue) else {
        let known = feeds::preset_names();
        return Err(Failure::usage(format!("unknown venue {:?}; there are {known}", args.venue)));
    };
    let session = feeds::session(preset, &feed::Overrides::default());
    let mut instruments = Instruments::new(session.venue(), SYMBOLS_MAX);
    let answers = rest_answers(args)?;
    session
        .catalogue(&answers, &mut instruments)
        .map_err(|error| Failure::failed(format!("{}: {error}", args.file.display())))?;

    let table = Table::new(table::Config { symbols: SYMBOLS_MAX, epoch: EPOCH, ..table::Config::default() });
    let info = FeedInfo {
        name: preset.to_owned(),
        venue: session.venue().to_owned(),
        kind: preset.to_owned(),
        mode: FeedMode::Replay,
    };
    let feed_id = table.add_feed(info).map_err(|error| Failure::failed(error.to_string()))?;
    let mut sink = TableSink::new(&table, feed_id, PublishTime::Received, None, None)
        .map_err(|error| Failure::failed(error.to_string()))?;
    let mut tap = FrameTap::new(session.decoder(), instruments);
    let mut reader = CaptureReader::open(&args.file).map_err(Failure::capture)?;
    let played = match args.speed {
        Speed::Max => pump(&mut reader, &mut tap, &mut sink).map_err(Failure::capture),
        Speed::Times { thousandths } => paced(&mut reader, &mut tap, &mut sink, thousandths),
    };
    // A recording that breaks off still shows what it held; the exit code says that it broke off.
    if args.final_quotes {
        write_final(&table, &tap, &sink, out)?;
    }
    if args.stats || !args.final_quotes {
        write_stats(&tap, out)?;
    }
    played?;
    let stats = tap.stats();
    if stats.messages == 0 {
        return Err(Failure::failed(format!("{}: no message in the recording", args.file.display())));
    }
    if stats.updates == 0 {
        let what = format!("{}: none of its messages is a quote of {}", args.file.display(), args.venue);
        return Err(Failure::failed(what));
    }
    Ok(())
}

/// The recorded HTTP answers: the file that was named, or the one beside the recording, and what the recording itself
/// begins with.
fn rest_answers(args: &cli::Replay) -> Result<Vec<RestAnswer>, Failure> {
    let mut answers = rest_within(&args.file)?;
    if let Some(file) = args.rest.clone().or_else(|| rest_beside(&args.file)) {
        answers.extend(read_rest(&file).map_err(Failure::capture)?);
    }
    Ok(answers)
}

/// The HTTP answers that stand in a recording before its first message: `quotewire record` writes the catalogue there.
pub(crate) fn rest_within(file: &Path) -> Result<Vec<RestAnswer>, Failure> {
    let mut reader = CaptureReader::open(file).map_err(Failure::capture)?;
    let mut answers = Vec::new();
    // A fault is left to the one who plays the recording.
    while let Ok(Some(record)) = reader.next() {
        match record.payload {
            Payload::Rest { url, body } => {
                answers.push(RestAnswer { url: url.to_owned(), body: body.to_owned() })
            }
            Payload::Text(_) | Payload::Binary(_) => break,
            Payload::Opened(_) | Payload::Sent(_) => {}
        }
    }
    Ok(answers)
}

/// `20210417-book.cap.gz` belongs to `20210417.rest.gz`: the same name, shortened part by part.
pub(crate) fn rest_beside(file: &Path) -> Option<PathBuf> {
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

/// Plays at a multiple of the recorded pace. Nothing else runs here, so the thread may simply wait.
fn paced(
    reader: &mut CaptureReader,
    tap: &mut FrameTap,
    sink: &mut TableSink,
    thousandths: NonZeroU32,
) -> Result<(), Failure> {
    let start = std::time::Instant::now();
    let mut first = None;
    while let Some(record) = reader.next().map_err(Failure::capture)? {
        let recorded = record.ts_recv();
        let since = recorded.since(*first.get_or_insert(recorded));
        let due = since.mul_f64(1_000.0 / f64::from(thousandths.get()));
        let wait = due.saturating_sub(start.elapsed());
        if wait > Duration::from_millis(1) {
            std::thread::park_timeout(wait);
        }
        // The tap has counted the error; a recording has only one way to go on.
        let _counted = tap.record(&record, sink);
    }
    Ok(())
}

/// One line of JSON a symbol that was heard of, sorted by symbol.
fn write_final(
    table: &Arc<Table>,
    tap: &FrameTap,
    sink: &TableSink,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut lines: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut quote = Quote::default();
    for (instrument, listed) in tap.instruments().iter() {
        let Some(id) = heard(tap, sink, instrument) else { continue };
        table.read_into(id, &mut quote);
        let mut line = Vec::with_capacity(512);
        encode::quote_object(&mut line, Style::default(), &listed.symbol, &quote, FieldSet::ALL, None);
        line.pop(); // the closing brace: two more keys follow
        line.extend_from_slice(b",\"native\":");
        serde_json::to_writer(&mut line, &*listed.native).map_err(|e| Failure::failed(e.to_string()))?;
        line.extend_from_slice(format!(",\"updates\":{}}}\n", tap.stats().applied_to(instrument)).as_bytes());
        lines.insert(listed.symbol.as_str().to_owned(), line);
    }
    for line in lines.values() {
        out.write_all(line).map_err(Failure::output)?;
    }
    Ok(())
}

fn heard(tap: &FrameTap, sink: &TableSink, instrument: InstrumentId) -> Option<table::SymbolId> {
    tap.symbol(instrument).and_then(|symbol| sink.id(symbol))
}

/// One line of JSON: what came in and what became of it.
fn write_stats(tap: &FrameTap, out: &mut impl Write) -> Result<(), Failure> {
    let stats = tap.stats();
    let line = serde_json::json!({
        "stats": {
            "messages": stats.messages,
            "by_kind": stats.by_kind(),
            "updates": stats.updates,
            "applied": stats.applied(),
            "changes": stats.changed,
            "dropped": { "older": stats.older, "no_room": stats.refused, "garbage": stats.garbage },
            "ignored": stats.ignored(),
        }
    });
    writeln!(out, "{line}").map_err(Failure::output)
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
}
