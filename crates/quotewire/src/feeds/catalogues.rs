//! One odd entry in a venue's catalogue, at every venue that has one: it keeps no other out, and alone it is an error.

use feed::{Instruments, Overrides, RestAnswer, Secret};

use super::session;

/// By preset: where its catalogue is, the frame around the entries, a good entry, and an odd one.
#[rustfmt::skip]
const CATALOGUES: [(&str, &str, &str, &str, &str); 18] = [
    ("alpaca", "/v2/assets?status=active&asset_class=us_equity", "[@]", r#"{"symbol":"AAPL"}"#, r#"{"symbol":7}"#),
    ("binance", "/api/v3/exchangeInfo", r#"{"symbols":[@]}"#, r#"{"symbol":"BTCUSDT","baseAsset":"BTC","quoteAsset":"USDT"}"#, r#"{"symbol":"BTCUSDT"}"#),
    ("bitflyer", "/v1/getmarkets", "[@]", r#"{"product_code":"BTC_JPY","market_type":"Spot"}"#, r#"{"market_type":"Spot"}"#),
    ("bithumb", "/v1/market/all", "[@]", r#"{"market":"KRW-BTC"}"#, "[]"),
    ("bybit", "/v5/market/instruments-info?category=spot", r#"{"retCode":0,"result":{"list":[@]}}"#, r#"{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT"}"#, r#"{"symbol":"X"}"#),
    ("coinbase", "/products", "[@]", r#"{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD"}"#, r#"{"id":"X"}"#),
    ("coinbase_advanced", "/api/v3/brokerage/market/products", r#"{"products":[@]}"#, r#"{"product_id":"BTC-USD","base_currency_id":"BTC","quote_currency_id":"USD"}"#, "{}"),
    ("deribit", "/api/v2/public/get_instruments", r#"{"result":[@]}"#, r#"{"instrument_name":"BTC_USDC","kind":"spot","base_currency":"BTC","quote_currency":"USDC"}"#, r#"{"instrument_name":"X","kind":"future","expiration_timestamp":"soon"}"#),
    ("finnhub", "/api/v1/stock/symbol?exchange=US", "[@]", r#"{"symbol":"AAPL"}"#, r#"{"displaySymbol":"X"}"#),
    ("gemini", "/v1/symbols", "[@]", r#""btcusd""#, "5"),
    ("huobi", "/v1/common/symbols", r#"{"status":"ok","data":[@]}"#, r#"{"symbol":"btcusdt","base-currency":"btc","quote-currency":"usdt"}"#, r#"{"symbol":"x"}"#),
    ("hyperliquid", r#"/info {"type":"meta"}"#, r#"{"universe":[@]}"#, r#"{"name":"BTC"}"#, r#"{"name":"X","isDelisted":"?"}"#),
    ("kraken_futures", "/derivatives/api/v3/instruments", r#"{"result":"success","instruments":[@]}"#, r#"{"symbol":"PF_XBTUSD","tradeable":true,"base":"BTC","quote":"USD"}"#, r#"{"symbol":"X","tradeable":"maybe"}"#),
    ("kraken_v2", "/0/public/AssetPairs", r#"{"error":[],"result":{@}}"#, r#""XXBTZUSD":{"wsname":"XBT/USD"}"#, r#""X":{"wsname":5}"#),
    ("massive", "/v3/reference/tickers", r#"{"status":"OK","results":[@]}"#, r#"{"ticker":"AAPL"}"#, "null"),
    ("oanda", "/v3/accounts/1/instruments", r#"{"instruments":[@]}"#, r#"{"name":"EUR_USD"}"#, r#"{"name":null}"#),
    ("okx", "/api/v5/public/instruments?instType=SPOT", r#"{"code":"0","data":[@]}"#, r#"{"instId":"BTC-USDT","instType":"SPOT","baseCcy":"BTC","quoteCcy":"USDT"}"#, r#"{"instId":"X"}"#),
    ("upbit", "/v1/market/all", "[@]", r#"{"market":"KRW-BTC"}"#, r#"{"market":{}}"#),
];

#[test]
fn an_odd_entry_of_a_catalogue_keeps_no_other_out_and_alone_is_an_error() {
    for (preset, path, frame, good, odd) in CATALOGUES {
        let preset = super::preset(preset).unwrap_or_else(|| panic!("{preset} is no preset"));
        let key = Some(Secret::new("k"));
        let overrides =
            Overrides { account: Some("1".to_owned()), secret: key.clone(), key, ..Overrides::default() };
        let session = session(preset, &overrides);
        let read = |entries: &[&str]| {
            let body = frame.replace('@', &entries.join(","));
            let answer = RestAnswer { url: format!("https://venue.example{path}"), body };
            let mut instruments = Instruments::new(session.venue(), 9);
            let result = session.catalogue(&[answer], &mut instruments);
            (result, instruments.len(), instruments.left_out().0)
        };
        for entries in [[good, odd], [odd, good]] {
            let read = read(&entries);
            assert_eq!(read, (Ok(()), 1, 1), "{preset}");
        }
        let (result, _, left_out) = read(&[odd]);
        assert!(result.is_err() && left_out == 1, "{preset}: {result:?}");
    }
}
