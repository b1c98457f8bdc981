//! The scenarios: who listens to what, at which rate, and what is told of it.

use std::io;

use crate::clock;
use crate::knee;
use crate::measure::{Crowd, Each, Measured, Stand};
use crate::report::{Cell, Table};
use crate::row::{Kind, Row};
use crate::{idle, ingest, say, slow, structures, waves};

/// What a run was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) scenarios: Vec<char>,
    pub(crate) rows: Vec<Row>,
    pub(crate) repeat: usize,
    /// Length of a measurement that is no knee.
    pub(crate) seconds: u64,
}

/// Every scenario, with what it is.
pub(crate) const ALL: &[(char, &str)] = &[
    ('A', "A. 1,000 clients, all on one symbol: the knee"),
    ('B', "B. 10,000 clients, one of 500 symbols each by Zipf's law, 2,000 updates/s"),
    ('C', "C. 1,000 clients, 50 of 500 symbols each, 5,000 updates/s (500,000 deliveries/s)"),
    ('K', "K. As C: the knee"),
    ('D', "D. 10,000 idle clients on one quiet symbol"),
    ('E', "E. 1,000 clients, 25 of 500 symbols each, 2,000 updates/s; one in five stops reading for 30 s"),
    ('F', "F. As A at 50 updates/s: light load"),
    ('G', "G. A synthetic market of 1,000,000 updates/s over 10,000 symbols, and ten times the symbols"),
    ('M', "M. Memory of subscriptions and symbols, on an all but still synthetic market"),
    (
        'V',
        "V. 100,000 updates/s over 10,000 symbols through a venue's WebSockets, 100 clients of 20: the table against an oracle",
    ),
    ('W', "W. Ten waves of 5,000 clients, four of 500 symbols each, at 2,500 updates/s: memory after each"),
];

/// Seconds of a step of a knee, and of the run that confirms it.
const KNEE_SECONDS: (u64, u64) = (4, 8);

/// Cores used by others, or taken by the host, from which on a run is disturbed.
const DISTURBED: f64 = 0.3;
/// So often a step of a knee is tried at most while that is so.
const DISTURBED_TRIES: usize = 2;

const COLUMNS: &[&str] = &[
    "updates/s",
    "events/s",
    "of bare",
    "events per CPU s",
    "of bare",
    "server cores",
    "client cores",
    "others",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "lost",
    "wrong",
    "events a write",
    "events a read",
    "RSS MiB",
];

/// What goes from row to row of one repeat.
#[derive(Debug, Default)]
struct Context {
    /// The first bare row of this repeat.
    bare: Option<Measured>,
    /// The last Quotewire row, and its mean batch.
    batch: Option<(String, f64)>,
}

/// Runs everything that was asked for. `show` gets the tables after each scenario of each repeat.
pub(crate) fn run(plan: &Plan, mut show: impl FnMut(&[Table]) -> io::Result<()>) -> io::Result<()> {
    let mut tables: Vec<Table> = Vec::new();
    for letter in &plan.scenarios {
        let title = ALL.iter().find(|(known, _)| known == letter).map_or("", |(_, title)| title);
        tables.push(Table::new(
            title,
            match letter {
                'D' => idle::COLUMNS,
                'E' => slow::COLUMNS,
                'G' => ingest::COLUMNS,
                'M' => structures::COLUMNS,
                'V' => ingest::VENUE_COLUMNS,
                'W' => waves::COLUMNS,
                _ => COLUMNS,
            },
        ));
    }
    for repeat in 1..=plan.repeat {
        for (letter, table) in plan.scenarios.iter().zip(0..) {
            let mut context = Context::default();
            for row in &plan.rows {
                let start = clock::now();
                say(&format!("{letter} {repeat}/{} {}", plan.repeat, row.name));
                match *letter {
                    'G' => ingest::run(row, plan.seconds, &mut tables[table]),
                    'M' => structures::run(row, &mut tables[table]),
                    _ => {
                        let outcome = one(*letter, row, plan.seconds, &mut context);
                        if let Err(why) = &outcome {
                            say(&format!("  {why}"));
                        }
                        let name = match (&row.kind, &context.batch) {
                            (Kind::BareSame, Some((like, _))) => format!("{} as {like}", row.name),
                            _ => row.name.clone(),
                        };
                        tables[table].add(&name, outcome);
                    }
                }
                say(&format!("  took {} s", (clock::now() - start) / clock::SECOND));
            }
            show(&tables)?;
        }
    }
    Ok(())
}

