//! What is held against the world while it goes on, and when it has come to rest.

use std::sync::Arc;
use std::time::Duration;

use market::{Clock, Micros, Status, Symbol};
use testkit::simulation::journal::steps_of;
use testkit::simulation::pipe::Way;
use tokio::time::Instant;

use super::World;
use super::client::Client;
use super::gateway::{Life, STALE_AFTER, lock};

/// How often the world is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How soon something is told to those who keep up (promise 4), their line's latency included.
const TOLD_WITHIN: Duration = Duration::from_millis(250);
/// How long a state must have stood to be told as itself: looks of the hub are at most 50 ms apart.
const STOOD: Duration = Duration::from_millis(150);

/// After this long without a move everything is told to those who keep up.
const QUIET: Duration = Duration::from_secs(3);
/// How long the slowest reader may need for what stands in its buffers: about 50 KiB at 2 KB a second.
const SLOWEST: Duration = Duration::from_secs(60);

/// Watches until dropped.
pub(super) async fn watch(world: Arc<World>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let gateway = lock(&world.gateway);
        let Some(life) = &gateway.0 else { continue };
        for client in world.clients.iter().filter(|client| client.character.steady) {
            look(&world, life, client);
        }
    }
}

/// What a client that keeps up must believe by now.
fn look(world: &World, life: &Life, client: &Client) {
    let now = world.clock.now();
    let seen = lock(&client.seen);
    let Some((since, epoch)) = seen.on else { return };
    if now.since(since) < TOLD_WITHIN || epoch != life.table.epoch() {
        return;
    }
    let truth = lock(&life.truth);
    for symbol in &seen.accepted {
        let believed = seen.view.get(symbol).map(|belief| belief.status.status);
        if believed == Some(Status::Live)
            && let Some(why) = lost(world, symbol)
        {
            world.complain(format!(
                "promise 4: client {} takes {symbol} for live: {why}",
                client.character.number
            ));
        }
        let changed = truth.changed.get(symbol).copied().unwrap_or_default();
        if now.since(changed) >= TOLD_WITHIN {
            let Some(id) = life.table.find(symbol.as_str()) else { continue };
            let quote = life.table.read(id);
            let differences = seen.view.differences(symbol, &quote, client.character.fields);
            if !differences.is_empty() {
                let fields: Vec<&str> = differences.iter().map(market::Field::name).collect();
                world.complain(format!(
                    "promise 2: client {} differs from the table in {fields:?} of {symbol}, which did not move for {:?}",
                    client.character.number,
                    now.since(changed)
                ));
            }
        }
    }
}

/// Whether a symbol has been lost for so long that everybody must know.
fn lost(world: &World, symbol: &Symbol) -> Option<String> {
    let (venue, native) = world.symbols.get(symbol)?;
    let venue = &world.venues[*venue].kraken;
    let now = world.clock.now();
    let (_, era, connection) = venue.journal(native, |journal| journal.latest_request(now))??;
    let link = venue.link(connection)?;
    let now = Instant::now();
    let silent = now - link.delivered(Way::Back);
    if silent > STALE_AFTER + TOLD_WITHIN {
        return Some(format!("nothing came on connection {connection} for {silent:?}"));
    }
    let over = link.over(Way::Back).map(|at| now - at)?;
    (over > TOLD_WITHIN).then(|| format!("connection {connection}, of era {era}, was over {over:?} ago"))
}

/// Promise 10 at the end of a life: every state that stood for a moment was told to those who were there and keep up.
pub(super) fn states(world: &World, life: &Life) {
    let now = world.clock.now();
    let truth = lock(&life.truth);
    for client in world.clients.iter().filter(|client| client.character.steady) {
        let seen = lock(&client.seen);
        let present = seen.on.map(|(since, epoch)| (since, now, epoch, seen.accepted.clone()));
        for (from, to, epoch, symbols) in seen.stretches.iter().cloned().chain(present) {
            if epoch != life.table.epoch() {
                continue;
            }
            for symbol in &symbols {
                let states = truth.states.get(symbol).map_or(&[][..], Vec::as_slice);
                let told = seen.told.get(symbol).map_or(&[][..], Vec::as_slice);
                for (place, (at, state)) in states.iter().enumerate() {
                    let next = states.get(place + 1).map_or(now, |(next, _)| *next);
                    let there = from.plus(TOLD_WITHIN) <= *at && at.plus(TOLD_WITHIN) <= to;
                    if !there || next.since(*at) < STOOD {
                        continue;
                    }
                    let in_time = |(when, what): &(Micros, _)| {
                        what == state && at <= when && when.since(*at) <= TOLD_WITHIN
                    };
                    if !told.iter().any(in_time) {
                        world.complain(format!(
                            "promise 10: client {} was not told that {symbol} became {state:?} at {}, only {told:?}",
                            client.character.number,
                            at.get()
                        ));
                    }
                }
            }
        }
    }
}

