//! The configuration as checked values.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use feed::Overrides;
use feed::connection::Transport;
use feed_replay::{Moment, Playing, Speed, Window};
use toml::Spanned;

use super::record::RecordConfig;
use super::{Fault, quotes, raw, record, secrets};
use crate::composite::CompositeConfig;
use crate::feeds::{PRESETS, kinds, preset, preset_names, transport, unreachable, variant};
use crate::replay::selection::side_by_side;
use crate::sink::screen::Moves;

/// What the file says, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) edge: edge::Config,
    /// Loops that write to clients; 0 for as many as the machine is given.
    pub(crate) writers: usize,
    /// Most symbols in the table.
    pub(crate) symbols_max: usize,
    /// Where real venues are written down.
    pub(crate) record: RecordConfig,
    pub(crate) composite: CompositeConfig,
    pub(crate) feeds: Vec<FeedConfig>,
}

/// One feed.
#[derive(Clone, Debug)]
pub(crate) struct FeedConfig {
    /// Unique; in logs, metrics and `/v1/feeds`.
    pub(crate) name: String,
    pub(crate) kind: FeedKind,
    /// When a move of a price is held back; never if absent.
    pub(crate) moves: Option<Moves>,
}

/// What kind of feed, with what it needs.
#[derive(Clone, Debug)]
pub(crate) enum FeedKind {
    /// A real venue.
    Venue(Box<VenueConfig>),
    /// A recording.
    Replay(ReplayConfig),
    /// A synthetic market.
    Sim(Box<feed_sim::Settings>),
}

/// A real venue and what is wanted of it.
#[derive(Clone, Debug)]
pub(crate) struct VenueConfig {
    /// The preset: a feed kind with its variant, as `binance_usdm`.
    pub(crate) preset: &'static str,
    /// What is changed about its session.
    pub(crate) overrides: Overrides,
    pub(crate) symbols: Vec<String>,
    /// Longest silence of a connection.
    pub(crate) stale_after: Option<Duration>,
    /// Longest silence of one symbol.
    pub(crate) symbol_stale_after: Option<Duration>,
}

/// Recordings of one venue to play.
#[derive(Clone, Debug)]
pub(crate) struct ReplayConfig {
    /// Files and folders.
    pub(crate) files: Vec<String>,
    pub(crate) rest: Option<String>,
    pub(crate) preset: &'static str,
    pub(crate) playing: Playing,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: ([127, 0, 0, 1], 8080).into(),
            admin_listen: ([127, 0, 0, 1], 9464).into(),
            edge: edge::Config::default(),
            writers: 0,
            symbols_max: SYMBOLS_DEFAULT,
            record: RecordConfig::default(),
            composite: CompositeConfig::default(),
            feeds: Vec::new(),
        }
    }
}

/// Most symbols of a table: 2^20 of them take about 1.2 GB.
const SYMBOLS_MAX: usize = 1 << 20;
/// Most writer loops: each change is marked for every one of them.
const WRITERS_MAX: usize = 16;
/// Most feeds of one process: a table asks every writer for its safe cut.
const FEEDS_MAX: usize = 256;
/// Symbols of a table unless the file says otherwise.
const SYMBOLS_DEFAULT: usize = 16_384;

