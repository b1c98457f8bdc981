//! Our own accept loop: socket options, limits, one task per connection that can be ended from outside.
//!
//! `warp::serve` has no timeouts, no limits and no handle on a connection, so a client that stops reading is kept for
//! ever. Here every listening socket carries the options that its connections inherit on Linux, hyper gets a timer
//! and bounds, and each connection's task ends when its `Peer::kill` is cancelled.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use crate::body::{Body, StreamSlot};
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::patience::Patient;
use crate::problem::Problem;

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
}

impl Listen for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).await
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
    let graceful = GracefulShutdown::new();
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
        let connection = connection(stream, peer.clone(), service.clone(), &context, &graceful);
        let open = OpenConnection::new(Arc::clone(&context.metrics));
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = peer.kill.cancelled() => {}
                () = connection => {}
            }
            drop((open, permit));
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
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

/// Serves one connection to its end, whatever carries its bytes.
fn connection<S, F>(
    stream: S,
    peer: Peer,
    service: F,
    context: &Context,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
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
    let call = service_fn(move |mut request: Request<Incoming>| {
        let peer = peer.clone();
        let mut service = service.clone();
        async move {
            // warp 0.4.3 panics on CONNECT in some filters (fixed upstream, not released); nothing here tunnels.
            if request.method() == Method::CONNECT {
                let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this server opens no tunnels");
                return Ok::<_, Infallible>(problem.reply().map(Body::Plain));
            }
            request.extensions_mut().insert(peer);
            let Ok(mut response) = service.call(request).await;
            let stream = response.extensions_mut().remove::<StreamSlot>().and_then(|slot| slot.take());
            Ok(response.map(|body| stream.map_or(Body::Plain(body), Body::Stream)))
        }
    });
    // Longer than the hub's own limit, so that a stream is ended there, with its reason.
    let socket = Patient::new(stream, context.limits.stall + WRITE_GRACE);
    let watched = graceful.watch(http1.serve_connection(TokioIo::new(socket), call));
    async move {
        if let Err(error) = watched.await {
            tracing::debug!(client = %addr, %error, "connection ended");
        }
    }
}

/// Counts the connection down when its task ends, however it ends.
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
