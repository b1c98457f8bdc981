//! Feed adapter: coinbase.