pub(super) fn check(raw: raw::File) -> Result<Config, Fault> {
    let Config { listen, admin_listen, edge: defaults, writers, symbols_max, .. } = Config::default();
    let limits = &defaults.limits;
    let cors_span = raw.server.cors_origins.as_ref().map_or(0..0, Spanned::span);
    let origins = raw.server.cors_origins.map(Spanned::into_inner).unwrap_or_default();
    let cors = edge::Cors::new(&origins, raw.server.cors_credentials.unwrap_or(false))
        .map_err(|error| Fault::at(&cors_span, error.to_string()))?;
    let heartbeat = duration(
        raw.server.heartbeat,
        defaults.heartbeat,
        Duration::from_millis(100)..Duration::from_secs(10),
    )?;
    let drain = duration(raw.server.drain, defaults.drain, Duration::ZERO..Duration::from_secs(600))?;
    let max_stream_age = max_stream_age(raw.server.max_stream_age)?;
    let flush_max =
        duration(raw.server.flush_max, defaults.flush_max, Duration::from_millis(1)..Duration::from_secs(1))?;
    let stall = duration(raw.limits.stall, limits.stall, Duration::from_secs(1)..Duration::from_secs(300))?;
    let edge = edge::Config {
        cors,
        heartbeat,
        drain,
        max_stream_age,
        flush_max,
        hand_over: raw.server.hand_over.unwrap_or(defaults.hand_over),
        io_uring: raw.server.io_uring.unwrap_or(defaults.io_uring),
        limits: edge::Limits {
            connections: count(raw.limits.connections, limits.connections, 1..1_000_000)?,
            streams: count(raw.limits.streams, limits.streams, 1..1_000_000)?,
            symbols_per_stream: count(raw.limits.symbols_per_stream, limits.symbols_per_stream, 1..100_000)?,
            body_bytes: count(raw.limits.body_bytes, limits.body_bytes, 1_024..16_777_216)?,
            every_changes: count(raw.limits.every_changes, limits.every_changes, 16..1_048_576)?,
            head_bytes: count(raw.limits.head_bytes, limits.head_bytes, 8_192..65_536)?,
            head_timeout: duration(
                raw.limits.head_timeout,
                limits.head_timeout,
                Duration::from_millis(100)..Duration::from_secs(120),
            )?,
            stall,
            ..defaults.limits
        },
        ..defaults
    };
    let mut feeds: Vec<FeedConfig> = Vec::with_capacity(raw.feeds.len());
    if let Some(first_too_many) = raw.feeds.get(FEEDS_MAX) {
        return Err(Fault::at(
            &first_too_many.kind.span(),
            format!("at most {FEEDS_MAX} feeds in one process"),
        ));
    }
    for raw_feed in raw.feeds {
        let span = raw_feed.name.as_ref().map_or_else(|| raw_feed.kind.span(), Spanned::span);
        for checked in feed(raw_feed)? {
            if feeds.iter().any(|other| other.name == checked.name) {
                let what =
                    format!("two feeds are called {:?}; give this one a name of its own", checked.name);
                return Err(Fault::at(&span, what));
            }
            feeds.push(checked);
        }
    }
    Ok(Config {
        listen: address(raw.server.listen, listen)?,
        admin_listen: address(raw.admin.listen, admin_listen)?,
        edge,
        writers: count(raw.server.writers, writers, 0..WRITERS_MAX)?,
        symbols_max: count(raw.limits.symbols, symbols_max, 1..SYMBOLS_MAX)?,
        record: record::check(raw.record)?,
        composite: quotes::composite(raw.composite)?,
        feeds,
    })
}

/// No time at all stands for no end.
fn max_stream_age(text: Option<Spanned<String>>) -> Result<Option<Duration>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let span = text.span();
    let age = duration(Some(text), Duration::ZERO, Duration::ZERO..Duration::from_secs(7 * 86_400))?;
    match age {
        Duration::ZERO => Ok(None),
        age if age < Duration::from_secs(10) => {
            Err(Fault::at(&span, "at least 10s, or 0s for streams without an end"))
        }
        age => Ok(Some(age)),
    }
}

