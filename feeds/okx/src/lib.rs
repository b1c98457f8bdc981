//! Feed adapter: okx.
