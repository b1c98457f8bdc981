//! A stream from its first event to its end.

use std::time::Duration;

use edge::Config;
use market::{Field, FieldSet, Micros, Quote, Reason, Source, Status, Symbol, Update};
use tokio::io::AsyncWriteExt;
use wire::View;

use crate::support::{BTC, Client, ETH, Running, number, publish};

#[tokio::test]
async fn hello_then_snapshots_then_changed_fields() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "100.10", "100.20");
    let mut client = edge.stream("symbols=test:btc-usd,TEST:NOPE,TEST:BTC-USD,TEST:B%20D", &[]).await;

    let hello = client.event().await.unwrap();
    assert_eq!((hello.event.as_str(), hello.id.clone()), ("hello", String::new()));
    let hello: serde_json::Value = serde_json::from_str(&hello.data).unwrap();
    assert_eq!(hello["accepted"], serde_json::json!([BTC]));
    assert_eq!(hello["rejected"][0]["reason"], "bad_character");
    assert_eq!(hello["rejected"][1], serde_json::json!({"symbol": "TEST:NOPE", "reason": "unknown_symbol"}));
    assert_eq!(hello["epoch"], "abc");
    assert_eq!(hello["stream"].as_str().unwrap().len(), 32);
    assert_eq!(hello["effective"]["mode"], "latest");
    assert_eq!(hello["feeds"][0]["mode"], "synthetic");

    let (id, snapshot) = client.any().await;
    assert_eq!(id, "abc-1");
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!((&snapshot["bid"], &snapshot["ask_size"]), (&"100.10".into(), &"2.50".into()));
    assert_eq!(snapshot["status"], "live");
    assert_eq!(snapshot.get("last"), None, "absent fields are left out");

    edge.quote(BTC, "100.10", "100.30");
    let (id, quote) = client.any().await;
    assert_eq!(id, "abc-2");
    assert_eq!(
        (&quote["type"], &quote["seq"], &quote["ask"]),
        (&"quote".into(), &2.into(), &"100.30".into())
    );
    assert_eq!(quote.get("bid"), None, "only what changed");

    let mut empty = Update::new(Source::Direct, Micros(1_000));
    empty.tell_side(Field::Ask, None, None);
    edge.apply(edge.id(BTC), &empty);
    let (_, quote) = client.any().await;
    assert!(quote["ask"].is_null() && quote["ask_size"].is_null(), "null is: became absent");

    let body = String::from_utf8(client.body).expect("promise 12: UTF-8");
    assert!(!body.contains('\r'), "promise 12: LF only");
    let first = body.split_once("\n\n").unwrap().0;
    assert!(first.starts_with(": quotewire, wire version 1\nretry: "), "{first}");
    assert!(
        first.contains("\nevent: hello\ndata: {"),
        "one block, which no reader takes for an empty event: {first}"
    );
}

#[tokio::test]
async fn unnamed_events_have_no_event_line_and_say_their_type() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD&named=false&fields=bid", &[]).await;
    let hello = client.event().await.unwrap();
    assert_eq!(hello.event, "message");
    let (_, snapshot) = client.any().await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot.get("ask"), None, "only the chosen fields");
    assert!(!String::from_utf8(client.body).unwrap().contains("event:"));
}

#[tokio::test]
async fn a_stream_without_snapshots_starts_with_the_next_change() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD&snapshot=false", &[]).await;
    client.next("hello").await;
    edge.quote(BTC, "1", "3");
    let (_, quote) = client.any().await;
    assert_eq!((&quote["type"], &quote["ask"]), (&"quote".into(), &"3".into()));
}

