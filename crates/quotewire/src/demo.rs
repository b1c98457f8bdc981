//! The built-in demo: small real recordings, compiled in, played in a loop with their times shifted to now.
//!
//! Everything a client sees of them is marked `"mode":"demo"`. Origins and licences: `NOTICE`.

/// One recording of the demo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recording {
    /// The feed's name.
    pub(crate) name: &'static str,
    /// Whose messages it holds.
    pub(crate) preset: &'static str,
    /// The capture file.
    pub(crate) capture: &'static [u8],
    /// The recorded catalogue.
    pub(crate) rest: &'static [u8],
}

/// Every recording of the demo.
pub(crate) const RECORDINGS: [Recording; 6] = [
    Recording {
        name: "binance-btc",
        preset: "binance",
        capture: include_bytes!("../../../feeds/binance/fixtures/binance/20240808-btcusdt.cap.gz"),
        rest: include_bytes!("../../../feeds/binance/fixtures/binance/20210417.rest.gz"),
    },
    Recording {
        name: "binance-eth",
        preset: "binance",
        capture: include_bytes!("../../../feeds/binance/fixtures/binance/20240808-ethusdt.cap.gz"),
        rest: include_bytes!("../../../feeds/binance/fixtures/binance/20210417.rest.gz"),
    },
    Recording {
        name: "binance-usdm",
        preset: "binance_usdm",
        capture: include_bytes!("../../../feeds/binance/fixtures/binance_usdm/20210722.cap.gz"),
        rest: include_bytes!("../../../feeds/binance/fixtures/binance_usdm/20210722.rest.gz"),
    },
    Recording {
        name: "coinbase",
        preset: "coinbase",
        capture: include_bytes!("../../../feeds/coinbase/fixtures/20210417-first-half.cap.gz"),
        rest: include_bytes!("../../../feeds/coinbase/fixtures/20210417.rest.gz"),
    },
    Recording {
        name: "kraken",
        preset: "kraken",
        capture: include_bytes!("../../../feeds/kraken/fixtures/kraken/20210417-ticker.cap.gz"),
        rest: include_bytes!("../../../feeds/kraken/fixtures/kraken/20210417.rest.gz"),
    },
    Recording {
        name: "okx",
        preset: "okx",
        capture: include_bytes!("../../../feeds/okx/fixtures/20220513.cap.gz"),
        rest: include_bytes!("../../../feeds/okx/fixtures/20220513.rest.gz"),
    },
];
