//! `/v1/streams/{id}`: looking at an open stream, changing it, closing it. Knowing the id is the permission.

use std::collections::HashSet;
use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use market::Symbol;
use warp::reply::{Reply, Response};
use wire::{Change, Mode, Pattern, SymbolReason, encode};

use crate::Core;
use crate::client::EndReason;
use crate::live::Live;
use crate::outbox::Outbox;
use crate::problem::{Problem, bytes_reply};
use crate::subscribe::{bad_request, effective, request_limits};
use crate::subscription::{Rejected, resolve};

/// `GET`: the stream as it is.
pub(crate) fn show(core: &Core, id: &str) -> Response {
    match core.streams.find(id) {
        Some(live) => state(core, &live, &live.outbox.lock(), &[]),
        None => unknown(),
    }
}

/// `DELETE`: the stream says goodbye.
pub(crate) fn close(core: &Core, id: &str) -> Response {
    let Some(live) = core.streams.find(id) else { return unknown() };
    live.client.wake_end(EndReason::Closed, core.clock.monotonic());
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `PATCH`: another subscription, other settings. When this has been answered, nothing of a removed symbol is made any
/// more, and everything that was added is on its way.
pub(crate) fn change(core: &Arc<Core>, id: &str, body: &[u8]) -> Response {
    // First whether there is such a stream: a stranger learns nothing from the rest.
    let Some(live) = core.streams.find(id) else { return unknown() };
    let change = match Change::parse_json(body, &request_limits(core)) {
        Ok(change) => change,
        Err(error) => return bad_request(&error),
    };
    let mut outbox = live.outbox.lock();
    if outbox.closed {
        return unknown();
    }
    let settings = match change.settings(&outbox.asked.settings) {
        Ok(settings) => settings,
        Err(error) => return bad_request(&error),
    };
    let now = core.clock.monotonic();
    let rejected = change_symbols(core, &mut outbox, &change);
    let before = outbox.asked.set(settings);
    let (fields, mode) = (outbox.asked.settings.fields, outbox.asked.settings.mode);
    if fields != before.fields {
        outbox.tell_all_anew();
    }
    if mode != before.mode {
        change_mode(core, &mut outbox, before.mode, now);
    }
    let settings = Arc::clone(&outbox.asked.settings);
    outbox.pace.set(&settings);
    outbox.place_settings(&core.table);
    core.resubscribe(&live.client, &mut outbox);
    live.client.hold_until(None);
    live.client.wake_owed(now);
    core.metrics.streams_changed.inc();
    state(core, &live, &outbox, &rejected)
}

fn change_symbols(core: &Core, outbox: &mut Outbox, change: &Change) -> Vec<Rejected> {
    let table = &core.table;
    if !change.remove.is_empty() || !change.remove_patterns.is_empty() {
        outbox.asked.forget(&change.remove_patterns, &change.remove);
        let gone: HashSet<_> = change.remove.iter().filter_map(|s| table.find(s.as_str())).collect();
        let matched = |name: &str| change.remove_patterns.iter().any(|pattern| pattern.matches(name));
        outbox.retain(|id| !gone.contains(&id) && !matched(table.symbol(id).as_str()));
    }
    let mut added: Vec<Pattern> =
        change.add_patterns.iter().filter(|new| !outbox.asked.patterns().contains(new)).cloned().collect();
    let room = Pattern::MOST.saturating_sub(outbox.asked.patterns().len());
    let mut rejected: Vec<Rejected> = change.rejected.clone();
    for over in added.drain(room.min(added.len())..) {
        rejected.push((over.as_str().to_owned(), SymbolReason::LimitReached));
    }
    // What came up since the last look is the older patterns' too.
    if !outbox.asked.waits_for_symbols() {
        outbox.seen = table.len();
    } else {
        outbox.grow(table, &core.hub.signal.ring);
    }
    let most = outbox.asked.symbols_max;
    let resolved = resolve(table, &change.add, &added, Vec::new(), &outbox.symbols, most);
    for id in resolved.ids {
        outbox.add(id, &core.hub.signal.ring);
    }
    outbox.asked.await_symbols(added, resolved.unknown);
    rejected.extend(resolved.rejected);
    rejected
}

/// Begins or ends following the ring. What has changed until now is told whole.
fn change_mode(core: &Core, outbox: &mut Outbox, before: Mode, now: std::time::Duration) {
    let signal = &core.hub.signal;
    let mode = outbox.asked.settings.mode;
    if before == Mode::Latest {
        signal.watch();
    }
    outbox.end_round();
    outbox.follow_mode(&signal.ring, &core.table, None);
    if mode == Mode::Latest {
        signal.unwatch(now);
    }
}

fn state(core: &Core, live: &Live, outbox: &Outbox, rejected: &[Rejected]) -> Response {
    let accepted: Vec<Symbol> = outbox.symbols.iter().map(|&id| core.table.symbol(id).clone()).collect();
    let mut out = Vec::with_capacity(1_024 + 32 * accepted.len());
    encode::state(&mut out, &live.name(), &accepted, rejected, &effective(core, live, outbox));
    bytes_reply(out, "application/json")
}

fn unknown() -> Response {
    Problem::new(StatusCode::NOT_FOUND, "no stream with this id is open")
        .fix("take the id from the `hello` of an open stream")
        .reply()
}
