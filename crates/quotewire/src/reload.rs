//! SIGHUP: the configuration file is read again, and what can change while clients are served is put in force as a whole.
//!
//! A file with a fault changes nothing. What differs and needs a restart is named, each time, until it is restarted.

use edge::Edge;
use market::Clock;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli;
use crate::config::Config;
use crate::failure::Failure;
use crate::serve::configured;

/// Every SIGHUP since this was made. Without it the first one would end the process.
#[derive(Debug)]
pub(crate) struct Hangups(std::io::Result<Signal>);

impl Hangups {
    pub(crate) fn catch() -> Hangups {
        Hangups(signal(SignalKind::hangup()))
    }
}

/// One setting as text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    key: String,
    value: String,
    /// Whether it can be put in force without a restart.
    live: bool,
}

/// Reads the file again when asked to.
#[derive(Debug)]
pub(crate) struct Reload {
    args: cli::Serve,
    /// What is in force.
    settings: Vec<Setting>,
    edge: edge::Config,
    outcomes: IntCounterVec,
    loaded: IntGauge,
}

/// What a reload came to.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    applied: Vec<String>,
    needs_restart: Vec<String>,
}

impl Reload {
    pub(crate) fn new(args: &cli::Serve, config: &Config) -> Reload {
        let help = "Times that the configuration was read again, by what became of it.";
        let outcomes = IntCounterVec::new(Opts::new("quotewire_config_reloads_total", help), &["outcome"]);
        let help = "When the configuration in force was read, in seconds since 1970.";
        let loaded = IntGauge::new("quotewire_config_loaded_timestamp_seconds", help);
        let (Ok(outcomes), Ok(loaded)) = (outcomes, loaded) else { unreachable!("the names are sound") };
        for outcome in ["applied", "unchanged", "refused"] {
            outcomes.with_label_values(&[outcome]);
        }
        Reload { args: args.clone(), settings: settings(config), edge: config.edge.clone(), outcomes, loaded }
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.outcomes.clone()))?;
        registry.register(Box::new(self.loaded.clone()))
    }

    /// Reloads with every SIGHUP. Never ends by itself.
    pub(crate) async fn on_signal(&mut self, hangups: Hangups, edge: &Edge, clock: &dyn Clock) {
        self.loaded.set(clock.now().get() / 1_000_000);
        let Ok(mut hangups) = hangups.0 else { return std::future::pending().await };
        while hangups.recv().await.is_some() {
            let outcome = self.reload(edge);
            // Counted before it is said: who reads that it was done finds it counted.
            let name = match &outcome {
                Ok(difference) if difference.applied.is_empty() => "unchanged",
                Ok(_) => "applied",
                Err(_) => "refused",
            };
            self.outcomes.with_label_values(&[name]).inc();
            match outcome {
                Ok(difference) => {
                    self.loaded.set(clock.now().get() / 1_000_000);
                    tell(&difference);
                }
                Err(failure) => {
                    tracing::error!("configuration not reloaded, the old one stays in force: {failure}");
                }
            }
        }
        std::future::pending().await
    }

    /// Reads the file and puts in force what can be.
    fn reload(&mut self, edge: &Edge) -> Result<Difference, Failure> {
        if self.args.config.is_none() {
            return Err(Failure::usage("there is no configuration file; start with --config FILE"));
        }
        let config = configured(&self.args)?;
        let new = settings(&config);
        let difference = difference(&self.settings, &new);
        self.edge = in_force(&self.edge, config.edge);
        edge.reload(self.edge.clone());
        for setting in new.into_iter().filter(|setting| setting.live) {
            if let Some(old) = self.settings.iter_mut().find(|old| old.key == setting.key) {
                old.value = setting.value;
            }
        }
        Ok(difference)
    }
}

/// The new settings, but for those that need a restart.
fn in_force(old: &edge::Config, new: edge::Config) -> edge::Config {
    let limits = edge::Limits {
        connections: old.limits.connections,
        head_bytes: old.limits.head_bytes,
        head_timeout: old.limits.head_timeout,
        every_changes: old.limits.every_changes,
        unsent_bytes: old.limits.unsent_bytes,
        ..new.limits
    };
    edge::Config { limits, seed: old.seed, hand_over: old.hand_over, io_uring: old.io_uring, ..new }
}

fn tell(difference: &Difference) {
    for what in &difference.needs_restart {
        tracing::warn!("configuration: {what}: needs a restart");
    }
    if difference.applied.is_empty() {
        tracing::info!("configuration reloaded: nothing to put in force");
        return;
    }
    for what in &difference.applied {
        tracing::info!("configuration: {what}");
    }
    tracing::info!("configuration reloaded");
}

