//! A client: its connections one after the other, what it believes, and every event that it was told.

use std::collections::HashSet;

use market::{Field, FieldSet, Symbol};
use wire::event::Subject;
use wire::{Event, View};

use super::record::{Record, State};
use super::{Stage, is_shared, name};
use crate::support::{Client, PATIENCE};

/// How a client asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) version: &'static str,
    /// Parameters beside the symbols.
    pub(super) query: &'static str,
    /// Every change has an event, from the first to the last.
    pub(super) every: bool,
}

/// What kind of event it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Whole,
    Delta(u64),
    Status,
}

/// Every event that a client was told of its symbols, and what it could expect.
#[derive(Debug)]
pub(super) struct History {
    who: String,
    every: bool,
    events: Vec<(usize, u64, Told, State)>,
    /// By symbol, how often it may have been told whole.
    wholes: Vec<usize>,
}

/// A client that is there.
pub(super) struct Reader {
    ask: Ask,
    /// Its symbols, by number.
    pub(super) wanted: Vec<usize>,
    /// Added by a change and not told whole yet: an id does not vouch for these.
    pending: HashSet<usize>,
    view: View,
    last_id: Option<String>,
    resumed: bool,
    lagged: bool,
    client: Client,
    /// Where this stream can be changed.
    address: String,
    pub(super) history: History,
}

impl Reader {
    /// Connects and reads `hello`.
    pub(super) async fn join(who: String, ask: Ask, wanted: Vec<usize>, stage: &Stage) -> Reader {
        let wholes = vec![0; stage.ids.len()];
        let history = History { who, every: ask.every, events: Vec::new(), wholes };
        let client = Client::connect(stage.edge.addr).await;
        let mut reader = Reader {
            ask,
            wanted,
            pending: HashSet::new(),
            view: View::default(),
            last_id: None,
            resumed: false,
            lagged: false,
            client,
            address: String::new(),
            history,
        };
        reader.open().await;
        reader
    }

    async fn open(&mut self) {
        let symbols: Vec<String> = self.wanted.iter().map(|&symbol| name(symbol)).collect();
        let target = format!("/v1/stream?symbols={}{}", symbols.join(","), self.ask.query);
        let headers: Vec<_> = self.last_id.iter().map(|id| ("Last-Event-ID", id.as_str())).collect();
        self.client.send_as(self.ask.version, "GET", &target, &headers).await;
        assert_eq!(self.client.head().await.0, 200);
        let hello = self.client.next("hello").await;
        self.address = format!("/v1/streams/{}", hello["stream"].as_str().unwrap());
        self.resumed = self.last_id.is_some();
        self.lagged = false;
        self.wanted.iter().for_each(|&symbol| self.history.wholes[symbol] += 1);
    }

    /// Hangs up, whatever is on its way, and comes back with its last id.
    pub(super) async fn reconnect(&mut self, stage: &Stage) {
        if !self.pending.is_empty() {
            self.last_id = None;
            self.pending.clear();
        }
        self.client = Client::connect(stage.edge.addr).await;
        self.open().await;
    }

