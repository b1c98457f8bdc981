//! The thread that reads every client's connection.
//!
//! One epoll, one read per ready connection into one buffer, one pass over the bytes. It counts per connection and
//! symbol what came, what was left out, what came twice and what came out of order, and trusts no server.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::io::ioctl_fionread;

use mio::{Events, Interest, Poll, Token, Waker};

use crate::clock;
use crate::resume::{Dues, Parked, Resumed, Return};
use crate::sse::{Broken, CARRY_MAX, Keys, Response, Said};
use crate::tally::Tally;
use crate::usage::{self, Queue};

/// Most bytes of one read.
const READ_MAX: usize = 256 << 10;
/// Token of what wakes the thread for a wish.
const WISH: Token = Token(usize::MAX);

/// What the thread is asked for. Each wish is answered once by its sender, so that the asker knows it is in force.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Read this connection too.
    Add(Box<Client>),
    /// Forget the counts; from now on quotes read, or due, in this time are measured.
    Measure { from: u64, to: u64, done: SyncSender<()> },
    /// The counts of every group.
    Tell(SyncSender<Vec<Tally>>),
    /// Do not read a group.
    Hold { group: usize, done: SyncSender<()> },
    /// Read the next client of a held group again; whether there was one.
    Release { group: usize, told: SyncSender<bool> },
    /// How many (client, symbol) do not have the newest number, and how many numbers they are short of.
    Missing { newest: Arc<Vec<u32>>, told: SyncSender<(u64, u64)> },
    /// How the clients of a group came back.
    Resumes { group: usize, told: SyncSender<Vec<Resumed>> },
    /// End the thread.
    Stop,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    stream: mio::net::TcpStream,
    response: Response,
    symbols: Vec<u32>,
    /// Number last read of each symbol of the world; most are never touched.
    last: Vec<u32>,
    group: usize,
    held: bool,
    open: bool,
    /// There from when it reads again after it had stopped.
    back: Option<Return>,
}

impl Client {
    /// A client whose request has been sent.
    pub(crate) fn new(stream: TcpStream, symbols: Vec<u32>, of: u32, group: usize) -> io::Result<Client> {
        stream.set_nonblocking(true)?;
        Ok(Client {
            stream: mio::net::TcpStream::from_std(stream),
            response: Response::new(),
            symbols,
            last: vec![0; of as usize],
            group,
            held: false,
            open: true,
            back: None,
        })
    }
}