/// One entry is one feed, but for recordings of several venues, which are a feed for each.
fn feed(raw: raw::Feed) -> Result<Vec<FeedConfig>, Fault> {
    let kind_span = raw.kind.span();
    let kind = raw.kind.get_ref().as_str();
    if !kinds().contains(&kind) {
        let what = format!("unknown feed kind {kind:?}; there are {}", kinds().join(", "));
        return Err(Fault::at(&kind_span, what));
    }
    let foreign = |keys: &[(&str, Option<Range<usize>>)]| -> Result<(), Fault> {
        match keys.iter().find_map(|(key, span)| span.clone().map(|s| (key, s))) {
            Some((key, span)) => Err(Fault::at(&span, format!("a feed of kind {kind:?} has no {key:?}"))),
            None => Ok(()),
        }
    };
    let span = |value: &Option<Spanned<String>>| value.as_ref().map(Spanned::span);
    let venue_keys = [
        ("venue", span(&raw.venue)),
        ("ws_url", span(&raw.ws_url)),
        ("rest_url", span(&raw.rest_url)),
        ("stale_after", span(&raw.stale_after)),
        ("symbol_stale_after", span(&raw.symbol_stale_after)),
        ("market", span(&raw.market)),
        ("version", span(&raw.version)),
        ("account", span(&raw.account)),
        ("key_env", span(&raw.key_env)),
        ("key_file", span(&raw.key_file)),
        ("secret_env", span(&raw.secret_env)),
        ("secret_file", span(&raw.secret_file)),
    ];
    let replay_keys = [
        ("file", span(&raw.file)),
        ("files", raw.files.as_ref().map(Spanned::span)),
        ("from", span(&raw.from)),
        ("to", span(&raw.to)),
        ("rest", span(&raw.rest)),
        ("preset", span(&raw.preset)),
        ("speed", span(&raw.speed)),
        ("loop", raw.looped.as_ref().map(Spanned::span)),
    ];
    let sim_keys = [
        ("rate", raw.rate.as_ref().map(Spanned::span)),
        ("seed", raw.seed.as_ref().map(Spanned::span)),
        ("zipf", raw.zipf.as_ref().map(Spanned::span)),
        ("tick", span(&raw.tick)),
        ("spread", raw.spread.as_ref().map(Spanned::span)),
        ("trades", raw.trades.as_ref().map(Spanned::span)),
        ("bursts", raw.bursts.as_ref().map(Spanned::span)),
    ];
    let name = match &raw.name {
        Some(name) => checked_name(name)?,
        None => kind.to_owned(),
    };
    let moves = quotes::moves(raw.max_move.clone(), raw.confirmations.clone(), raw.hold_max.clone())?;
    let kind = match kind {
        "sim" => {
            foreign(&venue_keys[1..])?;
            foreign(&replay_keys)?;
            FeedKind::Sim(Box::new(sim(raw)?))
        }
        "replay" => {
            foreign(&venue_keys)?;
            foreign(&sim_keys)?;
            if let Some(symbols) = &raw.symbols {
                return Err(Fault::at(
                    &symbols.span(),
                    "a recording plays the symbols it holds; leave out \"symbols\"",
                ));
            }
            let replays = replay(raw, &kind_span)?;
            let several = replays.len() > 1;
            let named = |replay: ReplayConfig| {
                let name = if several { format!("{name}-{}", replay.preset) } else { name.clone() };
                FeedConfig { name, kind: FeedKind::Replay(replay), moves: moves.clone() }
            };
            return Ok(replays.into_iter().map(named).collect());
        }
        _ => {
            foreign(&replay_keys)?;
            foreign(&sim_keys)?;
            venue(raw, &kind_span)?
        }
    };
    Ok(vec![FeedConfig { name, kind, moves }])
}

fn checked_name(name: &Spanned<String>) -> Result<String, Fault> {
    let text = name.get_ref();
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if text.is_empty() || text.len() > 32 || !text.bytes().all(good) {
        return Err(Fault::at(&name.span(), "a feed's name has 1 to 32 letters, digits, - or _"));
    }
    Ok(text.clone())
}

fn venue(raw: raw::Feed, kind_span: &Range<usize>) -> Result<FeedKind, Fault> {
    let kind = raw.kind.get_ref().as_str();
    let asked = raw.market.as_ref().or(raw.version.as_ref());
    let Some(preset) = variant(kind, asked.map(|asked| asked.get_ref().as_str())) else {
        let span = asked.map_or_else(|| kind_span.clone(), Spanned::span);
        let variants: Vec<&str> =
            PRESETS.iter().filter(|known| known.kind == kind).map(|known| known.variant).collect();
        let what = match variants.as_slice() {
            [_] => format!("{kind} has no variants; leave this out"),
            _ => format!("{kind} has no such variant; there are {}", variants.join(", ")),
        };
        return Err(Fault::at(&span, what));
    };
    let (symbols, span) = match raw.symbols {
        None => {
            return Err(Fault::at(kind_span, "say which symbols: symbols = [\"BTC-USD\"], or \"*\" for all"));
        }
        Some(symbols) => (symbols.get_ref().clone(), symbols.span()),
    };
    let symbols = match symbols {
        raw::Symbols::List(names) if names.is_empty() => {
            return Err(Fault::at(&span, "the list of symbols is empty"));
        }
        raw::Symbols::List(names) => names,
        raw::Symbols::One(name) => vec![name],
        raw::Symbols::Count(_) => {
            return Err(Fault::at(&span, "a real venue's symbols are names, not a number"));
        }
    };
    let overrides = Overrides {
        venue: raw.venue.as_ref().map(checked_venue).transpose()?,
        ws_url: endpoint(raw.ws_url, transport(preset))?,
        rest_url: base(raw.rest_url)?,
        account: raw.account.map(Spanned::into_inner),
        key: secrets::secret("key", raw.key_env, raw.key_file)?,
        secret: secrets::secret("secret", raw.secret_env, raw.secret_file)?,
    };
    if let Some(what) = unreachable(preset, &overrides) {
        return Err(Fault::at(kind_span, format!("{preset} cannot be reached as configured: {what}")));
    }
    Ok(FeedKind::Venue(Box::new(VenueConfig {
        preset,
        overrides,
        symbols,
        stale_after: silence(raw.stale_after)?,
        symbol_stale_after: silence(raw.symbol_stale_after)?,
    })))
}

