//! The lock-free symbol table: the latest quote of every symbol, what changed and when, for any number of readers.
//!
//! It knows no bytes, no sockets, no clock and no runtime: times come in, sequence numbers come out.
//!
//! | file | what it is |
//! |---|---|
//! | `table.rs` | [`Table`]: what readers ask |
//! | `writer.rs` | [`Writer`]: what feeds do |
//! | `composite.rs` | [`Composites`]: the best bid and offer over several symbols |
//! | `merge.rs` | the rules of merging an update into a quote, pure |
//! | `layout.rs` | where everything of a quote lies in a slot's words |
//! | `meta.rs`, `origins.rs` | presence and states in a word; where each group came from |
//! | `groups.rs` | the numbers of a quote group by group |
//! | [`slot`] | words that change together, read without waiting |
//! | [`sequence`] | table-wide numbers and the safe cut |
//! | `watcher.rs` | [`Watcher`]: which symbols changed since it last asked |
//! | [`marks`] | the bits behind it |
//! | `names.rs`, `feeds.rs` | names to ids to slots; the feeds |
//! | [`ordering`] | every atomic, its order and the argument |
//!
//! ```
//! use market::{Decimal, Field, Micros, Source, Symbol, Update};
//! use table::{Applied, Config, Table};
//!
//! let table = Table::new(Config { symbols: 100, ..Config::default() });
//! let id = table.intern(&Symbol::parse("KRAKEN:BTC-USD").unwrap()).unwrap();
//! let mut writer = table.writer().unwrap();
//! let mut update = Update::new(Source::Direct, Micros(1));
//! update.tell_side(Field::Bid, Some(Decimal::new(616_859, 1)), Some(Decimal::ONE));
//! assert!(matches!(writer.apply(id, &update, Micros(2)), Applied::Changed { seq: 1, .. }));
//! assert_eq!(table.read(id).values.bid().unwrap().to_string(), "61685.9");
//! assert_eq!((table.changed_seq(id), table.safe_cut()), (1, 1));
//! ```
//!
//! # Reading what is new
//!
//! Take the cut first, then look: `cut = safe_cut()`, and for each symbol of interest whose `changed_seq` is above what
//! was sent last, `read` it and send what [`market::Quote::changed_since`] names. What is read may be newer than the cut;
//! it is sent once more or found to be sent already, and nothing up to the cut is ever missed.
//!
//! Which symbols to look at, a [`Watcher`] tells without looking at all of them: take the cut, then drain it.
//!
//! ```
//! # use market::{Decimal, Field, Micros, Source, Symbol, Update};
//! # use table::{Config, Table};
//! # let table = Table::new(Config { symbols: 100, watchers: 2, ..Config::default() });
//! # let id = table.intern(&Symbol::parse("KRAKEN:BTC-USD").unwrap()).unwrap();
//! # let mut writer = table.writer().unwrap();
//! # let mut update = Update::new(Source::Direct, Micros(1));
//! # update.tell_side(Field::Bid, Some(Decimal::ONE), Some(Decimal::ONE));
//! let mut watcher = table.watcher().expect("one of the two that the configuration asks for");
//! writer.apply(id, &update, Micros(2));
//! let cut = table.safe_cut();
//! let mut owed = Vec::new();
//! watcher.drain(|id| owed.push(id));
//! assert_eq!((cut, owed), (1, vec![id]));
//! assert!(watcher.is_quiet());
//! ```
//!
//! *Cut, then drain*: then every change at or below the cut has been given, by this drain or by one before it. A drain
//! costs what changed, and some nanoseconds when nothing did, whatever the number of symbols. Each thread that serves
//! readers takes a watcher of its own; each costs every change one read-modify-write.
//!
//! # How it is proven
//!
//! * `cargo test -p table`: unit tests, the model (`tests/model.rs`), the watchers against plain
//!   sets (`tests/watcher.rs`), the stress run, the flood of names.
//! * `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p table --release --test loom`: every
//!   interleaving of small slots and few marks, up to a bound of preemptions; half a minute.
//! * ThreadSanitizer over the stress run; the command stands at the top of `tests/stress.rs`.

pub mod marks;
pub mod ordering;
pub mod sequence;
pub mod slot;

mod composite;
mod feeds;
mod groups;
mod layout;
mod merge;
mod meta;
mod names;
mod origins;
mod sync;
mod table;
mod watcher;
mod writer;

pub use composite::{Composites, Member, Traded};
pub use feeds::{FeedId, FeedInfo, FeedMode, FeedState};
pub use origins::Origin;
pub use table::{Config, Full, SymbolId, Table, TooManyWriters};
pub use watcher::{WATCHERS_MAX, Watcher};
pub use writer::{Applied, Writer};
