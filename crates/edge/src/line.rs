//! A stream whose socket its loop owns: unsent bytes, chunks, and what the client does meanwhile.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::task::waker_ref;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::accept::Guard;
use crate::client::Client;
use crate::stream::Stream;

/// What follows the last chunk of a body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Room before a chunk for its size in hex digits and the line's end.
const CHUNK_HEAD: usize = 10;
/// Bytes after the request that are read and thrown away. A stream's client has nothing more to say. What it says all the
/// same must not keep us from seeing that it hangs up, and must not keep us busy either.
const JUNK_MAX: usize = 64 << 10;

/// What carries bytes both ways.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection on its way from its task to a loop.
pub enum Carried {
    /// A socket, bound to no runtime.
    Socket(std::net::TcpStream),
    /// What stands in for one where there is no network.
    Other(Box<dyn Io>),
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Carried::Socket(_) => "Socket",
            Carried::Other(_) => "Other",
        })
    }
}

/// A chunk that has been begun, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk(usize);

impl Chunk {
    /// Bytes of its content.
    pub(crate) fn len(self, out: &[u8]) -> usize {
        out.len() - self.0 - CHUNK_HEAD
    }

    /// Gives it up.
    pub(crate) fn take_back(self, out: &mut Vec<u8>) {
        out.truncate(self.0);
    }
}

/// How far a write came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Everything.
    All,
    /// The socket is full; it calls when it has room.
    Blocked,
    /// The client is gone.
    Gone,
}

/// The connection's end.
enum Socket {
    /// On its way to the loop.
    Carried(Carried),
    /// Bound to the loop's runtime.
    Tcp(TcpStream),
    Other(Box<dyn Io>),
    /// It could not be bound.
    Lost,
}

/// A stream and its socket.
pub(crate) struct Line {
    // First: what it reports at its end comes before its connection is counted down.
    pub(crate) stream: Stream,
    socket: Socket,
    /// Bytes that the socket has not taken, the head of the response at first. Nothing is composed while there are any.
    unsent: Vec<u8>,
    /// The part of them that it has taken.
    sent: usize,
    begun: bool,
    junk: usize,
    /// The last chunk has been made: when it is sent the line ends.
    pub(crate) over: bool,
    _guard: Guard,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("unsent", &(self.unsent.len() - self.sent)).finish_non_exhaustive()
    }
}

impl Line {
    /// `head` is the response's, up to its blank line.
    pub(crate) fn new(stream: Stream, carried: Carried, head: Vec<u8>, guard: Guard) -> Line {
        Line {
            stream,
            socket: Socket::Carried(carried),
            unsent: head,
            sent: 0,
            begun: false,
            junk: 0,
            over: false,
            _guard: guard,
        }
    }

