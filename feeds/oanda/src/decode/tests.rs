//! Every kind of line and the odd ones.

use feed::Instruments;
use market::Values;

use super::*;

fn decoder() -> (Pricing, Batch) {
    (Pricing::new(), Batch::new(Instruments::new("OANDA", 4)))
}

fn line(bids: &str, asks: &str, more: &str) -> String {
    format!(
        r#"{{"type":"PRICE","time":"2026-03-02T10:00:00.250000001Z","bids":{bids},"asks":{asks}{more},"instrument":"EUR_USD"}}"#
    )
}

const BID: &str = r#"[{"price":"1.09170","liquidity":10000000},{"price":"1.09160","liquidity":5}]"#;
const ASK: &str = r#"[{"price":"1.09180","liquidity":"250000"}]"#;

fn told(text: &str) -> (Update, Vec<Ignored>) {
    let (mut decoder, mut batch) = decoder();
    assert_eq!(decoder.decode(Frame::Text(text), Micros(5), &mut batch), Ok("PRICE"), "{text}");
    (batch.updates[0].1, batch.ignored)
}

fn text(values: &Values, field: Field) -> String {
    values.number(field).map_or("-".to_owned(), |number| number.to_string())
}

fn top(update: &Update) -> String {
    [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize].map(|f| text(update.values(), f)).join(" ")
}

#[test]
fn the_first_level_is_told_with_its_digits_and_liquidity() {
    let (update, ignored) = told(&line(BID, ASK, r#","tradeable":true"#));
    assert_eq!(top(&update), "1.09170 10000000 1.09180 250000");
    assert_eq!(update.ts_event, Some(Micros(1_772_445_600_250_000)));
    assert_eq!((update.source, update.snapshot), (Source::Direct, true));
    assert_eq!(update.status, Some((Status::Live, Reason::Confirmed)));
    assert!(ignored.is_empty());
}

#[test]
fn an_empty_list_and_a_missing_one_are_no_price_on_that_side() {
    assert_eq!(top(&told(&line("[]", ASK, "")).0), "- - 1.09180 250000");
    assert_eq!(top(&told(&line("null", ASK, "")).0), "- - 1.09180 250000");
    let bare = r#"{"type":"PRICE","instrument":"EUR_USD"}"#;
    let (update, _) = told(bare);
    assert_eq!((top(&update).as_str(), update.told().len(), update.ts_event), ("- - - -", 4, None));
}

#[test]
fn a_liquidity_of_zero_is_a_size_and_a_missing_or_empty_one_is_none() {
    for (liquidity, size) in [(r#","liquidity":0"#, "0"), ("", "-"), (r#","liquidity":"""#, "-")] {
        let bid = format!(r#"[{{"price":"1.1"{liquidity}}}]"#);
        assert_eq!(top(&told(&line(&bid, "[]", "")).0), format!("1.1 {size} - -"));
    }
}

#[test]
fn a_number_that_cannot_be_kept_leaves_its_side_alone_and_is_counted() {
    let bid = format!(r#"[{{"price":"{}","liquidity":1}}]"#, "9".repeat(40));
    let (update, ignored) = told(&line(&bid, ASK, ""));
    assert_eq!((top(&update).as_str(), update.told().len()), ("- - 1.09180 250000", 2));
    assert_eq!(ignored, [Ignored::BadNumber]);
}

#[test]
fn what_cannot_be_traded_is_halted_and_comes_back() {
    let (mut decoder, mut batch) = decoder();
    let mut status = |more: &str| {
        batch.clear();
        decoder.decode(Frame::Text(&line(BID, ASK, more)), Micros(1), &mut batch).unwrap();
        (batch.updates[0].1.status.map(|(status, _)| status), top(&batch.updates[0].1))
    };
    let prices = "1.09170 10000000 1.09180 250000".to_owned();
    assert_eq!(status(r#","status":"tradeable""#), (Some(Status::Live), prices.clone()));
    assert_eq!(status(""), (None, prices.clone()), "nothing new");
    assert_eq!(
        status(r#","tradeable":false,"status":"non-tradeable""#),
        (Some(Status::Halted), prices.clone())
    );
    assert_eq!(status(r#","tradeable":false"#), (None, prices.clone()), "still");
    assert_eq!(status(r#","tradeable":true"#), (Some(Status::Live), prices.clone()));
    assert_eq!(status(r#","status":"non-tradeable""#), (Some(Status::Halted), prices));
    assert_eq!(status(r#","status":"invalid""#), (None, "- - - -".to_owned()), "no valid price is no price");
}

#[test]
fn other_lines_are_named_and_garbage_is_refused() {
    let (mut decoder, mut batch) = decoder();
    let mut read = |text: &str| decoder.decode(Frame::Text(text), Micros(1), &mut batch);
    assert_eq!(read(r#"{"type":"HEARTBEAT","time":"2016-10-27T08:38:44.327443673Z"}"#), Ok("HEARTBEAT"));
    assert_eq!(read(r#"{"type":"NEWS"}"#), Ok("other"));
    let deep = format!(r#"{{"type":"PRICE","instrument":"A_B","bids":{}"#, "[".repeat(5_000));
    let wrong = r#"{"type":"PRICE","instrument":"EUR_USD","bids":{"price":"1"}}"#;
    let id = format!(r#"{{"type":"PRICE","instrument":{}}}"#, "1".repeat(27));
    for text in ["", "{}", "[]", r#"{"type":1}"#, r#"{"type":"PRICE"}"#, wrong, deep.as_str(), id.as_str()] {
        assert!(matches!(read(text), Err(DecodeError::Garbage(_))), "{text:.60}");
    }
    assert_eq!(batch.ignored, [Ignored::NotAQuote]);
    assert!(batch.updates.is_empty());
    assert!(decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut batch).is_err());
}

#[test]
fn symbols_that_were_not_asked_for_are_counted() {
    let mut instruments = Instruments::new("OANDA", 4);
    instruments.close();
    let mut batch = Batch::new(instruments);
    assert_eq!(Pricing::new().decode(Frame::Text(&line(BID, ASK, "")), Micros(1), &mut batch), Ok("PRICE"));
    assert_eq!(batch.ignored, [Ignored::UnknownSymbol]);
}
