//! What goes wrong, and how it all comes to rest.

use std::sync::Arc;
use std::time::Duration;

use testkit::simulation::Dice;
use testkit::simulation::kraken::{Mishap, Reception};
use testkit::simulation::pipe::Way;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::World;
use super::gateway::lock;

/// Lets the markets move until dropped.
pub(super) async fn market(world: Arc<World>) {
    let mut dice = world.dice.of("market", 0);
    loop {
        tokio::time::sleep(dice.millis(1, 30)).await;
        let venue = dice.place(world.venues.len());
        // Now and then everything happens at once.
        let moves = if dice.once_in(40) { 30 } else { 1 };
        for _ in 0..moves {
            world.venues[venue].kraken.move_once(&mut dice);
        }
    }
}

/// Something that ends by itself later.
#[derive(Debug)]
enum Mend {
    VenueUp(usize),
    Reachable(usize),
    Received(usize),
    GatewayUp,
}

/// Lets things go wrong for so long.
pub(super) async fn trouble(world: &Arc<World>, venues: &mut [Option<JoinHandle<()>>], time: Duration) {
    let mut dice = world.dice.of("trouble", 0);
    let end = Instant::now() + time;
    let mut mends: Vec<(Instant, Mend)> = Vec::new();
    // The first moments are quiet, so that something is there to be broken.
    let mut next = Instant::now() + dice.millis(500, 2_500);
    loop {
        let first = mends.iter().map(|(at, _)| *at).min();
        let at = first.map_or(next, |first| first.min(next));
        if at >= end {
            break;
        }
        tokio::time::sleep_until(at).await;
        while let Some(due) = mends.iter().position(|(at, _)| *at <= Instant::now()) {
            let (_, what) = mends.remove(due);
            mend(world, venues, &what);
        }
        if next <= Instant::now() {
            next = Instant::now() + dice.millis(50, 900);
            if let Some((after, what)) = fault(world, venues, &mut dice).await {
                mends.push((Instant::now() + after, what));
            }
        }
    }
    for (_, what) in mends {
        mend(world, venues, &what);
    }
}

fn mend(world: &Arc<World>, venues: &mut [Option<JoinHandle<()>>], what: &Mend) {
    world.note(format!("again well: {what:?}"));
    match *what {
        Mend::VenueUp(place) => {
            venues[place].get_or_insert_with(|| tokio::spawn(world.venues[place].kraken.clone().run()));
        }
        Mend::Reachable(place) => world.wires.set_unreachable(world.venues[place].host, false),
        Mend::Received(place) => world.venues[place].kraken.receive(Reception::Open),
        Mend::GatewayUp => world.start_gateway(),
    }
}

/// One thing goes wrong. Returns what ends it, and after how long.
async fn fault(
    world: &Arc<World>,
    venues: &mut [Option<JoinHandle<()>>],
    dice: &mut Dice,
) -> Option<(Duration, Mend)> {
    match dice.below(20) {
        0..=8 => fault_of_venue(world, venues, dice),
        9..=18 => {
            fault_of_client(world, dice);
            None
        }
        _ => {
            let life = world.take_gateway()?;
            super::watch::states(world, &life);
            if dice.once_in(2) {
                world.note("the gateway is drained".to_owned());
                life.drain(world).await;
            } else {
                world.note("the gateway crashes".to_owned());
                world.crashes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                life.crash(world).await;
            }
            Some((dice.millis(0, 3_000), Mend::GatewayUp))
        }
    }
}