    /// Takes the socket into the runtime of the loop.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        self.socket = match std::mem::replace(&mut self.socket, Socket::Lost) {
            Socket::Carried(Carried::Socket(socket)) => Socket::Tcp(TcpStream::from_std(socket)?),
            Socket::Carried(Carried::Other(other)) => Socket::Other(other),
            settled => settled,
        };
        Ok(())
    }

    /// Whether the head of the response is on its way, or has been sent: it waits for the first chunk.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether there are bytes that the socket has not taken.
    pub(crate) fn is_blocked(&self) -> bool {
        self.sent < self.unsent.len()
    }

    /// Begins a chunk: what is appended from now on is its content.
    pub(crate) fn begin_chunk(out: &mut Vec<u8>) -> Chunk {
        let at = out.len();
        out.resize(at + CHUNK_HEAD, 0);
        Chunk(at)
    }

    /// Ends the chunk, and the body after it when the stream is over. Returns where the bytes to send begin.
    pub(crate) fn end_chunk(&self, chunk: Chunk, out: &mut Vec<u8>) -> usize {
        let from = close_chunk(chunk, out);
        if self.over {
            out.extend_from_slice(LAST_CHUNK);
        }
        from
    }

    /// The socket that these bytes can be sent to together with others'; `None` when it is not to be had so, and
    /// [`Line::write`] is to be asked.
    pub(crate) fn open_socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.socket {
            Socket::Tcp(socket) if !self.is_blocked() => Some(socket.as_fd()),
            _ => None,
        }
    }

    /// Takes what a send of bytes of this stream came to.
    pub(crate) fn sent(&mut self, sent: io::Result<usize>, client: &Arc<Client>, bytes: &[u8]) -> Written {
        use io::ErrorKind::{Interrupted, WouldBlock};
        let sent = match sent {
            Ok(sent) if sent == bytes.len() => return Written::All,
            Ok(sent) => sent,
            Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => 0,
            Err(_) => return Written::Gone,
        };
        // Tried once more, so that the runtime learns that the socket is full and calls when it has room.
        self.unsent.extend_from_slice(&bytes[sent..]);
        self.write_unsent(client)
    }

    /// Writes these bytes, after the head of the response if that still waits for the first chunk.
    pub(crate) fn write(&mut self, client: &Arc<Client>, bytes: &[u8]) -> Written {
        self.begun = true;
        self.unsent.extend_from_slice(bytes);
        self.write_unsent(client)
    }

    /// Writes what the socket had not taken. `Blocked` with progress and without it is the same; see [`Line::progress`].
    pub(crate) fn write_unsent(&mut self, client: &Arc<Client>) -> Written {
        match self.socket.write(client, &self.unsent[self.sent..]) {
            Ok(sent) => self.sent += sent,
            Err(_) => return Written::Gone,
        }
        if self.is_blocked() {
            return Written::Blocked;
        }
        // A line that was blocked once must not keep the memory of it.
        self.unsent = Vec::new();
        self.sent = 0;
        Written::All
    }

    /// How much of the unsent bytes has been taken.
    pub(crate) fn progress(&self) -> usize {
        self.sent
    }

    /// Bytes that the stream and its socket hold here.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Line>() + self.unsent.capacity() + self.stream.memory()
    }

    /// Tells the client that nothing more will come.
    pub(crate) fn shut(&mut self, client: &Arc<Client>) {
        if let Some(io) = self.socket.io() {
            let waker = waker_ref(client);
            // The answer does not matter: the socket is closed next.
            let _ = io.poll_shutdown(&mut Context::from_waker(&waker));
        }
    }

    /// Reads what the client says, which is nothing; false when it has hung up.
    pub(crate) fn listen(&mut self, client: &Arc<Client>) -> bool {
        let Some(mut io) = self.socket.io() else { return true };
        let waker = waker_ref(client);
        let mut cx = Context::from_waker(&waker);
        let mut junk = [0; 4 << 10];
        while self.junk < JUNK_MAX {
            let mut buf = ReadBuf::new(&mut junk);
            match io.as_mut().poll_read(&mut cx, &mut buf) {
                Poll::Pending => return true,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => self.junk += buf.filled().len(),
                Poll::Ready(_) => return false,
            }
        }
        true
    }
}

impl Socket {
    fn io(&mut self) -> Option<Pin<&mut dyn Io>> {
        match self {
            Socket::Tcp(socket) => Some(Pin::new(socket)),
            Socket::Other(other) => Some(Pin::new(other)),
            Socket::Carried(_) | Socket::Lost => None,
        }
    }

    /// Writes as much as it takes; when that is not all, the client's loop is called once there is room.
    fn write(&mut self, client: &Arc<Client>, bytes: &[u8]) -> io::Result<usize> {
        let Some(mut io) = self.io() else { return Err(io::ErrorKind::NotConnected.into()) };
        let waker = waker_ref(client);
        let mut cx = Context::from_waker(&waker);
        let mut sent = 0;
        while sent < bytes.len() {
            match io.as_mut().poll_write(&mut cx, &bytes[sent..]) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => sent += n,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        Ok(sent)
    }
}

/// Puts the size before the chunk's content and the line's end after it. Returns where the chunk begins.
fn close_chunk(chunk: Chunk, out: &mut Vec<u8>) -> usize {
    let mut size = chunk.len(out);
    out.extend_from_slice(b"\r\n");
    let mut at = chunk.0 + CHUNK_HEAD;
    at -= 2;
    out[at..at + 2].copy_from_slice(b"\r\n");
    loop {
        at -= 1;
        out[at] = b"0123456789abcdef"[size % 16];
        size /= 16;
        if size == 0 || at == chunk.0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_says_its_size_without_leading_zeros() {
        for (size, begins) in [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (70_000, "11170\r\n")] {
            let mut out = b"another's".to_vec();
            let chunk = Line::begin_chunk(&mut out);
            out.extend(std::iter::repeat_n(b'x', size));
            assert_eq!(chunk.len(&out), size);
            let from = close_chunk(chunk, &mut out);
            let text = std::str::from_utf8(&out[from..]).unwrap();
            assert_eq!(text, format!("{begins}{}\r\n", "x".repeat(size)));
        }
    }
}
