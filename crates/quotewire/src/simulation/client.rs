//! A client: it reconnects as the protocol says, believes what it is told, and complains of broken promises.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use market::{Clock, Field, FieldSet, Micros, Status, Symbol};
use testkit::simulation::Dice;
use testkit::simulation::journal;
use testkit::simulation::pipe::{End, Link, Manner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use wire::Times;
use wire::decode::{Parser, RawEvent};
use wire::event::{Event, QuoteEvent, StatusNow, Subject};
use wire::view::View;

use super::World;
use super::composite;
use super::gateway::{HEARTBEAT, PLACE, lock};
use super::http::Answer;

/// What a client waits before it dials again when nothing was there to answer.
const REDIAL_MS: (u64, u64) = (300, 1_500);

/// What a client is like.
#[derive(Clone, Debug)]
pub(super) struct Character {
    pub(super) number: u64,
    pub(super) symbols: Vec<Symbol>,
    pub(super) fields: FieldSet,
    /// It always reads at once, and nothing is done to it: promises that hold for those who keep up are held against it.
    pub(super) steady: bool,
    /// Most bytes in one read, and the wait after it in milliseconds.
    pub(super) gulp: (usize, u64),
    pub(super) manner: Manner,
    /// `latest`, `trades` or `every`.
    pub(super) mode: &'static str,
    /// Most events of a symbol a second.
    pub(super) max_rate: Option<u64>,
    /// It asks for JSON lines instead of server-sent events.
    pub(super) lines: bool,
}

/// A client. Clones are the same client.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) character: Arc<Character>,
    pub(super) seen: Arc<Mutex<Seen>>,
}

/// What a client has seen, and what is done to it from outside.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) view: View,
    /// Since when it is on a stream, and of which epoch.
    pub(super) on: Option<(Micros, u64)>,
    /// The symbols of the stream.
    pub(super) accepted: Vec<Symbol>,
    pub(super) link: Option<Link>,
    /// The name of the stream.
    stream: String,
    /// What was taken from the running stream, and when the gateway had said so.
    removed: BTreeMap<Symbol, Micros>,
    /// What was added to it and not told yet.
    added: Vec<Symbol>,
    /// It does not read before this.
    pub(super) paused_until: Instant,
    /// It is to close its connection.
    pub(super) hang_up: bool,
    /// It is to forget everything, as a page that is loaded anew.
    pub(super) forget: bool,
    /// It is not to come back.
    pub(super) retire: bool,
    /// Every state it was told, and when.
    pub(super) told: BTreeMap<Symbol, Vec<(Micros, StatusNow)>>,
    /// The times it was on a stream: from, to, the epoch, and the symbols.
    pub(super) stretches: Vec<(Micros, Micros, u64, Vec<Symbol>)>,
    pub(super) ends: BTreeMap<String, u64>,
    pub(super) events: u64,
    /// Over every byte of every body, in order.
    pub(super) hash: u64,
    last_id: String,
    /// Epoch and sequence of the latest id.
    id: Option<(u64, u64)>,
    /// The id that the stream was opened with cannot be continued: only `reset` may follow.
    owed_reset: Option<bool>,
    retry: Option<u64>,
    farewell: Option<String>,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    /// With a last event that says why.
    Told(String),
    /// By this client's own doing.
    HungUp(&'static str),
    /// Without a word.
    Cut(String),
    /// There was no stream: this client is sent away.
    Refused,
}

impl Client {
    pub(super) fn new(character: Character) -> Client {
        let seen = Seen {
            view: View::new(),
            on: None,
            accepted: Vec::new(),
            link: None,
            stream: String::new(),
            removed: BTreeMap::new(),
            added: Vec::new(),
            paused_until: Instant::now(),
            hang_up: false,
            forget: false,
            retire: false,
            told: BTreeMap::new(),
            stretches: Vec::new(),
            ends: BTreeMap::new(),
            events: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            last_id: String::new(),
            id: None,
            owed_reset: None,
            retry: None,
            farewell: None,
        };
        Client { character: Arc::new(character), seen: Arc::new(Mutex::new(seen)) }
    }

