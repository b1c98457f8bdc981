//! The synthetic market: it must be faster than what it is asked to feed, 1,000,000 updates a second.
//!
//! Estimate: two random numbers and two decimals of a few digits an update, about 150 ns, so 6 million a second.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use feed::{Intake, Outcome, Sink, SymbolRef};
use feed_sim::{Market, Settings, Symbols};
use market::{Micros, Reason, Status, Symbol, Update};

/// A sink that takes everything and keeps nothing.
struct Null(u32);

impl Sink for Null {
    fn intern(&mut self, _: &Symbol) -> Option<SymbolRef> {
        self.0 += 1;
        Some(SymbolRef(self.0))
    }

    fn update(&mut self, _: SymbolRef, update: &Update) -> Outcome {
        std::hint::black_box(update);
        Outcome::Changed
    }

    fn feed_status(&mut self, _: Status, _: Reason, _: &[SymbolRef]) {}
}

fn sim(c: &mut Criterion) {
    let mut group = c.benchmark_group("sim");
    group.throughput(Throughput::Elements(10_000));
    let settings = Settings { symbols: Symbols::Count(1_000), ..Settings::default() };
    let mut market = Market::new(&settings).expect("the settings are sound");
    let (mut intake, mut sink) = (Intake::default(), Null(0));
    group.bench_function("10,000 updates into a null sink", |b| {
        b.iter(|| {
            for at in 0..10_000 {
                let (id, update) = market.next(Micros(at));
                intake.take(market.instruments(), id, &update, &mut sink);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, sim);
criterion_main!(benches);
