//! Datagrams sent to an address or a multicast group: `udp://239.1.2.3:10000?interface=10.0.0.5`.
//!
//! Nobody is dialled: listening is all there is, and whoever is in the same network can send there. So nothing that
//! arrives ends the connection, and a decoder must take any bytes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use tokio::net::UdpSocket;
use tokio_tungstenite::tungstenite::http::Uri;

use super::carrier::Heard;
use super::{Cause, End, Plan};
use crate::rest::check_port;

/// The longest datagram there can be, in bytes: its length has 16 bits.
const DATAGRAM_MAX: usize = 64 << 10;
/// Bytes that are made room for at a time.
const ROOM: usize = 4 * DATAGRAM_MAX;

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    room: BytesMut,
}

impl Datagrams {
    /// Begins to listen, as a member of the group if the address is that of one.
    pub(super) async fn listen(plan: &Plan) -> Result<Datagrams, End> {
        let (address, interface) = place(&plan.url).map_err(|why| End::of(Cause::Misconfigured, why))?;
        match plan.network.datagrams(address, interface).await {
            Ok(socket) => Ok(Datagrams { socket, room: BytesMut::with_capacity(ROOM) }),
            Err(error) => Err(End::of(Cause::DialFailed, format!("{address}: {error}"))),
        }
    }

    /// The next datagram. Cancel-safe.
    pub(super) async fn next(&mut self) -> Heard {
        // The room of datagrams that nobody holds any more is used again.
        self.room.reserve(DATAGRAM_MAX);
        match self.socket.recv_buf(&mut self.room).await {
            Ok(_) => Heard::Binary(self.room.split().freeze()),
            Err(error) => Heard::Ended(End::of(Cause::Lost, error.to_string())),
        }
    }
}

/// The address to listen at, and the address of the interface by which to join a group.
pub(super) fn place(url: &str) -> Result<(SocketAddr, Option<Ipv4Addr>), &'static str> {
    let uri: Uri = url.parse().map_err(|_| "not a url")?;
    if uri.scheme_str() != Some("udp") {
        return Err("unknown url scheme");
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let host: IpAddr = host.parse().map_err(|_| "a udp url names an address, not a host")?;
    check_port(&uri)?;
    let port = uri.port_u16().ok_or("a udp url names a port")?;
    let mut interface = None;
    for parameter in uri.query().into_iter().flat_map(|query| query.split('&')) {
        let address =
            parameter.strip_prefix("interface=").ok_or("a udp url takes interface= and no other")?;
        interface = Some(address.parse().map_err(|_| "interface= is the IPv4 address of an interface")?);
    }
    Ok((SocketAddr::new(host, port), interface))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_address_port_and_interface() {
        let group = Ipv4Addr::new(233, 215, 21, 4);
        let at = |port| SocketAddr::new(group.into(), port);
        assert_eq!(place("udp://233.215.21.4:10378"), Ok((at(10_378), None)));
        let interface = Some(Ipv4Addr::new(10, 0, 0, 5));
        assert_eq!(place("udp://233.215.21.4:10378?interface=10.0.0.5"), Ok((at(10_378), interface)));
        assert!(place("udp://[ff02::1]:5000").is_ok_and(|(address, _)| address.ip().is_multicast()));
        for url in [
            "udp://feed.example.com:1",
            "udp://233.215.21.4",
            "udp://:5",
            "udp://233.215.21.4:0",
            "udp://233.215.21.4:70000",
            "wss://233.215.21.4:1",
            "udp://233.215.21.4:1?interface=eth0",
            "udp://233.215.21.4:1?source=10.0.0.1",
        ] {
            assert!(place(url).is_err(), "{url}");
        }
    }
}