/// Waits until every feed and every client is well, lets everything fall silent, and compares (promise 2).
pub(super) async fn at_rest(world: &Arc<World>, patience: Duration) {
    let mut dice = world.dice.of("healing", 0);
    let start = Instant::now();
    loop {
        for venue in &world.venues {
            venue.kraken.move_all(&mut dice);
        }
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let ill = ill(world);
        if ill.is_empty() {
            break;
        }
        if start.elapsed() > patience {
            return world.complain(format!("after {patience:?} without trouble: {}", ill.join("; ")));
        }
    }
    world.note("quiet".to_owned());
    tokio::time::sleep(QUIET).await;
    for (symbol, (venue, native)) in &world.symbols {
        let status = {
            let gateway = lock(&world.gateway);
            let Some(life) = &gateway.0 else { return };
            let Some(id) = life.table.find(symbol.as_str()) else { continue };
            let quote = life.table.read(id);
            (quote.status, steps_of(&quote.values).map(|steps| steps.top))
        };
        let step = world.venues[*venue].kraken.step(native);
        if status != (Status::Live, Ok(step)) {
            world.complain(format!(
                "promise 2: at rest the table has {symbol} {status:?}, the venue {step:?}"
            ));
        }
    }
    for composite in world.composites.keys() {
        let gateway = lock(&world.gateway);
        let Some(life) = &gateway.0 else { return };
        let status = life.table.find(composite.as_str()).map(|id| life.table.read(id).status);
        if status != Some(Status::Live) {
            world.complain(format!("promise 2: at rest the composite {composite} is {status:?}"));
        }
    }
    // Whoever keeps up agrees by now; the slow ones have to read what stands in their buffers.
    let start = Instant::now();
    loop {
        let differing = differing(world);
        let late: Vec<&String> = differing
            .iter()
            .filter(|(steady, _)| *steady || start.elapsed() > SLOWEST)
            .map(|(_, what)| what)
            .collect();
        for what in &late {
            world.complain(format!("promise 2: at rest {what}"));
        }
        if differing.is_empty() || !late.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Which client differs from the table, in what, and whether it keeps up.
fn differing(world: &World) -> Vec<(bool, String)> {
    let gateway = lock(&world.gateway);
    let Some(life) = &gateway.0 else { return Vec::new() };
    let mut differing = Vec::new();
    for client in &world.clients {
        let character = &client.character;
        let seen = lock(&client.seen);
        for symbol in &character.symbols {
            let Some(id) = life.table.find(symbol.as_str()) else { continue };
            let differences = seen.view.differences(symbol, &life.table.read(id), character.fields);
            if !differences.is_empty() {
                let fields: Vec<&str> = differences.iter().map(market::Field::name).collect();
                differing.push((
                    character.steady,
                    format!("client {} differs in {fields:?} of {symbol}", character.number),
                ));
            }
        }
    }
    differing
}

/// Who is not well yet.
fn ill(world: &World) -> Vec<String> {
    let gateway = lock(&world.gateway);
    let Some(life) = &gateway.0 else { return vec!["no gateway".to_owned()] };
    let mut ill = Vec::new();
    for symbol in world.symbols.keys() {
        let status = life.table.find(symbol.as_str()).map(|id| life.table.read(id).status);
        if status != Some(Status::Live) {
            ill.push(format!("{symbol} is {status:?}"));
        }
    }
    for client in &world.clients {
        let seen = lock(&client.seen);
        let on = seen.on.is_some_and(|(_, epoch)| epoch == life.table.epoch());
        let behind = seen.paused_until > Instant::now()
            || seen.link.as_ref().is_none_or(|link| link.is_dead(Way::Back));
        if !on || behind || seen.accepted.len() != client.character.symbols.len() {
            ill.push(format!("client {} is not on a stream", client.character.number));
        }
    }
    ill
}
