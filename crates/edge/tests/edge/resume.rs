//! Going on where a stream was cut.

use edge::Config;
use market::{Field, Micros, Source, Update};
use wire::View;

use crate::stream::assert_view_equals;
use crate::support::{BTC, ETH, Running, number, publish};

#[tokio::test]
async fn only_what_changed_after_the_id_is_told_again_and_in_full() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2"); // seq 1
    edge.quote(ETH, "3", "4"); // seq 2
    edge.quote(BTC, "1", "5"); // seq 3
    let mut client = edge.stream("symbols=TEST:BTC-USD,TEST:ETH-USD", &[("Last-Event-ID", "abc-2")]).await;
    client.next("hello").await;
    let (id, event) = client.any().await;
    assert_eq!((&event["type"], &event["symbol"], id.as_str()), (&"snapshot".into(), &BTC.into(), "abc-3"));
    assert_eq!((&event["bid"], &event["ask"]), (&"1".into(), &"5".into()), "the full quote, not the change");
    edge.quote(ETH, "3", "9");
    let (_, event) = client.any().await;
    assert_eq!(
        (&event["type"], &event["symbol"]),
        (&"quote".into(), &ETH.into()),
        "ETH had nothing to be told again"
    );
    assert_eq!(event.get("bid"), None);
}

#[tokio::test]
async fn the_header_wins_over_the_parameter() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    let query = "symbols=TEST:BTC-USD&last_event_id=abc-0";
    let mut client = edge.stream(query, &[]).await;
    assert_eq!(client.any().await.1["type"], "hello");
    assert_eq!(client.any().await.1["type"], "snapshot", "the parameter is heard");
    let mut client = edge.stream(query, &[("Last-Event-ID", "abc-1")]).await;
    client.next("hello").await;
    edge.quote(BTC, "1", "3");
    assert_eq!(client.any().await.1["type"], "quote", "up to date by the header");
}

#[tokio::test]
async fn what_cannot_be_resumed_is_reset_and_told_whole() {
    let mut edge = Running::start(Config::default()).await;
    edge.quote(BTC, "1", "2");
    for (id, reason) in [
        ("def-1", "unknown_epoch"),
        ("abc-2", "future_seq"),
        ("garbage", "malformed_id"),
        ("abc-1; drop", "malformed_id"),
        ("abc-99999999999999999999999", "malformed_id"),
        ("\u{e9}\u{e9}", "malformed_id"),
    ] {
        let mut client = edge.stream("symbols=TEST:BTC-USD", &[("Last-Event-ID", id)]).await;
        assert_eq!(client.any().await.1["type"], "hello");
        let (_, reset) = client.any().await;
        assert_eq!((&reset["type"], &reset["reason"]), (&"reset".into(), &reason.into()), "{id:?}");
        assert_eq!(client.any().await.1["type"], "snapshot");
    }
    assert_eq!(edge.metric("quotewire_edge_streams_reset_total"), 6.0);
    let mut client = edge.stream("symbols=TEST:BTC-USD&last_event_id=", &[("Last-Event-ID", "")]).await;
    client.next("hello").await;
    assert_eq!(client.any().await.1["type"], "snapshot", "an empty id is none");
}

/// A stream that is cut after any event and resumed from that event's id ends with the table's view. Two writers are
/// at work meanwhile, so ids are bounded by the safe cut.
#[tokio::test]
async fn a_cut_after_any_event_loses_nothing() {
    let mut edge = Running::start(Config::default()).await;
    let query = "symbols=TEST:BTC-USD,TEST:ETH-USD";
    let mut second = edge.table.writer().unwrap();
    let (table, notifier) = (edge.table.clone(), edge.notifier.clone());
    let btc = edge.id(BTC);
    let other = std::thread::spawn(move || {
        for n in 0..4_000_u32 {
            let mut update = Update::new(Source::Direct, Micros(1));
            update.tell_side(Field::Bid, number(&n.to_string()), number("1"));
            publish(&notifier, btc, second.apply(btc, &update, Micros(2)));
            std::thread::yield_now();
        }
        drop(table);
    });
    let mut view = View::default();
    let mut last_id: Option<String> = None;
    let mut cuts = 0;
    let mut n = 0_u32;
    let mut finished = false;
    loop {
        let headers: Vec<(&str, &str)> = last_id.iter().map(|id| ("Last-Event-ID", id.as_str())).collect();
        let mut client = edge.stream(query, &headers).await;
        // One to five events, then the connection is dropped.
        let mut told = 0;
        while told < 1 + cuts % 5 || finished {
            if !finished {
                n += 1;
                edge.quote(ETH, &n.to_string(), &(n + 1).to_string());
            }
            let (id, event) = client.any().await;
            assert_ne!(event["type"], "reset");
            view.apply(&wire::Event::parse(&event.to_string()).unwrap()).unwrap();
            if !id.is_empty() {
                last_id = Some(id);
                told += 1;
            }
            if finished && view_is_current(&view, &edge) {
                other.join().unwrap();
                for symbol in [BTC, ETH] {
                    assert_view_equals(&view, symbol, &edge.table.read(edge.id(symbol)));
                }
                return;
            }
        }
        cuts += 1;
        if cuts > 200 && other.is_finished() {
            finished = true;
            // One more change, so that the last stream has something to tell.
            edge.quote(ETH, "7777777", "7777778");
        }
    }
}

fn view_is_current(view: &View, edge: &Running) -> bool {
    [BTC, ETH].iter().all(|symbol| {
        let symbol = &market::Symbol::parse(symbol).unwrap();
        view.get(symbol).is_some_and(|seen| seen.seq == edge.table.read(edge.id(symbol.as_str())).seq)
    })
}
