//! A connection in memory, with everything that can go wrong on a real one.
//!
//! Each direction is a bounded queue of pieces. A piece is readable when its latency has passed, no sooner than the piece
//! before it. One read takes at most one piece, so the cuts between pieces are where a reader sees the stream cut. A
//! [`Link`] is the handle by which things go wrong from outside.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Dice;

/// How a connection behaves as long as nothing is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Bytes that a direction takes before writing waits.
    pub capacity: usize,
    /// Least and most latency of a piece, in milliseconds.
    pub latency_ms: (u64, u64),
    /// One write in so many is cut into pieces; 0 for none.
    pub cuts_one_in: u64,
    /// Longest piece of a write that is cut, in bytes.
    pub crumb_bytes: u64,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { capacity: 64 << 10, latency_ms: (0, 3), cuts_one_in: 4, crumb_bytes: 40 }
    }
}

/// One of the two directions, named by who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What the end that dialled writes.
    There,
    /// What the end that was dialled writes.
    Back,
}

/// Opens a connection: the end of whoever dials, the end of whoever listens, and the handle.
pub fn open(manner: Manner, dice: &Dice) -> (End, End, Link) {
    let half = |part| Arc::new(Mutex::new(Half::new(manner, dice.of(part, 0))));
    let (there, back) = (half("there"), half("back"));
    let end = |read: &Arc<Mutex<Half>>, write: &Arc<Mutex<Half>>| End {
        read: Arc::clone(read),
        write: Arc::clone(write),
        alarm: None,
    };
    let (dialler, listener) = (end(&back, &there), end(&there, &back));
    (dialler, listener, Link { there, back })
}

