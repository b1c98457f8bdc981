//! Which symbol is updated when: the same for every server, whoever makes the updates.
//!
//! Open loop: update `n` of a phase is due at a time that follows from the rate alone. Whoever is late, publisher or
//! server, shows as latency, and nothing waits for anybody.

/// One update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// Which symbol, from 0.
    pub(crate) symbol: u32,
    /// Its number among the updates of this symbol, from 1.
    pub(crate) counter: u32,
    /// When it was due, in microseconds since 1970.
    pub(crate) due: u64,
}

/// A bid is the time at which its update was due less this: no price has sixteen digits, and a gateway that knows so would not
/// take it for one.
pub(crate) const BID_FROM: u64 = 1_000_000_000_000_000;

impl Tick {
    /// The bid that tells when it was due.
    pub(crate) fn bid(&self) -> u64 {
        self.due.saturating_sub(BID_FROM)
    }
}

/// The canonical name of a symbol.
pub(crate) fn name(symbol: u32) -> String {
    format!("BENCH:S{symbol:05}-USDT")
}

/// What the emulated venue calls it.
pub(crate) fn native(symbol: u32) -> String {
    format!("S{symbol:05}USDT")
}

/// The synthetic market's names: `AAA`, `AAB`, ... `ZZZ`, `BAAA`, ...
pub(crate) fn letters(mut n: u32) -> String {
    let mut letters = Vec::new();
    while n > 0 || letters.len() < 3 {
        letters.push(char::from(b'A' + (n % 26) as u8));
        n /= 26;
    }
    letters.iter().rev().collect()
}

/// The updates of all symbols, in order.
#[derive(Debug)]
pub(crate) struct Schedule {
    counters: Vec<u32>,
    made: u64,
    rate: f64,
    start: u64,
    made_before: u64,
}

impl Schedule {
    /// A schedule that stands still.
    pub(crate) fn new(symbols: u32) -> Schedule {
        Schedule { counters: vec![0; symbols as usize], made: 0, rate: 0.0, start: 0, made_before: 0 }
    }

    /// From `now` on so many updates a second, over all symbols; 0 stands still.
    pub(crate) fn set_rate(&mut self, rate: f64, now: u64) {
        self.rate = rate;
        self.start = now;
        self.made_before = self.made;
    }

    /// When the next update is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let in_phase = self.made - self.made_before + 1;
        (self.rate > 0.0).then(|| self.start + (in_phase as f64 * 1e6 / self.rate) as u64)
    }

    /// The next update, when it is due.
    pub(crate) fn take(&mut self, now: u64) -> Option<Tick> {
        let due = self.next_due().filter(|due| *due <= now)?;
        let symbol = pick(self.made, self.counters.len() as u64);
        self.made += 1;
        let counter = &mut self.counters[symbol as usize];
        *counter += 1;
        Some(Tick { symbol, counter: *counter, due })
    }

    /// How many updates there were.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }
}

/// The counter of each symbol after so many updates.
pub(crate) fn counters_after(made: u64, symbols: u32) -> Vec<u32> {
    let mut counters = vec![0; symbols as usize];
    for n in 0..made {
        counters[pick(n, u64::from(symbols)) as usize] += 1;
    }
    counters
}

/// Uniform over the symbols, and the same on every run.
fn pick(n: u64, symbols: u64) -> u32 {
    if symbols <= 1 { 0 } else { (mix(n) % symbols) as u32 }
}

/// A well mixed number (splitmix64).
pub(crate) fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `count` different symbols of `of` for a client.
pub(crate) fn some_symbols(client: u64, count: u32, of: u32) -> Vec<u32> {
    let mut chosen = Vec::with_capacity(count as usize);
    let mut n = client << 20;
    while chosen.len() < count.min(of) as usize {
        let symbol = (mix(n) % u64::from(of)) as u32;
        if !chosen.contains(&symbol) {
            chosen.push(symbol);
        }
        n += 1;
    }
    chosen
}

/// One symbol for a client by Zipf's law with exponent 1: symbol `n` is chosen as often as `1 / (n + 1)`.
pub(crate) fn zipf_symbol(client: u64, of: u32) -> u32 {
    let all: f64 = (1..=of).map(|n| 1.0 / f64::from(n)).sum();
    let mut at = mix(client) as f64 / u64::MAX as f64 * all;
    for symbol in 0..of {
        at -= 1.0 / f64::from(symbol + 1);
        if at <= 0.0 {
            return symbol;
        }
    }
    of - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_and_counters_rise_by_one() {
        let mut schedule = Schedule::new(7);
        assert_eq!((schedule.take(u64::MAX), schedule.next_due()), (None, None));
        schedule.set_rate(1000.0, 5_000);
        let ticks: Vec<Tick> = std::iter::from_fn(|| schedule.take(1_005_000)).collect();
        assert_eq!(ticks.len(), 1000);
        assert_eq!((ticks[0].due, ticks[999].due), (6_000, 1_005_000));
        for symbol in 0..7 {
            let counters: Vec<u32> = ticks.iter().filter(|t| t.symbol == symbol).map(|t| t.counter).collect();
            let expected: Vec<u32> = (1..=counters_after(1000, 7)[symbol as usize]).collect();
            assert_eq!(counters, expected);
        }
        schedule.set_rate(10.0, 2_000_000);
        assert_eq!(schedule.next_due(), Some(2_100_000), "a new phase begins afresh");
    }

    #[test]
    fn clients_get_different_symbols_each_once() {
        for client in 0..50 {
            let mut some = some_symbols(client, 50, 500);
            some.sort_unstable();
            some.dedup();
            assert_eq!(some.len(), 50);
        }
        let first = (0..10_000).filter(|client| zipf_symbol(*client, 500) == 0).count();
        assert!((1300..1650).contains(&first), "{first} of 10,000, by Zipf's law 1,472");
    }
}
