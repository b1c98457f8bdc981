//! The table's series, read from it when somebody asks. The table itself counts nothing for us.

use std::sync::Arc;

use market::Status;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounter, IntGauge, Opts, Registry};
use table::Table;

/// What the table can tell about itself.
pub(crate) struct TableMetrics {
    table: Arc<Table>,
    symbols: IntGauge,
    capacity: IntGauge,
    refused: IntCounter,
    changes: IntCounter,
    symbols_by_status: GaugeVec,
    feed_status: GaugeVec,
}

impl TableMetrics {
    /// Registers the series of this table.
    pub(crate) fn register(table: &Arc<Table>, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(TableMetrics {
            table: Arc::clone(table),
            symbols: IntGauge::new("quotewire_table_symbols", "Symbols that the table knows.")?,
            capacity: IntGauge::new("quotewire_table_symbols_max", "Symbols that the table has room for.")?,
            refused: IntCounter::new(
                "quotewire_table_symbols_refused_total",
                "Names that were refused because the table was full.",
            )?,
            changes: IntCounter::new(
                "quotewire_table_changes_total",
                "Changes of quotes and of feed states: the table-wide sequence number.",
            )?,
            symbols_by_status: GaugeVec::new(
                Opts::new("quotewire_table_symbols_by_status", "Symbols by the status of their quote."),
                &["status"],
            )?,
            feed_status: GaugeVec::new(
                Opts::new(
                    "quotewire_feed_status",
                    "1 for the status that each feed is in, 0 for the others.",
                ),
                &["feed", "status"],
            )?,
        }))
    }
}

impl Collector for TableMetrics {
    fn desc(&self) -> Vec<&Desc> {
        [
            self.symbols.desc(),
            self.capacity.desc(),
            self.refused.desc(),
            self.changes.desc(),
            self.symbols_by_status.desc(),
            self.feed_status.desc(),
        ]
        .concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let table = &self.table;
        self.symbols.set(table.len() as i64);
        self.capacity.set(table.capacity() as i64);
        self.refused.inc_by(table.refused().saturating_sub(self.refused.get()));
        self.changes.inc_by(table.last_seq().saturating_sub(self.changes.get()));
        let mut by_status = [0_u32; Status::ALL.len()];
        let mut quote = market::Quote::default();
        for id in table.ids() {
            table.read_into(id, &mut quote);
            by_status[quote.status as usize] += 1;
        }
        for status in Status::ALL {
            let count = f64::from(by_status[status as usize]);
            self.symbols_by_status.with_label_values(&[status.name()]).set(count);
        }
        for (_, feed) in table.feeds() {
            for status in Status::ALL {
                let on = if feed.status == status { 1.0 } else { 0.0 };
                self.feed_status.with_label_values(&[feed.info.name.as_str(), status.name()]).set(on);
            }
        }
        [
            self.symbols.collect(),
            self.capacity.collect(),
            self.refused.collect(),
            self.changes.collect(),
            self.symbols_by_status.collect(),
            self.feed_status.collect(),
        ]
        .concat()
    }
}
