//! Before the first dial: the venue's catalogue, and which of its instruments the configuration wants.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use market::{Reason, Status, Symbol, Update};
use tokio::time::Instant;

use super::{Feed, line};
use crate::backoff::{self, Backoff};
use crate::capture::Payload;
use crate::connection::{Cause, End, nanos};
use crate::rest::{FetchError, recordable};
use crate::{InstrumentId, Instruments, Request, RestAnswer};

/// Most entries of a catalogue. OKX, options and all, lists about 10,000.
const CATALOGUE_MAX: usize = 200_000;
/// How often a catalogue may ask for more because of its answers, and how much at a time. Bybit's largest family, some 700
/// linear contracts, has one page of a thousand; Gemini takes 120 requests a minute.
const ROUNDS_MAX: usize = 20;
const MORE_MAX: usize = 100;
/// Longest wait that a venue may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// The wanted instruments, one set a connection. Symbols that the venue does not list are told to be so.
///
/// # Errors
/// When there is no use in trying further.
pub(super) async fn wanted(feed: &Feed) -> Result<Vec<Instruments>, End> {
    let mut catalogue = catalogue(feed).await?;
    let settings = &feed.settings;
    let (mut found, mut missing) = catalogue.select(&settings.symbols);
    missing.retain(|wish| {
        let named = feed.session.named(wish).and_then(|one| catalogue.add(&one.native, one.symbol));
        found.extend(named.filter(|id| !found.contains(id)));
        named.is_none()
    });
    let beyond = found.len().saturating_sub(settings.instruments_max);
    if beyond > 0 {
        found.truncate(settings.instruments_max);
        let most = settings.instruments_max;
        tracing::warn!(feed = settings.name, beyond, most, "more symbols are wanted than the feed may have");
    }
    for wish in &missing {
        tracing::warn!(feed = settings.name, symbol = %wish, "the venue does not list this symbol");
        tell_missing(feed, wish);
    }
    feed.metrics.set_symbols(found.len(), missing.len(), beyond);
    if feed.session.names_what_it_sends() && settings.symbols.iter().any(|wish| wish == "*") {
        let mut open = Instruments::new(catalogue.venue(), settings.instruments_max);
        for instrument in found.iter().filter_map(|&id| catalogue.get(id)) {
            open.add(&instrument.native, instrument.symbol.clone());
        }
        return Ok(vec![open]);
    }
    let most = feed.session.limits().instruments_per_connection.max(1);
    Ok(found.chunks(most).map(|ids| part(&catalogue, ids)).collect())
}

/// Fetches and reads the catalogue until it is there.
async fn catalogue(feed: &Feed) -> Result<Instruments, End> {
    let name = feed.settings.name.as_str();
    let start = Instant::now();
    let mut backoff = Backoff::new(feed.settings.timing.backoff.clone());
    let mut dice = backoff::dice(feed.settings.seed, 0);
    let mut asked_for = Duration::ZERO;
    loop {
        let wait = backoff.wait(start.elapsed(), &mut dice).max(asked_for.min(RETRY_AFTER_MAX));
        let attempt = async {
            tokio::time::sleep(wait).await;
            backoff.dialled(start.elapsed());
            answers(feed).await
        };
        let Some(fetched) = feed.stop.run_until_cancelled(attempt).await else {
            return Err(End::of(Cause::Stopped, ""));
        };
        asked_for = Duration::ZERO;
        let why = match fetched {
            Ok(answers) => {
                if let Some(recorder) = &feed.settings.recording {
                    for answer in &answers {
                        let payload = Payload::Rest { url: &recordable(&answer.url), body: &answer.body };
                        recorder.record(nanos(feed.clock.now()), payload);
                    }
                }
                let mut instruments = Instruments::new(feed.session.venue(), CATALOGUE_MAX);
                // Adapter code on text from outside: a panic of it is no more than an unreadable catalogue.
                let read =
                    catch_unwind(AssertUnwindSafe(|| feed.session.catalogue(&answers, &mut instruments)));
                let session = &feed.session;
                // Where a wish can be named without being listed an empty list is no fault.
                let listed = !instruments.is_empty() || answers.is_empty();
                let useful = listed || feed.settings.symbols.iter().any(|wish| session.named(wish).is_some());
                match read {
                    Ok(Ok(())) if !useful => "nothing in it is of use".to_owned(),
                    Ok(Ok(())) => {
                        let (entries, first) = instruments.left_out();
                        feed.metrics.set_left_out(entries);
                        if entries > 0 {
                            tracing::warn!(feed = name, entries, first, "left out of the catalogue");
                        }
                        return Ok(instruments);
                    }
                    Ok(Err(error)) => error.to_string(),
                    Err(panic) => line::panic_text(panic.as_ref()),
                }
            }
            Err(error @ FetchError::Misconfigured { .. }) => {
                return Err(End::of(Cause::Misconfigured, error.to_string()));
            }
            Err(FetchError::Retry { place, why, after }) => {
                asked_for = after.unwrap_or_default();
                format!("{place}: {why}")
            }
        };
        backoff.ended(Duration::ZERO);
        feed.metrics.catalogue_failed();
        tracing::warn!(feed = name, %why, "no catalogue yet");
    }
}

/// The answers to what the session asks for its catalogue, and to what it asks because of them.
async fn answers(feed: &Feed) -> Result<Vec<RestAnswer>, FetchError> {
    let (session, network) = (&feed.session, &feed.settings.network);
    let first = session.catalogue_requests();
    let mut asked: HashSet<String> = first.iter().map(Request::name).collect();
    let mut answers = network.fetch(first, session.headers()).await?;
    for _ in 0..ROUNDS_MAX {
        // Adapter code on text from outside, as below.
        let more = || session.catalogue_more(&answers, &feed.settings.symbols);
        let mut more = catch_unwind(AssertUnwindSafe(more)).map_err(|panic| {
            let why = line::panic_text(panic.as_ref());
            FetchError::Retry { place: "catalogue".to_owned(), why, after: None }
        })?;
        // A page that names itself as the next one ends here.
        more.retain(|request| !asked.contains(&request.name()));
        more.truncate(MORE_MAX);
        if more.is_empty() {
            return Ok(answers);
        }
        asked.extend(more.iter().map(Request::name));
        answers.extend(network.fetch(more, session.headers()).await?);
    }
    tracing::warn!(
        feed = feed.settings.name,
        rounds = ROUNDS_MAX,
        "the catalogue has no end, what came is used"
    );
    Ok(answers)
}

/// Some of the instruments as a set of their own, closed: what a connection did not ask for is not looked at.
fn part(catalogue: &Instruments, ids: &[InstrumentId]) -> Instruments {
    let mut part = Instruments::new(catalogue.venue(), ids.len());
    for instrument in ids.iter().filter_map(|&id| catalogue.get(id)) {
        part.add(&instrument.native, instrument.symbol.clone());
    }
    part.close();
    part
}

fn tell_missing(feed: &Feed, wish: &str) {
    let symbol =
        if wish.contains(':') { Symbol::parse(wish) } else { Symbol::of_venue(feed.session.venue(), wish) };
    // A wish that no symbol can be named after was said in the log, and no client can ask for it either.
    let Ok(symbol) = symbol else { return };
    let update = Update::of_status(Status::Delisted, Reason::NotListed, feed.clock.now());
    feed.outlet.with(|sink| {
        if let Some(symbol) = sink.intern(&symbol) {
            sink.update(symbol, &update);
        }
    });
}
