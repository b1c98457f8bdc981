//! The limit: one thread, one epoll, prepared bytes, one write per connection for all that is due to it.
//!
//! It knows no HTTP beyond the head it answers, makes its own updates, and has nothing to decide. What it costs is what
//! the kernel costs. Updates are taken every so many milliseconds (a window), or as soon as they are due (adaptive).
//! With a ring, the writes of a round are handed to the kernel a thousand at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::uring::Ring;
use super::{Order, orders, say};
use crate::clock;
use crate::event;
use crate::schedule::Schedule;

const LISTENER: Token = Token(usize::MAX);
const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nconnection: close\r\n\r\n";
/// Most bytes that wait for one connection; what does not fit is lost, and the client counts it.
const UNSENT_MAX: usize = 256 << 10;
/// Longest time between two looks at new connections and orders.
const LOOK_EVERY: u64 = 10_000;

struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
    /// Where in this round's bytes its events stand.
    owed: Vec<(u32, u32)>,
    unsent: Vec<u8>,
    open: bool,
}

struct Bare {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Connection>,
    subscribers: Vec<Vec<u32>>,
    schedule: Schedule,
    /// The events of a round, one behind another.
    bytes: Vec<u8>,
    touched: Vec<u32>,
    joined: Vec<u8>,
    writes: u64,
    ring: Option<Ring>,
    sent: Vec<i32>,
}

/// Runs until the input ends. A window of `None` is adaptive.
pub(crate) fn serve(symbols: u32, window: Option<f64>, ring: bool) -> io::Result<()> {
    let mut listener = TcpListener::from_std(super::listen()?);
    let address = listener.local_addr()?;
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (give, taken) = sync_channel(16);
    orders(move |order| {
        let _ = give.send(order);
    })?;
    say(&format!("listening {address}"))?;
    let bare = Bare {
        poll,
        listener,
        connections: Vec::new(),
        subscribers: vec![Vec::new(); symbols as usize],
        schedule: Schedule::new(symbols),
        bytes: Vec::new(),
        touched: Vec::new(),
        joined: Vec::new(),
        writes: 0,
        ring: ring.then(Ring::new).transpose()?,
        sent: Vec::new(),
    };
    bare.run(&taken, window.map(|millis| (millis * 1000.0) as u64))
}