/// Every setting of a configuration. Feeds are shown by name only, because their addresses may hold secrets.
fn settings(config: &Config) -> Vec<Setting> {
    let Config { listen, admin_listen, edge, writers, symbols_max, record, composite, feeds } = config;
    let edge::Config {
        cors,
        heartbeat,
        retry_ms: _,
        drain,
        max_stream_age,
        flush_max,
        hand_over,
        io_uring,
        limits,
        seed: _,
    } = edge;
    let edge::Limits {
        connections,
        streams,
        symbols_per_stream,
        head_bytes,
        head_timeout,
        stall,
        body_bytes,
        every_changes,
        unsent_bytes: _,
    } = limits;
    let time = |time: &std::time::Duration| humantime::format_duration(*time).to_string();
    let mut settings: Vec<Setting> = [
        ("server.listen", listen.to_string(), false),
        ("server.heartbeat", time(heartbeat), true),
        ("server.drain", time(drain), true),
        ("server.max_stream_age", time(&max_stream_age.unwrap_or_default()), true),
        ("server.writers", writers.to_string(), false),
        ("server.flush_max", time(flush_max), true),
        ("server.hand_over", hand_over.to_string(), false),
        ("server.io_uring", io_uring.to_string(), false),
        ("server.cors_origins", format!("{:?}", cors.origins()), true),
        ("server.cors_credentials", cors.credentials().to_string(), true),
        ("admin.listen", admin_listen.to_string(), false),
        ("limits.symbols", symbols_max.to_string(), false),
        ("composite.enabled", composite.enabled.to_string(), false),
        ("composite.exclude", format!("{:?}", composite.exclude), false),
        ("composite.join", format!("{:?}", composite.join), false),
        ("limits.connections", connections.to_string(), false),
        ("limits.streams", streams.to_string(), true),
        ("limits.symbols_per_stream", symbols_per_stream.to_string(), true),
        ("limits.body_bytes", body_bytes.to_string(), true),
        ("limits.every_changes", every_changes.to_string(), false),
        ("limits.head_bytes", head_bytes.to_string(), false),
        ("limits.head_timeout", time(head_timeout), false),
        ("limits.stall", time(stall), true),
        ("record.dir", format!("{:?}", record.dir.as_deref().unwrap_or_else(|| "".as_ref())), false),
        ("record.rotate_size", record.rotate_size.to_string(), false),
        ("record.rotate_age", time(&record.rotate_age), false),
        ("record.max_disk", record.max_disk.to_string(), false),
        ("record.compression", record.compression.name().to_owned(), false),
    ]
    .into_iter()
    .map(|(key, value, live)| Setting { key: key.to_owned(), value, live })
    .collect();
    settings.extend(feeds.iter().map(|feed| Setting {
        key: format!("feeds.{}", feed.name),
        value: format!("{:?} {:?}", feed.kind, feed.moves),
        live: false,
    }));
    settings
}

fn difference(old: &[Setting], new: &[Setting]) -> Difference {
    let mut difference = Difference { applied: Vec::new(), needs_restart: Vec::new() };
    let feed = |setting: &Setting| setting.key.starts_with("feeds.");
    for setting in new {
        let before = old.iter().find(|before| before.key == setting.key);
        let what = match before {
            Some(before) if before.value == setting.value => continue,
            Some(_) if feed(setting) => format!("{} has changed", setting.key),
            None => format!("{} is new", setting.key),
            Some(before) => format!("{} from {} to {}", setting.key, before.value, setting.value),
        };
        if setting.live { &mut difference.applied } else { &mut difference.needs_restart }.push(what);
    }
    let gone = old.iter().filter(|before| new.iter().all(|setting| setting.key != before.key));
    difference.needs_restart.extend(gone.map(|before| format!("{} is gone", before.key)));
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Config {
        crate::config::parse(text).unwrap()
    }

    #[test]
    fn what_differs_is_told_by_what_can_be_done_about_it() {
        let old =
            "[server]\nheartbeat=\"5s\"\n[[feeds]]\nkind=\"sim\"\n[[feeds]]\nkind=\"okx\"\nsymbols=\"*\"\n";
        let new = "[server]\nheartbeat=\"2s\"\nlisten=\"127.0.0.1:1\"\n[limits]\nstreams=7\n\
                   [[feeds]]\nkind=\"sim\"\nrate=5\n[[feeds]]\nkind=\"kraken\"\nsymbols=\"*\"\n";
        let difference = difference(&settings(&parsed(old)), &settings(&parsed(new)));
        assert_eq!(difference.applied, ["server.heartbeat from 5s to 2s", "limits.streams from 10000 to 7"]);
        assert_eq!(
            difference.needs_restart,
            [
                "server.listen from 127.0.0.1:8080 to 127.0.0.1:1",
                "feeds.sim has changed",
                "feeds.kraken is new",
                "feeds.okx is gone"
            ]
        );
    }

    #[test]
    fn what_needs_a_restart_is_not_put_in_force() {
        let old = parsed("").edge;
        let new = parsed("[limits]\nconnections=5\nhead_bytes=9000\nstreams=6\nevery_changes=20\n").edge;
        let now = in_force(&old, new);
        assert_eq!(
            (now.limits.connections, now.limits.head_bytes, now.limits.every_changes),
            (old.limits.connections, old.limits.head_bytes, old.limits.every_changes)
        );
        assert_eq!(now.limits.streams, 6);
    }
}