#[tokio::test]
async fn promise_2_after_quiet_every_view_equals_the_table() {
    let mut edge = Running::start(Config::default()).await;
    let symbols: Vec<String> = (0..200).map(|n| format!("TEST:S{n}-USD")).collect();
    for symbol in &symbols {
        edge.table.intern(&Symbol::parse(symbol).unwrap()).unwrap();
    }
    let query = format!("symbols={}", symbols.join(","));
    let mut clients = [edge.stream(&query, &[]).await, edge.stream(&query, &[]).await];

    // Two writers at once, each with every symbol of its own half, faster than any client reads.
    let mut second = edge.table.writer().unwrap();
    let (table, notifier, names) = (edge.table.clone(), edge.notifier.clone(), symbols.clone());
    let other = std::thread::spawn(move || {
        for n in 0..20_000_u32 {
            let id = table.find(&names[100 + (n as usize * 7) % 100]).unwrap();
            publish(&notifier, id, second.apply(id, &top(n), Micros(5)));
        }
    });
    for n in 0..20_000_u32 {
        let id = edge.id(&symbols[(n as usize * 3) % 100]);
        edge.apply(id, &top(n));
        if n % 1_000 == 0 {
            tokio::task::yield_now().await;
        }
    }
    other.join().unwrap();

    let last = edge.table.last_seq();
    assert_eq!(edge.table.safe_cut(), last, "everybody has finished writing");
    for client in &mut clients {
        let mut view = View::default();
        let mut seqs = std::collections::HashMap::new();
        // The newest change may be told before older ones of other symbols: a quote is read at the moment it is told.
        let mut behind: std::collections::HashMap<String, u64> =
            symbols.iter().map(|symbol| (symbol.clone(), edge.table.read(edge.id(symbol)).seq)).collect();
        while !behind.is_empty() {
            let event = client.event().await.expect("the stream ended");
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            view.apply(&wire::Event::parse(&event.data).unwrap()).unwrap();
            if let (Some(symbol), Some(seq)) = (data["symbol"].as_str(), data["seq"].as_u64()) {
                let before = seqs.insert(symbol.to_owned(), seq);
                assert!(before.is_none_or(|b| b < seq), "promise 1: the sequence of a symbol only rises");
                if behind.get(symbol).is_some_and(|last| seq >= *last) {
                    behind.remove(symbol);
                }
            }
        }
        for symbol in &symbols {
            let quote = edge.table.read(edge.id(symbol));
            assert_view_equals(&view, symbol, &quote);
        }
    }
    assert!(
        edge.metric("quotewire_edge_conflated_total") > 0.0,
        "the clients were told less than every change"
    );
}

/// A number may be taken long before its change is published. A look in between must not make the hub believe that it has
/// seen that change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_a_change_that_took_its_time_is_told_all_the_same() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD", &[]).await;
    client.next("snapshot").await;
    client.next("snapshot").await;
    let (btc, notifier) = (edge.id(BTC), edge.notifier.clone());
    let seen = edge.metric("quotewire_edge_looks_total");
    let registry = edge.registry.clone();
    let looks = move || Running::counted_in(&registry, "quotewire_edge_looks_total");
    let mut update = Update::new(Source::Direct, Micros(1_000));
    update.tell_side(Field::Bid, number("7"), number("1"));
    let mut writer = edge.table.writer().unwrap();
    let writing = std::thread::spawn(move || {
        let applied = writer.apply_with(btc, &update, Micros(2_000), || {
            // In mid-write: the number is taken, the quote is the old one. Now somebody else wakes the hub.
            notifier.feed_changed();
            let start = std::time::Instant::now();
            while looks() <= seen && start.elapsed() < crate::support::PATIENCE {
                std::thread::yield_now();
            }
        });
        publish(&notifier, btc, applied);
    });
    writing.join().unwrap();
    edge.until("the hub has looked after the publication", |e| {
        e.metric("quotewire_edge_looks_total") >= seen + 2.0
    })
    .await;
    assert_eq!(client.next("quote").await["bid"], "7");
}

fn top(n: u32) -> Update {
    let mut update = Update::new(Source::Direct, Micros(1_000));
    update.tell_side(Field::Bid, number(&n.to_string()), number("1.0"));
    if n.is_multiple_of(5) {
        update.tell_side(Field::Ask, None, None);
    } else {
        update.tell_side(Field::Ask, number(&format!("{}.5", n + 1)), number("2"));
    }
    update
}

pub(crate) fn assert_view_equals(view: &View, symbol: &str, quote: &Quote) {
    let symbol = Symbol::parse(symbol).unwrap();
    let seen = view.get(&symbol).unwrap_or_else(|| panic!("{symbol} was never told"));
    assert_eq!(view.differences(&symbol, quote, FieldSet::DEFAULT), FieldSet::EMPTY, "{symbol}");
    assert_eq!(seen.seq, quote.seq, "{symbol}");
}

#[tokio::test]
async fn promise_10_a_status_is_told_whatever_fields_were_chosen() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD&fields=last", &[]).await;
    client.next("snapshot").await;
    edge.status(BTC, Status::Stale, Reason::Silence);
    let status = client.next("status").await;
    assert_eq!((&status["status"], &status["reason"]), (&"stale".into(), &"silence".into()));
    assert_eq!(status["since"], 3_000);
    // Back to live with the same prices: the change of status is told although nothing else moved.
    edge.quote(BTC, "1", "2");
    assert_eq!(client.next("status").await["status"], "live");
}

