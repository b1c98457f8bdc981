//! A group that datagrams are sent to, on loopback: whatever address a feed wants to listen at, it listens here.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use feed::network::{Internet, Io, Network, Pending};
use feed::rest::FetchError;
use feed::{Request, RestAnswer, Secret};
use tokio::net::UdpSocket;
use tokio::sync::watch;

use crate::wait_for;

/// The group, and the network by which feeds find it. Clones are the same group.
#[derive(Clone, Debug)]
pub struct Group {
    listeners: Arc<watch::Sender<Vec<Listener>>>,
}

/// Somebody who listens, or once did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address that was wanted.
    pub wanted: SocketAddr,
    /// The interface that was named.
    pub interface: Option<Ipv4Addr>,
    /// Where it listens.
    at: SocketAddr,
}

impl Default for Group {
    fn default() -> Group {
        Group::new()
    }
}

impl Group {
    /// A group that nobody listens to yet.
    pub fn new() -> Group {
        Group { listeners: Arc::new(watch::Sender::new(Vec::new())) }
    }

    /// The group as the network of a feed.
    pub fn network(&self) -> Arc<dyn Network> {
        Arc::new(self.clone())
    }

    /// Waits for the n-th listener (from 1), those that have gone included.
    ///
    /// # Panics
    /// When it does not come within [`crate::PATIENCE`].
    pub async fn wait_listener(&self, number: usize) -> Listener {
        let found = |all: &Vec<Listener>| all.get(number - 1).copied();
        wait_for(&self.listeners, format!("listener {number}"), found).await
    }

    /// Sends datagrams to the newest listener, in order.
    ///
    /// # Panics
    /// When nobody listens, or one cannot be sent.
    pub async fn send<B: AsRef<[u8]>>(&self, datagrams: impl IntoIterator<Item = B>) {
        let Some(listener) = self.listeners.borrow().last().copied() else { panic!("nobody listens") };
        let send = async {
            let socket = UdpSocket::bind("127.0.0.1:0").await?;
            for (number, datagram) in datagrams.into_iter().enumerate() {
                socket.send_to(datagram.as_ref(), listener.at).await?;
                // Nothing slows a sender of datagrams down but itself: the listener must have its turns.
                if number % 32 == 31 {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
            }
            io::Result::Ok(())
        };
        send.await.unwrap_or_else(|error| panic!("a datagram could not be sent: {error}"));
    }
}

impl Network for Group {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Box<dyn Io>>> {
        Internet.connect(host, port)
    }

    fn datagrams(
        &self,
        wanted: SocketAddr,
        interface: Option<Ipv4Addr>,
    ) -> Pending<'_, io::Result<UdpSocket>> {
        Box::pin(async move {
            let socket = Internet.datagrams(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None).await?;
            let at = socket.local_addr()?;
            self.listeners.send_modify(|all| all.push(Listener { wanted, interface, at }));
            Ok(socket)
        })
    }

    fn fetch(
        &self,
        requests: Vec<Request>,
        headers: Vec<(&'static str, Secret)>,
    ) -> Pending<'_, Result<Vec<RestAnswer>, FetchError>> {
        Internet.fetch(requests, headers)
    }
}
