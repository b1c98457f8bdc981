//! CPU and memory as the kernel counts them, from `/proc`.

use std::collections::HashMap;
use std::fs;

use crate::clock;

/// CPU used up to a moment, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    at: u64,
    server: f64,
    client: f64,
    busy: f64,
    stolen: f64,
}

/// CPU used between two moments, in cores.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cores {
    /// By the server's processes, the kernel's work for them included.
    pub(crate) server: f64,
    /// By this process: clients and publisher.
    pub(crate) client: f64,
    /// By nobody known here. Much of it means a disturbed measurement.
    pub(crate) others: f64,
    /// Taken away from this machine by its host.
    pub(crate) stolen: f64,
}

impl Cpu {
    /// As it stands now.
    pub(crate) fn now(server: &[u32]) -> Cpu {
        let (busy, stolen) = machine();
        Cpu {
            at: clock::now(),
            server: server.iter().map(|pid| of_process(*pid)).sum(),
            client: of_process(std::process::id()),
            busy,
            stolen,
        }
    }

    /// What was used since an earlier moment.
    pub(crate) fn since(&self, earlier: &Cpu) -> Cores {
        let seconds = (self.at - earlier.at).max(1) as f64 / 1e6;
        let server = (self.server - earlier.server) / seconds;
        let client = (self.client - earlier.client) / seconds;
        Cores {
            server,
            client,
            others: ((self.busy - earlier.busy) / seconds - server - client).max(0.0),
            stolen: (self.stolen - earlier.stolen) / seconds,
        }
    }
}

fn ticks(n: u64) -> f64 {
    n as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// User and system time of all threads of a process, ended ones included.
fn of_process(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; user and system time are the 12th and 13th word behind it.
    let words = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    words.split_whitespace().skip(11).take(2).filter_map(|word| word.parse().ok()).map(ticks).sum()
}

/// Time that the machine's processors were busy, and that they were taken away.
fn machine() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let n: Vec<f64> = line.split_whitespace().skip(1).filter_map(|w| w.parse().ok()).map(ticks).collect();
    let of = |place: usize| n.get(place).copied().unwrap_or(0.0);
    // user nice system idle iowait irq softirq steal
    (of(0) + of(1) + of(2) + of(5) + of(6), of(7))
}

/// A process and those it started.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|word| word.parse().ok());
    std::iter::once(pid).chain(children.flat_map(family)).collect()
}

/// Memory of processes, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// All that is in memory, the program's own pages included.
    pub(crate) resident: u64,
    /// As that, and what several processes have in common is shared out among them.
    pub(crate) proportional: u64,
    /// What stands in no file: heap and stacks.
    pub(crate) anonymous: u64,
}

/// Memory of the processes.
pub(crate) fn memory(pids: &[u32]) -> Memory {
    let sum = |name| pids.iter().map(|pid| field(&format!("/proc/{pid}/smaps_rollup"), name)).sum();
    Memory { resident: sum("Rss:"), proportional: sum("Pss:"), anonymous: sum("Anonymous:") }
}

/// Resident memory of the processes, in KiB.
pub(crate) fn resident(pids: &[u32]) -> u64 {
    memory(pids).resident
}

/// What the kernel holds for sockets: TCP buffers and objects of its own (both ends of every connection), in KiB.
pub(crate) fn kernel() -> u64 {
    let sockets = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = sockets.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem").skip(1);
    let pages: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    pages * 4 + field("/proc/meminfo", "Slab:")
}

/// What the kernel holds of one end of a connection, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Written here and not acknowledged by the other end.
    pub(crate) unacknowledged: u64,
    /// Come here and not read.
    pub(crate) unread: u64,
}

/// Every TCP connection over IPv4, by its ports here and there. All that matter here are on loopback.
pub(crate) fn queues() -> HashMap<(u16, u16), Queue> {
    let text = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    text.lines().skip(1).filter_map(queue).collect()
}

fn queue(line: &str) -> Option<((u16, u16), Queue)> {
    // sl local_address rem_address st tx_queue:rx_queue ...
    let mut words = line.split_whitespace().skip(1);
    let mut port = || u16::from_str_radix(words.next()?.rsplit_once(':')?.1, 16).ok();
    let ports = (port()?, port()?);
    let (unacknowledged, unread) = words.nth(1)?.split_once(':')?;
    let bytes = |hex| u64::from_str_radix(hex, 16).ok();
    Some((ports, Queue { unacknowledged: bytes(unacknowledged)?, unread: bytes(unread)? }))
}

fn field(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_holds_is_seen_at_both_ends() {
        use std::io::Write;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut from = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (to, _) = listener.accept().unwrap();
        let here = (from.local_addr().unwrap().port(), from.peer_addr().unwrap().port());
        from.write_all(&[7; 12_345]).unwrap();
        let arrived = clock::poll(std::time::Duration::from_secs(60), || {
            let queues = queues();
            let (sent, come) = (queues.get(&here)?, queues.get(&(here.1, here.0))?);
            (sent.unacknowledged == 0 && come.unread == 12_345).then_some(())
        });
        assert_eq!(arrived, Some(()));
        // More than both ends take: what is not here yet is there still.
        from.set_nonblocking(true).unwrap();
        let mut all = 12_345;
        while let Ok(count) = from.write(&[7; 65_536]) {
            all += count as u64;
        }
        let whole = clock::poll(std::time::Duration::from_secs(60), || {
            let queues = queues();
            let (sent, come) = (queues.get(&here)?, queues.get(&(here.1, here.0))?);
            (sent.unacknowledged > 0 && sent.unacknowledged + come.unread == all).then_some(())
        });
        assert_eq!(whole, Some(()));
        drop(to);
    }

    #[test]
    fn a_process_that_works_is_seen_to() {
        let me = [std::process::id()];
        assert!(resident(&me) > 500 && kernel() > 100);
        let memory = memory(&me);
        assert!((1..=memory.resident).contains(&memory.anonymous));
        assert!((memory.anonymous..=memory.resident).contains(&memory.proportional));
        let before = Cpu::now(&me);
        // By the processes' own account, so that a busy machine makes this longer and not wrong.
        let used = clock::poll(std::time::Duration::from_secs(60), || {
            let mixed = (0..1_000_000).fold(0, |sum, n| sum ^ crate::schedule::mix(n));
            let used = Cpu::now(&me).server - before.server;
            (mixed != 0 && used >= 0.05).then_some(used)
        });
        assert!(used.is_some());
        assert!(machine().0 > 0.0 && family(me[0]).contains(&me[0]));
    }
}
