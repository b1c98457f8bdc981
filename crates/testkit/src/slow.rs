//! A raw HTTP client over TCP that reads as much as it is told, and then stops.
//!
//! It has no idea of HTTP: it sends text and counts bytes. So it can be the slow reader, the one that stops, and the
//! one that hangs up in the middle.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::PATIENCE;

/// A connected client. Dropping it closes the connection in the ordinary way.
#[derive(Debug)]
pub struct SlowClient {
    stream: TcpStream,
    read: Vec<u8>,
}

impl SlowClient {
    /// Connects.
    ///
    /// # Panics
    /// When the address does not accept.
    pub async fn connect(address: SocketAddr) -> SlowClient {
        SlowClient::connect_with_buffer(address, None).await
    }

    /// Connects with a receive buffer of about that many bytes in the kernel, so that the other side notices soon that
    /// nobody reads. Linux doubles the number and has a least of about 2 KiB.
    ///
    /// # Panics
    /// When the address does not accept.
    pub async fn connect_with_buffer(address: SocketAddr, bytes: Option<u32>) -> SlowClient {
        let connect = async {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if let Some(bytes) = bytes {
                socket.set_recv_buffer_size(bytes)?;
            }
            socket.connect(address).await
        };
        match connect.await {
            Ok(stream) => SlowClient { stream, read: Vec::new() },
            Err(error) => panic!("cannot connect to {address}: {error}"),
        }
    }

    /// Sends text as it is: a request with its empty line.
    ///
    /// # Panics
    /// When the other side has hung up.
    pub async fn send(&mut self, text: &str) {
        if let Err(error) = self.stream.write_all(text.as_bytes()).await {
            panic!("cannot send {text:?}: {error}");
        }
    }

    /// Sends `GET target` with the headers an event stream needs and no others.
    ///
    /// # Panics
    /// When the other side has hung up.
    pub async fn get(&mut self, target: &str) {
        let head = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n");
        self.send(&head).await;
    }

    /// Reads once, at most `most` bytes, and returns how many came; 0 when the other side has ended or reset.
    ///
    /// # Panics
    /// When nothing comes within [`PATIENCE`].
    pub async fn read_some(&mut self, most: usize) -> usize {
        let before = self.read.len();
        let mut limited = (&mut self.stream).take(most as u64);
        match tokio::time::timeout(PATIENCE, limited.read_buf(&mut self.read)).await {
            Ok(Ok(_)) => self.read.len() - before,
            // A reset is an end too; what was read before stays.
            Ok(Err(_)) => 0,
            Err(_) => panic!("nothing to read for {PATIENCE:?} after {}", self.tail()),
        }
    }

    /// Reads until `text` stands in what was read, and returns everything read so far.
    ///
    /// # Panics
    /// When the other side ends before, or nothing comes within [`PATIENCE`].
    pub async fn read_until(&mut self, text: &str) -> String {
        loop {
            if self.read.windows(text.len()).any(|window| window == text.as_bytes()) {
                return String::from_utf8_lossy(&self.read).into_owned();
            }
            assert!(self.read_some(64 << 10).await > 0, "ended without {text:?} after {}", self.tail());
        }
    }

    /// Reads until the other side ends or resets, and returns how many bytes came in all.
    ///
    /// # Panics
    /// When nothing comes within [`PATIENCE`] and no end either.
    pub async fn read_to_end(&mut self) -> usize {
        while self.read_some(64 << 10).await > 0 {}
        self.count()
    }

    /// How many bytes were read so far. Bytes that wait in the kernel do not count.
    pub fn count(&self) -> usize {
        self.read.len()
    }

    /// Everything read so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Vanishes with a TCP reset instead of an orderly end.
    pub fn reset(self) {
        // Without it the drop would be an orderly end, which a test would notice by itself.
        let _ = self.stream.set_zero_linger();
    }

    fn tail(&self) -> String {
        let from = self.read.len().saturating_sub(400);
        format!("{} bytes, the last of them {:?}", self.count(), String::from_utf8_lossy(&self.read[from..]))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_stops_blocks_the_writer_and_then_gets_the_rest() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let size = 64 << 20;
        let writer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 3];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(&vec![b'x'; size]).await.unwrap();
        });
        let mut client = SlowClient::connect_with_buffer(address, Some(4096)).await;
        client.send("GO\n").await;
        client.read_until("xxx").await;
        assert!(client.count() < size && !writer.is_finished(), "64 MiB fit no socket buffer");
        assert_eq!(client.read_to_end().await, size);
        writer.await.unwrap();
    }
}
