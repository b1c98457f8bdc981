//! Feed adapter: kraken.