/// A limit to silence, if one is set.
fn silence(text: Option<Spanned<String>>) -> Result<Option<Duration>, Fault> {
    let range = Duration::from_millis(100)..Duration::from_secs(3_600);
    text.map(|text| duration(Some(text), Duration::ZERO, range)).transpose()
}

/// Where a feed connects to, by what its venue sends over.
fn endpoint(url: Option<Spanned<String>>, transport: Transport) -> Result<Option<String>, Fault> {
    let Some(url) = url else { return Ok(None) };
    let (span, text) = (url.span(), url.into_inner());
    let fault = |what| Fault::at(&span, format!("{what}: an endpoint of this venue is {}", transport.form()));
    transport.check(&text).map_err(fault)?;
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

/// The base of an HTTP interface, to which paths are added.
fn base(url: Option<Spanned<String>>) -> Result<Option<String>, Fault> {
    if let Some(url) = &url
        && url.get_ref().contains(['?', '#'])
    {
        return Err(Fault::at(&url.span(), "paths are added to this address: it has no ? and no #"));
    }
    endpoint(url, Transport::Lines)
}

fn checked_venue(venue: &Spanned<String>) -> Result<String, Fault> {
    let symbol = market::Symbol::of_venue(venue.get_ref(), "X")
        .map_err(|error| Fault::at(&venue.span(), error.to_string()))?;
    Ok(symbol.venue().unwrap_or_default().to_owned())
}

fn replay(raw: raw::Feed, kind_span: &Range<usize>) -> Result<Vec<ReplayConfig>, Fault> {
    let (files, files_span) = match (raw.file, raw.files) {
        (Some(file), None) => (vec![file.get_ref().clone()], file.span()),
        (None, Some(files)) if !files.get_ref().is_empty() => (files.get_ref().clone(), files.span()),
        (_, Some(files)) => {
            return Err(Fault::at(&files.span(), "either one file, or files = [\"a.cap.gz\", \"b.cap.gz\"]"));
        }
        (None, None) => {
            return Err(Fault::at(kind_span, "say which recording: file = \"path.cap.gz\""));
        }
    };
    let (of_venues, first_ns) = match raw.preset {
        Some(wanted) => match preset(wanted.get_ref()) {
            Some(preset) => (vec![(preset, files)], None),
            None => {
                let what = format!("unknown preset; there are {}", preset_names());
                return Err(Fault::at(&wanted.span(), what));
            }
        },
        None => side_by_side(&files).map_err(|failure| Fault::at(&files_span, failure.to_string()))?,
    };
    let speed = match raw.speed {
        None => Speed::default(),
        Some(speed) => speed
            .get_ref()
            .parse()
            .map_err(|what: feed_replay::SpeedError| Fault::at(&speed.span(), what.to_string()))?,
    };
    let looped = raw.looped.as_ref().is_some_and(|l| *l.get_ref());
    if looped && speed == Speed::Max {
        let span = raw.looped.map_or_else(|| kind_span.clone(), |l| l.span());
        return Err(Fault::at(
            &span,
            "a loop at speed \"max\" would never rest; give a multiple such as \"10x\"",
        ));
    }
    let window = Window { from: moment(raw.from)?, to: moment(raw.to)? };
    let several = of_venues.len() > 1;
    if several && looped && window.to.is_none() {
        return Err(Fault::at(&files_span, "several venues start over together: say when, as to = \"+5m\""));
    }
    if let (true, Some(rest)) = (several, &raw.rest) {
        return Err(Fault::at(&rest.span(), "it is the catalogue of one venue, and these are several"));
    }
    let playing = Playing { speed, looped, window, first_ns: first_ns.filter(|_| several) };
    let rest = raw.rest.map(Spanned::into_inner);
    let replay = |(preset, files)| ReplayConfig { files, rest: rest.clone(), preset, playing };
    Ok(of_venues.into_iter().map(replay).collect())
}

fn moment(text: Option<Spanned<String>>) -> Result<Option<Moment>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let moment = text.get_ref().parse();
    moment.map(Some).map_err(|error: feed_replay::MomentError| Fault::at(&text.span(), error.to_string()))
}

