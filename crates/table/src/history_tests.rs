//! History: what it fills, and what it does not.

use super::*;

#[test]
fn history_fills_what_is_not_known_better_and_makes_nothing_live() {
    let trade = |price: &str, source, ts_event: Option<i64>| {
        let mut update = Update::new(source, Micros(600));
        update.tell_trade(decimal(price), None, Some(Side::Buy));
        update.ts_event = ts_event.map(Micros);
        update
    };
    let last = |plain: &Plain| plain.quote().values.last().map(|price| price.to_string());
    let back = |plain: &mut Plain| {
        plain.apply(&bid("2", Source::Direct, None, None, false));
        assert_eq!(plain.quote().status, Status::Live);
    };
    // In the beginning.
    let mut plain = Plain::new();
    plain.set(Status::Connecting, Reason::NotConnected);
    assert!(matches!(plain.apply(&trade("5", Source::History, Some(50))), Did::Changed(_)));
    assert_eq!(plain.quote().status, Status::Connecting, "an old trade says nothing of now");
    back(&mut plain);
    assert_eq!(last(&plain).as_deref(), Some("5"), "it is what is known");
    assert_eq!(plain.apply(&trade("6", Source::History, Some(60))), Did::Older);
    // After a reconnect it is told before anything else, or after.
    plain.apply(&trade("7", Source::Direct, Some(70)));
    for (comes, stands) in [(80, Some("8")), (70, Some("8")), (60, None)] {
        for first in [true, false] {
            let mut plain =
                Plain { words: plain.words, notes: plain.notes, seq: plain.seq, raised: plain.raised };
            plain.set(Status::Stale, Reason::Disconnected);
            if !first {
                back(&mut plain);
                assert_eq!(last(&plain), None);
            }
            let was = plain.quote().status;
            plain.apply(&trade("8", Source::History, Some(comes)));
            assert_eq!(plain.quote().status, was);
            let stands = stands.filter(|_| first).or((!first).then_some("8"));
            if stands.is_some() {
                assert_eq!(plain.apply(&trade("9", Source::History, Some(90))), Did::Older);
            }
            back(&mut plain);
            assert_eq!(last(&plain).as_deref(), stands, "of {comes}, and 70 was known");
        }
    }
    // What history told in an earlier life is gone with that.
    plain.set(Status::Stale, Reason::Disconnected);
    plain.apply(&trade("8", Source::History, Some(80)));
    plain.set(Status::Stale, Reason::Disconnected);
    back(&mut plain);
    assert_eq!(last(&plain), None);
    // It makes no gap good.
    plain.set(Status::Suspect, Reason::Gap);
    let mut afresh = trade("9", Source::History, Some(90));
    afresh.snapshot = true;
    plain.apply(&afresh);
    assert_eq!((plain.quote().status, last(&plain).as_deref()), (Status::Suspect, Some("9")));
}

#[test]
fn promise_5_a_word_of_the_venue_makes_no_value_of_a_lost_connection_live() {
    let now_live =
        |plain: &mut Plain| plain.apply(&Update::of_status(Status::Live, Reason::Confirmed, Micros(700)));
    let state =
        |plain: &Plain| (plain.quote().status, plain.quote().reason, plain.quote().values.bid().is_some());
    let trade = || {
        let mut update = Update::new(Source::Direct, Micros(800));
        update.tell_trade(decimal("9"), None, None);
        update.status = Some((Status::Live, Reason::Confirmed));
        update
    };
    // Lost while it was live: "trading again" on the next connection is no quote.
    let mut plain = Plain::new();
    plain.apply(&bid("2", Source::Direct, None, None, false));
    plain.set(Status::Stale, Reason::Disconnected);
    now_live(&mut plain);
    assert_eq!(state(&plain), (Status::Stale, Reason::Disconnected, true));
    plain.apply(&trade());
    assert_eq!(
        state(&plain),
        (Status::Live, Reason::Confirmed, false),
        "the bid is of the connection before"
    );
    // Lost under a halt, which covers that.
    let mut plain = Plain::new();
    plain.apply(&bid("2", Source::Direct, None, None, false));
    plain.apply(&Update::of_status(Status::Halted, Reason::Venue, Micros(650)));
    plain.set(Status::Stale, Reason::Disconnected);
    assert_eq!(state(&plain), (Status::Halted, Reason::Venue, true));
    now_live(&mut plain);
    assert_eq!(state(&plain), (Status::Stale, Reason::NotHeard, true));
    plain.apply(&trade());
    assert_eq!(state(&plain), (Status::Live, Reason::Confirmed, false));
    // Silence of one symbol on a connection that holds: what it says then is enough.
    let mut plain = Plain::new();
    plain.apply(&bid("2", Source::Direct, None, None, false));
    plain.apply(&Update::of_status(Status::Stale, Reason::Silence, Micros(650)));
    now_live(&mut plain);
    assert_eq!(state(&plain), (Status::Live, Reason::Confirmed, true));
}
