//! `quotewire replay`: recordings through their venues' decoders and the table, without a server.

#[cfg(test)]
mod same_bytes;
pub(crate) mod selection;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use feed::capture::Payload;
use feed::{InstrumentId, Instruments, Overrides, Session, Stats};
use feed_replay::{Due, Lane, Merge, Seek, Speed, Track, Turn, Window};
use market::{FieldSet, Micros, Quote};
use table::{FeedInfo, FeedMode, Table};
use wire::{Style, encode};

use crate::cli;
use crate::failure::Failure;
use crate::feeds;
use crate::sink::{PublishTime, TableSink};

use selection::Chosen;

/// Most symbols of a recording; the largest one here has 7,799.
const SYMBOLS_MAX: usize = 65_536;
/// The table's epoch of a replay: a constant, so that the same recording gives the same bytes.
const EPOCH: u64 = 1;

/// Runs the command.
pub(crate) fn run(args: &cli::Replay, out: &mut impl Write) -> Result<(), Failure> {
    let chosen = selection::chosen(&args.files, args.venue.as_deref(), args.rest.as_deref())?;
    let first = chosen.first().and_then(|one| one.track.parts.first());
    let name = first.map(feed_replay::Source::name).unwrap_or_default();
    let table = Table::new(table::Config {
        symbols: SYMBOLS_MAX,
        feeds: chosen.len(),
        writers: chosen.len(),
        epoch: EPOCH,
        ..table::Config::default()
    });
    let (mut paths, tracks) = paths(&table, chosen)?;
    let mut seek = Seek::new(Window { from: args.from, to: args.to });
    let played = play(&tracks, &mut paths, &mut seek, args.speed);
    // A recording that breaks off still shows what it held; the exit code says that it broke off.
    let stats = total(&paths);
    if args.final_quotes {
        write_final(&table, &paths, out)?;
    }
    if args.stats || !args.final_quotes {
        write_stats(&stats, out)?;
    }
    played?;
    if let Some(why) = seek.missed() {
        return Err(Failure::failed(format!("{name}: {why}")));
    }
    if stats.messages == 0 {
        return Err(Failure::failed(format!("{name}: no message in the recording")));
    }
    if stats.updates == 0 {
        let presets: Vec<&str> = paths.iter().map(|path| path.preset).collect();
        let what = format!("{name}: none of its messages is a quote of {}", presets.join(", "));
        return Err(Failure::failed(what));
    }
    Ok(())
}

/// What a track is played through.
struct Path {
    preset: &'static str,
    lane: Lane,
    sink: TableSink,
}

/// A path into the table for each track, and the tracks. Those of one preset are one feed.
fn paths(table: &Arc<Table>, chosen: Vec<Chosen>) -> Result<(Vec<Path>, Vec<Track>), Failure> {
    let mut known = BTreeMap::new();
    let (mut paths, mut tracks) = (Vec::new(), Vec::new());
    for Chosen { preset, track } in chosen {
        let session: Arc<dyn Session> = Arc::from(feeds::session(preset, &Overrides::default()));
        let mut instruments = Instruments::new(session.venue(), SYMBOLS_MAX);
        session.catalogue(&track.answers, &mut instruments).map_err(|error| {
            let name = track.parts.first().map(feed_replay::Source::name).unwrap_or_default();
            Failure::failed(format!("{name}: {error}"))
        })?;
        let feed = match known.get(preset) {
            Some(&feed) => feed,
            None => {
                let info = FeedInfo {
                    name: preset.to_owned(),
                    venue: session.venue().to_owned(),
                    kind: preset.to_owned(),
                    mode: FeedMode::Replay,
                };
                let feed = table.add_feed(info).map_err(|error| Failure::failed(error.to_string()))?;
                known.insert(preset, feed);
                feed
            }
        };
        let sink = TableSink::new(table, feed, PublishTime::Received, None, None)
            .map_err(|error| Failure::failed(error.to_string()))?;
        paths.push(Path { preset, lane: Lane::new(session, instruments), sink });
        tracks.push(track);
    }
    Ok((paths, tracks))
}