fn sim(raw: raw::Feed) -> Result<feed_sim::Settings, Fault> {
    let kind_span = raw.kind.span();
    let mut settings = feed_sim::Settings::default();
    if let Some(venue) = &raw.venue {
        settings.venue = checked_venue(venue)?;
    }
    // Each key is checked by itself, so that a fault names its place.
    let mut set = |span: Option<Range<usize>>, change: &mut dyn FnMut(&mut feed_sim::Settings)| {
        change(&mut settings);
        settings
            .check()
            .map_err(|error| Fault::at(&span.unwrap_or_else(|| kind_span.clone()), error.to_string()))
    };
    if let Some(symbols) = raw.symbols {
        let span = symbols.span();
        let symbols = match symbols.into_inner() {
            raw::Symbols::Count(n) => feed_sim::Symbols::Count(n),
            raw::Symbols::List(names) => feed_sim::Symbols::Names(names),
            raw::Symbols::One(name) => feed_sim::Symbols::Names(vec![name]),
        };
        set(Some(span), &mut |s| s.symbols = symbols.clone())?;
    }
    if let Some(rate) = raw.rate {
        set(Some(rate.span()), &mut |s| s.rate = *rate.get_ref())?;
    }
    if let Some(seed) = raw.seed {
        set(Some(seed.span()), &mut |s| s.seed = *seed.get_ref())?;
    }
    if let Some(zipf) = raw.zipf {
        set(Some(zipf.span()), &mut |s| s.zipf = *zipf.get_ref())?;
    }
    if let Some(tick) = raw.tick {
        let value =
            market::Price::parse(tick.get_ref()).map_err(|e| Fault::at(&tick.span(), e.to_string()))?;
        set(Some(tick.span()), &mut |s| s.tick = value)?;
    }
    if let Some(spread) = raw.spread {
        set(Some(spread.span()), &mut |s| s.spread = *spread.get_ref())?;
    }
    if let Some(trades) = raw.trades {
        set(Some(trades.span()), &mut |s| s.trades = *trades.get_ref())?;
    }
    if let Some(bursts) = raw.bursts {
        let span = bursts.span();
        let raw::Bursts { factor, every, lasting } = bursts.into_inner();
        let range = Duration::from_millis(1)..Duration::from_secs(86_400);
        let every = duration(Some(every), Duration::ZERO, range.clone())?;
        let lasting = duration(Some(lasting), Duration::ZERO, range)?;
        set(Some(span), &mut |s| s.bursts = Some(feed_sim::Bursts { factor, every, lasting }))?;
    }
    Ok(settings)
}

fn address(text: Option<Spanned<String>>, default: SocketAddr) -> Result<SocketAddr, Fault> {
    match text {
        None => Ok(default),
        Some(text) => text
            .get_ref()
            .parse()
            .map_err(|_| Fault::at(&text.span(), "an address looks like 127.0.0.1:8080 or [::1]:8080")),
    }
}

pub(super) fn count(
    number: Option<Spanned<usize>>,
    default: usize,
    range: Range<usize>,
) -> Result<usize, Fault> {
    match number {
        None => Ok(default),
        Some(n) if *n.get_ref() >= range.start && *n.get_ref() <= range.end => Ok(*n.get_ref()),
        Some(n) => Err(Fault::at(&n.span(), format!("from {} to {}", range.start, range.end))),
    }
}

pub(super) fn duration(
    text: Option<Spanned<String>>,
    default: Duration,
    range: Range<Duration>,
) -> Result<Duration, Fault> {
    let Some(text) = text else { return Ok(default) };
    let span = text.span();
    let parsed = humantime::parse_duration(text.get_ref())
        .map_err(|error| Fault::at(&span, format!("a duration needs a unit, as 500ms or 5s: {error}")))?;
    if parsed < range.start {
        return Err(Fault::at(&span, format!("at least {}", humantime::format_duration(range.start))));
    }
    if parsed > range.end {
        return Err(Fault::at(&span, format!("at most {}", humantime::format_duration(range.end))));
    }
    Ok(parsed)
}
