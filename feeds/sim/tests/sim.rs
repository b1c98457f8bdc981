//! The market is one that can be, the same seed gives the same one, and it runs at its rate.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::time::Duration;

use feed_sim::{Bursts, Market, Ran, Settings, Sim, Symbols};
use market::{Clock, Decimal, Field, Micros, Price, Reason, Status, Update, Values};
use proptest::prelude::*;
use testkit::sink::CollectingSink;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn any_settings() -> impl Strategy<Value = Settings> {
    let tick = prop_oneof![Just("0.01"), Just("0.25"), Just("999999999"), Just("0.000000000001"), Just("3")];
    (1_u32..50, any::<u64>(), 0.0..5.0_f64, tick, 1_u32..=1_000, 0_u32..=100).prop_map(
        |(symbols, seed, zipf, tick, spread, trades)| Settings {
            symbols: Symbols::Count(symbols),
            seed,
            zipf,
            tick: Price::parse(tick).unwrap(),
            spread,
            trades,
            ..Settings::default()
        },
    )
}

/// The first updates of a market, a microsecond apart.
fn stream(settings: &Settings, count: i64) -> Vec<(u32, Update)> {
    let mut market = Market::new(settings).unwrap();
    (1..=count).map(|at| market.next(Micros(at))).map(|(id, update)| (id.0, update)).collect()
}

proptest! {
    #[test]
    fn every_quote_of_a_market_can_be(settings in any_settings()) {
        let Symbols::Count(symbols) = settings.symbols else { unreachable!() };
        let tick = settings.tick.decimal();
        let mut quotes = vec![Values::default(); symbols as usize];
        for (n, (id, update)) in stream(&settings, 3_000).into_iter().enumerate() {
            let quote = &mut quotes[id as usize];
            let opening = n < symbols as usize;
            prop_assert_eq!(update.snapshot, opening);
            prop_assert!(!opening || id as usize == n, "all open first, in turn");
            prop_assert_eq!(update.venue_seq, Some(n as u64 + 1));
            let told = update.told();
            for field in Field::NUMBER_FIELDS.into_iter().filter(|field| told.contains(*field)) {
                quote.set_number(field, update.values().number(field));
            }
            let number = |field| quote.number(field).unwrap();
            let (bid, ask) = (number(Field::Bid), number(Field::Ask));
            prop_assert!(bid > Decimal::ZERO && bid < ask, "{bid} {ask}");
            prop_assert!(ask - bid <= tick * Decimal::from(settings.spread));
            prop_assert!(number(Field::BidSize) > Decimal::ZERO && number(Field::AskSize) > Decimal::ZERO);
            prop_assert!((bid % tick).is_zero() && (ask % tick).is_zero());
            if told.contains(Field::Last) {
                let last = number(Field::Last);
                prop_assert!(last == bid || last == ask, "trades happen at the touch");
                prop_assert!(number(Field::LastSize) > Decimal::ZERO);
                prop_assert!(number(Field::Low24h) <= last && last <= number(Field::High24h));
                prop_assert!(number(Field::Volume24h) >= number(Field::LastSize));
            }
        }
    }

    #[test]
    fn promise_16_the_same_seed_gives_the_same_market(settings in any_settings()) {
        let text = |settings: &Settings| format!("{:?}", stream(settings, 300));
        prop_assert_eq!(text(&settings), text(&settings));
        let other = Settings { seed: settings.seed.wrapping_add(1), ..settings.clone() };
        prop_assert_ne!(text(&settings), text(&other));
    }
}

#[test]
fn two_steps_in_three_move_the_bid() {
    let settings = Settings { symbols: Symbols::Count(1), trades: 0, ..Settings::default() };
    let stream = stream(&settings, 100_000);
    let bids: Vec<_> = stream.iter().map(|(_, update)| update.values().number(Field::Bid).unwrap()).collect();
    let moved = bids.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!((65_000..68_500).contains(&moved), "{moved}");
}