/// What others may look at while the thread runs. Written by the thread alone, relaxed: each is a number by itself.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Responses that have begun with status 200.
    pub(crate) begun: AtomicU64,
    /// Connections that have ended.
    pub(crate) ended: AtomicU64,
    /// Quotes read in all.
    pub(crate) quotes: AtomicU64,
    /// When a quote was last read.
    pub(crate) last_quote: AtomicU64,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Reader {
    wishes: SyncSender<Wish>,
    waker: Arc<Waker>,
    /// What it has seen.
    pub(crate) seen: Arc<Seen>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Reader {
    /// Starts the thread, with room for the counts of so many groups.
    pub(crate) fn start(keys: Keys, groups: usize) -> io::Result<Reader> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WISH)?);
        let (wishes, inbox) = sync_channel(64);
        let seen = Arc::new(Seen::default());
        let work = Work {
            poll,
            inbox,
            clients: Vec::new(),
            counts: Counts {
                keys,
                tallies: vec![Tally::default(); groups],
                from: u64::MAX,
                to: u64::MAX,
                quotes: 0,
                dues: None,
            },
            buffer: vec![0; CARRY_MAX + READ_MAX],
            seen: Arc::clone(&seen),
            queues: None,
        };
        let thread = std::thread::Builder::new().name("reader".to_owned()).spawn(move || work.run())?;
        Ok(Reader { wishes, waker, seen, thread: Some(thread) })
    }

    /// Asks for something without waiting.
    pub(crate) fn send(&self, wish: Wish) -> io::Result<()> {
        self.wishes.send(wish).map_err(|_| io::Error::other("the reader has ended"))?;
        self.waker.wake()
    }

    /// Asks for something and waits for the answer.
    pub(crate) fn ask<T>(&self, wish: impl FnOnce(SyncSender<T>) -> Wish) -> io::Result<T> {
        let (tell, told) = sync_channel(1);
        self.send(wish(tell))?;
        told.recv_timeout(Duration::from_secs(60))
            .map_err(|_| io::Error::other("the reader did not answer within a minute"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A thread that has failed already said so by its answers.
        let _ = self.send(Wish::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's own state.
#[derive(Debug)]
struct Work {
    poll: Poll,
    inbox: Receiver<Wish>,
    clients: Vec<Client>,
    counts: Counts,
    buffer: Vec<u8>,
    seen: Arc<Seen>,
    /// What the kernel held when the first held client was let go. It takes long to ask for on a machine with many sockets.
    queues: Option<HashMap<(u16, u16), Queue>>,
}

/// What is counted, apart from the connections so that both can be borrowed.
#[derive(Debug)]
struct Counts {
    keys: Keys,
    tallies: Vec<Tally>,
    from: u64,
    to: u64,
    quotes: u64,
    /// Since somebody was held first.
    dues: Option<Dues>,
}

impl Work {
    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                if event.token() == WISH {
                    if self.wishes()? {
                        return Ok(());
                    }
                } else {
                    self.read(event.token().0);
                }
            }
        }
    }

    /// Does what was asked for; whether to stop.
    fn wishes(&mut self) -> io::Result<bool> {
        while let Ok(wish) = self.inbox.try_recv() {
            // Whoever asked may have given up waiting.
            let _ = match wish {
                Wish::Add(client) => {
                    let token = Token(self.clients.len());
                    self.clients.push(*client);
                    let stream = &mut self.clients[token.0].stream;
                    self.poll.registry().register(stream, token, Interest::READABLE)?;
                    Ok(())
                }
                Wish::Measure { from, to, done } => {
                    self.counts.tallies.fill(Tally::default());
                    (self.counts.from, self.counts.to) = (from, to);
                    done.send(()).map_err(drop)
                }
                Wish::Tell(told) => told.send(self.counts.tallies.clone()).map_err(drop),
                Wish::Hold { group, done } => {
                    self.hold(group);
                    done.send(()).map_err(drop)
                }
                Wish::Release { group, told } => told.send(self.release(group)).map_err(drop),
                Wish::Missing { newest, told } => told.send(self.missing(&newest)).map_err(drop),
                Wish::Resumes { group, told } => {
                    let of_group = self.clients.iter().filter(|client| client.group == group);
                    let resumed = of_group.filter_map(|client| Some(client.back.as_ref()?.resumed));
                    told.send(resumed.collect()).map_err(drop)
                }
                Wish::Stop => return Ok(true),
            };
        }
        Ok(false)
    }

    fn hold(&mut self, group: usize) {
        // From now on it is written down what is due, so that a price can be told dead.
        self.counts.dues.get_or_insert_default();
        self.queues = None;
        self.clients.iter_mut().filter(|client| client.group == group).for_each(|client| client.held = true);
    }

    /// Lets the next held client of a group read again; false when there is none.
    fn release(&mut self, group: usize) -> bool {
        let held = |client: &Client| client.group == group && client.held;
        let Some(at) = self.clients.iter().position(held) else { return false };
        let parked = self.parked(at).unwrap_or_default();
        let client = &mut self.clients[at];
        client.held = false;
        let symbols = client.symbols.iter().map(|symbol| (*symbol, client.last[*symbol as usize]));
        let dues = self.counts.dues.get_or_insert_default();
        client.back = Some(Return::begin(clock::now(), parked, symbols, dues));
        // What became readable meanwhile is not told again.
        self.read(at);
        true
    }

    /// What the kernel holds for a client, at both ends. The server's end as it was when the first one was let go: whoever has
    /// been held for long has a full buffer here, and nothing moves.
    fn parked(&mut self, at: usize) -> Option<Parked> {
        let stream = &self.clients[at].stream;
        let (here, there) = (stream.local_addr().ok()?.port(), stream.peer_addr().ok()?.port());
        let queues = self.queues.get_or_insert_with(usage::queues);
        Some(Parked {
            client: ioctl_fionread(stream).ok()?,
            server: queues.get(&(there, here)).map_or(0, |queue| queue.unacknowledged),
        })
    }

    fn missing(&self, newest: &[u32]) -> (u64, u64) {
        let (mut short, mut numbers) = (0, 0);
        for client in &self.clients {
            for symbol in &client.symbols {
                let (last, newest) = (client.last[*symbol as usize], newest[*symbol as usize]);
                if last != newest {
                    short += 1;
                    numbers += u64::from(newest.saturating_sub(last));
                }
            }
        }
        (short, numbers)
    }

    /// Reads a connection until it has nothing more, or would have kept others waiting.
    fn read(&mut self, at: usize) {
        let Work { clients, counts, buffer, seen, .. } = self;
        let client = &mut clients[at];
        while client.open && !client.held {
            let most = client.back.as_ref().map_or(READ_MAX, |back| back.read_max(READ_MAX));
            let count = match client.stream.read(&mut buffer[CARRY_MAX..CARRY_MAX + most]) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let now = clock::now();
            let begun = client.response.begun();
            let before = counts.quotes;
            let outcome = if count == 0 { Ok(()) } else { counts.take(client, buffer, count, now) };
            if !begun && client.response.begun() {
                seen.begun.fetch_add(1, Ordering::Relaxed);
            }
            if counts.quotes > before {
                seen.quotes.store(counts.quotes, Ordering::Relaxed);
                seen.last_quote.store(now, Ordering::Relaxed);
            }
            if count == 0 || outcome.is_err() || client.response.over() {
                client.open = false;
                counts.tallies[client.group].ended += 1;
                seen.ended.fetch_add(1, Ordering::Relaxed);
                let _ = self.poll.registry().deregister(&mut client.stream);
                return;
            }
        }
    }
}

impl Counts {
    /// Takes in what one read gave.
    fn take(&mut self, client: &mut Client, buffer: &mut [u8], count: usize, now: u64) -> Result<(), Broken> {
        let Counts { keys, tallies, from, to, quotes, dues } = self;
        let tally = &mut tallies[client.group];
        let measured = (*from..*to).contains(&now);
        let Client { response, last, back, .. } = client;
        let mut events = 0;
        let outcome = response.read(buffer, CARRY_MAX + count, |line| match keys.read(line) {
            Said::Quote { symbol, due, counter } => {
                events += 1;
                if (*from..*to).contains(&due) {
                    tally.delays.record(now.saturating_sub(due));
                }
                if counter > 0
                    && let Some(last) = last.get_mut(symbol as usize)
                {
                    match counter.checked_sub(*last) {
                        Some(1) => {}
                        Some(0) => tally.doubles += 1,
                        Some(more) => tally.gaps += u64::from(more - 1),
                        None => tally.disorder += 1,
                    }
                    *last = counter.max(*last);
                    if let Some(dues) = dues {
                        dues.told(symbol, counter, due);
                        if let Some(back) = back {
                            back.quote(symbol, counter, due, now, dues);
                        }
                    }
                }
            }
            Said::Lagged => tally.lagged += 1,
            Said::Other => tally.others += 1,
        });
        if let Some(back) = back {
            back.has_read(count, response.is_within());
        }
        *quotes += events;
        if measured {
            tally.events += events;
            tally.reads += 1;
            tally.bytes += count as u64;
        }
        outcome
    }
}
