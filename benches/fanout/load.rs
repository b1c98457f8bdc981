//! A crowd of clients: connected, watched, measured.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::clock;
use crate::reader::{Client, Reader, Wish};
use crate::resume::Resumed;
use crate::sse::Keys;
use crate::tally::Tally;

/// What one client asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its symbols.
    pub(crate) symbols: Vec<u32>,
    /// Which group it is counted in.
    pub(crate) group: usize,
}

/// Groups of clients: those that read all the time, and those that stop for a while.
pub(crate) const GROUPS: usize = 2;
/// The group that may be held.
pub(crate) const SLOW: usize = 1;

/// Connected clients.
#[derive(Debug)]
pub(crate) struct Load {
    reader: Reader,
    clients: u64,
}

impl Load {
    /// Connects every client and waits until all have been answered with status 200.
    pub(crate) fn connect(
        address: SocketAddr,
        wanted: &[Wanted],
        symbols: u32,
        keys: Keys,
        request: impl Fn(&[u32]) -> String,
    ) -> io::Result<Load> {
        let mut load = Load::empty(keys)?;
        load.join(address, wanted, symbols, request)?;
        Ok(load)
    }

    /// Nobody yet.
    pub(crate) fn empty(keys: Keys) -> io::Result<Load> {
        Ok(Load { reader: Reader::start(keys, GROUPS)?, clients: 0 })
    }

    /// Connects more clients and waits until all have been answered with status 200.
    pub(crate) fn join(
        &mut self,
        address: SocketAddr,
        wanted: &[Wanted],
        symbols: u32,
        request: impl Fn(&[u32]) -> String,
    ) -> io::Result<()> {
        self.clients += wanted.len() as u64;
        for one in wanted {
            let stream = dial(address)?;
            let target = request(&one.symbols);
            let head = format!("GET {target} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n");
            (&stream).write_all(head.as_bytes())?;
            let client = Client::new(stream, one.symbols.clone(), symbols, one.group)?;
            self.reader.send(Wish::Add(Box::new(client)))?;
        }
        let seen = &self.reader.seen;
        let all = clock::poll(Duration::from_secs(60), || {
            let ended = seen.ended.load(Ordering::Relaxed) > 0;
            (ended || seen.begun.load(Ordering::Relaxed) == self.clients).then_some(ended)
        });
        match all {
            Some(false) => Ok(()),
            Some(true) => Err(io::Error::other("the server ended or refused a client at once")),
            None => Err(io::Error::other(format!(
                "only {} of {} clients were answered within a minute",
                seen.begun.load(Ordering::Relaxed),
                self.clients
            ))),
        }
    }

    /// From now on what is read, or due, in this time is measured.
    pub(crate) fn measure(&self, from: u64, to: u64) -> io::Result<()> {
        self.reader.ask(|done| Wish::Measure { from, to, done })
    }

    /// The counts of each group.
    pub(crate) fn tallies(&self) -> io::Result<Vec<Tally>> {
        self.reader.ask(Wish::Tell)
    }

    /// The counts of all.
    pub(crate) fn tally(&self) -> io::Result<Tally> {
        let mut sum = Tally::default();
        self.tallies()?.iter().for_each(|tally| sum.add(tally));
        Ok(sum)
    }

    /// Waits until no quote has come for so long; whether that happened in time.
    pub(crate) fn quiet(&self, silence: Duration, patience: Duration) -> bool {
        let start = clock::now();
        let silence = silence.as_micros() as u64;
        clock::poll(patience, || {
            let last = self.reader.seen.last_quote.load(Ordering::Relaxed).max(start);
            (clock::now() > last + silence).then_some(())
        })
        .is_some()
    }

    /// How many (client, symbol) lack the newest number, and how many numbers they are short of.
    pub(crate) fn missing(&self, newest: &Arc<Vec<u32>>) -> io::Result<(u64, u64)> {
        self.reader.ask(|told| Wish::Missing { newest: Arc::clone(newest), told })
    }

    /// Lets a group stop reading.
    pub(crate) fn hold(&self, group: usize) -> io::Result<()> {
        self.reader.ask(|done| Wish::Hold { group, done })
    }

    /// Lets a held group read again, one client after the other so that none has to wait for what another is given.
    pub(crate) fn release(&self, group: usize, apart: Duration) -> io::Result<()> {
        while self.reader.ask(|told| Wish::Release { group, told })? {
            clock::pause(apart);
        }
        Ok(())
    }

    /// How the clients of a group came back.
    pub(crate) fn resumes(&self, group: usize) -> io::Result<Vec<Resumed>> {
        self.reader.ask(|told| Wish::Resumes { group, told })
    }

    /// Quotes read since the clients connected.
    pub(crate) fn quotes(&self) -> u64 {
        self.reader.seen.quotes.load(Ordering::Relaxed)
    }

    /// Clients whose connection has ended.
    pub(crate) fn ended(&self) -> u64 {
        self.reader.seen.ended.load(Ordering::Relaxed)
    }
}

/// Connects with the segments of a real network: loopback's own of 64 KiB would give each connection megabytes of
/// send buffer at the server.
fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_tcp_mss(1460)?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}

/// Raises this process's limit of open files to the most that is allowed.
pub(crate) fn raise_file_limit() -> io::Result<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.unwrap_or(u64::MAX))
}
