//! What is compared: kinds of message that another library's adapter reads too, and where ours has frames of them.

use barter_data::exchange::binance::book::l1::BinanceOrderBookL1;
use barter_data::exchange::binance::trade::BinanceTrade;
use barter_data::exchange::bybit::book::BybitOrderBookMessage;
use barter_data::exchange::bybit::trade::BybitTrade;
use barter_data::exchange::coinbase::trade::CoinbaseTrade;
use barter_data::exchange::gateio::spot::trade::GateioSpotTrade;
use barter_data::exchange::kraken::trade::KrakenTrades;
use barter_data::exchange::okx::trade::OkxTrades;
use barter_data::subscription::book::OrderBookL1;
use barter_data::subscription::trade::PublicTrade;
use barter_instrument::exchange::ExchangeId;
use feed::{Overrides, Session};
use feed_binance::Market;

use crate::barter::{Reader, reader};
use crate::nautilus as n;

type Make = fn(&Overrides) -> Box<dyn Session>;

/// One kind of message of one venue.
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    /// The recording, below `feeds/`.
    pub(crate) path: &'static str,
    pub(crate) make: Make,
    /// A frame of this kind has all of these in it; begins with it, where one begins with `^`.
    pub(crate) marks: &'static [&'static str],
    /// Whether the others get the object inside Binance's combined stream; ours gets the frame as it came.
    pub(crate) inner: bool,
    /// Whether the frames get what the venue adds today and the others insist on (all libraries get the same text).
    pub(crate) completed: bool,
    /// Frames with this in them are left out, because ours would not rebuild a book beside them.
    pub(crate) without: Option<&'static str>,
    /// Levels a side of the venue's book.
    pub(crate) depth: Option<usize>,
    pub(crate) barter: Option<fn() -> Box<dyn Reader>>,
    /// By its handler, and by the shortest way.
    pub(crate) nautilus: Option<(n::Read, n::Read)>,
}

fn row(kind: &'static str, path: &'static str, make: Make, marks: &'static [&'static str]) -> Row {
    Row {
        kind,
        path,
        make,
        marks,
        inner: false,
        completed: false,
        without: None,
        depth: None,
        barter: None,
        nautilus: None,
    }
}

impl Row {
    fn inner(self) -> Row {
        Row { inner: true, ..self }
    }

    fn completed(self) -> Row {
        Row { completed: true, ..self }
    }

    fn without(self, mark: &'static str) -> Row {
        Row { without: Some(mark), ..self }
    }

    fn depth(self, levels: usize) -> Row {
        Row { depth: Some(levels), ..self }
    }

    fn barter(self, make: fn() -> Box<dyn Reader>) -> Row {
        Row { barter: Some(make), ..self }
    }

    fn nautilus(self, handler: n::Read, lean: n::Read) -> Row {
        Row { nautilus: Some((handler, lean)), ..self }
    }
}

fn spot(overrides: &Overrides) -> Box<dyn Session> {
    feed_binance::session(Market::Spot, overrides)
}

fn usdm(overrides: &Overrides) -> Box<dyn Session> {
    feed_binance::session(Market::UsdM, overrides)
}

fn coinm(overrides: &Overrides) -> Box<dyn Session> {
    feed_binance::session(Market::CoinM, overrides)
}

fn binance_top() -> Box<dyn Reader> {
    reader::<BinanceOrderBookL1, OrderBookL1>(ExchangeId::BinanceSpot)
}

fn binance_trade() -> Box<dyn Reader> {
    reader::<BinanceTrade, PublicTrade>(ExchangeId::BinanceSpot)
}

fn okx_trades() -> Box<dyn Reader> {
    reader::<OkxTrades, PublicTrade>(ExchangeId::Okx)
}

fn bybit_top() -> Box<dyn Reader> {
    reader::<BybitOrderBookMessage, OrderBookL1>(ExchangeId::BybitSpot)
}

fn bybit_trades() -> Box<dyn Reader> {
    reader::<BybitTrade, PublicTrade>(ExchangeId::BybitSpot)
}

/// All rows, by venue.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = binance();
    rows.extend(spot_venues());
    rows.extend(okx());
    rows.extend(kraken_and_deribit());
    rows.extend(single_frames());
    rows
}

const TOP: &[&str] = &["@bookTicker\""];
const TRADE: &[&str] = &["@trade\""];
const AGG_TRADE: &[&str] = &["@aggTrade\""];

