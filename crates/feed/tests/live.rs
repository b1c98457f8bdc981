//! A feed against an emulated venue, as long as nothing goes wrong: catalogue, subscription, status, keep-alive.

use std::time::Duration;

use feed::capture::{CaptureReader, Payload, Recording};
use feed::{FeedEnd, FeedSettings, KeepAlive};
use market::{Field, Reason, Status};
use testkit::script::{Fault, HttpAnswer, Recorded, Script, Start};
use testkit::venue::Venue;

mod toy;

use toy::{Running, Toy, bid, catalogue, quick, script, settings, subscription};

#[tokio::test]
async fn a_feed_subscribes_and_goes_live_symbol_by_symbol() {
    let texts = vec![subscription(&["BTCUSD", "ETHUSD"])];
    let frames = [bid("BTCUSD", "61685.990"), bid("ETHUSD", "1.0"), bid("XRPUSD", "3")];
    let venue = Venue::start(script(frames).start(Start::Exactly(texts)).stepped()).await;
    let running = Running::start(Toy::at(&venue), settings());
    venue.wait_sent(1).await;
    running.sink.look(|seen| {
        for symbol in ["TOY:BTC-USD", "TOY:ETH-USD"] {
            assert_eq!(seen.status(symbol), (Status::Connecting, Reason::NotConnected), "{symbol}");
        }
    });
    venue.step(1);
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    running.sink.look(|seen| {
        assert_eq!(seen.get("TOY:BTC-USD").unwrap().text(Field::Bid), "61685.990");
        assert_eq!(seen.status("TOY:ETH-USD"), (Status::Connecting, Reason::NotConnected), "not heard yet");
    });
    venue.step(2);
    running.sink.wait_status("TOY:ETH-USD", Status::Live, Reason::Confirmed).await;
    let live = (Status::Live, Reason::Confirmed);
    running.sink.wait("a live feed", |seen| seen.feed == Some(live)).await;
    assert_eq!(venue.asked(), ["/symbols"]);
    assert_eq!(venue.connections()[0].target, "/stream?key=secret");
    assert_eq!(running.handle.name(), "toy");
    assert_eq!(running.metric(r#"connected{feed="toy"}"#), 1.0);
    assert_eq!(running.metric(r#"symbols{feed="toy",state="subscribed"}"#), 2.0);
    running.sink.look(|seen| {
        let told = [
            (Status::Connecting, Reason::NotConnected),
            (Status::Connecting, Reason::NotHeard),
            (Status::Live, Reason::Confirmed),
        ];
        assert_eq!(seen.feed_history, told);
    });
    let sink = running.sink.clone();
    assert_eq!(running.stop().await, FeedEnd::Stopped);
    sink.look(|seen| {
        assert_eq!(seen.status("TOY:BTC-USD"), (Status::Stale, Reason::Stopped));
        assert_eq!(seen.feed, Some((Status::Closed, Reason::Stopped)));
    });
    venue.wait_over(1).await;
}

#[tokio::test]
async fn a_wish_that_the_venue_does_not_list_is_named_and_the_others_go_on() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let wishes = ["BTCUSD", "toy:xrp-usd", "NOPE"].map(str::to_owned).to_vec();
    let running = Running::start(Toy::at(&venue), FeedSettings { symbols: wishes, ..settings() });
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    running.sink.look(|seen| {
        for symbol in ["TOY:XRP-USD", "TOY:NOPE"] {
            assert_eq!(seen.status(symbol), (Status::Delisted, Reason::NotListed), "{symbol}");
        }
    });
    assert_eq!(running.metric(r#"symbols{feed="toy",state="missing"}"#), 2.0);
    assert_eq!(venue.sent(), [subscription(&["BTCUSD"])]);
}

#[tokio::test]
async fn a_feed_with_nothing_listed_says_so_and_ends() {
    let venue = Venue::start(script::<Recorded>([])).await;
    let running =
        Running::start(Toy::at(&venue), FeedSettings { symbols: vec!["NOPE".to_owned()], ..settings() });
    let sink = running.sink.clone();
    assert_eq!(running.end().await, FeedEnd::NothingListed);
    assert_eq!(sink.look(|seen| seen.feed), Some((Status::Closed, Reason::NotListed)));
}

#[tokio::test]
async fn a_symbol_that_is_never_heard_of_is_told_once() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let mut settings = settings();
    settings.timing.unheard_after = Duration::from_millis(50);
    let running = Running::start(Toy::at(&venue), settings);
    running.sink.wait_status("TOY:ETH-USD", Status::Connecting, Reason::NotHeard).await;
    running.sink.look(|seen| {
        let history = &seen.get("TOY:ETH-USD").unwrap().history;
        assert_eq!(
            history[..],
            [(Status::Connecting, Reason::NotConnected), (Status::Connecting, Reason::NotHeard)]
        );
        assert_eq!(seen.status("TOY:BTC-USD"), (Status::Live, Reason::Confirmed));
    });
}

#[tokio::test]
async fn symbols_are_split_over_connections_and_one_loss_leaves_the_others_alone() {
    let natives = ["AAAUSD", "BBBUSD", "CCCUSD"];
    // Every connection gets all frames; what a connection did not ask for is not looked at.
    let script = Script::new(natives.map(|native| bid(native, "1")))
        .rest([catalogue(&natives)])
        .fault(1..=1, Fault::ResetAfter(3));
    let venue = Venue::start(script).await;
    let mut toy = Toy::at(&venue);
    toy.limits.instruments_per_connection = 2;
    let running = Running::start(toy, FeedSettings { symbols: vec!["*".to_owned()], ..settings() });
    venue.wait_sent(3).await;
    let (first, second) = (subscription(&natives[..2]), subscription(&natives[2..]));
    // Which of the two dials first is the scheduler's choice; the loser of its connection says the same again.
    let lost_the_pair = venue.sent_by(1) == [first.as_str()];
    let (lost, kept, again, other) = if lost_the_pair {
        (["TOY:AAA-USD", "TOY:BBB-USD"].as_slice(), ["TOY:CCC-USD"].as_slice(), &first, &second)
    } else {
        (["TOY:CCC-USD"].as_slice(), ["TOY:AAA-USD", "TOY:BBB-USD"].as_slice(), &second, &first)
    };
    let mut sent = [venue.sent_by(2), venue.sent_by(3)].concat();
    sent.sort();
    let mut expected = [again.clone(), other.clone()];
    expected.sort();
    assert_eq!(sent, expected);
    let (live, stale) = ((Status::Live, Reason::Confirmed), (Status::Stale, Reason::Disconnected));
    running
        .sink
        .wait("everything live in the end", |seen| {
            let is_live = |symbol: &&str| seen.status(symbol) == live;
            let was_stale = |symbol: &&str| seen.get(symbol).is_some_and(|s| s.history.contains(&stale));
            lost.iter().all(|symbol| was_stale(symbol) && is_live(symbol))
                && kept.iter().all(|symbol| !was_stale(symbol) && is_live(symbol))
                && seen.feed == Some(live)
                && seen.feed_history.contains(&stale)
        })
        .await;
    assert_eq!(venue.connections().len(), 3, "the other connection was left alone");
}

#[tokio::test]
async fn more_symbols_than_allowed_are_left_out() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let settings = FeedSettings { instruments_max: 1, symbols: vec!["*".to_owned()], ..settings() };
    let running = Running::start(Toy::at(&venue), settings);
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.sent(), [subscription(&["BTCUSD"])]);
    assert_eq!(running.metric(r#"symbols{feed="toy",state="no_room"}"#), 1.0);
}

#[tokio::test]
async fn a_quiet_venue_that_answers_pings_is_alive() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let mut toy = Toy::at(&venue);
    toy.limits.silence = Duration::from_secs(2);
    toy.keep_alive = KeepAlive { every: Duration::from_millis(50), text: None };
    let running = Running::start(toy, settings());
    // 45 pings at 50 ms apart are longer than the silence limit.
    venue.wait("45 pings", |all| all.iter().any(|connection| connection.pings >= 45)).await;
    assert_eq!(venue.connections().len(), 1);
    assert_eq!(
        running.sink.look(|seen| seen.status("TOY:BTC-USD")),
        (Status::Live, Reason::Confirmed),
        "quiet is not dead"
    );
}

#[tokio::test]
async fn keep_alive_texts_and_the_decoders_replies_are_sent() {
    let frames = [bid("BTCUSD", "1"), "reply pong 17".to_owned()];
    let venue = Venue::start(script(frames).reply("ping", "pong").reply("pong 17", "thanks")).await;
    let mut toy = Toy::at(&venue);
    toy.keep_alive = KeepAlive { every: Duration::from_millis(20), text: Some("ping".to_owned()) };
    let running = Running::start(toy, settings());
    venue.wait("a reply and three keep-alives", |all| all.iter().any(|c| c.answered >= 4)).await;
    assert_eq!(venue.sent().len(), 1, "nothing else was sent");
    assert_eq!(venue.pings(), 0);
    drop(running);
}

#[tokio::test]
async fn never_is_a_time_too() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let mut toy = Toy::at(&venue);
    toy.limits.max_age = Some(Duration::MAX);
    toy.keep_alive.every = Duration::MAX;
    let settings = FeedSettings { stale_after: Some(Duration::MAX), ..settings() };
    let running = Running::start(toy, settings);
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.connections().len(), 1);
}

#[tokio::test]
async fn pings_of_the_venue_are_answered() {
    let venue = Venue::start(script([Recorded::ping("a"), Recorded::text(bid("BTCUSD", "1"))])).await;
    let _running = Running::start(Toy::at(&venue), settings());
    venue.wait("a pong", |all| all.iter().any(|connection| connection.pongs == 1)).await;
}

#[tokio::test]
async fn subscriptions_are_paced() {
    #[derive(Debug)]
    struct Many(Toy);
    impl feed::Session for Many {
        fn venue(&self) -> &str {
            self.0.venue()
        }
        fn catalogue_urls(&self) -> Vec<String> {
            self.0.catalogue_urls()
        }
        fn catalogue(
            &self,
            answers: &[feed::RestAnswer],
            instruments: &mut feed::Instruments,
        ) -> Result<(), feed::CatalogueError> {
            self.0.catalogue(answers, instruments)
        }
        fn endpoint(&self, instruments: &feed::Instruments, wanted: &[feed::InstrumentId]) -> String {
            self.0.endpoint(instruments, wanted)
        }
        fn subscribe(&self, _: &feed::Instruments, _: &[feed::InstrumentId]) -> Vec<String> {
            (0..5).map(|n| format!("text {n}")).collect()
        }
        fn keep_alive(&self) -> KeepAlive {
            self.0.keep_alive()
        }
        fn limits(&self) -> feed::Limits {
            self.0.limits()
        }
        fn decoder(&self) -> Box<dyn feed::Decoder> {
            self.0.decoder()
        }
    }
    let texts: Vec<String> = (0..5).map(|n| format!("text {n}")).collect();
    let venue = Venue::start(script([bid("BTCUSD", "1")]).start(Start::Exactly(texts))).await;
    let mut toy = Toy::at(&venue);
    toy.limits.between_sends = Duration::from_millis(30);
    let registry = prometheus::Registry::new();
    let metrics = feed::metrics::FeedMetrics::register(&registry).unwrap();
    let sink = testkit::sink::CollectingSink::new();
    let stop = tokio_util::sync::CancellationToken::new();
    let clock = std::sync::Arc::new(market::RealClock::new());
    let session = std::sync::Arc::new(Many(toy));
    let _handle = feed::supervisor::spawn(session, settings(), sink.clone(), clock, &metrics, &stop);
    venue.wait_sent(1).await;
    let first = std::time::Instant::now();
    sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    // A lower bound only: a slow machine makes it longer, never shorter. The first text was seen a little late.
    assert!(first.elapsed() >= Duration::from_millis(100), "four pauses of 30 ms: {:?}", first.elapsed());
}

#[tokio::test]
async fn a_catalogue_that_fails_is_asked_again() {
    let answers = [
        HttpAnswer::of_status("/symbols", 503),
        HttpAnswer { status: 302, headers: vec![("location".into(), "/else".into())], ..catalogue(&[]) },
        catalogue(&["X"]),
        catalogue(&["PANIC"]),
        catalogue(&["ODD", "BTCUSD", "ODD"]),
    ];
    let script = Script::new([bid("BTCUSD", "1")]).rest(answers);
    let venue = Venue::start(script).await;
    let running = Running::start(Toy::at(&venue), settings());
    running.sink.wait_status("TOY:BTC-USD", Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.asked(), ["/symbols"; 5], "a redirect is not followed");
    assert_eq!(running.metric(r#"catalogue_failures_total{feed="toy"}"#), 4.0);
    assert_eq!(running.metric(r#"catalogue_left_out{feed="toy"}"#), 2.0);
}

/// The clock is paused and jumps to the next timer whenever nothing else is left to do.
#[tokio::test(start_paused = true)]
async fn a_wait_that_the_venue_asks_for_is_kept() {
    let busy = HttpAnswer {
        headers: vec![("retry-after".to_owned(), "70".to_owned())],
        ..HttpAnswer::of_status("/symbols", 429)
    };
    let script = Script::new([bid("BTCUSD", "1")])
        .rest([busy, catalogue(&["BTCUSD"])])
        .fault(1..=1, Fault::RefuseFor(429, 50));
    let venue = Venue::start(script).await;
    let start = tokio::time::Instant::now();
    let running = Running::start(Toy::at(&venue), settings());
    venue.wait_asked(1).await;
    // 70 seconds for the catalogue and 50 for the handshake. Not through the waits of the test kit, whose patience is
    // shorter and runs on the same clock.
    while running.sink.look(|seen| seen.status("TOY:BTC-USD").0) != Status::Live {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!((120..140).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn everything_is_recorded_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy.cap.gz");
    let recording = Recording::start(&path).unwrap();
    let venue = Venue::start(script([Recorded::text(bid("BTCUSD", "1")), Recorded::binary([0, 1])])).await;
    let settings = FeedSettings { recording: Some(recording.recorder()), ..settings() };
    let running = Running::start(Toy::at(&venue), settings);
    venue.wait_played().await;
    running.sink.wait_updates(1).await;
    let garbage = async {
        while running.metric(r#"garbage_total{feed="toy"}"#) < 1.0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(testkit::PATIENCE, garbage).await.unwrap();
    assert_eq!(running.stop().await, FeedEnd::Stopped);
    let recorded = tokio::task::spawn_blocking(move || recording.finish()).await.unwrap().unwrap();
    assert_eq!((recorded.records, recorded.lost, recorded.unfit), (5, 0, 0));
    let mut reader = CaptureReader::open(&path).unwrap();
    let mut kinds = String::new();
    while let Some(record) = reader.next().unwrap() {
        assert!(record.recv_ns > 1_600_000_000_000_000_000, "a real time");
        if let Payload::Opened(url) | Payload::Rest { url, .. } = record.payload {
            assert!(!url.contains("secret"), "{url}");
        }
        kinds.push(char::from(record.payload.letter()));
    }
    assert_eq!(kinds, "G@><B");
}

#[tokio::test]
async fn a_stop_is_prompt_wherever_the_feed_is() {
    // In the catalogue, in the handshake, in the back-off, on a stalled connection.
    let silent = Script::new::<Recorded>([]).rest([HttpAnswer::of_status("/symbols", HttpAnswer::NEVER)]);
    let venue = Venue::start(silent).await;
    let running = Running::start(Toy::at(&venue), settings());
    venue.wait_asked(1).await;
    assert_eq!(running.stop().await, FeedEnd::Stopped, "in the catalogue");

    for (place, fault) in [
        ("in the handshake", Fault::NoHandshake),
        ("in the back-off", Fault::Refuse(503)),
        ("stalled", Fault::StallAfter(1)),
    ] {
        let venue = Venue::start(script([bid("BTCUSD", "1")]).fault(1.., fault)).await;
        let mut settings = settings();
        settings.timing = quick();
        settings.timing.backoff.base = Duration::from_secs(3_600);
        settings.timing.backoff.cap = Duration::from_secs(3_600);
        let running = Running::start(Toy::at(&venue), settings);
        let reached = |c: &testkit::venue::Connection| c.over || c.played || !c.target.is_empty();
        venue.wait(place, |all| all.first().is_some_and(reached)).await;
        assert_eq!(running.stop().await, FeedEnd::Stopped, "{place}");
    }
}