#[test]
fn names_are_canonical_and_bad_ones_refused() {
    let names = |symbols| {
        let market = Market::new(&Settings { symbols, ..Settings::default() })?;
        Ok(market.instruments().iter().map(|(_, one)| one.symbol.to_string()).collect::<Vec<_>>())
    };
    let list = |names: &[&str]| Symbols::Names(names.iter().map(|&name| name.to_owned()).collect());
    let refused = |result: Result<Vec<String>, feed_sim::SettingsError>| result.unwrap_err().0;
    assert_eq!(names(Symbols::Count(2)).unwrap(), ["SIM:AAA-USD", "SIM:AAB-USD"]);
    assert_eq!(names(list(&["btc-usd"])).unwrap(), ["SIM:BTC-USD"]);
    assert!(refused(names(list(&["A", "A"]))).contains("twice"));
    assert!(refused(names(list(&[""]))).starts_with("symbols"));
}

/// Wall time that goes with tokio's.
#[derive(Debug)]
struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    fn now(&self) -> Micros {
        Micros(1_000_000_000).plus(self.start.elapsed())
    }
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Runs a market for so long; `asleep` after 100 ms for that long.
async fn run(settings: &Settings, time: Duration, asleep: Duration) -> (Ran, CollectingSink) {
    let sim = Sim::new(settings).unwrap();
    let seen = CollectingSink::new().with_capacity(10);
    let stop = CancellationToken::new();
    let clock = TokioClock { start: Instant::now() };
    let stopped = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::time::advance(asleep).await;
        tokio::time::sleep(time - Duration::from_millis(100)).await;
        stop.cancel();
    };
    let (mut sink, mut ignore) = (seen.clone(), |_: &feed::Stats| {});
    let (ran, ()) = tokio::join!(sim.run(&mut sink, &clock, &stop, &mut ignore), stopped);
    (ran, seen)
}

fn settings(symbols: u32, rate: u32) -> Settings {
    Settings { symbols: Symbols::Count(symbols), rate, ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn it_runs_at_its_rate() {
    for (rate, expected) in [(1, 2), (10, 20), (1_000, 2_000), (50_000, 100_000)] {
        let (ran, _) = run(&settings(5, rate), Duration::from_millis(2_050), Duration::ZERO).await;
        // What falls due in the last 50 ms, and the five openings.
        let at_most = expected + 5 + u64::from(rate) / 20 + 1;
        assert!((expected + 5..=at_most).contains(&ran.stats.updates), "{rate}: {}", ran.stats.updates);
        assert_eq!(ran.skipped, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn bursts_are_faster() {
    let bursts = Bursts { factor: 10, every: Duration::from_secs(2), lasting: Duration::from_millis(500) };
    let settings = Settings { bursts: Some(bursts), ..settings(5, 1_000) };
    let (ran, _) = run(&settings, Duration::from_millis(2_010), Duration::ZERO).await;
    // 1.5 s at 1,000 and 0.5 s at 10,000.
    assert!((6_500..6_700).contains(&ran.stats.updates), "{}", ran.stats.updates);
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_it_does_not_make_up_for_all_of_it() {
    let (ran, _) = run(&settings(5, 1_000), Duration::from_millis(1_000), Duration::from_secs(3_600)).await;
    assert!((1_000..1_300).contains(&ran.stats.updates), "{}", ran.stats.updates);
    assert!((3_599_000..=3_600_000).contains(&ran.skipped), "{}", ran.skipped);
}

#[tokio::test(start_paused = true)]
async fn a_market_is_live_while_it_runs_and_what_has_no_room_is_counted() {
    let (ran, seen) = run(&settings(12, 1_000), Duration::from_millis(500), Duration::ZERO).await;
    assert_eq!(ran.stats.refused_symbols, 2);
    assert!(ran.stats.refused >= 2);
    assert_eq!(
        ran.stats.updates,
        ran.stats.changed + ran.stats.unchanged + ran.stats.older + ran.stats.refused
    );
    seen.look(|collected| {
        let expected = [
            (Status::Connecting, Reason::NotHeard),
            (Status::Live, Reason::Confirmed),
            (Status::Stale, Reason::Stopped),
        ];
        assert_eq!(collected.feed_history, expected);
        for symbol in &collected.symbols {
            let expected = [(Status::Live, Reason::Confirmed), (Status::Stale, Reason::Stopped)];
            assert_eq!(symbol.history, expected, "{}", symbol.symbol);
        }
        assert_eq!(collected.symbols.len(), 10);
    });
}
