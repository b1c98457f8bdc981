//! Starting the program and reading what it says.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Longest any wait of a test may take before it fails with a message.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn quotewire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quotewire"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("QUOTEWIRE_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

pub(crate) fn run(args: &[&str]) -> Output {
    quotewire().args(args).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A recording that comes with the adapters.
pub(crate) fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../feeds").join(path)
}

/// A running server, ended with the test.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) admin: String,
    lines: Receiver<String>,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Server {
        Server::start_as(quotewire(), args)
    }

    /// Started by a command that is the program, or becomes it.
    pub(crate) fn start_as(command: Command, args: &[&str]) -> Server {
        let mut server = Server::spawn_as(command, args);
        server.url = server.line("listening on ");
        server.admin = server.line("admin on ");
        server
    }

    /// Started, and nothing of what it says has been read.
    pub(crate) fn spawn(args: &[&str]) -> Server {
        Server::spawn_as(quotewire(), args)
    }

    fn spawn_as(mut command: Command, args: &[&str]) -> Server {
        let mut child = command
            .arg("serve")
            .args(args)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = sync_channel(10_000);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody listens to the end of a long log.
                let _ = send.try_send(line);
            }
        });
        Server { child, url: String::new(), admin: String::new(), lines }
    }

    /// Waits for a line of standard error that begins so, and returns the rest of it.
    pub(crate) fn line(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("never said {start:?}"));
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    /// Waits for a line of standard error that contains this.
    pub(crate) fn containing(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("never said {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    pub(crate) fn get(&self, target: &str) -> String {
        let mut answer = agent().get(format!("{}{target}", self.url)).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    pub(crate) fn json(&self, target: &str) -> serde_json::Value {
        serde_json::from_str(&self.get(target)).unwrap()
    }

    /// Asks again until the answer is as it should be.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Server) -> Option<T>) -> T {
        let start = std::time::Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "never came true: {what}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    pub(crate) fn stream(&self, query: &str) -> impl Read + Send + use<> {
        let answer = agent().get(format!("{}/v1/stream?{query}", self.url)).call().unwrap();
        answer.into_body().into_reader()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end, and returns the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let start = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}
