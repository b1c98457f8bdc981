//! An emulated venue: real sockets on `127.0.0.1`, recorded HTTP answers, recorded frames over a real WebSocket.
//!
//! ```no_run
//! # async fn example() {
//! use testkit::script::{Fault, Script};
//! use testkit::venue::Venue;
//!
//! let script = Script::new([r#"{"s":"BTCUSD","b":"1.0"}"#]).fault(1..=1, Fault::ResetAfter(1));
//! let venue = Venue::start(script).await;
//! // Point the adapter at venue.ws_url() and venue.rest_url(), then:
//! venue.wait_connection(2).await;
//! assert_eq!(venue.sent_by(1), venue.sent_by(2), "everything is subscribed again");
//! # }
//! ```

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::script::Script;
use crate::wait_for;

mod http;
mod lines;
mod play;

/// What the venue saw on one WebSocket connection, refused ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Path and query of the handshake; empty before it was read.
    pub target: String,
    /// The whole head of the handshake: credentials may stand in it.
    pub head: String,
    /// Texts that the client sent, without those that [`Script::replies`] answers.
    pub sent: Vec<String>,
    /// Texts that [`Script::replies`] answered.
    pub answered: usize,
    /// WebSocket pings of the client.
    pub pings: usize,
    /// WebSocket pongs of the client.
    pub pongs: usize,
    /// Acts put on the wire: frames, and what faults added.
    pub acts: usize,
    /// Whether everything that this connection was to play is on the wire.
    pub played: bool,
    /// Whether the connection is over as far as the venue can see: ended by the client, or by a fault.
    pub over: bool,
}

/// Everything that the venue saw.
#[derive(Debug, Default)]
struct Seen {
    connections: Vec<Connection>,
    asked: Vec<String>,
    heads: Vec<String>,
    complaints: Vec<String>,
}

/// What the tasks of a venue share. Written by its own tasks, read by the test; dropping the venue ends the tasks.
#[derive(Debug)]
struct Stage {
    script: Script,
    seen: watch::Sender<Seen>,
    steps: Semaphore,
}

impl Stage {
    /// Changes what was seen of connection `number`, and wakes whoever waits.
    fn note(&self, number: usize, change: impl FnOnce(&mut Connection)) {
        self.seen.send_modify(|seen| change(&mut seen.connections[number - 1]));
    }
}

/// An emulated venue. Dropping it closes every socket.
#[derive(Debug)]
pub struct Venue {
    stage: Arc<Stage>,
    ws: SocketAddr,
    rest: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl Venue {
    /// Starts a venue on two free ports of `127.0.0.1`.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start(script: Script) -> Venue {
        let (ws_listener, ws) = listen().await;
        let (rest_listener, rest) = listen().await;
        let stage =
            Arc::new(Stage { script, seen: watch::Sender::new(Seen::default()), steps: Semaphore::new(0) });
        let tasks = [
            tokio::spawn(accept(ws_listener, Arc::clone(&stage), play::connection)),
            tokio::spawn(accept(rest_listener, Arc::clone(&stage), http::connection)),
        ];
        Venue { stage, ws, rest, tasks }
    }