    /// Lives until it is retired.
    pub(super) async fn live(self, world: Arc<World>) {
        let mut dice = world.dice.of("client", self.character.number);
        loop {
            if lock(&self.seen).retire {
                return;
            }
            let Ok((end, link)) = world.wires.dial(PLACE, self.character.manner).await else {
                tokio::time::sleep(dice.millis(REDIAL_MS.0, REDIAL_MS.1)).await;
                continue;
            };
            lock(&self.seen).link = Some(link.clone());
            let crashes = world.crashes();
            let ended = self.follow(end, &world, &mut dice).await;
            let was_on = self.take_leave(world.clock.now());
            let name = match &ended {
                Ended::Told(reason) => reason.clone(),
                Ended::HungUp(why) => (*why).to_owned(),
                Ended::Refused => "refused".to_owned(),
                Ended::Cut(_) => "cut".to_owned(),
            };
            *lock(&self.seen).ends.entry(name).or_default() += 1;
            // What was cut before it began to be answered was no stream.
            if let Ended::Cut(why) = &ended
                && was_on
                && self.character.steady
                && !link.is_faulty()
                && world.crashes() == crashes
            {
                self.complain(&world, format!("promise 14: the stream ended without a word ({why})"));
            }
            let retry = lock(&self.seen).retry.take();
            tokio::time::sleep(Duration::from_millis(retry.unwrap_or(1_000))).await;
        }
    }

