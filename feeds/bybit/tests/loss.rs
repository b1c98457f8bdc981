//! Without any one message of a session in the form of the venue's documents; no recorded session was at hand.

use feed::{Decoder, Instruments};
use feed_bybit::{Bybit5, Market};
use testkit::loss::{Losses, Step, check_every_loss};
use testkit::script::Recorded;

fn book(depth: u32, kind: &str, u: usize, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"topic":"orderbook.{depth}.BTCUSDT","type":"{kind}","ts":{u},"data":{{"s":"BTCUSDT","b":[{bids}],"a":[{asks}],"u":{u},"seq":{u}}},"cts":{u}}}"#
    )
}

fn level(price: usize, size: usize) -> String {
    format!("[\"{price}\",\"{size}\"]")
}

fn trade(at: usize) -> String {
    format!(
        r#"{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":{at},"data":[{{"T":{at},"s":"BTCUSDT","S":"Buy","v":"1","p":"{at}"}}]}}"#
    )
}

fn check(texts: &[String]) -> Losses {
    let session: Vec<Step> = texts.iter().map(|text| Step::from(Recorded::text(text))).collect();
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(Bybit5::new(Market::Linear)), Instruments::new("BYBIT", 9))
    };
    check_every_loss(&make, &session, session.len(), &[])
}

/// `u` of depth 50 goes up by one: every lost change shows at the next one.
#[test]
fn a_lost_change_of_a_deep_book_is_noticed() {
    let mut texts = vec![book(50, "snapshot", 10, &level(100, 1), &level(200, 1))];
    for n in 11..40 {
        // The best bid moves away and back, so that most changes matter for long.
        let bids = format!("{},{}", level(100 + n, n), level(99 + n, 0));
        texts.push(book(50, "delta", n, &bids, &level(200 + n, n)));
        texts.push(trade(n));
    }
    // The snapshot and the last two are the last of their kinds; without the snapshot no top is shown.
    let want = Losses { tried: 59, noticed: 28, harmless: 28, last: 3, ..Losses::default() };
    assert_eq!(check(&texts), want);
}

/// Each message of depth 1 is a whole top: a lost one is made good by the next, which comes after 3 s at the latest.
#[test]
fn a_lost_top_is_made_good_by_the_next_one() {
    let texts: Vec<String> =
        (10..40).map(|n| book(1, "snapshot", n, &level(100 + n, n), &level(200 + n, n))).collect();
    let want = Losses { tried: 30, harmless: 29, last: 1, ..Losses::default() };
    assert_eq!(check(&texts), want);
}
