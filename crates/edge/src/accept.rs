//! Our own accept loop: socket options, limits, one task per connection that can be ended from outside.
//!
//! `warp::serve` has no timeouts, no limits and no handle on a connection, so a client that stops reading is kept for
//! ever. Here every listening socket carries the options that its connections inherit on Linux, hyper gets a timer
//! and bounds, and each connection's task ends when its `Peer::kill` is cancelled.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Method, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower_service::Service;

use crate::body::{Body, StreamSlot};
use crate::config::Limits;
use crate::handover::{Handover, HandoverCell};
use crate::home::Letter;
use crate::line::{Carried, Line};
use crate::metrics::Metrics;
use crate::patience::Patient;
use crate::problem::Problem;
use crate::stream::QuoteStream;

/// Pending connections the kernel keeps for us; Linux caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;
/// Pause after a failed accept: long enough not to spin when file descriptors run out, short enough not to be felt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the kernel keeps unacknowledged bytes before it gives the peer up: a client that vanished without a word.
const USER_TIMEOUT: Duration = Duration::from_secs(20);
/// Probes on idle connections, so that a vanished client is noticed between heartbeats too.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(20);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
/// How much longer than a stream may stall a connection may wait for any write.
const WRITE_GRACE: Duration = Duration::from_secs(5);

/// Where connections come from: a listening socket, or what stands in for one where there is no network.
pub trait Listen: Send + 'static {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and who is at its other end. Cancel-safe: no connection is lost with the future.
    ///
    /// # Errors
    /// When there was none to be had this time; it is asked again.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;

    /// Makes a connection ready to be taken to another runtime.
    ///
    /// # Errors
    /// When it cannot be taken out of this one; it is lost then.
    fn carry(io: Self::Io) -> io::Result<Carried> {
        Ok(Carried::Other(Box::new(io)))
    }
}

impl Listen for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).await
    }

    fn carry(io: TcpStream) -> io::Result<Carried> {
        io.into_std().map(Carried::Socket)
    }
}

/// Who is at the other end of a connection, and how to end it.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The client's address.
    pub(crate) addr: SocketAddr,
    /// Ends the connection's task.
    pub(crate) kill: CancellationToken,
}

/// A bound listening socket with every option that its connections are to inherit.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind(addr: SocketAddr, limits: &Limits) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(limits.unsent_bytes)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket
        .set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY))?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// What a connection needs besides its socket.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    /// Streams over plain HTTP/1.1 are taken over by writer loops.
    pub(crate) hand_over: bool,
}

/// Accepts until stopped, then lets running requests finish within `grace` and ends what is left.
pub(crate) async fn serve<L: Listen, F>(
    mut listener: L,
    service: F,
    context: Arc<Context>,
    stop: CancellationToken,
    grace: Duration,
) where
    F: Service<Request<Incoming>, Response = warp::reply::Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    F::Future: Send,
{
    let permits = Arc::new(Semaphore::new(context.limits.connections));
    let (open, closing) = (TaskTracker::new(), CancellationToken::new());
    let end = CancellationToken::new();
    // Connections are tasks of their own: those that are left end with this future, however it ends.
    let _ends_the_rest = end.clone().drop_guard();
    // Said once an episode: without file descriptors every try fails.
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_about_one_connection(&error) => continue,
            Err(error) => {
                context.metrics.accept_errors.inc();
                if !failing {
                    tracing::warn!(%error, "connections cannot be accepted");
                    failing = true;
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        failing = false;
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            // Closing without a word is the cheapest answer there is; EventSource clients come back by themselves.
            context.metrics.connections_refused.inc();
            continue;
        };
        context.metrics.connections_accepted.inc();
        let peer = Peer { addr, kill: end.child_token() };
        let guard = Guard {
            _open: OpenConnection::new(Arc::clone(&context.metrics)),
            _permit: permit,
            _tracked: open.token(),
        };
        let kill = peer.kill.clone();
        let connection = connection::<L, F>(stream, peer, service.clone(), &context, closing.clone(), guard);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = kill.cancelled() => {}
                () = connection => {}
            }
        });
    }
    drop(listener);
    closing.cancel();
    open.close();
    if tokio::time::timeout(grace, open.wait()).await.is_err() {
        tracing::warn!("connections were still open after the grace period; ending them");
    }
}

