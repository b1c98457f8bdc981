//! nchan: nginx with Debian's module, fed by HTTP POSTs over lasting, pipelined connections.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{Server, get};
use crate::child::{Process, Speaks};
use crate::clock;
use crate::event;
use crate::publisher::{Outlet, Publisher};
use crate::schedule::Tick;
use crate::usage;

const MODULE: &str = "/usr/share/nginx/modules/ngx_nchan_module.so";
const NGINX: &str = "/usr/sbin/nginx";
/// Publishing connections. A symbol keeps to one of them, so its order holds.
const PUBLISHING: usize = 2;

/// Why it cannot be measured here, if so.
pub(crate) fn missing() -> Option<String> {
    [NGINX, MODULE]
        .into_iter()
        .find(|path| !Path::new(path).exists())
        .map(|path| format!("`{path}` is not there: install Debian's packages nginx and libnginx-mod-nchan"))
}

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Nchan {
    // The publisher goes before what it publishes to.
    publisher: Publisher,
    process: Process,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nchan {
    /// Starts it with so many worker processes.
    pub(crate) fn start(workers: u32, symbols: u32) -> io::Result<Nchan> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let at = folder.path().display();
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration(workers, address, &at.to_string()))?;
        let mut command = Command::new(NGINX);
        command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(&file);
        let process = Process::start(&mut command, Speaks::Stderr)?;
        let ready = || get(address, "/ready").is_ok_and(|(status, _)| status == 204).then_some(());
        if clock::poll(Duration::from_secs(10), ready).is_none() {
            let why = process.hear("[emerg]").unwrap_or_else(|error| error.to_string());
            return Err(io::Error::other(format!("nginx did not answer: {why}")));
        }
        let publisher = Publisher::start(symbols, Posts::connect(address)?)?;
        Ok(Nchan { publisher, process, address, _folder: folder })
    }
}

/// What turns nginx into a fan-out server: no logs, lasting connections, room for the subscribers.
fn configuration(workers: u32, address: SocketAddr, folder: &str) -> String {
    format!(
        "load_module {MODULE};
daemon off;
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
events {{ worker_connections 15000; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  nchan_shared_memory_size 1024M;
  server {{
    listen {address} backlog=4096;
    location = /ready {{ return 204; }}
    location ~ ^/pub/(.+)$ {{
      nchan_publisher;
      nchan_channel_id $1;
      nchan_message_buffer_length 256;
      nchan_message_timeout 60s;
    }}
    location ~ ^/sub/(.+)$ {{
      nchan_subscriber eventsource;
      nchan_channel_id $1;
      nchan_channel_id_split_delimiter ,;
      nchan_subscriber_first_message newest;
    }}
  }}
}}
"
    )
}

impl Server for Nchan {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn target(&self, symbols: &[u32]) -> String {
        let words: Vec<String> = symbols.iter().map(ToString::to_string).collect();
        format!("/sub/{}", words.join(","))
    }

    fn pids(&self) -> Vec<u32> {
        usage::family(self.process.pid())
    }

    fn set_rate(&mut self, rate: f64) -> io::Result<u64> {
        self.publisher.set_rate(rate)
    }
}

/// Connections that post.
struct Posts {
    lines: Vec<(TcpStream, Vec<u8>)>,
    body: Vec<u8>,
}

impl Posts {
    fn connect(address: SocketAddr) -> io::Result<Posts> {
        let mut lines = Vec::new();
        for _ in 0..PUBLISHING {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(Duration::from_secs(20)))?;
            let mut answers = stream.try_clone()?;
            // The answers say how many subscribers there were, which the clients see by themselves.
            std::thread::spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                while answers.read(&mut buffer).is_ok_and(|count| count > 0) {}
            });
            lines.push((stream, Vec::new()));
        }
        Ok(Posts { lines, body: Vec::new() })
    }
}

impl Outlet for Posts {
    fn put(&mut self, tick: &Tick, seq: u64) {
        self.body.clear();
        event::json(tick, seq, &mut self.body);
        let (_, bytes) = &mut self.lines[tick.symbol as usize % PUBLISHING];
        let (symbol, length) = (tick.symbol, self.body.len());
        let head = format!("POST /pub/{symbol} HTTP/1.1\r\nHost: bench\r\nContent-Length: {length}\r\n\r\n");
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&self.body);
    }

    fn flush(&mut self) -> io::Result<()> {
        for (stream, bytes) in self.lines.iter_mut().filter(|(_, bytes)| !bytes.is_empty()) {
            stream.write_all(bytes)?;
            bytes.clear();
        }
        Ok(())
    }
}
