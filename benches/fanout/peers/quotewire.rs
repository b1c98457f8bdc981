//! Quotewire as it ships: the binary, a configuration, and a venue that feeds it over a WebSocket.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Server, get};
use crate::child::{Process, Speaks};
use crate::clock;
use crate::publisher::Publisher;
use crate::schedule;
use crate::venue::{Oracle, Venue};

/// A setting of the configuration: `section.key` and a value in TOML's spelling.
pub(crate) type Setting = (String, String);

/// Which of its modes, with which settings beside those that a measurement needs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The binary.
    pub(crate) binary: PathBuf,
    /// `latest` or `every`.
    pub(crate) mode: &'static str,
    /// Beside, or instead of, the usual ones.
    pub(crate) set: Vec<Setting>,
    /// Variables of its environment, such as those that choose or tune its allocator.
    pub(crate) env: Vec<(String, String)>,
}

/// A running binary.
#[derive(Debug)]
pub(crate) struct Quotewire {
    // The publisher goes before what it publishes to.
    publisher: Option<Publisher>,
    process: Process,
    mode: &'static str,
    address: SocketAddr,
    admin: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Quotewire {
    /// Starts it on an emulated venue of so many symbols, all subscribed and confirmed.
    pub(crate) fn start(settings: &Settings, symbols: u32) -> io::Result<Quotewire> {
        Quotewire::start_watched(settings, symbols).map(|(server, _)| server)
    }

    /// The same, with the venue's own memory of what it said.
    pub(crate) fn start_watched(settings: &Settings, symbols: u32) -> io::Result<(Quotewire, Oracle)> {
        let venue = Venue::start(symbols)?;
        let at = venue.address();
        let feed = format!(
            "[[feeds]]\nkind = \"binance\"\nvenue = \"BENCH\"\nsymbols = \"*\"\nws_url = \"ws://{at}\"\n\
             rest_url = \"http://{at}\"\nstale_after = \"60s\"\n"
        );
        let mut running = Quotewire::of(settings, &feed)?;
        venue.wait_subscribed()?;
        let (outlet, oracle) = venue.outlet();
        running.publisher = Some(Publisher::start(symbols, outlet)?);
        Ok((running, oracle))
    }

    /// Who reads the table.
    pub(crate) fn reader(&self) -> TableReader {
        TableReader { address: self.address }
    }

    /// Starts it on a synthetic market.
    pub(crate) fn on_sim(settings: &Settings, symbols: u32, rate: u32) -> io::Result<Quotewire> {
        let feed = format!("[[feeds]]\nkind = \"sim\"\nsymbols = {symbols}\nrate = {rate}\nzipf = 0.0\n");
        Quotewire::of(settings, &feed)
    }

    fn of(settings: &Settings, feed: &str) -> io::Result<Quotewire> {
        if !settings.binary.exists() {
            let text = format!(
                "`{}` is not there: `cargo build --release --package quotewire` makes it",
                settings.binary.display()
            );
            return Err(io::Error::other(text));
        }
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("quotewire.toml");
        std::fs::write(&file, configuration(&settings.set, feed))?;
        let process = started(settings, &file)?;
        let address = process.hear("listening on http://")?.parse().map_err(io::Error::other)?;
        let admin = process.hear("admin on http://")?.parse().map_err(io::Error::other)?;
        let ready = || get(admin, "/readyz").is_ok_and(|(status, _)| status == 200).then_some(());
        clock::poll(Duration::from_secs(60), ready)
            .ok_or_else(|| io::Error::other("quotewire was not ready within a minute"))?;
        Ok(Quotewire { publisher: None, process, mode: settings.mode, address, admin, _folder: folder })
    }

    /// Updates applied so far. The count is told about once a second: this waits for the next telling, so that two of
    /// these divided by the time between them are a rate.
    pub(crate) fn applied(&self) -> io::Result<f64> {
        let read = || -> io::Result<f64> {
            let outcomes = ["changed", "unchanged"];
            let series = outcomes.map(|outcome| format!("outcome=\"{outcome}\""));
            Ok(self.metric_with("quotewire_feed_updates_total", &series)?.unwrap_or(0.0))
        };
        let first = read()?;
        let next = clock::poll(Duration::from_secs(3), || read().ok().filter(|count| *count > first));
        Ok(next.unwrap_or(first))
    }

    /// The sum of a metric's series.
    pub(crate) fn metric(&self, name: &str) -> io::Result<Option<f64>> {
        self.metric_with(name, &[])
    }

    /// The sum of those series of a metric that have one of these labels.
    fn metric_with(&self, name: &str, labels: &[String]) -> io::Result<Option<f64>> {
        let (_, text) = get(self.admin, "/metrics")?;
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
            if !labels.is_empty() && !labels.iter().any(|label| rest.contains(label)) {
                return None;
            }
            rest.rsplit_once(' ')?.1.parse::<f64>().ok()
        });
        Ok(values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value)))
    }
}