#[tokio::test]
async fn the_state_of_a_feed_is_told_to_the_streams_behind_it() {
    let mut edge = Running::start(Config::default()).await;
    let mut client = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    client.next("snapshot").await;
    edge.writer.set_feed_status(edge.feed, Status::Stale, Reason::Disconnected, Micros(9)).unwrap();
    edge.notifier.feed_changed();
    let status = client.next("status").await;
    assert_eq!((&status["feed"], &status["status"]), (&"test".into(), &"stale".into()));
}

#[tokio::test]
async fn a_quiet_stream_has_a_heartbeat() {
    let config = Config { heartbeat: Duration::from_millis(200), ..Config::default() };
    let mut edge = Running::start(config).await;
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD", &[]).await;
    for _ in 0..2 {
        let heartbeat = client.next("heartbeat").await;
        assert_eq!(heartbeat["seq"], 1, "the safe cut");
        assert!(heartbeat["server_time"].as_i64().unwrap() > 1_700_000_000_000_000);
    }
}

#[tokio::test]
async fn what_one_stream_encoded_the_others_copy() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let mut clients =
        [edge.stream("symbols=TEST:BTC-USD", &[]).await, edge.stream("symbols=TEST:BTC-USD", &[]).await];
    for client in &mut clients {
        client.next("snapshot").await;
    }
    assert_eq!(edge.metric("quotewire_edge_frames_shared_total"), 1.0);
}

/// However a client leaves, its place is free at once, with nothing being published and no heartbeat due.
#[tokio::test]
async fn a_client_that_leaves_is_let_go_at_once() {
    type Leave = fn(Client) -> std::pin::Pin<Box<dyn Future<Output = Option<Client>> + Send>>;
    let close: Leave = |client| {
        Box::pin(async move {
            drop(client);
            None
        })
    };
    let reset: Leave = |client| {
        Box::pin(async move {
            #[expect(deprecated, reason = "a linger of zero is how a test makes a reset")]
            client.socket.set_linger(Some(Duration::ZERO)).unwrap();
            drop(client);
            None
        })
    };
    let half_close: Leave = |mut client| {
        Box::pin(async move {
            client.socket.shutdown().await.unwrap();
            Some(client)
        })
    };
    for leave in [close, reset, half_close] {
        let edge = Running::start(Config::default()).await;
        let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD", &[]).await;
        client.next("snapshot").await;
        assert_eq!(edge.metric("quotewire_edge_streams_open"), 1.0);
        assert_eq!(edge.metric("quotewire_edge_subscriptions"), 2.0);
        let kept = leave(client).await;
        edge.until("the stream is closed", |e| e.metric("quotewire_edge_streams_open") == 0.0).await;
        assert_eq!(edge.metric("quotewire_edge_subscriptions"), 0.0);
        assert_eq!(edge.metric_of("quotewire_edge_streams_ended_total", "client_gone"), 1.0);
        assert_eq!(edge.metric("quotewire_edge_streams_opened_total"), 1.0, "promise 15");
        drop(kept);
    }
}

#[tokio::test]
async fn promise_15_streams_opened_are_open_or_ended() {
    let edge = Running::start(Config::default()).await;
    let mut open = Vec::new();
    for n in 0..12 {
        let mut client = edge.stream("symbols=TEST:BTC-USD", &[]).await;
        client.next("hello").await;
        if n % 3 != 0 {
            open.push(client);
        }
    }
    edge.until("those that left are gone", |e| e.metric("quotewire_edge_streams_open") == 8.0).await;
    let ended = edge.metric("quotewire_edge_streams_ended_total");
    assert_eq!(edge.metric("quotewire_edge_streams_opened_total"), 8.0 + ended);
    assert_eq!(ended, 4.0);
}

#[tokio::test]
async fn both_symbols_of_a_stream_are_told_in_the_order_of_their_changes() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(ETH, "1", "2");
    edge.quote(BTC, "1", "2");
    let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD", &[]).await;
    client.next("hello").await;
    let (first_id, first) = client.any().await;
    let (second_id, second) = client.any().await;
    assert_eq!((&first["symbol"], first_id.as_str()), (&ETH.into(), "abc-1"));
    assert_eq!((&second["symbol"], second_id.as_str()), (&BTC.into(), "abc-2"));
}
