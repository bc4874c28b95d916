//! `suppress`: holding changes back.

use std::{panic::Location, sync::Arc};

use streams_core::store::Stores;

use super::{KTable, TableParts, rows::SuppressedRows};
use crate::{
    change::Change,
    graph::{Lowering, Role, prefix},
    options::{BufferBounds, Named, Suppressed, Until},
    processors::{self, Release},
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Holds changes back, for as long as `suppressed` says, so that fewer go on: of the changes of a row that
    /// are held back only the last does. Java's `suppress`.
    ///
    /// The rows that are held back are in a buffer with a changelog, and go on as the records that made them.
    /// Where rows are looked up, as in a join, they are those that have gone on. A table without old values of
    /// its own gets a store, for the buffer needs them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, i64>("prices");
    /// let second = Duration::from_secs(1);
    /// let calm = prices.suppress(Suppressed::until_time_limit(second, BufferConfig::unbounded()));
    /// calm.to_stream().to("prices-each-second");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-SUPPRESS-0000000003"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn suppress(&self, suppressed: Suppressed<K>) -> Self {
        let place = Location::caller();
        let Suppressed { name, from, until, bounds } = suppressed;
        let name = name.or_else(|| self.next_name.clone());
        let mut graph = self.graph.lock();
        graph.check_name(place, name.as_ref());
        let (name, store) = if let Some(name) = name.as_ref().map(Named::shared) {
            (name.clone(), format!("{name}-store").into())
        } else {
            let name = graph.new_name(prefix::TABLE_SUPPRESS);
            (name, graph.new_store_name(prefix::TABLE_SUPPRESS))
        };
        let (wait, drop_tombstones) = match until {
            Until::TimeLimit(limit) => (limit, false),
            Until::WindowCloses => {
                let grace = graph.grace_of(self.node);
                if grace.is_none() {
                    let text = format!(
                        "node `{name}` waits until windows close, and there is no windowed aggregation above it"
                    );
                    graph.problem(place, text);
                }
                (grace.unwrap_or_default(), true)
            }
        };
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let release = Release { from, wait_ms, drop_tombstones };
        drop(graph);
        self.rows.send_old_values(true);
        let lower = self.lower_suppress(&name, &store, release, bounds);
        let node = self.graph.lock().add(&name, Role::Other, &[self.node], place, lower);
        let rows = Arc::new(SuppressedRows { parent: self.rows.clone(), buffer: store });
        KTable::new(TableParts {
            graph: self.graph.clone(),
            node,
            name,
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            sources: self.sources.clone(),
            rows,
        })
    }

    fn lower_suppress(
        &self,
        name: &Arc<str>,
        store: &Arc<str>,
        release: Release<K>,
        bounds: BufferBounds,
    ) -> impl Fn(&mut Lowering<'_>) + Send + Sync + 'static {
        let (name, store) = (name.clone(), store.clone());
        let (key_serde, value_serde) = (self.key_serde.clone(), self.value_serde.clone());
        move |lowering| {
            let parents = lowering.parents::<K, Change<V>>();
            let key = lowering.serde(&key_serde, &name, "key");
            let value = lowering.serde(&value_serde, &name, "value");
            let mut buffer = match bounds.max_bytes {
                Some(_) => Stores::measured_change_buffer(store.clone(), key, value),
                None => Stores::change_buffer(store.clone(), key, value),
            };
            if lowering.settings().in_memory_stores {
                buffer = buffer.in_memory();
            }
            buffer = match &bounds.logging {
                Some(config) => buffer.with_logging_enabled(config.clone()),
                None => buffer.with_logging_disabled(),
            };
            let buffer = lowering.add_store(buffer);
            let supplier = processors::ktable_suppress(buffer, release, &bounds);
            let node = lowering.processor(&name, supplier, &parents);
            lowering.topology().connect(node.id(), buffer);
            lowering.forwards::<K, Change<V>>(node);
        }
    }
}
