//! Without any one message of a session in the form of the venue's documents; no recorded session was at hand. The numbers count
//! the messages of a connection, so every loss shows at the next message.

use feed::{Decoder, Instruments};
use feed_coinbase_advanced::CoinbaseAdvancedDecoder;
use testkit::loss::{Losses, Step, check_every_loss};
use testkit::script::Recorded;

fn message(number: usize, channel: &str, event: &str) -> String {
    format!(
        r#"{{"channel":"{channel}","timestamp":"2026-04-07T14:30:01Z","sequence_num":{number},"events":[{event}]}}"#
    )
}

fn levels(kind: &str, levels: &[(&str, usize, usize)]) -> String {
    let one = |(side, price, size): &(&str, usize, usize)| {
        format!(
            r#"{{"side":"{side}","event_time":"2026-04-07T14:30:00Z","price_level":"{price}","new_quantity":"{size}"}}"#
        )
    };
    let all: Vec<String> = levels.iter().map(one).collect();
    format!(r#"{{"type":"{kind}","product_id":"BTC-USD","updates":[{}]}}"#, all.join(","))
}

fn trade(id: usize) -> String {
    format!(
        r#"{{"type":"update","trades":[{{"trade_id":"{id}","product_id":"BTC-USD","price":"{id}","size":"1","side":"SELL","time":"2026-04-07T14:30:00Z"}}]}}"#
    )
}

#[test]
fn a_lost_message_is_noticed_at_the_next_one() {
    let mut texts = Vec::new();
    let mut say = |channel: &str, event: &str| texts.push(message(texts.len(), channel, event));
    say("subscriptions", r#"{"subscriptions":{}}"#);
    say("l2_data", &levels("snapshot", &[("bid", 100, 1), ("offer", 200, 1)]));
    for n in 1..20 {
        say("heartbeats", &format!(r#"{{"heartbeat_counter":{n}}}"#));
        // The best bid moves up and the one before goes away.
        say("l2_data", &levels("update", &[("bid", 100 + n, n), ("bid", 99 + n, 0)]));
        say("market_trades", &trade(n));
    }
    let session: Vec<Step> = texts.iter().map(|text| Step::from(Recorded::text(text))).collect();
    let make = || -> (Box<dyn Decoder>, Instruments) {
        (Box::new(CoinbaseAdvancedDecoder::new()), Instruments::new("COINBASE_ADVANCED", 9))
    };
    let losses = check_every_loss(&make, &session, session.len(), &[]);
    // Before the first message nobody counted.
    let want = Losses { tried: 59, noticed: 57, harmless: 1, last: 1, ..Losses::default() };
    assert_eq!(losses, want);
}
