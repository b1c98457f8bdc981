//! The servers that are measured, behind one interface.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::child::{Process, Speaks};

pub(crate) mod bare;
pub(crate) mod nchan;
pub(crate) mod quotewire;
mod uring;
pub(crate) mod warp;

/// A running server under test.
pub(crate) trait Server: fmt::Debug {
    /// Where clients connect.
    fn address(&self) -> SocketAddr;
    /// Path and query by which a client asks for symbols.
    fn target(&self, symbols: &[u32]) -> String;
    /// Its processes.
    fn pids(&self) -> Vec<u32>;
    /// From now on so many updates a second. Returns how many there were so far.
    fn set_rate(&mut self, rate: f64) -> io::Result<u64>;
    /// Writes to clients so far, where the server counts them.
    fn writes(&mut self) -> io::Result<Option<u64>> {
        Ok(None)
    }
    /// Whether a client is told every symbol once as soon as it has connected.
    fn opens(&self) -> bool {
        false
    }
    /// Whether it may leave numbers out, as long as the newest one arrives.
    fn conflates(&self) -> bool {
        false
    }
}

/// A server of ours that makes its own updates: this program again, told by its input what to do.
#[derive(Debug)]
pub(crate) struct Own {
    process: Process,
    address: SocketAddr,
    symbols: u32,
    /// Whether a client names its symbols by number, or by name.
    numbers: bool,
}

impl Own {
    /// Starts this program as `serve WHAT --symbols N`.
    pub(crate) fn start(what: &str, symbols: u32, more: &[String]) -> io::Result<Own> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", what, &symbols.to_string()]).args(more);
        let process = Process::start(&mut command, Speaks::Stdout)?;
        let address = process.hear("listening ")?.parse().map_err(io::Error::other)?;
        Ok(Own { process, address, symbols, numbers: what != "warp" })
    }

    fn told(&mut self, line: &str) -> io::Result<Vec<u64>> {
        self.process.say(line)?;
        let answer = self.process.hear("made ")?;
        Ok(answer.split(' ').filter_map(|word| word.parse().ok()).collect())
    }
}

impl Server for Own {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn target(&self, symbols: &[u32]) -> String {
        debug_assert!(symbols.iter().all(|symbol| *symbol < self.symbols));
        let words: Vec<String> = symbols.iter().map(ToString::to_string).collect();
        let key = if self.numbers { "s?" } else { "stream?symbols=" };
        format!("/{key}{}", words.join(","))
    }

    fn pids(&self) -> Vec<u32> {
        vec![self.process.pid()]
    }

    fn set_rate(&mut self, rate: f64) -> io::Result<u64> {
        Ok(self.told(&format!("rate {rate}"))?.first().copied().unwrap_or(0))
    }

    fn writes(&mut self) -> io::Result<Option<u64>> {
        Ok(self.told("count")?.get(1).copied())
    }
}

/// Asks an HTTP server once; status and body.
pub(crate) fn get(address: SocketAddr, target: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok((status, body.to_owned()))
}

/// Reads the head of a request; the address asked for and all lines. `None` at the end of the connection.
pub(crate) fn request_head(input: &mut impl BufRead) -> io::Result<Option<(String, Vec<String>)>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if lines.len() > 100 {
            return Err(io::Error::other("a head of more than 100 lines"));
        }
        lines.push(line);
    }
    let target =
        lines.first().and_then(|line: &String| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    Ok(Some((target, lines)))
}

/// What our own servers are told by their input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    Rate(f64),
    Count,
}

/// The orders as they come. The process ends with its input, so it never outlives who started it.
pub(crate) fn orders(mut give: impl FnMut(Order) + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("rate", number)) => give(Order::Rate(number.parse().unwrap_or(0.0))),
                _ => give(Order::Count),
            }
        }
        std::process::exit(0);
    })?;
    Ok(())
}

/// Says a line to who started this process.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

/// A free port of this machine, with a queue long enough for a crowd.
pub(crate) fn listen() -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
