//! `quotewire serve`: feeds, table and edge wired together, and the order in which they start and stop.
//!
//! Start: configuration, table, listening sockets (so that a taken port stops the start before anything else runs),
//! feeds, edge. Stop: the edge says goodbye first, then the feeds stop; a second signal ends the process at once.

use std::net::SocketAddr;
use std::sync::Arc;

use edge::Edge;
use feed::capture::Recording;
use market::{Clock, RealClock};
use prometheus::{Opts, Registry};
use table::{FeedInfo, FeedMode, Table};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli;
use crate::composite::{Composing, joins};
use crate::config::{self, Config, FeedConfig, FeedKind};
use crate::failure::Failure;
use crate::feeds::{self, Source};
use crate::ingest::IngestThreads;
use crate::ingest_metrics::IngestMetrics;
use crate::record;
use crate::record_metrics::RecordMetrics;
use crate::reload::{Hangups, Reload};
use crate::sink::rejects::RejectMetrics;
use crate::sink::{PublishTime, TableSink};
use crate::table_metrics::TableMetrics;

/// Runs the command until a signal ends it.
pub(crate) fn run(args: &cli::Serve) -> Result<(), Failure> {
    let (mut config, sources) = settings(args)?;
    let reload = Reload::new(args, &config);
    config.feeds.clear();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))?;
    let served = runtime.block_on(serve(config, sources, reload));
    // Whatever still blocks (a catalogue on its way) is not waited for.
    runtime.shutdown_background();
    served
}

/// The file, overridden by flags and environment.
pub(crate) fn configured(args: &cli::Serve) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(path) => config::load(path)?,
        None => Config::default(),
    };
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(listen) = args.admin_listen {
        config.admin_listen = listen;
    }
    config.record = args.recording.over(config.record).map_err(Failure::usage)?;
    Ok(config)
}

/// The configuration in force, and where quotes come from: the feeds of the file, the demo, or a synthetic market.
fn settings(args: &cli::Serve) -> Result<(Config, Vec<Source>), Failure> {
    let config = configured(args)?;
    let sources = if args.sim {
        let kind = FeedKind::Sim(Box::default());
        vec![Source::Configured(FeedConfig { name: "sim".to_owned(), kind, moves: None })]
    } else if args.config.is_none() {
        crate::demo::RECORDINGS.into_iter().map(Source::Demo).collect()
    } else {
        config.feeds.iter().cloned().map(Source::Configured).collect()
    };
    Ok((config, sources))
}

/// A registry with every series that `serve` has, for the generated catalogue.
pub(crate) fn registry_for_docs() -> Result<Registry, Failure> {
    let registry = Registry::new();
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let table = Table::new(table::Config { symbols: 1, ..table::Config::default() });
    Edge::new(edge::Config::default(), Arc::clone(&table), clock, registry.clone()).map_err(series)?;
    let metrics = feeds::Metrics::new(&registry).map_err(series)?;
    metrics.show_every_series();
    let _ = IngestMetrics::register(&registry).map_err(series)?.of_feed("example");
    let _ = RejectMetrics::register(&registry).map_err(series)?.of_feed("example");
    let info = FeedInfo {
        name: "example".to_owned(),
        venue: "EXAMPLE".to_owned(),
        kind: "sim".to_owned(),
        mode: FeedMode::Live,
    };
    table.add_feed(info).map_err(|error| Failure::failed(error.to_string()))?;
    TableMetrics::register(&table, &registry).map_err(series)?;
    RecordMetrics::register(None, &registry).map_err(series)?;
    register_build(&registry).map_err(series)?;
    Reload::new(&cli::Serve::default(), &Config::default()).register(&registry).map_err(series)?;
    Ok(registry)
}

