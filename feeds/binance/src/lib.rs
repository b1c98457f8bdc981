//! Feed adapter: binance.