    /// Takes one symbol and gives up another, on the open stream.
    pub(super) async fn change(&mut self, stage: &Stage, joins: usize, leaves: Option<usize>) {
        let names = |symbol: Option<usize>| symbol.map(name).into_iter().collect::<Vec<_>>();
        let body = serde_json::json!({ "add": [name(joins)], "remove": names(leaves) }).to_string();
        let answer = stage.edge.send("PATCH", &self.address, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.wanted.retain(|&symbol| Some(symbol) != leaves);
        leaves.map(|symbol| self.pending.remove(&symbol));
        self.wanted.push(joins);
        self.pending.insert(joins);
        self.history.wholes[joins] += 1;
    }

    /// Between merging and every change, on the open stream.
    pub(super) async fn change_mode(&mut self, stage: &Stage, mode: &str) {
        let body = serde_json::json!({ "mode": mode }).to_string();
        let answer = stage.edge.send("PATCH", &self.address, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.wanted.iter().for_each(|&symbol| self.history.wholes[symbol] += 1);
    }

    /// Reads the next event. May be dropped and called again.
    pub(super) async fn read(&mut self) {
        let event = self.client.event().await;
        let who = &self.history.who;
        let raw = event.unwrap_or_else(|| panic!("{who}: the stream has ended"));
        let event = Event::parse(&raw.data).unwrap();
        self.view.apply(&event).unwrap_or_else(|error| panic!("{who}: {error}"));
        let (symbol, seq, told) = match &event {
            Event::Snapshot(quote) => (&quote.symbol, quote.seq, Told::Whole),
            Event::Quote(quote) => (&quote.symbol, quote.seq, Told::Delta(quote.merged)),
            Event::Status(status) => match &status.subject {
                Subject::Symbol(symbol) => (symbol, status.seq, Told::Status),
                Subject::Feed(_) => return,
            },
            Event::Lagged(_) => {
                assert!(self.resumed && !self.lagged, "{who}: lagged without having been away");
                self.lagged = true;
                return;
            }
            other => panic!("{who}: {other:?}"),
        };
        let number = |id: &str| id.strip_prefix("abc-").and_then(|seq| seq.parse::<u64>().ok());
        let before = self.last_id.as_deref().and_then(number);
        assert!(number(&raw.id) >= before, "{who}: an id fell, {before:?} then {}", raw.id);
        self.last_id = Some(raw.id);
        let at = symbol.as_str().strip_prefix("TEST:S").unwrap().parse().unwrap();
        if told == Told::Whole {
            self.pending.remove(&at);
        }
        let belief = self.view.get(symbol).unwrap();
        let (bid, ask) = (belief.figures.get(Field::Bid), belief.figures.get(Field::Ask));
        self.history.events.push((at, seq, told, State { bid, ask, status: belief.status.status }));
    }

    /// Reads until it knows what the table knows, which nobody changes meanwhile.
    pub(super) async fn catch_up(&mut self, stage: &Stage) {
        loop {
            let Some(behind) = self.behind(stage) else { return };
            if tokio::time::timeout(PATIENCE / 2, self.read()).await.is_err() {
                let who = &self.history.who;
                panic!(
                    "{who} is not told of {behind}, whose last change was {}",
                    self.last_change(&behind, stage)
                );
            }
        }
    }

    /// A symbol of which the table knows more.
    fn behind(&self, stage: &Stage) -> Option<String> {
        let is_behind = |symbol: &usize| {
            let quote = stage.edge.table.read(stage.ids[*symbol]);
            let name = Symbol::parse(&name(*symbol)).unwrap();
            if self.pending.contains(symbol)
                || self.view.get(&name).is_none_or(|belief| belief.seq != quote.seq)
            {
                return true;
            }
            let differ = self.view.differences(&name, &quote, FieldSet::DEFAULT);
            assert_eq!(differ, FieldSet::EMPTY, "{}: {name}", self.history.who);
            false
        };
        self.wanted.iter().copied().find(is_behind).map(name)
    }

    fn last_change(&self, symbol: &str, stage: &Stage) -> String {
        let table = &stage.edge.table;
        let told = self.view.get(&Symbol::parse(symbol).unwrap()).map(|belief| belief.seq);
        format!("{}, and {told:?} was told", table.changed_seq(table.find(symbol).unwrap()))
    }
}

impl History {
    /// Holds every event against what was written.
    pub(super) fn check(&self, record: &Record) -> Result<(), String> {
        let mut last: Vec<Option<usize>> = vec![None; self.wholes.len()];
        let mut wholes = vec![0; self.wholes.len()];
        for &(symbol, seq, told, state) in &self.events {
            let wrong = |why: String| Err(format!("{}: {} at {seq}: {why}", self.who, name(symbol)));
            let Some((at, written)) = record.find(symbol, seq) else {
                return wrong("nobody wrote that".to_owned());
            };
            if state != written {
                return wrong(format!("told {state:?}, and it was {written:?}"));
            }
            let before = last[symbol].replace(at);
            let step = before.map(|before| at as i64 - before as i64);
            match (told, step) {
                (Told::Whole, None | Some(0..)) => wholes[symbol] += 1,
                (Told::Delta(n), Some(step @ 1..)) if n as i64 == step => {
                    if self.every && n != 1 && !is_shared(symbol) {
                        return wrong(format!("{n} changes in one event of `every`"));
                    }
                }
                // It does not say how many changes it stands for.
                (Told::Status, Some(step @ 1..)) if step == 1 || !self.every => {}
                _ => return wrong(format!("{told:?} is {step:?} changes after the event before it")),
            }
            if wholes[symbol] > self.wholes[symbol] {
                return wrong(format!("told whole more than {} times", self.wholes[symbol]));
            }
        }
        Ok(())
    }
}
