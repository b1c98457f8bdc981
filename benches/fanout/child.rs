//! Processes started here, and that they end with us: on a drop, a panic, and a signal.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Every process that runs now, by its id. A signal's thread reads it while others start and end processes.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());
/// Longest time that a server may take to end, or to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lines kept of what a server says. Beyond that it is read and forgotten.
const LINES_MAX: usize = 256;

fn running() -> MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// Where a server says what must be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Stdout,
    Stderr,
}

impl Process {
    /// Starts it.
    pub(crate) fn start(command: &mut Command, speaks: Speaks) -> io::Result<Process> {
        let (stdout, stderr) = match speaks {
            Speaks::Stdout => (Stdio::piped(), Stdio::inherit()),
            Speaks::Stderr => (Stdio::null(), Stdio::piped()),
        };
        let mut known = running();
        let mut child =
            command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr).spawn().map_err(|error| {
                let name = command.get_program().to_string_lossy().into_owned();
                io::Error::new(error.kind(), format!("`{name}` could not be started: {error}"))
            })?;
        known.push(child.id());
        drop(known);
        let lines = match speaks {
            Speaks::Stdout => child.stdout.take().map(heard),
            Speaks::Stderr => child.stderr.take().map(heard),
        };
        let lines = lines.ok_or_else(|| io::Error::other("a server without an output"))??;
        Ok(Process { stdin: child.stdin.take(), child, lines })
    }

    /// Its id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says a line to it.
    pub(crate) fn say(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or_else(|| io::Error::other("a server without an input"))?;
        stdin.write_all(format!("{line}\n").as_bytes())?;
        stdin.flush()
    }

    /// The rest of the next line that contains `mark`.
    pub(crate) fn hear(&self, mark: &str) -> io::Result<String> {
        let end = crate::clock::now() + PATIENCE.as_micros() as u64;
        let mut last = String::new();
        loop {
            let left = Duration::from_micros(end.saturating_sub(crate::clock::now()));
            match self.lines.recv_timeout(left) {
                Ok(line) => match line.find(mark) {
                    Some(at) => return Ok(line[at + mark.len()..].trim().to_owned()),
                    None => last = line,
                },
                Err(_) => {
                    let text = format!("the server did not say `{mark}`; its last line was `{last}`");
                    return Err(io::Error::other(text));
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        signal(self.child.id(), Signal::TERM);
        let ended = crate::clock::poll(Duration::from_secs(5), || match self.child.try_wait() {
            Ok(None) => None,
            _ => Some(()),
        });
        if ended.is_none() {
            // It had its time. Both can only fail when it has ended after all.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        running().retain(|pid| *pid != self.child.id());
    }
}

/// Reads a server's lines for as long as it runs.
fn heard(output: impl Read + Send + 'static) -> io::Result<Receiver<String>> {
    let (tell, lines) = sync_channel(LINES_MAX);
    std::thread::Builder::new().name("lines".to_owned()).spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = tell.try_send(line);
        }
    })?;
    Ok(lines)
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// From now on SIGINT and SIGTERM end what was started before they end us.
pub(crate) fn end_with_us() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal as wait_for};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let (Ok(mut int), Ok(mut term)) =
                (wait_for(SignalKind::interrupt()), wait_for(SignalKind::terminate()))
            else {
                return;
            };
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            running().iter().for_each(|pid| signal(*pid, Signal::TERM));
            std::process::exit(130);
        });
    })?;
    Ok(())
}
