//! What users would write: warp, a `broadcast` channel a symbol, and `warp::sse`.
//!
//! Its updates are made by a thread of its own in this process, so it has no ingest to pay for either.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use futures_util::StreamExt;
use futures_util::stream::select_all;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use warp::Filter;
use warp::sse::Event;

use super::{Order, orders, say};
use crate::clock;
use crate::event;
use crate::schedule::Schedule;

/// Updates that a channel keeps for a client that is behind.
const DEEP: usize = 256;
/// Longest sleep, so that orders are heard, and shortest one, so that a high rate comes in bunches.
const SLEEP: (u64, u64) = (1_000, 10_000);

/// Runs until the input ends.
pub(crate) fn serve(symbols: u32) -> io::Result<()> {
    let channels: Arc<Vec<broadcast::Sender<Arc<str>>>> =
        Arc::new((0..symbols).map(|_| broadcast::channel(DEEP).0).collect());
    let ticking = Arc::clone(&channels);
    std::thread::Builder::new().name("updates".to_owned()).spawn(move || tick(&ticking))?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let route = warp::path("stream").and(warp::query::<HashMap<String, String>>()).map(
            move |query: HashMap<String, String>| {
                let list = query.get("symbols").map_or("", String::as_str);
                let wanted = list.split(',').filter_map(|word| word.parse::<usize>().ok());
                let streams = wanted
                    .filter_map(|symbol| channels.get(symbol))
                    .map(|channel| BroadcastStream::new(channel.subscribe()));
                // What a lagging client has lost is passed over in silence, as everybody does.
                let events = select_all(streams).filter_map(|update| async {
                    Some(Ok::<_, Infallible>(Event::default().data(&*update.ok()?)))
                });
                warp::sse::reply(warp::sse::keep_alive().stream(events))
            },
        );
        let listener = super::listen()?;
        let address = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        say(&format!("listening {address}"))?;
        warp::serve(route).incoming(listener).run().await;
        Ok(())
    })
}

fn tick(channels: &[broadcast::Sender<Arc<str>>]) {
    let mut schedule = Schedule::new(channels.len() as u32);
    let (give, taken) = sync_channel(16);
    let started = orders(move |order| {
        let _ = give.send(order);
    });
    if started.is_err() {
        return;
    }
    let mut bytes = Vec::new();
    loop {
        let woken = clock::now();
        while let Ok(order) = taken.try_recv() {
            if let Order::Rate(rate) = order {
                schedule.set_rate(rate, clock::now());
            }
            let _ = say(&format!("made {}", schedule.made()));
        }
        while let Some(tick) = schedule.take(woken) {
            bytes.clear();
            event::json(&tick, schedule.made(), &mut bytes);
            // Nobody may be listening to this symbol.
            let _ = channels[tick.symbol as usize].send(Arc::from(String::from_utf8_lossy(&bytes)));
        }
        let due = schedule.next_due().unwrap_or(u64::MAX);
        clock::wait_until(due.clamp(woken + SLEEP.0, woken + SLEEP.1));
    }
}