/// Plays all tracks in the order of their times. Nothing else runs here, so the thread may simply wait.
fn play(tracks: &[Track], paths: &mut [Path], seek: &mut Seek, speed: Speed) -> Result<(), Failure> {
    let mut merge = Merge::open(tracks).map_err(Failure::capture)?;
    let mut pace = None;
    let mut heard = false;
    while let Some(Due { track, at_ns, record }) = merge.next().map_err(Failure::capture)? {
        let arrives = match record.payload {
            Payload::Opened(_) | Payload::Sent(_) => false,
            // The catalogue, which is older than the session.
            Payload::Rest { .. } => heard,
            Payload::Text(_) | Payload::Binary(_) => true,
        };
        heard |= arrives;
        if arrives {
            match (seek.turn(at_ns), speed) {
                (Turn::After, _) => break,
                (Turn::Within, Speed::Times { thousandths }) => {
                    let at = Micros::from_nanos(at_ns);
                    let origin = seek.origin_ns().map_or(at, Micros::from_nanos);
                    let (start, first) = *pace.get_or_insert((Instant::now(), origin));
                    let due = at.since(first).mul_f64(1_000.0 / f64::from(thousandths.get()));
                    let wait = due.saturating_sub(start.elapsed());
                    if wait > Duration::from_millis(1) {
                        std::thread::park_timeout(wait);
                    }
                }
                (Turn::Before, _) | (Turn::Within, Speed::Max) => {}
            }
        }
        let Path { lane, sink, .. } = &mut paths[track];
        lane.play(&record, record.ts_recv(), sink);
    }
    for cut in merge.cut_off() {
        tracing::warn!("{cut}, because it was never closed");
    }
    Ok(())
}

/// The counts of all tracks.
fn total(paths: &[Path]) -> Stats {
    let mut stats = Stats::default();
    for path in paths {
        stats.absorb(path.lane.tap().stats());
    }
    stats
}

/// One line of JSON a symbol that was heard of, sorted by symbol.
fn write_final(table: &Arc<Table>, paths: &[Path], out: &mut impl Write) -> Result<(), Failure> {
    // By symbol: what its venue calls it, and how many updates of all tracks it took.
    let mut heard: BTreeMap<&str, (table::SymbolId, InstrumentId, usize, u64)> = BTreeMap::new();
    for (number, path) in paths.iter().enumerate() {
        let tap = path.lane.tap();
        for (instrument, listed) in tap.instruments().iter() {
            let Some(id) = tap.symbol(instrument).and_then(|symbol| path.sink.id(symbol)) else { continue };
            let applied = tap.stats().applied_to(instrument);
            let before = match heard.get(listed.symbol.as_str()) {
                Some(&(.., of, updates)) if of != number => updates,
                _ => 0,
            };
            heard.insert(listed.symbol.as_str(), (id, instrument, number, before + applied));
        }
    }
    let mut quote = Quote::default();
    let mut line = Vec::with_capacity(512);
    for (id, instrument, number, updates) in heard.into_values() {
        let Some(listed) = paths[number].lane.tap().instruments().get(instrument) else { continue };
        table.read_into(id, &mut quote);
        line.clear();
        encode::quote_object(&mut line, Style::default(), &listed.symbol, &quote, FieldSet::ALL, None);
        line.pop(); // the closing brace: two more keys follow
        line.extend_from_slice(b",\"native\":");
        serde_json::to_writer(&mut line, &*listed.native).map_err(|e| Failure::failed(e.to_string()))?;
        line.extend_from_slice(format!(",\"updates\":{updates}}}\n").as_bytes());
        out.write_all(&line).map_err(Failure::output)?;
    }
    Ok(())
}

/// One line of JSON: what came in and what became of it.
fn write_stats(stats: &Stats, out: &mut impl Write) -> Result<(), Failure> {
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