impl Bare {
    fn run(mut self, taken: &Receiver<Order>, window: Option<u64>) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut next_round = clock::now();
        loop {
            while let Ok(order) = taken.try_recv() {
                if let Order::Rate(rate) = order {
                    self.schedule.set_rate(rate, clock::now());
                }
                say(&format!("made {} {}", self.schedule.made(), self.writes))?;
            }
            let now = clock::now();
            if now >= next_round {
                self.round(now);
                if let Some(window) = window {
                    // A round that took longer than its window is followed by the next at once.
                    next_round = (next_round + window).max(clock::now());
                }
            }
            self.look(&mut events)?;
            let now = clock::now();
            let due = self.schedule.next_due();
            let at = if window.is_some() { due.map(|_| next_round) } else { due };
            clock::wait_until(at.unwrap_or(u64::MAX).min(now + LOOK_EVERY));
        }
    }

    /// Makes what is due and writes it.
    fn round(&mut self, now: u64) {
        self.bytes.clear();
        while let Some(tick) = self.schedule.take(now) {
            let start = self.bytes.len() as u32;
            event::sse(&tick, self.schedule.made(), &mut self.bytes);
            let end = self.bytes.len() as u32;
            for at in &self.subscribers[tick.symbol as usize] {
                let owed = &mut self.connections[*at as usize].owed;
                match owed.last_mut() {
                    None => {
                        self.touched.push(*at);
                        owed.push((start, end));
                    }
                    Some(last) if last.1 == start => last.1 = end,
                    Some(_) => owed.push((start, end)),
                }
            }
        }
        match self.ring.take() {
            None => self.write_each(),
            Some(mut ring) => {
                self.write_all(&mut ring);
                self.ring = Some(ring);
            }
        }
        for at in self.touched.drain(..) {
            self.connections[at as usize].owed.clear();
        }
    }

    /// A system call for each connection.
    fn write_each(&mut self) {
        for at in &self.touched {
            let connection = &mut self.connections[*at as usize];
            let bytes = match connection.owed.as_slice() {
                [(start, end)] => &self.bytes[*start as usize..*end as usize],
                // Copying a few events costs less than handing the kernel a list of them.
                many => {
                    self.joined.clear();
                    join(many, &self.bytes, &mut self.joined);
                    &self.joined
                }
            };
            self.writes += u64::from(connection.write(bytes));
        }
    }

    /// A system call for a thousand connections.
    fn write_all(&mut self, ring: &mut Ring) {
        self.joined.clear();
        let mut places = Vec::with_capacity(self.touched.len());
        for at in &self.touched {
            let start = self.joined.len();
            if let many @ [_, _, ..] = self.connections[*at as usize].owed.as_slice() {
                join(many, &self.bytes, &mut self.joined);
            }
            places.push((start, self.joined.len()));
        }
        let mut sends = Vec::with_capacity(self.touched.len());
        let mut senders = Vec::with_capacity(self.touched.len());
        for (at, place) in self.touched.iter().zip(places) {
            let connection = &self.connections[*at as usize];
            let bytes = match connection.owed.as_slice() {
                [(start, end)] => &self.bytes[*start as usize..*end as usize],
                _ => &self.joined[place.0..place.1],
            };
            senders.push((*at, bytes));
            // Who has bytes waiting, or is gone, sends nothing new.
            let ready = connection.open && connection.unsent.is_empty();
            sends.push((connection.stream.as_fd(), if ready { bytes } else { &[] }));
        }
        ring.send_all(&sends, &mut self.sent);
        drop(sends);
        for ((at, bytes), sent) in senders.into_iter().zip(&self.sent) {
            let connection = &mut self.connections[at as usize];
            if !connection.open {
                continue;
            }
            self.writes += 1;
            connection.keep(bytes, usize::try_from(*sent).unwrap_or(0));
        }
    }

    /// New connections, requests, and sockets that take bytes again.
    fn look(&mut self, events: &mut Events) -> io::Result<()> {
        match self.poll.poll(events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &*events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = self.listener.accept() {
                    let token = Token(self.connections.len());
                    stream.set_nodelay(true)?;
                    self.poll.registry().register(
                        &mut stream,
                        token,
                        Interest::READABLE | Interest::WRITABLE,
                    )?;
                    self.connections.push(Connection {
                        stream,
                        head: Vec::new(),
                        owed: Vec::new(),
                        unsent: Vec::new(),
                        open: true,
                    });
                }
                continue;
            }
            let at = event.token().0;
            let connection = &mut self.connections[at];
            if event.is_readable()
                && let Some(symbols) = connection.request()
            {
                for symbol in symbols {
                    if let Some(subscribers) = self.subscribers.get_mut(symbol as usize) {
                        subscribers.push(at as u32);
                    }
                }
                self.writes += u64::from(connection.write(HEAD));
            }
            if event.is_writable() && !connection.unsent.is_empty() {
                let unsent = std::mem::take(&mut connection.unsent);
                self.writes += u64::from(connection.write(&unsent));
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Writes, and keeps what the socket does not take; whether there was a write.
    fn write(&mut self, bytes: &[u8]) -> bool {
        if !self.open {
            return false;
        }
        let wrote = if self.unsent.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(_) => {
                    self.open = false;
                    return false;
                }
            }
        } else {
            0
        };
        self.keep(bytes, wrote);
        true
    }

    /// Keeps what the socket did not take.
    fn keep(&mut self, bytes: &[u8], wrote: usize) {
        let rest = &bytes[wrote..];
        // Whole events are lost or kept: a rest that was begun must be finished.
        if !rest.is_empty() && (wrote > 0 || self.unsent.len() + rest.len() <= UNSENT_MAX) {
            self.unsent.extend_from_slice(rest);
        }
    }

    /// The symbols of the request, once its head has ended.
    fn request(&mut self) -> Option<Vec<u32>> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.open = false;
                    return None;
                }
                Ok(count) => self.head.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.open = false;
                    return None;
                }
            }
        }
        if !self.head.ends_with(b"\r\n\r\n") {
            return None;
        }
        let head = std::mem::take(&mut self.head);
        let head = String::from_utf8_lossy(&head);
        let list = head.split(' ').nth(1)?.split_once('?')?.1;
        Some(list.split(',').filter_map(|word| word.parse().ok()).collect())
    }
}

/// Appends the events of these places.
fn join(places: &[(u32, u32)], bytes: &[u8], joined: &mut Vec<u8>) {
    for (start, end) in places {
        joined.extend_from_slice(&bytes[*start as usize..*end as usize]);
    }
}
