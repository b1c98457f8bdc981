//! A socket that gives up on a reader: a write that makes no progress for too long fails.
//!
//! hyper has no write deadline, and an answer that it has taken over is out of our hands. So the deadline is in the
//! socket itself, where it covers short answers and streams alike. Streams are usually ended sooner, by their writer loop,
//! which knows what they are owed and names the reason.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A socket with a limit on how long a write may wait.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    socket: S,
    limit: Duration,
    /// Set while a write waits; its timer wakes the connection although the socket does not.
    waiting: Option<Pin<Box<Sleep>>>,
    flushed: Flushed,
}

/// Whether everything that was to be written has been.
#[derive(Clone, Debug)]
pub(crate) struct Flushed(Arc<AtomicBool>);

impl Flushed {
    /// True from a flush that was let through to the socket, which hyper only does with empty hands, to the next write.
    /// Relaxed, because whoever writes and whoever asks are one task.
    pub(crate) fn is_flushed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, flushed: bool) {
        self.0.store(flushed, Ordering::Relaxed);
    }
}

impl<S> Patient<S> {
    pub(crate) fn new(socket: S, limit: Duration) -> (Patient<S>, Flushed) {
        let flushed = Flushed(Arc::new(AtomicBool::new(false)));
        (Patient { socket, limit, waiting: None, flushed: flushed.clone() }, flushed)
    }

    /// The socket itself.
    pub(crate) fn into_inner(self) -> S {
        self.socket
    }

    /// What a write came to, with the limit held against it.
    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.flushed.set(false);
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.flushed.set(false);
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.flushed.set(flushed.is_ready());
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_takes_fails_at_the_limit() {
        let (ours, theirs) = duplex(16);
        let (mut socket, _) = Patient::new(ours, LIMIT);
        let start = Instant::now();
        let error = socket.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (io::ErrorKind::TimedOut, LIMIT));
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_makes_progress_is_waited_for() {
        let (ours, mut theirs) = duplex(16);
        let (mut socket, _) = Patient::new(ours, LIMIT);
        let reading = tokio::spawn(async move {
            let mut taken = [0; 8];
            for _ in 0..8 {
                tokio::time::sleep(LIMIT / 2).await;
                theirs.read_exact(&mut taken).await.unwrap();
            }
        });
        socket.write_all(&[0; 64]).await.unwrap();
        reading.await.unwrap();
    }
}
