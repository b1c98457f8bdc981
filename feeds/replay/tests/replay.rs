//! Recordings arrive at their pace, look like now, and start over without a gap. Time is tokio's, and stands still
//! but for the waiting.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::time::Duration;

use bytes::Bytes;
use feed::capture::CaptureReader;
use feed::pump::pump;
use feed::{
    Batch, CatalogueError, DecodeError, Decoder, Frame, FrameTap, InstrumentId, Instruments, KeepAlive,
    Limits, RestAnswer, Session, Stats,
};
use feed_replay::{Error, Playing, Replay, Source, Speed, Track, Window};
use market::{Clock, Field, Micros, Price, Reason, Source as Kind, Status, Symbol, Update};
use testkit::sink::{CollectingSink, Told};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A venue whose messages are words: `A=1.5@7` tells a bid at the venue's millisecond 7 with the next sequence
/// number, `A!` halts A, `A~1` tells a last price.
#[derive(Debug)]
struct Venue;

#[derive(Default)]
struct Words {
    seq: u64,
}

impl Decoder for Words {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary")) };
        for word in text.split(' ') {
            let Some(at) = word.find(['=', '!', '~']) else { return Err(DecodeError::Garbage("no word")) };
            let Some(id) = batch.instruments.resolve(&word[..at]) else { continue };
            let mut update = Update::new(Kind::Direct, ts_recv);
            match word.as_bytes()[at] {
                b'!' => update.status = Some((Status::Halted, Reason::Venue)),
                b'~' => update.tell(Field::Last, number(&word[at + 1..])),
                _ => {
                    let (price, time) = word[at + 1..].split_once('@').unwrap_or((&word[at + 1..], ""));
                    update.tell(Field::Bid, number(price));
                    update.ts_event = time.parse().ok().map(Micros::from_millis);
                    self.seq += 1;
                    update.venue_seq = Some(self.seq);
                }
            }
            batch.push(id, update);
        }
        Ok("words")
    }

    fn rest(&mut self, _: &str, body: &str, ts_recv: Micros, batch: &mut Batch) {
        if body.contains('=') {
            let _ = self.decode(Frame::Text(body), ts_recv, batch);
        }
    }
}

fn number(text: &str) -> Option<market::Decimal> {
    Some(Price::parse(text).unwrap().decimal())
}

impl Session for Venue {
    fn venue(&self) -> &str {
        "TEST"
    }
    fn catalogue_urls(&self) -> Vec<String> {
        Vec::new()
    }
    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        for answer in answers {
            for native in answer.body.split(' ') {
                let symbol = Symbol::parse(&format!("TEST:{native}-USD"))
                    .map_err(|error| CatalogueError(error.to_string()))?;
                instruments.add(native, symbol);
            }
        }
        Ok(())
    }
    fn endpoint(&self, _: &Instruments, _: &[InstrumentId]) -> String {
        String::new()
    }
    fn subscribe(&self, _: &Instruments, _: &[InstrumentId]) -> Vec<String> {
        Vec::new()
    }
    fn keep_alive(&self) -> KeepAlive {
        KeepAlive { every: Duration::from_secs(20), text: None }
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Words::default())
    }
}

/// Wall time that goes with tokio's.
#[derive(Debug)]
struct TokioClock {
    start: Instant,
}

/// When the tests take place: 2026-01-01, in microseconds.
const NOW: i64 = 1_767_225_600_000_000;

