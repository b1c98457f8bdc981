//! Who listens where, and who dials whom.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use feed::network::{Io, Network, Pending};
use feed::rest::FetchError;
use feed::{Request, RestAnswer, Secret};
use tokio::sync::mpsc;

use super::Dice;
use super::pipe::{self, End, Link, Manner};

/// Calls that wait to be taken, as a listening socket has it.
const BACKLOG: usize = 64;

/// The network of a world. Clones are the same network.
#[derive(Clone, Debug)]
pub struct Wires {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    dice: Dice,
    places: BTreeMap<String, Place>,
}

#[derive(Debug, Default)]
struct Place {
    calls: Option<mpsc::Sender<Call>>,
    /// Dials so far, so that each connection has dice of its own.
    dials: u64,
    /// Dials get no answer at all.
    unreachable: bool,
    /// What is answered to HTTP requests, by the end of the address.
    answers: Vec<(String, String)>,
}

/// A connection that somebody has dialled.
#[derive(Debug)]
pub struct Call {
    /// Our end of it.
    pub end: End,
    /// The handle by which things go wrong.
    pub link: Link,
    /// Which dial of this place it is, from 1.
    pub number: u64,
}

/// Takes the calls of one place. Dropping it refuses all further ones.
#[derive(Debug)]
pub struct Listener {
    calls: mpsc::Receiver<Call>,
}

impl Listener {
    /// The next call. Cancel-safe.
    pub async fn accept(&mut self) -> Call {
        match self.calls.recv().await {
            Some(call) => call,
            // Somebody else listens at this place now.
            None => std::future::pending().await,
        }
    }
}

impl Wires {
    /// A network on which nobody listens yet.
    pub fn new(dice: &Dice) -> Wires {
        let inner = Inner { dice: dice.of("wires", 0), places: BTreeMap::new() };
        Wires { inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens at a place from now on, in the stead of whoever did before.
    pub fn listen(&self, place: &str) -> Listener {
        let (sender, calls) = mpsc::channel(BACKLOG);
        self.lock().places.entry(place.to_owned()).or_default().calls = Some(sender);
        Listener { calls }
    }

    /// Whether dials to a place get no answer at all, which takes the dialler's patience.
    pub fn set_unreachable(&self, place: &str, unreachable: bool) {
        self.lock().places.entry(place.to_owned()).or_default().unreachable = unreachable;
    }

    /// What a place answers to HTTP requests whose address ends like this.
    pub fn answer(&self, place: &str, path: &str, body: &str) {
        let mut inner = self.lock();
        let place = inner.places.entry(place.to_owned()).or_default();
        place.answers.push((path.to_owned(), body.to_owned()));
    }

    /// Dials. Takes a moment, and for ever where nothing answers.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn dial(&self, place: &str, manner: Manner) -> io::Result<(End, Link)> {
        let (mut dice, number, unreachable) = {
            let mut inner = self.lock();
            let dice = inner.dice.clone();
            let at = inner.places.entry(place.to_owned()).or_default();
            at.dials += 1;
            (dice.of(place, at.dials), at.dials, at.unreachable)
        };
        if unreachable {
            return std::future::pending().await;
        }
        tokio::time::sleep(dice.millis(0, 5)).await;
        let (ours, theirs, link) = pipe::open(manner, &dice);
        let inner = self.lock();
        let calls = inner.places.get(place).and_then(|place| place.calls.as_ref());
        let call = Call { end: theirs, link: link.clone(), number };
        match calls.map(|calls| calls.try_send(call)) {
            Some(Ok(())) => Ok((ours, link)),
            Some(Err(_)) | None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    fn get(&self, url: &str) -> Option<String> {
        let inner = self.lock();
        let place = inner.places.get(host_of(url))?;
        if place.calls.as_ref().is_none_or(mpsc::Sender::is_closed) {
            return None;
        }
        place.answers.iter().find(|(path, _)| url.ends_with(path.as_str())).map(|(_, body)| body.clone())
    }
}

/// The host of an address that has a scheme, without a port.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':', '?']).next().unwrap_or_default()
}

impl Network for Wires {
    fn connect<'a>(&'a self, host: &'a str, _port: u16) -> Pending<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let (end, _) = self.dial(host, Manner::default()).await?;
            Ok(Box::new(end) as Box<dyn Io>)
        })
    }

    fn fetch(
        &self,
        requests: Vec<Request>,
        _headers: Vec<(&'static str, Secret)>,
    ) -> Pending<'_, Result<Vec<RestAnswer>, FetchError>> {
        Box::pin(async move {
            requests
                .iter()
                .map(Request::name)
                .map(|url| match self.get(&url) {
                    Some(body) => Ok(RestAnswer { url, body }),
                    None => Err(FetchError::Retry { place: url, why: "refused".to_owned(), after: None }),
                })
                .collect()
        })
    }
}