    /// One stream from its request to its end.
    async fn follow(&self, mut end: End, world: &World, dice: &mut Dice) -> Ended {
        let request = self.request(dice);
        if let Err(error) = end.write_all(request.as_bytes()).await {
            return Ended::Cut(error.to_string());
        }
        let (gulp, wait_ms) = self.character.gulp;
        let mut bytes = vec![0; gulp];
        let mut since_wait = 0;
        let mut line = Vec::new();
        let (mut answer, mut parser, mut body, mut events) =
            (Answer::new(), Parser::default(), Vec::new(), Vec::new());
        loop {
            let paused_until = {
                let mut seen = lock(&self.seen);
                if std::mem::take(&mut seen.hang_up) || seen.retire {
                    return Ended::HungUp("hung_up");
                }
                seen.paused_until
            };
            if paused_until > Instant::now() {
                tokio::time::sleep_until(paused_until).await;
                continue;
            }
            // The protocol's advice: nothing for twice the heartbeat is a dead connection.
            let read = match tokio::time::timeout(2 * HEARTBEAT, end.read(&mut bytes)).await {
                Err(_) => return Ended::HungUp("nothing_heard"),
                Ok(Err(error)) => return Ended::Cut(error.to_string()),
                Ok(Ok(0)) => return Ended::Cut("the end of the connection".to_owned()),
                Ok(Ok(read)) => read,
            };
            body.clear();
            if let Err(why) = answer.push(&bytes[..read], &mut body) {
                self.complain(world, format!("promise 12: not an answer: {why}"));
            }
            if self.character.lines && answer.status == 503 {
                // Whoever is no EventSource is sent away by a code.
                let Some(after) = answer.retry_after else {
                    self.complain(world, "503 without Retry-After");
                    return Ended::Refused;
                };
                lock(&self.seen).retry = Some(after * 1_000);
                return Ended::Refused;
            }
            if answer.status != 0 && answer.status != 200 {
                self.complain(world, format!("a stream was answered with {}", answer.status));
                return Ended::Refused;
            }
            self.hash(&body);
            if self.character.lines {
                line.extend_from_slice(&body);
                while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
                    let rest = line.split_off(end + 1);
                    let text = std::mem::replace(&mut line, rest);
                    events.push(self.line(&String::from_utf8_lossy(&text[..end]), world));
                }
            } else if let Err(why) = parser.push(&body, &mut events) {
                self.complain(world, format!("promise 12: {why}"));
            }
            let now = world.clock.now();
            for event in events.drain(..) {
                self.take(&event, now, world);
            }
            if !self.character.lines {
                lock(&self.seen).retry = parser.retry();
            }
            if answer.is_whole() {
                return match lock(&self.seen).farewell.take() {
                    Some(reason) if reason == "refused" => Ended::Refused,
                    Some(reason) => Ended::Told(reason),
                    None => {
                        self.complain(world, "promise 14: a stream ended in good order and for no reason");
                        Ended::Cut("in good order".to_owned())
                    }
                };
            }
            since_wait += read;
            if wait_ms > 0 && since_wait >= gulp {
                since_wait = 0;
                tokio::time::sleep(dice.millis(0, wait_ms)).await;
            }
        }
    }

    /// Changes the running stream: one symbol goes, another comes.
    pub(super) async fn change(self, world: Arc<World>) {
        let (stream, gone) = {
            let mut seen = lock(&self.seen);
            if seen.accepted.is_empty() {
                return;
            }
            // From now on, and not only from the reply on, it may be gone.
            (seen.stream.clone(), seen.accepted.remove(0))
        };
        // One that it has never heard of, so that the first word of it is the snapshot that is owed.
        let unheard = |symbol: &&Symbol| {
            let seen = lock(&self.seen);
            seen.view.get(symbol).is_none() && !seen.accepted.contains(symbol) && !seen.added.contains(symbol)
        };
        let new = world.symbols.keys().chain(world.composites.keys()).find(unheard).cloned();
        let add = new.as_ref().map_or_else(String::new, |new| format!("\"{new}\""));
        let body = format!(r#"{{"add":[{add}],"remove":["{gone}"]}}"#);
        let request = format!(
            "PATCH /v1/streams/{stream} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let Ok((mut end, _)) = world.wires.dial(PLACE, Manner::default()).await else { return };
        let (mut answer, mut told, mut bytes) = (Answer::new(), Vec::new(), [0; 4 << 10]);
        if end.write_all(request.as_bytes()).await.is_err() {
            return;
        }
        while !answer.is_whole() {
            let Ok(read @ 1..) = end.read(&mut bytes).await else { return };
            if let Err(why) = answer.push(&bytes[..read], &mut told) {
                return self.complain(&world, format!("promise 12: not an answer: {why}"));
            }
        }
        let mut seen = lock(&self.seen);
        match answer.status {
            200 if seen.stream == stream && seen.on.is_some() => {
                world.count("changed", 1);
                seen.removed.insert(gone, world.clock.now());
                let known = new.filter(|new| {
                    let text = String::from_utf8_lossy(&told);
                    let rejected = text.split_once("\"rejected\":").map_or("", |(_, rest)| rest);
                    !rejected.starts_with(&format!("[{{\"symbol\":\"{new}\""))
                });
                // Its snapshot may have overtaken the reply.
                let (overtook, waits): (Vec<Symbol>, Vec<Symbol>) =
                    known.into_iter().partition(|new| seen.view.get(new).is_some());
                seen.accepted.extend(overtook);
                seen.added.extend(waits);
                // An id is good for the same symbols only, and the next stream asks for what the first one did.
                seen.forget = true;
            }
            200 | 404 => {}
            status => self.complain(&world, format!("a change of its stream was answered with {status}")),
        }
    }

    /// A line of JSON as the event that it is.
    fn line(&self, text: &str, world: &World) -> RawEvent {
        let mut raw = RawEvent { data: text.to_owned(), ..RawEvent::default() };
        match Event::parse_line(text, Times::Us) {
            Ok((id, event)) => {
                raw.id = id.unwrap_or_default();
                if let Event::Hello(hello) = event {
                    lock(&self.seen).retry = Some(hello.effective.retry_ms);
                }
            }
            Err(error) => self.complain(world, format!("promise 12: {error}: {text:?}")),
        }
        raw
    }

    fn request(&self, dice: &mut Dice) -> String {
        let mut seen = lock(&self.seen);
        if std::mem::take(&mut seen.forget) {
            seen.view = View::new();
            seen.last_id.clear();
            seen.id = None;
        }
        let symbols: Vec<&str> = self.character.symbols.iter().map(Symbol::as_str).collect();
        let fields: Vec<&str> = self.character.fields.iter().map(Field::name).collect();
        let mut target = format!("/v1/stream?symbols={}&fields={}", symbols.join(","), fields.join(","));
        target.push_str(&format!("&mode={}", self.character.mode));
        if let Some(rate) = self.character.max_rate {
            target.push_str(&format!("&max_rate={rate}"));
        }
        let accept = if self.character.lines { "application/x-ndjson" } else { "text/event-stream" };
        let mut header = String::new();
        if !seen.last_id.is_empty() {
            // Both ways to go on are the same.
            if dice.once_in(2) {
                header = format!("Last-Event-ID: {}\r\n", seen.last_id);
            } else {
                target = format!("{target}&last_event_id={}", seen.last_id);
            }
        }
        seen.farewell = None;
        seen.owed_reset = None;
        format!("GET {target} HTTP/1.1\r\nHost: gateway\r\nAccept: {accept}\r\n{header}\r\n")
    }

    fn complain(&self, world: &World, what: impl std::fmt::Display) {
        world.complain(format!("client {}: {what}", self.character.number));
    }

    fn hash(&self, bytes: &[u8]) {
        let mut seen = lock(&self.seen);
        for byte in bytes {
            seen.hash = (seen.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Notes that the stream is over, and says whether there was one.
    fn take_leave(&self, now: Micros) -> bool {
        let mut seen = lock(&self.seen);
        (seen.removed, seen.added) = (BTreeMap::new(), Vec::new());
        let Some((since, epoch)) = seen.on.take() else { return false };
        let symbols = std::mem::take(&mut seen.accepted);
        seen.stretches.push((since, now, epoch, symbols));
        true
    }

    /// Takes one event.
    fn take(&self, raw: &RawEvent, now: Micros, world: &World) {
        let event = match Event::parse(&raw.data) {
            Ok(event) => event,
            Err(error) => return self.complain(world, format!("promise 12: {error}: {:?}", raw.data)),
        };
        let mut seen = lock(&self.seen);
        let seen = &mut *seen;
        seen.events += 1;
        if seen.farewell.is_some() {
            self.complain(world, format!("promise 14: {} after the goodbye", raw.event));
        }
        if let Err(why) = seen.follow_ids(raw, &event) {
            self.complain(world, format!("promise 1: {why}"));
        }
        if let Err(error) = seen.view.apply(&event) {
            self.complain(world, format!("promise 1: {error}"));
        }
        if let Err(why) = seen.check_id(&event, self.character.fields, world) {
            self.complain(world, format!("promise 2: {why}"));
        }
        match &event {
            Event::Hello(hello) => {
                let epoch = u64::from_str_radix(&hello.epoch, 16).unwrap_or(0);
                seen.on = Some((now, epoch));
                seen.stream.clone_from(&hello.stream);
                seen.accepted = hello.accepted.iter().filter_map(|name| Symbol::parse(name).ok()).collect();
                let before = seen.id.map(|(epoch, _)| epoch);
                seen.owed_reset = before.map(|before| before != epoch);
                // The gateway does not know its venue's symbols yet: they join by themselves when it does.
                seen.added =
                    hello.rejected.iter().filter_map(|entry| Symbol::parse(&entry.symbol).ok()).collect();
            }
            Event::Snapshot(quote) | Event::Quote(quote) => {
                // An id vouches for what was added once its snapshot has come.
                if let Some(place) = seen.added.iter().position(|symbol| *symbol == quote.symbol) {
                    seen.accepted.push(seen.added.swap_remove(place));
                    world.count("added", 1);
                }
                if seen.removed.get(&quote.symbol).is_some_and(|at| quote.ts_pub > Some(*at)) {
                    self.complain(world, format!("{} is told after it was removed", quote.symbol));
                }
                if let Err(why) = seen.check_quote(quote, self.character.fields, world) {
                    self.complain(world, why);
                }
                if let Some(state) = quote.status {
                    seen.note(&quote.symbol, state, now);
                }
            }
            Event::Status(status) => {
                if let Subject::Symbol(symbol) = &status.subject {
                    seen.note(symbol, status.now, now);
                }
            }
            Event::Goodbye(farewell) => seen.farewell = Some(farewell.reason.clone()),
            Event::Refused(_) => seen.farewell = Some("refused".to_owned()),
            Event::Reset(_) | Event::Heartbeat(_) => {}
            Event::Lagged(_) if self.character.mode != "latest" => world.count("lagged", 1),
            Event::Lagged(_) | Event::Other(_) => {
                self.complain(world, format!("nobody asked for {}", raw.event));
            }
        }
    }
}

impl Seen {
    /// Ids only rise, and across epochs a `reset` comes first.
    fn follow_ids(&mut self, raw: &RawEvent, event: &Event) -> Result<(), String> {
        if !raw.id.is_empty() {
            self.last_id.clone_from(&raw.id);
        }
        let owed = match event {
            Event::Hello(_) | Event::Heartbeat(_) | Event::Goodbye(_) | Event::Refused(_) => return Ok(()),
            _ => self.owed_reset.take(),
        };
        let is_reset = matches!(event, Event::Reset(_));
        match owed {
            Some(true) if !is_reset => return Err(format!("{} of a new epoch, and no reset", raw.event)),
            Some(false) if is_reset => return Err("a reset of the same epoch".to_owned()),
            _ => {}
        }
        let read = raw
            .id
            .split_once('-')
            .and_then(|(epoch, seq)| Some((u64::from_str_radix(epoch, 16).ok()?, seq.parse::<u64>().ok()?)));
        let Some(now) = read else { return Err(format!("an id like {:?} on {}", raw.id, raw.event)) };
        let before = self.id.replace(now);
        match before {
            Some(before) if !is_reset && before > now => {
                Err(format!("the id went from {before:?} to {now:?}"))
            }
            _ => Ok(()),
        }
    }

    /// An id says that everything of the stream up to it was told, and a heartbeat's sequence says the same: what has not
    /// changed since is as the table has it.
    fn check_id(&self, event: &Event, fields: FieldSet, world: &World) -> Result<(), String> {
        let told_up_to = match (event, self.on, self.id) {
            (Event::Heartbeat(heartbeat), Some((_, epoch)), _) => (epoch, heartbeat.seq),
            (Event::Hello(_) | Event::Goodbye(_) | Event::Refused(_), _, _) => return Ok(()),
            (_, _, Some(id)) => id,
            _ => return Ok(()),
        };
        let gateway = lock(&world.gateway);
        let Some(life) = gateway.0.as_ref().filter(|life| life.table.epoch() == told_up_to.0) else {
            return Ok(());
        };
        for symbol in &self.accepted {
            let Some(id) = life.table.find(symbol.as_str()) else { continue };
            if life.table.changed_seq(id) > told_up_to.1 {
                continue;
            }
            let quote = life.table.read(id);
            let differences = self.view.differences(symbol, &quote, fields);
            if !differences.is_empty() {
                let fields: Vec<&str> = differences.iter().map(Field::name).collect();
                return Err(format!(
                    "everything up to {} was told, and {fields:?} of {symbol}, changed at {}, were not",
                    told_up_to.1, quote.seq
                ));
            }
        }
        Ok(())
    }

    /// Whether what is believed of the symbol belongs together, and is no old price if it is live.
    fn check_quote(&self, quote: &QuoteEvent, fields: FieldSet, world: &World) -> Result<(), String> {
        let Some(belief) = self.view.get(&quote.symbol) else { return Ok(()) };
        let chosen = |field| fields.contains(field);
        if world.composites.contains_key(&quote.symbol) {
            return composite::whole(|field| belief.figures.get(field), chosen)
                .map_err(|torn| format!("promise 3: {}: {torn}", quote.symbol));
        }
        let steps = journal::steps(|field| belief.figures.get(field), belief.side, chosen)
            .map_err(|torn| format!("promise 3: {}: {torn}", quote.symbol))?;
        match (belief.status.status, quote.ts_pub) {
            (Status::Live, Some(published)) => world
                .may_be_live(&quote.symbol, steps, belief.status.since, published)
                .map_err(|why| format!("promise 5: {}: {why}", quote.symbol)),
            _ => Ok(()),
        }
    }

    fn note(&mut self, symbol: &Symbol, state: StatusNow, now: Micros) {
        let states = self.told.entry(symbol.clone()).or_default();
        if states.last().map(|(_, last)| last) != Some(&state) {
            states.push((now, state));
        }
    }
}