impl Clock for TokioClock {
    fn now(&self) -> Micros {
        Micros(NOW).plus(self.start.elapsed())
    }
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

fn catalogue() -> Vec<RestAnswer> {
    vec![RestAnswer { url: "-".to_owned(), body: "A B".to_owned() }]
}

fn replay(recording: &str, symbols: &[&str], speed: &str, looped: bool) -> Result<Replay, Error> {
    let source = Source::Bytes("test.cap".to_owned(), Bytes::from(recording.to_owned()));
    let symbols: Vec<String> = symbols.iter().map(|&s| s.to_owned()).collect();
    Replay::new(source, Box::new(Venue), &catalogue(), &symbols, speed.parse().unwrap(), looped)
}

/// Plays for at most `time`, then stops it; returns what the sink was told.
async fn play(replay: &Replay, time: Duration) -> (Result<Stats, Error>, Vec<Told>) {
    let seen = CollectingSink::logging();
    let stop = CancellationToken::new();
    let clock = TokioClock { start: Instant::now() };
    let (mut sink, mut ignore) = (seen.clone(), |_: &Stats| {});
    let played = replay.run(&mut sink, &clock, &stop, &mut ignore);
    let stopped = async {
        tokio::time::sleep(time).await;
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let result = tokio::select! { result = played => result, () = stopped => unreachable!() };
    (result, seen.look(|collected| collected.log.clone()))
}

const HOUR: Duration = Duration::from_secs(3_600);

fn updates(log: &[Told]) -> Vec<(&str, &Update)> {
    log.iter()
        .filter_map(|told| match told {
            Told::Update(symbol, update) => Some((symbol.as_str(), &**update)),
            Told::Interned(_) | Told::Feed(..) => None,
        })
        .collect()
}

fn feed_states(log: &[Told]) -> Vec<(Status, Reason, usize)> {
    log.iter()
        .filter_map(|told| match told {
            Told::Feed(status, reason, symbols) => Some((*status, *reason, symbols.len())),
            Told::Interned(_) | Told::Update(..) => None,
        })
        .collect()
}

/// Milliseconds after the start at which updates arrived.
fn arrivals(log: &[Told]) -> Vec<i64> {
    updates(log).iter().map(|(_, update)| (update.ts_recv.get() - NOW) / 1_000).collect()
}

/// Three messages 100 and 250 ms apart, received 5 ms after the venue's time.
const SESSION: &str = "\
1000005000000\t@\twss://test
1000005000000\t>\tsubscribe
1000005000000\t<\tA=1@1000000
1000105000000\t<\tB=2@1000100 A=3@1000100
1000355000000\t<\tA=4@1000350 nonsense
";

#[tokio::test(start_paused = true)]
async fn records_arrive_at_a_multiple_of_their_pace() {
    for (speed, expected) in [
        ("1x", [0, 100, 100, 350]),
        ("10x", [0, 10, 10, 35]),
        ("0.5x", [0, 200, 200, 700]),
        ("1000x", [0, 0, 0, 0]),
    ] {
        let (result, log) = play(&replay(SESSION, &["*"], speed, false).unwrap(), HOUR).await;
        let stats = result.unwrap();
        assert_eq!((stats.messages, stats.garbage, stats.updates), (3, 1, 4), "{speed}");
        for (arrived, expected) in arrivals(&log).iter().zip(expected) {
            // Timers of tokio have a resolution of one millisecond.
            assert!((expected..=expected + 1).contains(arrived), "{speed}: {:?}", arrivals(&log));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_paced_recording_looks_like_now_and_keeps_its_latency() {
    let (_, log) = play(&replay(SESSION, &["*"], "1x", false).unwrap(), HOUR).await;
    for (symbol, update) in updates(&log) {
        let latency = update.ts_recv.since(update.ts_event.unwrap());
        assert_eq!(latency, Duration::from_millis(5), "{symbol}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_feed_is_connecting_then_live_and_stale_at_the_end_of_the_recording() {
    let (_, log) = play(&replay(SESSION, &["*"], "1x", false).unwrap(), HOUR).await;
    let expected = [
        (Status::Connecting, Reason::NotHeard, 0),
        (Status::Live, Reason::Confirmed, 0),
        (Status::Stale, Reason::EndOfRecording, 2),
    ];
    assert_eq!(feed_states(&log), expected);
    assert!(matches!(log.last(), Some(Told::Feed(Status::Stale, ..))), "and nothing after it");
}

#[tokio::test(start_paused = true)]
async fn a_loop_starts_over_without_a_gap_in_life() {
    let replay = replay(SESSION, &["*"], "1x", true).unwrap();
    let (result, log) = play(&replay, Duration::from_millis(2_200)).await;
    assert_eq!(result.unwrap().updates, 11, "two rounds of a second each, and what came of the third");
    let states = feed_states(&log);
    let expected = [
        (Status::Connecting, Reason::NotHeard, 0),
        (Status::Live, Reason::Confirmed, 0),
        (Status::Stale, Reason::Stopped, 2),
    ];
    assert_eq!(states, expected, "nothing is told between the rounds");
    let updates = updates(&log);
    let times: Vec<_> = updates.iter().map(|(_, update)| update.ts_event.unwrap()).collect();
    assert!(times.is_sorted(), "venue times only rise: {times:?}");
    let seqs: Vec<_> = updates.iter().map(|(_, update)| update.venue_seq.unwrap()).collect();
    assert_eq!(seqs[..8], [1, 2, 3, 4, 1, 2, 3, 4], "each round has a fresh decoder");
    let snapshots: Vec<_> = updates.iter().map(|(symbol, update)| (&symbol[5..6], update.snapshot)).collect();
    let first = [("A", false), ("B", false), ("A", false), ("A", false)];
    let later = [("A", true), ("B", true), ("A", false), ("A", false)];
    assert_eq!(snapshots, [&first[..], &later[..], &later[..3]].concat());
}

#[tokio::test(start_paused = true)]
async fn each_field_group_of_a_new_round_begins_with_a_snapshot() {
    let recording = "1000000\t<\tA=1 A~9 A=2 A~8\n";
    let (_, log) = play(&replay(recording, &["*"], "1x", true).unwrap(), Duration::from_millis(1_500)).await;
    let snapshots: Vec<_> = updates(&log).iter().map(|(_, update)| update.snapshot).collect();
    assert_eq!(snapshots, [false, false, false, false, true, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_halt_at_the_end_of_a_round_ends_with_the_next() {
    let (_, log) =
        play(&replay("1000000\t<\tA=1 A!\n", &["*"], "1x", true).unwrap(), Duration::from_millis(1_500))
            .await;
    let said: Vec<_> = updates(&log).iter().map(|(_, update)| update.status).collect();
    let (halted, live) = (Some((Status::Halted, Reason::Venue)), Some((Status::Live, Reason::Confirmed)));
    assert_eq!(said, [None, halted, live, halted]);
}

#[tokio::test]
async fn promise_16_at_full_speed_the_same_recording_gives_the_same_updates() {
    let (result, log) = play(&replay(SESSION, &["*"], "max", false).unwrap(), HOUR).await;
    let (_, again) = play(&replay(SESSION, &["*"], "max", false).unwrap(), HOUR).await;
    assert_eq!(format!("{log:?}"), format!("{again:?}"));
    // And they are those of the plain pump: recorded times, nothing moved.
    let seen = CollectingSink::logging();
    let mut instruments = Instruments::new("TEST", 10);
    Venue.catalogue(&catalogue(), &mut instruments).unwrap();
    let mut tap = FrameTap::new(Venue.decoder(), instruments);
    let mut reader = CaptureReader::from_bytes("test.cap", SESSION).unwrap();
    pump(&mut reader, &mut tap, &mut seen.clone()).unwrap();
    let pumped = seen.look(|collected| collected.log.clone());
    assert_eq!(format!("{:?}", updates(&log)), format!("{:?}", updates(&pumped)));
    assert_eq!(&result.unwrap(), tap.stats());
    assert_eq!(updates(&log)[0].1.ts_recv, Micros(1_000_005_000));
    assert_eq!(updates(&log)[0].1.ts_event, Some(Micros(1_000_000_000)));
}

#[tokio::test(start_paused = true)]
async fn without_receive_times_the_first_venue_time_is_now() {
    let recording = "0\t<\tA=1\n0\t<\tA=2@5000\n0\t<\tA=3@5250\n";
    let (_, log) = play(&replay(recording, &["*"], "1x", false).unwrap(), HOUR).await;
    let times: Vec<_> = updates(&log).iter().map(|(_, u)| u.ts_event.map(Micros::get)).collect();
    assert_eq!(times, [None, Some(NOW), Some(NOW + 250_000)]);
    assert_eq!(arrivals(&log), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_without_times_is_not_a_busy_loop() {
    let replay = replay("0\t<\tA=1\n", &["*"], "1x", true).unwrap();
    let (result, _) = play(&replay, Duration::from_millis(4_500)).await;
    assert_eq!(result.unwrap().messages, 5);
}

#[tokio::test(start_paused = true)]
async fn after_a_long_sleep_it_goes_on_at_its_pace() {
    let recording = "1000000000\t<\tA=1\n1500000000\t<\tA=2\n1600000000\t<\tA=3\n1700000000\t<\tA=4\n";
    let replay = replay(recording, &["*"], "1x", false).unwrap();
    let asleep = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::time::advance(HOUR).await;
    };
    let ((_, log), ()) = tokio::join!(play(&replay, 2 * HOUR), asleep);
    let arrived = arrivals(&log);
    assert!(arrived[1] >= 3_600_000, "{arrived:?}");
    for pair in arrived[1..].windows(2) {
        assert!((99..=102).contains(&(pair[1] - pair[0])), "{arrived:?}");
    }
}

#[tokio::test]
async fn a_loop_at_full_speed_can_still_be_stopped() {
    let replay = replay(SESSION, &["*"], "max", true).unwrap();
    let stop = CancellationToken::new();
    let clock = TokioClock { start: Instant::now() };
    let mut sink = CollectingSink::new();
    let mut told = 0;
    // Stops from inside, after some rounds, so that no clock is needed.
    let stopping = stop.clone();
    let looking = sink.clone();
    let stopped = async move {
        looking.wait_updates(5_000).await;
        stopping.cancel();
    };
    let mut report = |stats: &Stats| told = stats.updates;
    let (result, ()) = tokio::join!(replay.run(&mut sink, &clock, &stop, &mut report), stopped);
    let stats = result.unwrap();
    assert!(stats.updates >= 5_000);
    assert_eq!(told, stats.updates, "the last report is the final count");
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let asked = replay(SESSION, &["test:b-usd", "C-USD"], "max", false).unwrap();
    assert_eq!(asked.missing(), ["C-USD"]);
    let (_, log) = play(&asked, HOUR).await;
    assert_eq!(updates(&log).iter().map(|(symbol, _)| *symbol).collect::<Vec<_>>(), ["TEST:B-USD"]);
    assert_eq!(feed_states(&log)[0], (Status::Connecting, Reason::NotHeard, 1), "known before it is heard");
}

#[tokio::test]
async fn without_a_catalogue_the_venues_own_spelling_is_taken() {
    let source = Source::Bytes("test.cap".to_owned(), Bytes::from_static(SESSION.as_bytes()));
    let replay = Replay::new(source, Box::new(Venue), &[], &["B".to_owned()], Speed::Max, false).unwrap();
    assert!(replay.missing().is_empty());
    let (_, log) = play(&replay, HOUR).await;
    assert_eq!(updates(&log).iter().map(|(symbol, _)| *symbol).collect::<Vec<_>>(), ["TEST:B"]);
}

#[tokio::test]
async fn what_cannot_be_played_says_so() {
    let cut = replay("1\t<\tA=1\n2\t<\tA=", &["*"], "max", false).unwrap();
    let (result, log) = play(&cut, HOUR).await;
    assert_eq!(result.unwrap_err().to_string(), "test.cap: line 2: the recording is cut off here");
    assert_eq!(updates(&log).len(), 1, "what came before stands");
    assert_eq!(feed_states(&log).last(), Some(&(Status::Stale, Reason::Fault, 1)));

    for recording in ["", "1\t@\twss://test\n"] {
        let (result, _) = play(&replay(recording, &["*"], "1x", true).unwrap(), HOUR).await;
        assert_eq!(result.unwrap_err().to_string(), "test.cap: no message in the recording");
    }

    let missing = Source::File("no/such.cap.gz".into());
    let error = Replay::new(missing, Box::new(Venue), &[], &["*".to_owned()], Speed::Max, false).unwrap_err();
    assert!(error.to_string().starts_with("no/such.cap.gz: "), "{error}");

    let odd = [RestAnswer { url: "-".to_owned(), body: "{\"error\"}".to_owned() }];
    let source = Source::Bytes("test.cap".to_owned(), Bytes::from_static(SESSION.as_bytes()));
    match Replay::new(source, Box::new(Venue), &odd, &["*".to_owned()], Speed::Max, false) {
        Err(error @ Error::Catalogue { .. }) => {
            assert!(error.to_string().starts_with("test.cap: catalogue: "))
        }
        other => panic!("{other:?}"),
    }
}

/// A recording in memory, as a track of its own.
fn track(name: &str, parts: &[&str]) -> Track {
    let part =
        |(at, text): (usize, &&str)| Source::Bytes(format!("{name}.{at}"), Bytes::from((*text).to_owned()));
    Track { parts: parts.iter().enumerate().map(part).collect(), beside: None, answers: catalogue() }
}

/// Plays tracks as a computation, and returns what was told, in words.
async fn told(tracks: Vec<Track>, window: Window) -> (Result<Stats, Error>, Vec<String>) {
    let playing = Playing { speed: Speed::Max, window, ..Playing::default() };
    let replay = Replay::of_tracks(tracks, Box::new(Venue), &["*".to_owned()], playing).unwrap();
    let (result, log) = play(&replay, HOUR).await;
    let words = log.iter().filter_map(|told| match told {
        Told::Update(symbol, update) => {
            Some(format!("{} {}", &symbol.as_str()[5..6], update.values().number(Field::Bid).unwrap()))
        }
        Told::Feed(status, reason, symbols) => {
            Some(format!("{} {} {}", status.name(), reason.name(), symbols.len()))
        }
        Told::Interned(_) => None,
    });
    (result, words.collect())
}

#[tokio::test]
async fn several_recordings_are_one_in_the_order_of_their_times() {
    let one = track("one", &["1000\t<\tA=1\n3000\t<\tA=3\n3000\t<\tA=4\n5000\t<\tA=7\n"]);
    let two = track("two", &["2000\t<\tB=2\n3000\t<\tB=5\n4000\t<\tB=6\n4000\t<\tB=6.5\n"]);
    // At equal times: the order in which they were named, and within one its own order.
    let (result, words) = told(vec![one.clone(), two.clone()], Window::default()).await;
    let body = |words: &[String]| words[3..words.len() - 1].join(", ");
    assert_eq!(body(&words), "B 2, A 3, A 4, B 5, B 6, B 6.5, A 7");
    assert_eq!(words[..2], ["connecting not_heard 0", "A 1"].map(str::to_owned)[..].to_vec());
    assert_eq!(result.unwrap().updates, 8);
    let (_, words) = told(vec![two, one], Window::default()).await;
    assert_eq!(words[words.len() - 2], "A 7");
    assert!(words.join(", ").contains("B 2, B 5, A 3, A 4, B 6, B 6.5, A 7"), "{words:?}");
}

/// Some venues' books stand in HTTP answers of the session, recorded in a file of their own.
#[tokio::test]
async fn answers_beside_a_recording_come_at_their_times_and_before_a_frame_of_the_same_time() {
    let beside = "0\tG\t-\tB=0.5\n3000\tG\t-\tA=2.5\n4000\tG\t-\tA=3.5\n9000\tG\t-\tA=9\n";
    let beside = Source::Bytes("beside".to_owned(), Bytes::from(beside));
    let one = track("one", &["1000\t<\tA=1\n3000\t<\tA=3\n5000\t<\tA=5\n"]);
    let (_, words) = told(vec![Track { beside: Some(beside), ..one }], Window::default()).await;
    assert!(words.join(", ").contains("A 2.5, A 3, A 3.5, A 5, A 9"), "{words:?}");
    assert!(
        words.join(", ").find("B 0.5") < words.join(", ").find("A 1"),
        "without a time it comes first: {words:?}"
    );
}

#[tokio::test]
async fn a_time_that_goes_back_inside_a_recording_does_not_change_its_order() {
    let one = track("one", &["1000\t<\tA=1\n5000\t<\tA=2\n2000\t<\tA=3\n0\t<\tA=4\n6000\t<\tA=6\n"]);
    let two = track("two", &["3000\t<\tB=1.5\n5500\t<\tB=5\n"]);
    let (_, words) = told(vec![one, two], Window::default()).await;
    assert!(words.join(", ").contains("B 1.5, A 2, A 3, A 4, B 5, A 6"), "{words:?}");
}

/// Two parts of one connection and a third of the next one, as a recorder cuts them.
const PARTS: [&str; 3] = [
    "10\tG\thttps://a\tA B\n20\t@\twss://a\n30\t>\tsub\n1000\t<\tA=1\n2000\t<\tA=2\n",
    "10\tG\thttps://a\tA B\n20\t@\twss://a\n30\t>\tsub\n3000\t<\tA=3\n4000\t@\twss://a\n4001\t<\tnonsense\n5000\t<\tA=4\n",
    "10\tG\thttps://a\tA B\n4000\t@\twss://a\n6000\t<\tB=5\n",
];

#[tokio::test]
async fn the_parts_of_a_rotated_recording_are_one_and_another_connection_starts_afresh() {
    let (result, words) = told(vec![track("parts", &PARTS)], Window::default()).await;
    let expected = [
        "connecting not_heard 0",
        "A 1",
        "live confirmed 0",
        "A 2",
        "A 3",
        "stale disconnected 1",
        "A 4",
        "live confirmed 0",
        "B 5",
        "stale end_of_recording 2",
    ];
    assert_eq!(words, expected);
    let stats = result.unwrap();
    assert_eq!((stats.messages, stats.garbage, stats.answers), (6, 1, 1), "the catalogue is told once");
    // Each part alone can be played, too.
    for (part, count) in PARTS.iter().zip([2, 2, 1]) {
        let (result, _) = told(vec![track("alone", &[part])], Window::default()).await;
        assert_eq!(result.unwrap().updates, count);
    }
}

#[tokio::test]
async fn what_lies_before_the_window_is_taken_and_what_lies_behind_it_is_not() {
    let window = |from: Option<&str>, to: Option<&str>| Window {
        from: from.map(|text| text.parse().unwrap()),
        to: to.map(|text| text.parse().unwrap()),
    };
    let recording = "1000000000\t<\tA=1\n2000000000\t<\tA=2\n3000000000\t<\tA=3\n";
    for (from, to, count) in [
        (None, Some("+1s"), 1),
        (None, Some("+1001ms"), 2),
        (None, Some("1970-01-01T00:00:03Z"), 2),
        (Some("+2s"), None, 3),
        (Some("1970-01-01T00:00:03Z"), None, 3),
        (Some("1970-01-01T00:00:02Z"), Some("1970-01-01T00:00:03Z"), 2),
    ] {
        let (result, _) = told(vec![track("x", &[recording])], window(from, to)).await;
        assert_eq!(result.unwrap().updates, count, "{from:?} {to:?}");
    }
    for (from, to) in [
        (Some("+2001ms"), None),
        (Some("1970-01-01T00:00:04Z"), None),
        (None, Some("1970-01-01T00:00:01Z")),
        (Some("+1s"), Some("+1s")),
    ] {
        let (result, _) = told(vec![track("x", &[recording])], window(from, to)).await;
        let error = result.unwrap_err().to_string();
        assert!(
            error.starts_with("x.0: no message was received in that time; the first one came at 1970"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_lies_before_the_window() {
    let recording = "1000000000\t<\tA=1\n101000000000\t<\tA=2\n201000000000\t<\tA=3\n201100000000\t<\tA=4\n";
    let window = Window { from: Some("+200s".parse().unwrap()), to: None };
    let playing = Playing { window, ..Playing::default() };
    let tracks = vec![track("x", &[recording])];
    let replay = Replay::of_tracks(tracks, Box::new(Venue), &["*".to_owned()], playing).unwrap();
    let (_, log) = play(&replay, HOUR).await;
    let arrived = arrivals(&log);
    assert_eq!(arrived[..3], [0, 0, 0]);
    assert!((100..=101).contains(&arrived[3]), "{arrived:?}");
}

#[tokio::test(start_paused = true)]
async fn a_catalogue_that_is_older_than_the_session_is_not_waited_for() {
    let recording =
        "1000\tG\thttps://a\tA B\n2000\t@\twss://a\n90000000000000\t<\tA=1\n90000100000000\t<\tA=2\n";
    let (_, log) = play(&replay(recording, &["*"], "1x", false).unwrap(), 48 * HOUR).await;
    assert_eq!(arrivals(&log)[0], 0);
    assert!((100..=101).contains(&arrivals(&log)[1]));
}

#[tokio::test]
async fn a_file_that_was_never_closed_may_end_in_the_middle_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let whole = "1000\t@\twss://a\n2000\t<\tA=1\n";
    for (name, good) in [("a.cap.part", true), ("a.cap", false)] {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{whole}3000\t<\tA=")).unwrap();
        let parts = vec![
            Source::File(path.clone()),
            Source::Bytes("next".to_owned(), Bytes::from_static(b"9000\t@\twss://a\n9001\t<\tA=2\n")),
        ];
        let (result, words) =
            told(vec![Track { parts, beside: None, answers: catalogue() }], Window::default()).await;
        if good {
            assert_eq!(result.unwrap().updates, 2);
            assert!(words.contains(&"stale disconnected 1".to_owned()), "{words:?}");
        } else {
            let error = result.unwrap_err().to_string();
            assert_eq!(error, format!("{}: line 3: the recording is cut off here", path.display()));
        }
    }
}

#[test]
fn each_answer_of_the_catalogue_is_taken_once() {
    let parts = track("x", &PARTS).parts;
    let answers = feed_replay::catalogue_within(&parts).unwrap();
    assert_eq!(answers, [RestAnswer { url: "https://a".to_owned(), body: "A B".to_owned() }]);
    let missing = feed_replay::catalogue_within(&[Source::File("no/such.cap".into())]);
    assert!(missing.unwrap_err().to_string().starts_with("no/such.cap: "));
}

#[tokio::test(start_paused = true)]
async fn feeds_that_began_together_keep_their_distances_in_every_round() {
    let second = 1_000_000_000_i64;
    let at = |seconds: i64| (100 + seconds) * second;
    let recording =
        |seconds: &[i64]| seconds.iter().map(|&n| format!("{}\t<\tA={}\n", at(n), n + 1)).collect::<String>();
    // From two to eight seconds after the first message of all, over and over.
    let window = Window { from: Some("+2s".parse().unwrap()), to: Some("+8s".parse().unwrap()) };
    let playing = Playing { looped: true, window, first_ns: Some(at(0)), ..Playing::default() };
    for (seconds, expected) in [
        (&[0, 1, 3, 9][..], [0, 0, 1_000, 6_000, 6_000, 7_000]),
        (&[2, 7, 8], [0, 5_000, 6_000, 11_000, 12_000, 17_000]),
    ] {
        let tracks = vec![track("x", &[&recording(seconds)])];
        let replay = Replay::of_tracks(tracks, Box::new(Venue), &["*".to_owned()], playing).unwrap();
        let (_, log) = play(&replay, Duration::from_millis(17_500)).await;
        let arrived = arrivals(&log);
        for (arrived, expected) in arrived.iter().zip(expected) {
            assert!((expected..=expected + 3).contains(arrived), "{seconds:?}: {arrived:?}");
        }
        assert!(arrived.len() >= expected.len(), "{arrived:?}");
    }
}