/// One row of a scenario.
fn one(letter: char, row: &Row, seconds: u64, context: &mut Context) -> Result<Vec<Cell>, String> {
    if let Some(why) = row.missing() {
        return Err(why);
    }
    let first = Crowd { clients: 1_000, symbols: 1, each: Each::First, slow_one_in: 0 };
    let many = Crowd { clients: 1_000, symbols: 500, each: Each::Some(50), slow_one_in: 0 };
    let zipf = Crowd { clients: 10_000, symbols: 500, each: Each::Zipf, slow_one_in: 0 };
    let outcome = match letter {
        'A' => at_knee(row, first, 35),
        'F' => steady(row, first, 50.0, seconds, context),
        'B' => steady(row, zipf, 2_000.0, seconds, context),
        'C' => steady(row, many, 5_000.0, seconds, context),
        'K' => at_knee(row, many, 53),
        'D' => return idle::run(row).map_err(|error| error.to_string()),
        'E' => return slow::run(row, seconds).map_err(|error| error.to_string()),
        'V' => return ingest::venue(row, seconds).map_err(|error| error.to_string()),
        'W' => return waves::run(row).map_err(|error| error.to_string()),
        other => return Err(format!("there is no scenario `{other}`")),
    };
    let measured = outcome.map_err(|error| error.to_string())?;
    if row.is_bare() && context.bare.is_none() {
        context.bare = Some(measured);
    }
    if matches!(row.kind, Kind::Quotewire(_)) {
        let batch = measured.events_per_write.unwrap_or(measured.events_per_read);
        context.batch = Some((row.name.clone(), batch));
    }
    Ok(cells(&measured, context.bare.as_ref()))
}

fn steady(row: &Row, crowd: Crowd, rate: f64, seconds: u64, context: &Context) -> io::Result<Measured> {
    let same = match row.kind {
        Kind::BareSame => {
            let (_, batch) = context
                .batch
                .as_ref()
                .ok_or_else(|| io::Error::other("no Quotewire row stands before it"))?;
            let per_client = crowd.deliveries(rate) / crowd.clients as f64;
            window(*batch, per_client)
        }
        _ => None,
    };
    let mut stand = Stand::up(row, crowd, same)?;
    let measured = stand.run(rate, seconds)?;
    say(&format!("  {}", measured.line()));
    Ok(measured)
}

/// The window in milliseconds at which a client with so many events a second gets so many with a write: of `x` events
/// expected in a window, `x / (1 - e^-x)` come in those that have any. `None` when each comes alone.
fn window(batch: f64, per_second: f64) -> Option<f64> {
    let mean = |x: f64| x / (1.0 - (-x).exp());
    let (mut low, mut high) = (0.001, 10_000.0);
    if batch <= mean(low) {
        return None;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if mean(middle) < batch { low = middle } else { high = middle }
    }
    Some(low / per_second * 1000.0)
}

fn at_knee(row: &Row, crowd: Crowd, start: i32) -> io::Result<Measured> {
    if matches!(row.kind, Kind::BareSame) {
        return Err(io::Error::other("a knee has no batch to be like"));
    }
    let mut standing: Option<Stand> = None;
    let mut once = |step: i32, long: bool| -> io::Result<Measured> {
        let mut stand = match standing.take() {
            Some(stand) => stand,
            None => Stand::up(row, crowd, None)?,
        };
        let measured = stand.run(knee::rate(step), if long { KNEE_SECONDS.1 } else { KNEE_SECONDS.0 })?;
        say(&format!("  {}", measured.line()));
        // What a server still owes, or has broken, must not weigh on the next step.
        if measured.drained && measured.ended == 0 {
            standing = Some(stand);
        }
        Ok(measured)
    };
    let knee = knee::find(start, |step, long| {
        let mut measured = once(step, long)?;
        // A step that fails while somebody else has the processors says nothing of the server.
        for _ in 1..DISTURBED_TRIES {
            if measured.held() || measured.cores.others + measured.cores.stolen < DISTURBED {
                break;
            }
            measured = once(step, long)?;
        }
        Ok(measured.held().then_some(measured))
    })?;
    knee.ok_or_else(|| io::Error::other("no rate was held"))
}

fn cells(measured: &Measured, bare: Option<&Measured>) -> Vec<Cell> {
    let ratio = |of: fn(&Measured) -> f64| Cell::maybe(bare.map(|bare| of(measured) / of(bare)), 2);
    vec![
        Cell::Number(measured.rate, 0),
        Cell::Number(measured.events_per_second, 0),
        ratio(|m| m.events_per_second),
        Cell::Number(measured.events_per_cpu_second(), 0),
        ratio(Measured::events_per_cpu_second),
        Cell::Number(measured.cores.server, 2),
        Cell::Number(measured.cores.client, 2),
        Cell::Number(measured.cores.others + measured.cores.stolen, 2),
        Cell::Number(measured.p50, 2),
        Cell::Number(measured.p99, 1),
        Cell::Number(measured.p999, 1),
        Cell::Number(measured.lost as f64, 0),
        Cell::Number(measured.wrong as f64, 0),
        Cell::maybe(measured.events_per_write, 1),
        Cell::Number(measured.events_per_read, 1),
        Cell::Number(measured.resident as f64 / 1024.0, 1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_gives_the_batch_it_was_made_for() {
        let millis = window(5.0, 500.0).unwrap();
        assert!((9.9..10.0).contains(&millis), "{millis}");
        assert_eq!(window(1.0, 500.0), None);
    }

    #[test]
    fn crowds_are_as_large_as_they_say() {
        let many = Crowd { clients: 100, symbols: 500, each: Each::Some(50), slow_one_in: 5 };
        assert_eq!(many.deliveries(5_000.0), 50_000.0);
        assert_eq!(many.wanted().iter().filter(|wanted| wanted.group == crate::load::SLOW).count(), 20);
    }
}