/// One direction.
#[derive(Debug)]
struct Half {
    manner: Manner,
    dice: Dice,
    /// What is under way, and when each piece can be read; those times only rise.
    pieces: VecDeque<(Instant, Vec<u8>)>,
    /// Bytes in `pieces`.
    held: usize,
    /// Nothing can be read before this.
    held_up_until: Instant,
    /// Nothing is delivered any more, not even an end.
    dead: bool,
    /// The writer is done.
    ended: bool,
    /// The reader is gone: nobody will take what is written.
    unread: bool,
    reset: bool,
    /// When something was last read.
    delivered: Instant,
    /// When the reader was told that nothing more comes, or left.
    over: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Half {
    fn new(manner: Manner, dice: Dice) -> Half {
        let now = Instant::now();
        Half {
            manner,
            dice,
            pieces: VecDeque::new(),
            held: 0,
            held_up_until: now,
            dead: false,
            ended: false,
            unread: false,
            reset: false,
            delivered: now,
            over: None,
            reader: None,
            writer: None,
        }
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    /// Takes as much as there is room for, cut as the dice say.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut bytes = &bytes[..bytes.len().min(self.manner.capacity - self.held)];
        let taken = bytes.len();
        let (least, most) = self.manner.latency_ms;
        let mut at = Instant::now() + self.dice.millis(least, most);
        if let Some((last, _)) = self.pieces.back() {
            at = at.max(*last);
        }
        let crumbs = self.manner.cuts_one_in > 0 && self.dice.once_in(self.manner.cuts_one_in);
        while !bytes.is_empty() {
            let most =
                if crumbs { 1 + self.dice.below(self.manner.crumb_bytes) as usize } else { bytes.len() };
            let (piece, rest) = bytes.split_at(most.min(bytes.len()));
            self.pieces.push_back((at, piece.to_vec()));
            bytes = rest;
            // A long way to go in crumbs of a few bytes would only cost time.
            if crumbs && bytes.len() > 4 * self.manner.crumb_bytes as usize {
                let (piece, rest) = bytes.split_at(bytes.len() / 2);
                self.pieces.push_back((at, piece.to_vec()));
                bytes = rest;
            }
        }
        self.held += taken;
        taken
    }
}

fn lock(half: &Mutex<Half>) -> MutexGuard<'_, Half> {
    half.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a connection. Dropping it ends its own direction after what was written, and resets the writer of the other.
#[derive(Debug)]
pub struct End {
    read: Arc<Mutex<Half>>,
    write: Arc<Mutex<Half>>,
    /// Wakes the reader when the next piece has arrived.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = &mut *self;
        loop {
            let mut half = lock(&end.read);
            let now = Instant::now();
            if half.reset {
                half.over.get_or_insert(now);
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let due = half.pieces.front().map(|(at, _)| (*at).max(half.held_up_until));
            match due {
                _ if half.dead => {
                    half.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Some(due) if due <= now => {
                    if let Some((_, piece)) = half.pieces.front_mut() {
                        let count = piece.len().min(buf.remaining());
                        buf.put_slice(&piece[..count]);
                        piece.drain(..count);
                        if piece.is_empty() {
                            half.pieces.pop_front();
                        }
                        half.held -= count;
                        half.delivered = now;
                    }
                    if let Some(writer) = half.writer.take() {
                        writer.wake();
                    }
                    return Poll::Ready(Ok(()));
                }
                None if half.ended => {
                    half.over.get_or_insert(now);
                    return Poll::Ready(Ok(()));
                }
                due => {
                    half.reader = Some(cx.waker().clone());
                    let Some(due) = due else { return Poll::Pending };
                    drop(half);
                    match &mut end.alarm {
                        Some(alarm) => alarm.as_mut().reset(due),
                        None => end.alarm = Some(Box::pin(sleep_until(due))),
                    }
                }
            }
            // Registers the alarm; when it has rung meanwhile, looks again.
            let rung = end.alarm.as_mut().is_some_and(|alarm| alarm.as_mut().poll(cx).is_ready());
            if !rung {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut half = lock(&self.write);
        if half.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if half.unread || half.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if half.held >= half.manner.capacity {
            half.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = half.take(bytes);
        if let Some(reader) = half.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut half = lock(&self.write);
        half.ended = true;
        half.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        {
            let mut half = lock(&self.write);
            half.ended = true;
            half.wake();
        }
        let mut half = lock(&self.read);
        half.unread = true;
        half.over.get_or_insert_with(Instant::now);
        half.wake();
    }
}

/// The handle by which things go wrong on a connection.
#[derive(Clone, Debug)]
pub struct Link {
    there: Arc<Mutex<Half>>,
    back: Arc<Mutex<Half>>,
}

impl Link {
    fn half(&self, way: Way) -> MutexGuard<'_, Half> {
        lock(match way {
            Way::There => &self.there,
            Way::Back => &self.back,
        })
    }

    /// Nothing of this direction arrives for so long; then everything does.
    pub fn stall(&self, way: Way, time: Duration) {
        let mut half = self.half(way);
        half.held_up_until = half.held_up_until.max(Instant::now() + time);
    }

    /// Nothing of this direction arrives any more, and neither side is told.
    pub fn kill(&self, way: Way) {
        self.half(way).dead = true;
    }

    /// Both ends are told that the connection was reset; what was under way is lost.
    pub fn reset(&self) {
        for way in [Way::There, Way::Back] {
            let mut half = self.half(way);
            half.reset = true;
            half.pieces.clear();
            half.held = 0;
            half.wake();
        }
    }

    /// When the reader of a direction was told that nothing more comes, or left by itself.
    pub fn over(&self, way: Way) -> Option<Instant> {
        self.half(way).over
    }

    /// Whether something was done to it that its ends did not do.
    pub fn is_faulty(&self) -> bool {
        self.is_dead(Way::There) || self.is_dead(Way::Back)
    }

    /// Whether nothing of this direction arrives any more.
    pub fn is_dead(&self, way: Way) -> bool {
        let half = self.half(way);
        half.reset || half.dead
    }

    /// When something of this direction was last read.
    pub fn delivered(&self, way: Way) -> Instant {
        self.half(way).delivered
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn world(seed: u64, manner: Manner) -> (End, End, Link) {
        open(manner, &Dice::new(seed))
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn every_byte_arrives_in_order_however_it_is_cut() {
        for seed in 0..50 {
            let manner = Manner { capacity: 100, cuts_one_in: 2, crumb_bytes: 7, ..Manner::default() };
            let (mut dialler, mut listener, _link) = world(seed, manner);
            let sent: Vec<u8> = (0..2_000_u32).map(|n| n as u8).collect();
            let writing = async {
                dialler.write_all(&sent).await.unwrap();
                dialler.shutdown().await.unwrap();
            };
            let mut got = Vec::new();
            let (_, read) = tokio::join!(writing, listener.read_to_end(&mut got));
            assert_eq!(read.unwrap(), sent.len());
            assert_eq!(got, sent, "seed {seed}");
        }
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_stall_delays_and_a_death_is_silent() {
        let (mut dialler, mut listener, link) = world(1, Manner { latency_ms: (5, 5), ..Manner::default() });
        let start = Instant::now();
        let mut byte = [0];
        dialler.write_all(b"a").await.unwrap();
        listener.read_exact(&mut byte).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(5));
        link.stall(Way::There, Duration::from_secs(1));
        dialler.write_all(b"b").await.unwrap();
        listener.read_exact(&mut byte).await.unwrap();
        assert_eq!((start.elapsed(), byte), (Duration::from_millis(1_005), *b"b"));
        assert!(!link.is_faulty());
        link.kill(Way::There);
        dialler.write_all(b"c").await.unwrap();
        drop(dialler);
        let hour = Duration::from_secs(3_600);
        assert!(tokio::time::timeout(hour, listener.read_exact(&mut byte)).await.is_err());
        assert!(link.is_faulty() && link.over(Way::There).is_none() && link.over(Way::Back).is_some());
        assert_eq!(link.delivered(Way::There) - start, Duration::from_millis(1_005));
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn ends_and_resets_are_told() {
        let (mut dialler, mut listener, link) = world(1, Manner { capacity: 4, ..Manner::default() });
        assert_eq!(dialler.write(b"abcdef").await.unwrap(), 4, "as much as there is room for");
        let waiting = tokio::time::timeout(Duration::from_secs(9), dialler.write(b"e"));
        assert!(waiting.await.is_err(), "full");
        listener.shutdown().await.unwrap();
        assert_eq!(dialler.read(&mut [0]).await.unwrap(), 0);
        let mut four = [0; 4];
        listener.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"abcd", "the other direction is not ended by it");
        link.reset();
        assert_eq!(listener.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(dialler.write(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let (mut dialler, listener, _link) = world(2, Manner::default());
        drop(listener);
        assert_eq!(dialler.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(dialler.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