fn binance() -> Vec<Row> {
    let spot_of = |kind, path, marks| row(kind, path, spot, marks).inner();
    let of_2021 = "binance/fixtures/binance/20210417.cap.gz";
    let of_2024 = "binance/fixtures/binance/20240808-ethusdt.cap.gz";
    let usdm_2021 = "binance/fixtures/binance_usdm/20210722.cap.gz";
    let usdm_2024 = "binance/fixtures/binance_usdm/20240808-btcusdt.cap.gz";
    let coinm_2024 = "binance/fixtures/binance_coinm/20240808-ethusd_perp.cap.gz";
    let futures_top =
        |row: Row| row.inner().barter(binance_top).nautilus(n::binance_top_handler, n::binance_top_lean);
    let futures_trade = |row: Row| {
        row.inner().barter(binance_trade).nautilus(n::binance_trade_handler, n::binance_trade_lean)
    };
    vec![
        spot_of("Binance spot bookTicker", of_2021, TOP).barter(binance_top),
        spot_of("Binance spot bookTicker", of_2024, TOP).barter(binance_top),
        spot_of("Binance spot trade", of_2024, TRADE).barter(binance_trade),
        futures_top(row("Binance USD-M bookTicker", usdm_2021, usdm, TOP)),
        futures_top(row("Binance USD-M bookTicker", usdm_2024, usdm, TOP)),
        futures_trade(row("Binance USD-M trade", usdm_2024, usdm, TRADE)),
        row("Binance USD-M aggTrade", usdm_2021, usdm, AGG_TRADE)
            .inner()
            .nautilus(n::binance_agg_trade_handler, n::binance_agg_trade_lean),
        futures_top(row("Binance COIN-M bookTicker", coinm_2024, coinm, TOP)),
        futures_trade(row("Binance COIN-M trade", coinm_2024, coinm, TRADE)),
    ]
}

fn spot_venues() -> Vec<Row> {
    vec![
        row(
            "Coinbase Exchange match",
            "coinbase/fixtures/20210417-first-half.cap.gz",
            feed_coinbase::session,
            &["\"type\":\"match\""],
        )
        .barter(|| reader::<CoinbaseTrade, PublicTrade>(ExchangeId::Coinbase)),
        row(
            "Kraken v1 trade",
            "kraken/fixtures/kraken/20210417-trade.cap.gz",
            feed_kraken::session_v1,
            &["^[", "\"trade\",\""],
        )
        .barter(|| reader::<KrakenTrades, PublicTrade>(ExchangeId::Kraken)),
        row(
            "Gate spot trade",
            "gateio/fixtures/20210422-first-half.cap.gz",
            feed_gateio::session,
            &["\"spot.trades\"", "\"event\":\"update\""],
        )
        .barter(|| reader::<GateioSpotTrade, PublicTrade>(ExchangeId::GateioSpot)),
    ]
}

fn okx() -> Vec<Row> {
    let of_2022 = "okx/fixtures/20220513.cap.gz";
    let of_2021 = "okx/fixtures/20210722.cap.gz";
    let single = "okx/fixtures/single-nautilus.tsv";
    let trades: &[&str] = &["\"channel\":\"trades\"", "\"data\":"];
    let ticker: &[&str] = &["\"channel\":\"tickers\"", "\"data\":"];
    let book: &[&str] = &["\"channel\":\"books", "\"action\":\"update\""];
    let make: Make = feed_okx::session;
    let of_trades =
        |row: Row| row.completed().barter(okx_trades).nautilus(n::okx_handler, n::okx_trades_lean);
    vec![
        of_trades(row("OKX trades", of_2022, make, trades)),
        of_trades(row("OKX trades", of_2021, make, trades)),
        row("OKX tickers", of_2022, make, ticker).nautilus(n::okx_handler, n::okx_ticker_lean),
        row("OKX tickers", single, make, ticker).nautilus(n::okx_handler, n::okx_ticker_lean),
        row("OKX books", of_2022, make, book).completed().nautilus(n::okx_handler, n::okx_book_lean),
        row("OKX books-l2-tbt", of_2021, make, book).completed().nautilus(n::okx_handler, n::okx_book_lean),
    ]
}

