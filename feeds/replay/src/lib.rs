//! Feed adapter: replay.