/// Errors of a connection that died in the queue; the listener is fine.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Serves one connection until it ends or a writer loop takes it over.
fn connection<L: Listen, F>(
    stream: L::Io,
    peer: Peer,
    service: F,
    context: &Context,
    closing: CancellationToken,
    guard: Guard,
) -> impl Future<Output = ()> + Send + 'static
where
    F: Service<Request<Incoming>, Response = warp::reply::Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    F::Future: Send,
{
    let mut http1 = hyper::server::conn::http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(context.limits.head_timeout)
        .max_header_size(context.limits.head_bytes)
        // hyper has one bound for both directions: what waits to be written is no longer conflated, which is why the
        // configuration keeps it small.
        .max_buf_size(context.limits.head_bytes)
        .max_headers(64)
        // One buffer per write: our frames are joined already, and copying a few hundred bytes costs less than iovecs.
        .writev(false);
    let addr = peer.addr;
    let hand_over = context.hand_over;
    let cell = HandoverCell::default();
    let left = cell.clone();
    let call = service_fn(move |mut request: Request<Incoming>| {
        let peer = peer.clone();
        let mut service = service.clone();
        // An older client does not know chunks; hyper ends the body by ending the connection.
        let cell = Some(left.clone()).filter(|_| hand_over && request.version() == Version::HTTP_11);
        async move {
            // warp 0.4.3 panics on CONNECT in some filters (fixed upstream, not released); nothing here tunnels.
            if request.method() == Method::CONNECT {
                let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this server opens no tunnels");
                return Ok::<_, Infallible>(problem.reply().map(Body::Plain));
            }
            request.extensions_mut().insert(peer);
            let Ok(mut response) = service.call(request).await;
            let stream = response.extensions_mut().remove::<StreamSlot>().and_then(|slot| slot.take());
            match (stream, cell) {
                (Some(stream), Some(cell)) => {
                    cell.put(stream, &response);
                    // The connection's task takes both, and this future ends with hyper's part of the connection.
                    pending().await
                }
                (Some(stream), None) => Ok(response.map(|_| Body::Stream(QuoteStream::new(stream)))),
                (None, _) => Ok(response.map(Body::Plain)),
            }
        }
    });
    // Longer than the loop's own limit, so that a stream is ended there, with its reason.
    let (socket, flushed) = Patient::new(stream, context.limits.stall + WRITE_GRACE);
    let mut served = http1.serve_connection(TokioIo::new(socket), call);
    async move {
        let mut told_to_close = false;
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled(), if !told_to_close => {
                    Pin::new(&mut served).graceful_shutdown();
                    told_to_close = true;
                }
                ended = poll_fn(|cx| match Pin::new(&mut served).poll(cx) {
                    Poll::Ready(ended) => Poll::Ready(Some(ended)),
                    // What hyper still has to write of an earlier answer goes first.
                    Poll::Pending if cell.is_filled() && flushed.is_flushed() => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }) => {
                    match ended {
                        Some(Ok(())) => {}
                        Some(Err(error)) => tracing::debug!(client = %addr, %error, "connection ended"),
                        None => take_over::<L>(served.into_parts().io, &cell, guard),
                    }
                    return;
                }
            }
        }
    }
}

/// Gives the connection to the stream's loop.
fn take_over<L: Listen>(io: TokioIo<Patient<L::Io>>, cell: &HandoverCell, guard: Guard) {
    let Some(Handover { stream, head }) = cell.take() else { return };
    match L::carry(io.into_inner().into_inner()) {
        Ok(carried) => {
            let client = Arc::clone(&stream.live.client);
            client.leave_task();
            let line = Box::new(Line::new(stream, carried, head, guard));
            client.home.post(Letter::HandOver { place: client.place, line });
        }
        Err(error) => tracing::warn!(%error, "a connection cannot be handed over"),
    }
}

/// What an open connection holds, wherever it is served.
#[derive(Debug)]
pub(crate) struct Guard {
    _open: OpenConnection,
    _permit: OwnedSemaphorePermit,
    /// A stop waits for it.
    _tracked: TaskTrackerToken,
}

/// Counts the connection down when it ends, however it ends.
#[derive(Debug)]
struct OpenConnection(Arc<Metrics>);

impl OpenConnection {
    fn new(metrics: Arc<Metrics>) -> OpenConnection {
        metrics.connections_open.inc();
        OpenConnection(metrics)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections_open.dec();
    }
}