fn kraken_and_deribit() -> Vec<Row> {
    let futures = "kraken_futures/fixtures/20210722.cap.gz";
    let deribit = "deribit/fixtures/20210722.cap.gz";
    let single = "deribit/fixtures/single-nautilus.tsv";
    let of_deribit: Make = feed_deribit::session;
    let of_futures: Make = feed_kraken_futures::session;
    vec![
        row(
            "Kraken v2 book",
            "kraken/fixtures/kraken_v2/book10-btcusd-first-half.cap.gz",
            feed_kraken::session,
            &["\"channel\":\"book\"", "\"type\":\"update\""],
        )
        .completed()
        .depth(10)
        .nautilus(n::kraken_book_handler, n::kraken_book_lean),
        row("Kraken Futures book", futures, of_futures, &["^{\"feed\":\"book\",\"product_id\""])
            .nautilus(n::kraken_futures_book_handler, n::kraken_futures_book_lean),
        row("Kraken Futures trade", futures, of_futures, &["^{\"feed\":\"trade\",\"product_id\""])
            .nautilus(n::kraken_futures_trade_handler, n::kraken_futures_trade_lean),
        row(
            "Kraken Futures ticker",
            "kraken_futures/fixtures/single-nautilus.tsv",
            of_futures,
            &["\"feed\":\"ticker\""],
        )
        .nautilus(n::kraken_futures_ticker_handler, n::kraken_futures_ticker_lean),
        row("Deribit book", deribit, of_deribit, &["\"channel\":\"book.", "\"type\":\"change\""])
            .without("\"channel\":\"ticker.")
            .nautilus(n::deribit_book_handler, n::deribit_book_lean),
        row("Deribit ticker", deribit, of_deribit, &["\"channel\":\"ticker."])
            .nautilus(n::deribit_ticker_handler, n::deribit_ticker_lean),
        row("Deribit quote", single, of_deribit, &["\"channel\":\"quote."])
            .nautilus(n::deribit_quote_handler, n::deribit_quote_lean),
        row("Deribit trades", single, of_deribit, &["\"channel\":\"trades."])
            .nautilus(n::deribit_trades_handler, n::deribit_trades_lean),
        row("Deribit ticker", single, of_deribit, &["\"channel\":\"ticker."])
            .nautilus(n::deribit_ticker_handler, n::deribit_ticker_lean),
    ]
}

fn single_frames() -> Vec<Row> {
    let hyperliquid = "hyperliquid/fixtures/20250126-btc-first-half.cap.gz";
    let bybit = "bybit/fixtures/single-nautilus.tsv";
    let others = "bybit/fixtures/single-gocryptotrader.tsv";
    let coinbase = "coinbase_advanced/fixtures/single-nautilus.tsv";
    let of_hyperliquid: Make = feed_hyperliquid::session;
    let of_coinbase: Make = feed_coinbase_advanced::session;
    vec![
        row("Hyperliquid l2Book", hyperliquid, of_hyperliquid, &["\"channel\":\"l2Book\""])
            .nautilus(n::hyperliquid_handler, n::hyperliquid_book_lean),
        row("Hyperliquid trades", hyperliquid, of_hyperliquid, &["\"channel\":\"trades\""])
            .nautilus(n::hyperliquid_handler, n::hyperliquid_trades_lean),
        row("Bybit orderbook.1", bybit, feed_bybit::linear, &["\"topic\":\"orderbook.1."])
            .barter(bybit_top)
            .nautilus(n::bybit_handler, n::bybit_book_lean),
        row("Bybit publicTrade", bybit, feed_bybit::linear, &["rade.", "\"BT\""])
            .barter(bybit_trades)
            .nautilus(n::bybit_handler, n::bybit_trades_lean),
        row("Bybit tickers", bybit, feed_bybit::linear, &["\"topic\":\"tickers.BTCUSDT"])
            .nautilus(n::bybit_handler, n::bybit_ticker_lean),
        row("Bybit tickers", others, feed_bybit::linear, &["\"topic\":\"tickers.BTCPERP", "snapshot"])
            .nautilus(n::bybit_handler, n::bybit_ticker_lean),
        row("Coinbase Advanced ticker", coinbase, of_coinbase, &["\"channel\":\"ticker\""])
            .nautilus(n::coinbase_handler, n::coinbase_ticker_lean),
        row("Coinbase Advanced trades", coinbase, of_coinbase, &["\"channel\":\"market_trades\""])
            .nautilus(n::coinbase_handler, n::coinbase_trades_lean),
        row("Coinbase Advanced book", coinbase, of_coinbase, &["\"channel\":\"l2_data\""])
            .nautilus(n::coinbase_handler, n::coinbase_book_lean),
    ]
}
