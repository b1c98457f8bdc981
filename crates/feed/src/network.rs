//! What a feed reaches the world through: the internet, or what stands in for it where a run must be repeatable.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};

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

    /// A socket that hears what is sent to that address: to this machine, or to a multicast group, which is joined by the
    /// interface of that address (the system chooses one otherwise). A stand-in need not have it.
    fn datagrams(&self, _: SocketAddr, _: Option<Ipv4Addr>) -> Pending<'_, io::Result<UdpSocket>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

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

    fn datagrams(
        &self,
        address: SocketAddr,
        interface: Option<Ipv4Addr>,
    ) -> Pending<'_, io::Result<UdpSocket>> {
        Box::pin(async move { listen(address, interface) })
    }

    fn fetch(
        &self,
        requests: Vec<Request>,
        headers: Vec<(&'static str, Secret)>,
    ) -> Pending<'_, Result<Vec<RestAnswer>, FetchError>> {
        Box::pin(rest::fetch(requests, headers))
    }
}

/// Datagrams that the system holds while we do something else: more than ten thousand full ones. What it grants may be less
/// (`net.core.rmem_max`).
const HELD_BYTES: usize = 16 << 20;

fn listen(address: SocketAddr, interface: Option<Ipv4Addr>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // Several programs of one machine may listen to one group. An address of our own has one listener.
    socket.set_reuse_address(address.ip().is_multicast())?;
    let _granted_less = socket.set_recv_buffer_size(HELD_BYTES);
    socket.set_nonblocking(true)?;
    // Bound to the group itself, so that other groups of that port are not heard.
    socket.bind(&address.into())?;
    match address.ip() {
        IpAddr::V4(group) if group.is_multicast() => {
            socket.join_multicast_v4(&group, &interface.unwrap_or(Ipv4Addr::UNSPECIFIED))?;
        }
        IpAddr::V6(group) if group.is_multicast() => socket.join_multicast_v6(&group, 0)?,
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    UdpSocket::from_std(socket.into())
}