/// Which version runs.
fn register_build(registry: &Registry) -> prometheus::Result<()> {
    let help = "1, with the version of the program as a label.";
    let build = prometheus::IntGaugeVec::new(Opts::new("quotewire_build_info", help), &["version"])?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    registry.register(Box::new(build))
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn series(error: prometheus::Error) -> Failure {
    Failure::failed(format!("metrics: {error}"))
}

async fn serve(config: Config, sources: Vec<Source>, mut reload: Reload) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let registry = Registry::new();
    // The start time tells one life of the table from the next, across restarts and across machines.
    let epoch = u64::try_from(clock.now().get()).unwrap_or(1);
    // A feed has one writer, or one for each endpoint that its venue spreads its channels over.
    let (feeds, writers) = (sources.len().max(1), 2 * sources.len().max(1));
    let table = Table::new(table::Config {
        symbols: config.symbols_max,
        feeds,
        writers,
        watchers: writer_loops(config.writers),
        epoch,
    });
    let limits = config.edge.limits.clone();
    let edge =
        Edge::new(config.edge, Arc::clone(&table), Arc::clone(&clock), registry.clone()).map_err(series)?;
    TableMetrics::register(&table, &registry).map_err(series)?;
    register_build(&registry).map_err(series)?;
    reload.register(&registry).map_err(series)?;
    let metrics = feeds::Metrics::new(&registry).map_err(series)?;
    let ingest = IngestMetrics::register(&registry).map_err(series)?;
    let rejects = RejectMetrics::register(&registry).map_err(series)?;
    let composing = Composing::new(&table, config.composite);

    let recording = record::begin(&config.record, &sources, &clock)?;
    RecordMetrics::register(recording.as_ref().map(Recording::watch), &registry).map_err(series)?;

    let listener = bind(config.listen, &limits)?;
    let admin_listener = bind(config.admin_listen, &limits)?;
    let address = local(&listener)?;
    let admin_address = local(&admin_listener)?;

    let stop_edge = CancellationToken::new();
    let stop_feeds = CancellationToken::new();
    let mut tasks = JoinSet::new();
    if sources.is_empty() {
        tracing::warn!("the configuration has no feeds: nothing will be served");
    }
    let mut threads = IngestThreads::start(sources.len())?;
    let modes: Vec<FeedMode> = sources.iter().map(|source| source.info().mode).collect();
    for source in sources {
        let info = source.info();
        let composing = joins(info.mode, &modes).then_some(&composing);
        let (name, moves) = (info.name.clone(), source.moves());
        let feed = table.add_feed(info).map_err(|error| Failure::usage(error.to_string()))?;
        let mut sink = || {
            let time = PublishTime::Clock(Arc::clone(&clock));
            let sink = TableSink::new(&table, feed, time, Some(edge.notifier()), Some(ingest.of_feed(&name)))
                .map_err(|error| Failure::usage(error.to_string()))?;
            Ok(sink.composing(composing).screened(moves.clone(), rejects.of_feed(&name), &clock))
        };
        let thread = threads.next();
        let _on_that_thread = thread.enter();
        let feed = feeds::start(source, &mut sink, &clock, &metrics, recording.as_ref(), &stop_feeds)?;
        tasks.spawn_on(feed, &thread);
    }
    let admin = {
        let (edge, stop) = (edge.clone(), stop_feeds.clone());
        tokio::spawn(async move { edge.serve_admin(admin_listener, stop).await })
    };
    let mut public = {
        let (edge, stop) = (edge.clone(), stop_edge.clone());
        tokio::spawn(async move { edge.serve(listener, stop).await })
    };
    // Before anybody knows that we are here: who is told may tell us to stop, or to read the configuration again.
    let stop = signal();
    let hangups = Hangups::catch();
    say_ready(address, admin_address);

    let mut ended = None;
    let mut broken = None;
    tokio::select! {
        signal = stop => tracing::info!(signal, "stopping: saying goodbye to clients"),
        () = reload.on_signal(hangups, &edge, &*clock) => {}
        // The edge only ends when told to: this is a fault of our own, and it must not go unseen.
        fault = &mut public => ended = Some(fault),
        fault = first_fault(&mut tasks) => broken = Some(fault),
    }
    stop_edge.cancel();
    let finish = async {
        let public = match ended {
            Some(ended) => ended,
            None => (&mut public).await,
        };
        stop_feeds.cancel();
        while tasks.join_next().await.is_some() {}
        record::end(recording).await;
        // The admin listener goes last: an operator can watch the others stop.
        let _ = admin.await;
        public.map_err(|fault| Failure::failed(format!("the edge failed: {fault}")))?;
        broken.map_or(Ok(()), Err)
    };
    tokio::select! {
        done = finish => done,
        signal = signal() => Err(Failure::failed(format!("{signal} again: stopped without waiting"))),
    }
}

/// How many loops write to clients. By default half of the processors do: the others have the kernel's part of it to do, and
/// feeds. Two where there are two, because a burst that is for thousands holds up nobody who is at the other loop.
fn writer_loops(configured: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if configured > 0 { configured } else { default_loops(cores) }
}

fn default_loops(cores: usize) -> usize {
    (cores / 2).max(cores.min(2)).clamp(1, 16)
}

/// Waits for a feed that broke by a fault of our own. Feeds that end in good order are none of our business here.
async fn first_fault(tasks: &mut JoinSet<Result<(), Failure>>) -> Failure {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return failure,
            Err(panic) => return Failure::failed(format!("a feed broke: {panic}")),
        }
    }
    std::future::pending().await
}

fn bind(address: SocketAddr, limits: &edge::Limits) -> Result<TcpListener, Failure> {
    edge::bind(address, limits)
        .map_err(|error| Failure::failed(format!("cannot listen on {address}: {error}")))
}

fn local(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::failed(format!("listening socket: {error}")))
}

/// The two lines that scripts wait for.
#[expect(clippy::print_stderr, reason = "part of the command's contract, whatever the log filter says")]
fn say_ready(address: SocketAddr, admin_address: SocketAddr) {
    eprintln!("listening on http://{address}");
    eprintln!("admin on http://{admin_address}");
}

/// Catches the signals to stop from now on; the future waits for one and names it.
pub(crate) fn signal() -> impl Future<Output = &'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let caught = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = caught else {
            // Without handlers the default action ends the process, which is the best that is left.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::default_loops;

    #[test]
    fn half_of_the_processors_write_and_two_where_there_are_two() {
        let loops = [1, 2, 3, 4, 8, 16, 64].map(default_loops);
        assert_eq!(loops, [1, 2, 2, 2, 4, 8, 16]);
    }
}