/// Reads the whole table as a script would.
#[derive(Debug)]
pub(crate) struct TableReader {
    address: SocketAddr,
}

impl TableReader {
    /// Bid and bid size of every symbol of the emulated venue, by its name.
    pub(crate) fn tops(&self, symbols: u32) -> io::Result<HashMap<String, (String, String)>> {
        let mut tops = HashMap::new();
        // A thousand at a time: the names of S00000 to S00999 begin alike.
        for thousand in 0..symbols.div_ceil(1_000) {
            let target = format!("/v1/quotes?symbols=BENCH:S{thousand:02}*");
            let (status, text) = get(self.address, &target)?;
            let answer: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
                io::Error::other(format!("the answer to {target}, status {status}, is no JSON: {error}"))
            })?;
            for quote in answer["quotes"].as_array().into_iter().flatten() {
                let text = |field: &str| quote[field].as_str().unwrap_or_default().to_owned();
                tops.insert(text("symbol"), (text("bid"), text("bid_size")));
            }
        }
        Ok(tops)
    }
}

fn started(settings: &Settings, file: &Path) -> io::Result<Process> {
    let mut command = Command::new(&settings.binary);
    command.arg("serve").arg("--config").arg(file);
    command.envs(settings.env.iter().map(|(name, value)| (name, value)));
    Process::start(&mut command, Speaks::Stderr)
}

/// The configuration: free ports, room for the clients, and no end for those that stop reading on purpose.
fn configuration(set: &[Setting], feed: &str) -> String {
    let usual = [
        ("server.listen", "\"127.0.0.1:0\""),
        ("server.drain", "\"0s\""),
        ("admin.listen", "\"127.0.0.1:0\""),
        ("limits.connections", "18000"),
        ("limits.streams", "18000"),
        ("limits.symbols", "120000"),
        ("limits.stall", "\"60s\""),
    ];
    let usual = usual.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (key, value) in usual.chain(set.iter().cloned()) {
        let (section, key) = key.split_once('.').unwrap_or(("server", &key));
        sections.entry(section.to_owned()).or_default().insert(key.to_owned(), value);
    }
    let mut text = String::new();
    for (section, keys) in sections {
        text.push_str(&format!("[{section}]\n"));
        keys.iter().for_each(|(key, value)| text.push_str(&format!("{key} = {value}\n")));
    }
    text + feed
}

impl Server for Quotewire {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn target(&self, symbols: &[u32]) -> String {
        let names: Vec<String> = symbols.iter().map(|symbol| schedule::name(*symbol)).collect();
        let mode = self.mode;
        format!("/v1/stream?fields=bid,bid_size&named=false&mode={mode}&symbols={}", names.join(","))
    }

    fn pids(&self) -> Vec<u32> {
        vec![self.process.pid()]
    }

    fn set_rate(&mut self, rate: f64) -> io::Result<u64> {
        self.publisher.as_mut().map_or(Ok(0), |publisher| publisher.set_rate(rate))
    }

    fn writes(&mut self) -> io::Result<Option<u64>> {
        Ok(self.metric("quotewire_edge_writes_total")?.map(|count| count as u64))
    }

    fn opens(&self) -> bool {
        true
    }

    fn conflates(&self) -> bool {
        self.mode == "latest"
    }
}