fn fault_of_venue(
    world: &Arc<World>,
    venues: &mut [Option<JoinHandle<()>>],
    dice: &mut Dice,
) -> Option<(Duration, Mend)> {
    let place = dice.place(world.venues.len());
    let venue = &world.venues[place];
    match dice.below(20) {
        0 => {
            // Dropping what serves resets every connection.
            let running = venues[place].take()?;
            running.abort();
            world.note(format!("{} goes down", venue.name));
            return Some((dice.millis(200, 8_000), Mend::VenueUp(place)));
        }
        1 => {
            world.note(format!("{} cannot be reached", venue.name));
            world.wires.set_unreachable(venue.host, true);
            return Some((dice.millis(200, 6_000), Mend::Reachable(place)));
        }
        2 => {
            let reception = *dice.one_of(&[Reception::Refused, Reception::Ignored]);
            world.note(format!("{}: those who dial are {reception:?}", venue.name));
            venue.kraken.receive(reception);
            return Some((dice.millis(200, 4_000), Mend::Received(place)));
        }
        _ => {}
    }
    let connections = venue.kraken.connections();
    if connections.is_empty() {
        return None;
    }
    let connection = connections[dice.place(connections.len())];
    let link = venue.kraken.link(connection)?;
    let what = match dice.below(13) {
        0 => {
            link.reset();
            "is reset".to_owned()
        }
        1 => {
            link.kill(Way::Back);
            "is dead, and nobody is told".to_owned()
        }
        2 => {
            link.kill(Way::Back);
            link.kill(Way::There);
            "is dead both ways, and nobody is told".to_owned()
        }
        3..=5 => {
            let (way, time) = (*dice.one_of(&[Way::There, Way::Back, Way::Back]), dice.millis(50, 5_000));
            link.stall(way, time);
            format!("stalls ({way:?}) for {time:?}")
        }
        6 => {
            venue.kraken.close(connection);
            "is closed".to_owned()
        }
        7 => {
            venue.kraken.mute(connection);
            "says nothing any more".to_owned()
        }
        _ => {
            let mishap =
                *dice.one_of(&[Mishap::Lost, Mishap::Lost, Mishap::Late, Mishap::Twice, Mishap::Garbled]);
            venue.kraken.mishap(connection, mishap);
            format!("has a message {mishap:?}")
        }
    };
    world.note(format!("{}'s connection {connection} {what}", venue.name));
    None
}

/// Something happens to a client that is not steady.
fn fault_of_client(world: &Arc<World>, dice: &mut Dice) {
    let unsteady: Vec<_> = world.clients.iter().filter(|client| !client.character.steady).collect();
    let client = unsteady[dice.place(unsteady.len())];
    let mut seen = lock(&client.seen);
    let link = seen.link.clone();
    let what = match (dice.below(14), link) {
        (0, Some(link)) => {
            link.reset();
            "is reset".to_owned()
        }
        (1, Some(link)) => {
            link.kill(Way::Back);
            "hears nothing any more".to_owned()
        }
        (2, Some(link)) => {
            link.kill(Way::There);
            "is not heard any more".to_owned()
        }
        (3 | 4, Some(link)) => {
            let time = dice.millis(50, 9_000);
            link.stall(Way::Back, time);
            format!("has a line that stalls for {time:?}")
        }
        (5, _) => {
            seen.hang_up = true;
            "hangs up".to_owned()
        }
        (7 | 8, Some(_)) => {
            tokio::spawn(client.clone().change(Arc::clone(world)));
            "has its stream changed".to_owned()
        }
        (6, _) => {
            (seen.hang_up, seen.forget) = (true, true);
            "is loaded anew".to_owned()
        }
        _ => {
            let time = dice.millis(100, 12_000);
            seen.paused_until = Instant::now() + time;
            format!("does not read for {time:?}")
        }
    };
    drop(seen);
    world.note(format!("client {} {what}", client.character.number));
}

/// Nothing goes wrong any more, and the market moves now and then, so that whoever missed something finds out.
pub(super) async fn heal(world: &Arc<World>, venues: &mut [Option<JoinHandle<()>>]) {
    world.note("no more trouble".to_owned());
    // What is being changed gets its reply meanwhile.
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Streams that were changed give way to new ones that have everything again.
    for client in &world.clients {
        let mut seen = lock(&client.seen);
        seen.hang_up |= seen.forget;
    }
    for place in 0..world.venues.len() {
        for what in [Mend::VenueUp(place), Mend::Reachable(place), Mend::Received(place)] {
            mend(world, venues, &what);
        }
    }
    mend(world, venues, &Mend::GatewayUp);
}
