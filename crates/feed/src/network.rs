//! What a feed reaches the world through: the internet, or what stands in for it where a run must be repeatable.

use std::fmt;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::rest::{self, FetchError};
use crate::{Request, RestAnswer, Secret};

/// Bytes to and from a venue.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Something that is not there yet. Dropping it gives up waiting.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The ways out of the process. TLS and WebSocket are spoken on top, whatever carries the bytes.
pub trait Network: Send + Sync + fmt::Debug {
    /// A connection to a port of a host. An error is one of the moment: dialling again may help.
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Box<dyn Io>>>;

    /// What a venue answers to HTTP requests, in order; see [`rest::fetch`].
    fn fetch(
        &self,
        requests: Vec<Request>,
        headers: Vec<(&'static str, Secret)>,
    ) -> Pending<'_, Result<Vec<RestAnswer>, FetchError>>;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Internet;

impl Network for Internet {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            // A venue's name is tried at every address that it has; the brackets of an IPv6 address belong to the URL.
            let socket = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
            socket.set_nodelay(true)?;
            Ok(Box::new(socket) as Box<dyn Io>)
        })
    }

    fn fetch(
        &self,
        requests: Vec<Request>,
        headers: Vec<(&'static str, Secret)>,
    ) -> Pending<'_, Result<Vec<RestAnswer>, FetchError>> {
        Box::pin(rest::fetch(requests, headers))
    }
}
