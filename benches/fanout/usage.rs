//! CPU and memory as the kernel counts them, from `/proc`.

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

/// Resident memory of the processes, in KiB.
pub(crate) fn resident(pids: &[u32]) -> u64 {
    pids.iter().map(|pid| field(&format!("/proc/{pid}/smaps_rollup"), "Rss:")).sum()
}

/// What the kernel holds for sockets: TCP buffers and objects of its own (both ends of every connection), in KiB.
pub(crate) fn kernel() -> u64 {
    let sockets = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = sockets.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem").skip(1);
    let pages: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    pages * 4 + field("/proc/meminfo", "Slab:")
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
    fn a_process_that_works_is_seen_to() {
        let me = [std::process::id()];
        assert!(resident(&me) > 500 && kernel() > 100);
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