    /// Where the WebSocket is: `ws://127.0.0.1:PORT`. Any path and query may follow.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.ws)
    }

    /// Where a plain request is answered by a stream of lines, one a frame: `http://127.0.0.1:PORT`. Any path and query may
    /// follow. It is the place of [`Venue::ws_url`], with the same script, faults and steps.
    pub fn stream_url(&self) -> String {
        format!("http://{}", self.ws)
    }

    /// Where the HTTP answers are: `http://127.0.0.1:PORT`.
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// Lets that many more frames go out, over all connections of a script with [`crate::script::Pace::Stepped`].
    pub fn step(&self, frames: usize) {
        self.stage.steps.add_permits(frames);
    }

    /// What was seen of every connection so far, in the order in which they were accepted.
    pub fn connections(&self) -> Vec<Connection> {
        self.stage.seen.borrow().connections.clone()
    }

    /// Every text that clients sent, connection after connection.
    pub fn sent(&self) -> Vec<String> {
        self.connections().into_iter().flat_map(|connection| connection.sent).collect()
    }

    /// The texts that connection `number` (from 1) sent; none when there is no such connection yet.
    pub fn sent_by(&self, number: usize) -> Vec<String> {
        self.connections().into_iter().nth(number - 1).unwrap_or_default().sent
    }

    /// The heads of all HTTP requests, in order: credentials may stand in them.
    pub fn heads(&self) -> Vec<String> {
        self.stage.seen.borrow().heads.clone()
    }

    /// Paths with query that were asked over HTTP, in order, unknown ones included.
    pub fn asked(&self) -> Vec<String> {
        self.stage.seen.borrow().asked.clone()
    }

    /// WebSocket pings of clients, over all connections.
    pub fn pings(&self) -> usize {
        self.stage.seen.borrow().connections.iter().map(|connection| connection.pings).sum()
    }

    /// Waits until the venue has accepted its n-th connection.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`], or a connection sent what the script did not expect; so
    /// do all the other waits.
    pub async fn wait_connection(&self, count: usize) {
        self.wait(format!("connection {count}"), |all| all.len() >= count).await;
    }

    /// Waits until clients have sent `count` texts over all connections.
    pub async fn wait_sent(&self, count: usize) {
        let sent = |all: &[Connection]| all.iter().map(|c| c.sent.len()).sum::<usize>() >= count;
        self.wait(format!("{count} texts from clients"), sent).await;
    }

    /// Waits until some connection has everything on the wire that it was to play.
    pub async fn wait_played(&self) {
        self.wait("the end of the script", |all| all.iter().any(|c| c.played)).await;
    }

    /// Waits until connection `number` (from 1) has everything on the wire that it was to play.
    pub async fn wait_played_by(&self, number: usize) {
        let played = |all: &[Connection]| all.get(number - 1).is_some_and(|c| c.played);
        self.wait(format!("the end of the script on connection {number}"), played).await;
    }

    /// Waits until connection `number` (from 1) is over.
    pub async fn wait_over(&self, number: usize) {
        let over = |all: &[Connection]| all.get(number - 1).is_some_and(|c| c.over);
        self.wait(format!("the end of connection {number}"), over).await;
    }

    /// Waits until `pred` agrees with what was seen of all connections; `awaited` names that in the failure.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`], or a connection sent what the script did not expect.
    pub async fn wait(&self, awaited: impl fmt::Display, pred: impl Fn(&[Connection]) -> bool) {
        let complaint = wait_for(&self.stage.seen, awaited, |seen| match seen.complaints.first() {
            Some(complaint) => Some(Err(complaint.clone())),
            None => pred(&seen.connections).then_some(Ok(())),
        });
        if let Err(complaint) = complaint.await {
            panic!("{complaint}");
        }
    }

    /// Waits until `count` HTTP requests were read.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn wait_asked(&self, count: usize) {
        let enough = |seen: &Seen| (seen.asked.len() >= count).then_some(());
        wait_for(&self.stage.seen, format!("{count} HTTP requests"), enough).await;
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    match listener.and_then(|listener| listener.local_addr().map(|address| (listener, address))) {
        Ok(pair) => pair,
        Err(error) => panic!("no port of 127.0.0.1 to listen on: {error}"),
    }
}

/// Accepts for ever; the connections' tasks end with this one.
async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    stage: Arc<Stage>,
    serve: impl Fn(TcpStream, Arc<Stage>) -> F,
) {
    let mut tasks = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Frames must leave one by one, as a test steps them.
        let _ = stream.set_nodelay(true);
        tasks.spawn(serve(stream, Arc::clone(&stage)));
        while tasks.try_join_next().is_some() {}
    }
}
