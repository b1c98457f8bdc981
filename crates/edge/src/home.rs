//! What a writer loop shares with everybody else: who lives there, and the post.
//!
//! A loop owns its streams alone. Whoever opens, changes, wakes or ends one posts that here; the order of the post is the
//! order of what was done. The post is bounded by what can be done to the open streams between two turns: one letter for
//! each opening, hand-over, change and end, one call for each reason to wake.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use table::SymbolId;
use tokio::sync::Notify;

use crate::client::Client;
use crate::line::Line;

/// What a loop is told.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A stream, or a long poll, has been opened.
    Join {
        client: Arc<Client>,
        symbols: Box<[SymbolId]>,
        /// Symbols that come into the table later may concern it.
        waits: bool,
    },
    /// A stream's socket is the loop's from now on.
    HandOver { place: u32, line: Box<Line> },
    /// It has subscribed to something else.
    Change { place: u32, left: Box<[SymbolId]>, joined: Box<[SymbolId]>, waits: bool },
    /// It has ended; these were its symbols.
    Leave { place: u32, symbols: Box<[SymbolId]> },
}

/// A loop's door.
#[derive(Debug)]
pub(crate) struct Home {
    /// Which loop, from 0.
    pub(crate) number: usize,
    /// Rung when there is post, and when the table has changed. One permit: several rings are one turn.
    pub(crate) bell: Notify,
    streams: AtomicUsize,
    post: Mutex<Post>,
}

#[derive(Debug, Default)]
struct Post {
    letters: Vec<Letter>,
    /// Places whose streams have been woken.
    calls: Vec<u32>,
    /// Who lives where, for those who address everybody.
    clients: Vec<Option<Arc<Client>>>,
    free: Vec<u32>,
}

impl Home {
    pub(crate) fn new(number: usize) -> Home {
        Home { number, bell: Notify::new(), streams: AtomicUsize::new(0), post: Mutex::default() }
    }

    /// How many live here.
    pub(crate) fn len(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// Gives a stream a place, which [`Home::leave`] gives back.
    pub(crate) fn join(
        &self,
        symbols: Box<[SymbolId]>,
        waits: bool,
        client: impl FnOnce(u32) -> Client,
    ) -> Arc<Client> {
        let mut post = self.post.lock();
        let place = post.free.pop().unwrap_or_else(|| {
            post.clients.push(None);
            // As many streams as there are file descriptors, at most.
            u32::try_from(post.clients.len() - 1).expect("more streams than 32 bits can count")
        });
        let client = Arc::new(client(place));
        post.clients[place as usize] = Some(Arc::clone(&client));
        post.letters.push(Letter::Join { client: Arc::clone(&client), symbols, waits });
        drop(post);
        self.streams.fetch_add(1, Ordering::Relaxed);
        self.bell.notify_one();
        client
    }

    /// The stream is no more. Its place is given to others only when the loop has read so.
    pub(crate) fn leave(&self, place: u32, symbols: Box<[SymbolId]>) {
        let gone = {
            let mut post = self.post.lock();
            let gone = post.clients.get_mut(place as usize).and_then(Option::take);
            post.letters.push(Letter::Leave { place, symbols });
            gone
        };
        drop(gone);
        self.streams.fetch_sub(1, Ordering::Relaxed);
        self.bell.notify_one();
    }

    /// Posts a letter.
    pub(crate) fn post(&self, letter: Letter) {
        self.post.lock().letters.push(letter);
        self.bell.notify_one();
    }

    /// Has the loop look at a stream.
    pub(crate) fn call(&self, place: u32) {
        self.post.lock().calls.push(place);
        self.bell.notify_one();
    }

    /// Takes the post: letters, then calls.
    pub(crate) fn take(&self) -> (Vec<Letter>, Vec<u32>) {
        let mut post = self.post.lock();
        (std::mem::take(&mut post.letters), std::mem::take(&mut post.calls))
    }

    /// The loop has read that nobody lives there any more.
    pub(crate) fn free(&self, place: u32) {
        self.post.lock().free.push(place);
    }

    /// Everybody who lives here now.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        self.post.lock().clients.iter().flatten().cloned().collect()
    }
}
