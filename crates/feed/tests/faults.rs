//! A feed against an emulated venue on which things go wrong. Each test names what is promised of the fault.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use feed::{FeedEnd, Outcome, Sink, SymbolRef, Timing};
use market::{Field, Reason, Status, Symbol, Update};
use testkit::script::{Fault, Recorded};
use testkit::sink::CollectingSink;
use testkit::venue::Venue;

mod toy;

use toy::{Running, Toy, bid, script, settings, subscription};

const LIVE: (Status, Reason) = (Status::Live, Reason::Confirmed);
const BTC: &str = "TOY:BTC-USD";

/// Keeps the panics that these tests cause on purpose out of their output, and all others in.
fn hush_expected_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let expected = info.payload_as_str().is_some_and(|text| text.contains("on purpose"));
            if !expected {
                usual(info);
            }
        }));
    });
}

/// The feed ends its first connection for `reason`, as `cause` in the metrics, and is live again on the second one.
async fn recovers(
    frames: Vec<Recorded>,
    fault: Option<Fault>,
    toy: impl Fn(&mut Toy),
    reason: Reason,
    cause: &str,
) {
    let frames_again = [bid("BTCUSD", "9"), bid("ETHUSD", "9")];
    let mut script = script(frames).frames_of(2, frames_again);
    if let Some(fault) = fault {
        script = script.fault(1..=1, fault);
    }
    let venue = Venue::start(script).await;
    let mut session = Toy::at(&venue);
    toy(&mut session);
    let running = Running::start(session, settings());
    running
        .sink
        .wait(format!("{BTC} live again after {}", reason.name()), |seen| {
            let Some(btc) = seen.get(BTC) else { return false };
            let bid = btc.text(Field::Bid);
            bid == "9"
                && btc.history.ends_with(&[LIVE, (Status::Stale, reason), LIVE])
                && seen.feed == Some(LIVE)
        })
        .await;
    venue.wait_sent(2).await;
    let everything = [subscription(&["BTCUSD", "ETHUSD"])];
    assert_eq!(venue.sent_by(1), everything);
    assert_eq!(venue.sent_by(2), everything, "all is subscribed again");
    let metric = format!(r#"reconnects_total{{feed="toy",reason="{cause}"}}"#);
    assert_eq!(running.metric(&metric), 1.0);
    assert_eq!(running.metric(r#"dials_total{feed="toy"}"#), 2.0);
    assert_eq!(running.stop().await, FeedEnd::Stopped);
}

fn two_bids() -> Vec<Recorded> {
    vec![bid("BTCUSD", "1").into(), bid("BTCUSD", "2").into()]
}

#[tokio::test]
async fn a_reset_is_told_at_once_and_everything_is_subscribed_again() {
    recovers(two_bids(), Some(Fault::ResetAfter(1)), |_| {}, Reason::Disconnected, "lost").await;
}

#[tokio::test]
async fn an_end_without_goodbye_is_a_loss() {
    recovers(two_bids(), Some(Fault::EndAfter(1)), |_| {}, Reason::Disconnected, "lost").await;
}

#[tokio::test]
async fn a_goodbye_of_the_venue_is_taken() {
    let fault = Fault::CloseAfter(1, 1012, "service restart".to_owned());
    recovers(two_bids(), Some(fault), |_| {}, Reason::Disconnected, "closed_by_venue").await;
}

#[tokio::test]
async fn a_stalled_connection_is_stale_and_left() {
    let limit = |toy: &mut Toy| {
        // Pings go out and are never answered, so it is their silence too that is noticed. On the second connection
        // they are, which keeps it alive.
        toy.limits.silence = Duration::from_millis(500);
        toy.keep_alive.every = Duration::from_millis(50);
    };
    let mut session_frames = two_bids();
    session_frames.truncate(1);
    recovers(session_frames, Some(Fault::StallAfter(1)), limit, Reason::Silence, "silence").await;
}

/// The clock is paused: it jumps to the next timer whenever nothing else is left to do, so the times are exact.
#[tokio::test(start_paused = true)]
async fn promise_4_silence_is_told_at_the_limit_and_not_before() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let mut toy = Toy::at(&venue);
    toy.limits.silence = Duration::from_secs(5);
    let running = Running::start(toy, settings());
    running.sink.wait_status(BTC, Status::Live, Reason::Confirmed).await;
    let heard = tokio::time::Instant::now();
    running.sink.wait_status(BTC, Status::Stale, Reason::Silence).await;
    let silent = heard.elapsed();
    assert!((4_990..=5_250).contains(&silent.as_millis()), "stale after {silent:?}");
}

/// The venue answers every ping and sends nothing any more: a subscription that was dropped without a word.
#[tokio::test]
async fn promise_5_answers_to_pings_do_not_keep_a_mute_subscription_live() {
    let venue = Venue::start(script([bid("BTCUSD", "1")]).fault(1..=1, Fault::QuietAfter(1))).await;
    let mut toy = Toy::at(&venue);
    toy.keep_alive.every = Duration::from_millis(20);
    toy.limits.message_silence = Some(Duration::from_millis(200));
    let running = Running::start(toy, settings());
    venue.wait_connection(2).await;
    assert!(venue.connections()[0].pings > 0, "the connection itself was alive");
    let told = running.sink.look(|seen| seen.get(BTC).unwrap().history.clone());
    assert!(told.contains(&(Status::Stale, Reason::Silence)), "{told:?}");
}

#[tokio::test]
async fn the_configured_silence_limit_wins() {
    let venue = Venue::start(script([bid("BTCUSD", "1")]).fault(1..=1, Fault::StallAfter(1))).await;
    let mut settings = settings();
    settings.stale_after = Some(Duration::from_millis(150));
    let running = Running::start(Toy::at(&venue), settings);
    venue.wait_connection(2).await;
    let told = running.sink.look(|seen| seen.get(BTC).unwrap().history.clone());
    assert!(told.contains(&(Status::Stale, Reason::Silence)), "{told:?}");
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_connection() {
    let fault = Fault::Oversized(1, 5_000);
    recovers(two_bids(), Some(fault), |_| {}, Reason::Disconnected, "oversized").await;
}

#[tokio::test]
async fn a_header_that_claims_more_than_the_limit_ends_the_connection() {
    let fault = Fault::Claim(1, 1 << 62);
    recovers(two_bids(), Some(fault), |_| {}, Reason::Disconnected, "oversized").await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_ends_the_connection() {
    recovers(two_bids(), Some(Fault::BadUtf8(1)), |_| {}, Reason::Disconnected, "protocol").await;
}

#[tokio::test]
async fn a_decoder_that_lost_track_gets_a_new_connection() {
    let frames = vec![bid("BTCUSD", "1").into(), Recorded::text("resync now")];
    recovers(frames, None, |_| {}, Reason::Gap, "resync").await;
}

#[tokio::test]
async fn an_old_connection_is_renewed() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let mut toy = Toy::at(&venue);
    toy.limits.max_age = Some(Duration::from_millis(60));
    let running = Running::start(toy, settings());
    venue.wait_sent(3).await;
    assert!(running.metric(r#"reconnects_total{feed="toy",reason="aged"}"#) >= 2.0);
    venue.wait_over(1).await;
}

#[tokio::test]
async fn promise_9_a_panic_in_a_decoder_ends_only_that_connection() {
    hush_expected_panics();
    let frames =
        vec![bid("BTCUSD", "1").into(), Recorded::text("panic on purpose"), bid("BTCUSD", "7").into()];
    recovers(frames, None, |_| {}, Reason::Fault, "fault").await;
}

#[tokio::test]
async fn promise_9_a_panic_in_the_sink_is_not_survived() {
    /// Takes statuses and breaks at the first bid.
    struct Broken(CollectingSink);
    impl Sink for Broken {
        fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
            self.0.intern(symbol)
        }
        fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
            assert!(update.status.is_some(), "the table breaks on purpose");
            self.0.update(symbol, update)
        }
        fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]) {
            self.0.feed_status(status, reason, symbols);
        }
    }
    hush_expected_panics();
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let sink = CollectingSink::new();
    let running = Running::start_into(Toy::at(&venue), settings(), Broken(sink.clone()), sink);
    let end = running.end().await;
    assert!(matches!(&end, FeedEnd::Broken(why) if why.contains("panicked")), "{end:?}");
    assert_eq!(venue.connections().len(), 1);
}

#[tokio::test]
async fn garbage_is_counted_and_the_feed_lives() {
    let frames = [bid("BTCUSD", "1"), bid("BTCUSD", "2"), bid("BTCUSD", "3"), bid("BTCUSD", "4")];
    let script = script(frames).fault(1..=1, Fault::Garble(1)).fault(1..=1, Fault::Skip(2));
    let venue = Venue::start(script).await;
    let running = Running::start(Toy::at(&venue), settings());
    running
        .sink
        .wait("the last bid", |seen| seen.get(BTC).is_some_and(|btc| btc.text(Field::Bid) == "4"))
        .await;
    assert_eq!(running.metric(r#"garbage_total{feed="toy"}"#), 1.0);
    assert_eq!(running.metric(r#"messages_total{feed="toy"}"#), 3.0);
    assert_eq!(running.metric(r#"updates_total{feed="toy",outcome="changed"}"#), 2.0);
    assert_eq!(venue.connections().len(), 1);
    assert_eq!(running.sink.look(|seen| seen.status(BTC)), LIVE);
}

#[tokio::test]
async fn refused_handshakes_are_tried_again() {
    let script = script([bid("BTCUSD", "1")])
        .fault(1..=2, Fault::Refuse(503))
        .fault(3..=3, Fault::ResetAtOnce)
        .fault(4..=4, Fault::Refuse(429));
    let venue = Venue::start(script).await;
    let running = Running::start(Toy::at(&venue), settings());
    running.sink.wait_status(BTC, Status::Live, Reason::Confirmed).await;
    assert_eq!(venue.connections().len(), 5);
    assert_eq!(running.metric(r#"reconnects_total{feed="toy",reason="handshake_refused"}"#), 3.0);
    assert_eq!(running.metric(r#"reconnects_total{feed="toy",reason="dial_failed"}"#), 1.0);
    let told = running.sink.look(|seen| seen.get(BTC).unwrap().history.clone());
    assert_eq!(told, [(Status::Connecting, Reason::NotConnected), LIVE], "never shown as anything else");
}

#[tokio::test]
async fn a_handshake_without_an_answer_is_given_up_at_the_limit() {
    let script = script([bid("BTCUSD", "1")]).fault(1..=1, Fault::NoHandshake);
    let venue = Venue::start(script).await;
    let mut settings = settings();
    settings.timing.dial_limit = Duration::from_millis(100);
    let running = Running::start(Toy::at(&venue), settings);
    running.sink.wait_status(BTC, Status::Live, Reason::Confirmed).await;
    assert_eq!(running.metric(r#"reconnects_total{feed="toy",reason="dial_timeout"}"#), 1.0);
}

#[tokio::test]
async fn a_refusal_for_good_closes_the_feed_and_no_quote_stays_live() {
    let frames = [bid("BTCUSD", "1"), "banned wrong key".to_owned()];
    let venue = Venue::start(script(frames)).await;
    let running = Running::start(Toy::at(&venue), settings());
    let sink = running.sink.clone();
    assert_eq!(running.end().await, FeedEnd::Refused("wrong key".to_owned()));
    sink.look(|seen| {
        assert_eq!(seen.feed, Some((Status::Closed, Reason::Refused)));
        assert_eq!(seen.status(BTC), (Status::Stale, Reason::Refused));
        assert_eq!(seen.status("TOY:ETH-USD"), (Status::Closed, Reason::Refused), "never heard of");
    });
    assert_eq!(venue.connections().len(), 1);
}

#[tokio::test]
async fn a_refused_subscription_is_told_of_its_symbol() {
    let frames = [bid("BTCUSD", "1"), "refused ETHUSD".to_owned()];
    let venue = Venue::start(script(frames)).await;
    let running = Running::start(Toy::at(&venue), settings());
    running.sink.wait_status("TOY:ETH-USD", Status::Unknown, Reason::Refused).await;
    let words = running.sink.look(|seen| seen.refused.clone());
    assert_eq!(words, [("TOY:ETH-USD".to_owned(), "no such thing".to_owned())]);
    assert_eq!(running.sink.look(|seen| seen.status(BTC)), LIVE);
    assert_eq!(running.metric(r#"refused_subscriptions_total{feed="toy"}"#), 1.0);
}

#[tokio::test]
async fn plaintext_to_another_machine_is_refused_before_anything_is_sent() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    // An address of the block for documentation: nobody has it.
    for url in ["ws://192.0.2.1", "http://192.0.2.1", "ftp://127.0.0.1:9", "nonsense"] {
        let toy = Toy { ws_url: url.to_owned(), ..Toy::at(&venue) };
        let running = Running::start(toy, settings());
        let sink = running.sink.clone();
        let end = running.end().await;
        assert!(matches!(end, FeedEnd::Refused(_)), "{url}: {end:?}");
        assert_eq!(sink.look(|seen| seen.status(BTC)), (Status::Closed, Reason::Refused), "{url}");
    }
    let toy = Toy { rest_url: "http://192.0.2.1".to_owned(), ..Toy::at(&venue) };
    let end = Running::start(toy, settings()).end().await;
    let FeedEnd::Refused(why) = end else { panic!("{end:?}") };
    assert_eq!(why, "http://192.0.2.1/symbols: plaintext is taken only to this machine");
    assert!(venue.connections().is_empty());
}

/// The venue speaks plaintext here, so TLS fails; that it fails as a dial, again and again, shows that the client's own
/// TLS settings are complete: an incomplete one panics.
#[tokio::test]
async fn a_failed_tls_handshake_is_a_failed_dial() {
    let venue = Venue::start(script([bid("BTCUSD", "1")])).await;
    let toy = Toy { ws_url: venue.ws_url().replace("ws://", "wss://"), ..Toy::at(&venue) };
    let running = Running::start(toy, settings());
    venue.wait_over(2).await;
    assert!(running.metric(r#"reconnects_total{feed="toy",reason="dial_failed"}"#) >= 1.0);
    assert_eq!(running.metric(r#"reconnects_total{feed="toy",reason="fault"}"#), 0.0);
    assert_eq!(running.stop().await, FeedEnd::Stopped);
}

#[tokio::test]
async fn a_sink_without_room_gets_the_symbols_it_can_hold() {
    let venue = Venue::start(script([bid("ETHUSD", "1"), bid("BTCUSD", "1")])).await;
    let sink = CollectingSink::new();
    let full = sink.clone().with_capacity(1);
    let running = Running::start_into(Toy::at(&venue), settings(), full, sink);
    running.sink.wait_status(BTC, Status::Live, Reason::Confirmed).await;
    assert_eq!(running.metric(r#"symbols{feed="toy",state="no_room"}"#), 1.0);
    assert_eq!(running.metric(r#"symbols{feed="toy",state="subscribed"}"#), 1.0);
    assert_eq!(running.metric(r#"updates_total{feed="toy",outcome="refused"}"#), 1.0);
}

/// F-3: whatever a venue does, a connection is dialled at most twelve times a minute. The clock is paused and jumps from
/// wait to wait, so an hour passes at once; the port is one that was just given back, where nobody listens.
#[tokio::test(start_paused = true)]
async fn an_hour_of_refused_dials_stays_below_twelve_a_minute() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    #[derive(Debug)]
    struct NoCatalogue(Toy, AtomicBool);
    impl feed::Session for NoCatalogue {
        fn venue(&self) -> &str {
            "TOY"
        }
        fn catalogue_urls(&self) -> Vec<String> {
            Vec::new()
        }
        fn catalogue(
            &self,
            _: &[feed::RestAnswer],
            instruments: &mut feed::Instruments,
        ) -> Result<(), feed::CatalogueError> {
            instruments.add("BTCUSD", Symbol::parse(BTC).unwrap());
            Ok(())
        }
        fn endpoint(&self, _: &feed::Instruments, _: &[feed::InstrumentId]) -> String {
            self.1.store(true, Ordering::Relaxed);
            self.0.ws_url.clone()
        }
        fn subscribe(&self, _: &feed::Instruments, _: &[feed::InstrumentId]) -> Vec<String> {
            Vec::new()
        }
        fn keep_alive(&self) -> feed::KeepAlive {
            self.0.keep_alive.clone()
        }
        fn limits(&self) -> feed::Limits {
            self.0.limits.clone()
        }
        fn decoder(&self) -> Box<dyn feed::Decoder> {
            self.0.decoder()
        }
    }
    let toy = Toy {
        ws_url: format!("ws://{nobody}"),
        rest_url: String::new(),
        limits: feed::Limits::default(),
        keep_alive: feed::KeepAlive { every: Duration::from_secs(20), text: None },
        password: None,
        apart: false,
    };
    let session = Arc::new(NoCatalogue(toy, AtomicBool::new(false)));
    let registry = prometheus::Registry::new();
    let metrics = feed::metrics::FeedMetrics::register(&registry).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let mut settings = settings();
    // The waits of the back-off are taken away, so that only the ceiling is left to hold.
    settings.timing = Timing::default();
    settings.timing.backoff.cap = Duration::from_millis(1);
    let clock = Arc::new(market::ManualClock::default());
    let sink = CollectingSink::new();
    let handle = feed::supervisor::spawn(session, settings, sink.clone(), clock, &metrics, &stop);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    stop.cancel();
    assert_eq!(handle.join().await, FeedEnd::Stopped);
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let dials =
        text.lines().find_map(|l| l.strip_prefix("quotewire_feed_dials_total{feed=\"toy\"} ")).unwrap();
    let dials: u64 = dials.parse().unwrap();
    assert!((12 * 58..=12 * 60 + 12).contains(&dials), "{dials} dials in an hour");
    assert_eq!(sink.look(|seen| seen.status(BTC)), (Status::Connecting, Reason::NotConnected));
}
