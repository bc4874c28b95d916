//! `suppress`: holding changes back. Java's `KTableSuppressProcessorSupplier`.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{
        StoreRef, Stores,
        operator::{BufferedChange, ChangeBuffer},
    },
};

use crate::{
    KTable,
    change::Change,
    options::{BufferBounds, Named, Suppressed, Until, WhenFull},
    plan::{
        Connect, Drawn, DrawnTable, Lookup, Lowering, Name, Need, Operator, Part, Role, Rows,
        RowsOf, Sketch, Slot, Step, TableGetter, prefix,
    },
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Holds changes back for as long as `suppressed` says, so that fewer are forwarded: only the
    /// last of a row's held-back changes is. Java's `suppress`.
    ///
    /// A buffer with a changelog keeps the rows, and releases them with the context of the records
    /// that made them. A look-up of rows, as in a join, finds only those that were released. A
    /// table without old values of its own gets a store, since the buffer needs them.
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
        Self::of(self.step().then(Suppress { suppressed, value: PhantomData::<fn(V)> }))
    }
}

struct Suppress<K, V> {
    suppressed: Suppressed<K>,
    value: PhantomData<fn(V)>,
}

impl<K, V> Operator for Suppress<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let table = sketch.table::<K, V>(step)?;
        let Suppressed { from, until, bounds, idle } = self.suppressed.clone();
        let (name, store) = if let Some(name) = step.options.name.as_ref().map(Named::shared) {
            (name.clone(), format!("{name}-store").into())
        } else {
            let name = sketch.names.new_name(prefix::TABLE_SUPPRESS);
            (name, sketch.names.new_store_name(prefix::TABLE_SUPPRESS))
        };
        let (wait, drop_tombstones) = match until {
            Until::TimeLimit(limit) => (limit, false),
            Until::WindowCloses => {
                let grace = sketch.grace_of(table.node);
                if grace.is_none() {
                    let text = format!(
                        "node `{name}` waits until windows close, and there is no windowed aggregation above it"
                    );
                    sketch.problem(step.caller, text);
                }
                (grace.unwrap_or_default(), true)
            }
        };
        if table.rows.are_versioned() {
            sketch.problem(step.caller, "a versioned table can't be suppressed");
        }
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let release = Release { from, wait_ms, drop_tombstones };
        sketch.need(Need::OldValues(table.node));
        let (key_serde, value_serde) = (table.key_serde.clone(), table.value_serde.clone());
        let names = (name.clone(), store.clone());
        let part = SuppressPart { names, key_serde, value_serde, release, bounds, idle };
        let node = sketch.add(&name, Role::Other, &[table.node], step.caller, part);
        sketch.rows(node, RowsOf::Suppressed(table.node));
        let rows = Arc::new(SuppressedRows { above: table.rows, buffer: store });
        Some(DrawnTable { node, rows, ..table }.of(step))
    }
}

/// The node and its buffer, as they are added to a topology.
struct SuppressPart<K, V> {
    names: (Name, Name),
    key_serde: Slot<K>,
    value_serde: Slot<V>,
    release: Release<K>,
    bounds: BufferBounds,
    idle: Option<Duration>,
}

impl<K, V> Part for SuppressPart<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fn lower(&self, lowering: &mut Lowering<'_>) {
        let (name, store) = &self.names;
        let parents = lowering.parents::<K, Change<V>>();
        let key = lowering.serde(&self.key_serde, name, "key");
        let value = lowering.serde(&self.value_serde, name, "value");
        let mut buffer = match self.bounds.max_bytes {
            Some(_) => Stores::measured_change_buffer(store.clone(), key, value),
            None => Stores::change_buffer(store.clone(), key, value),
        };
        if lowering.settings().in_memory_stores {
            buffer = buffer.in_memory();
        }
        buffer = match &self.bounds.logging {
            Some(config) => buffer.with_logging_enabled(config.clone()),
            None => buffer.with_logging_disabled(),
        };
        let buffer = lowering.add_store(buffer);
        let BufferBounds { max_records, max_bytes, when_full, .. } = self.bounds;
        let (release, idle, buffer_name) = (self.release, self.idle, store.clone());
        let supplier = move || KTableSuppress {
            idle: idle.map(|after| Idle { after, buffer: buffer_name.clone(), closed_ms: -1 }),
            buffer,
            release,
            max_records,
            max_bytes,
            when_full,
            observed_ms: -1,
        };
        let node = lowering.processor(name, supplier, &parents);
        lowering.topology().connect(node.id(), buffer);
        lowering.forwards::<K, Change<V>>(node);
    }
}

/// Rows of a table whose changes are held back: one that waits is still the one before.
struct SuppressedRows<K, V> {
    above: Arc<dyn Rows<K, V>>,
    buffer: Name,
}

impl<K: 'static, V: Clone + Send + 'static> Rows<K, V> for SuppressedRows<K, V> {
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V>> {
        let (above, connect_above) = self.above.getter(lowering)?;
        let buffer = lowering.store::<ChangeBuffer<K, V>>(&self.buffer)?;
        let getter = TableGetter::asking(move |stores, key, asked, visit| {
            if let Some(prior) = stores.store(buffer)?.prior_value(key)? {
                // Its timestamp is not kept; Java's is unknown, too.
                return visit(prior.map(|value| (value, -1)));
            }
            above.get(stores, key, asked, visit)
        });
        let connect: Connect = Box::new(move |topology, node| {
            topology.connect(node, buffer);
            connect_above(topology, node);
        });
        Some((getter, connect))
    }
}

/// Time at which a change leaves the buffer.
#[derive(Debug)]
struct Release<K> {
    /// Start of the wait, in milliseconds, by key and timestamp.
    from: fn(&K, i64) -> i64,
    /// Length of the wait in stream time, in milliseconds.
    wait_ms: i64,
    /// True if deleted rows are left out: windows are final, and nobody saw the row.
    drop_tombstones: bool,
}

impl<K> Clone for Release<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Release<K> {}

/// Holds the changes of a table back, until the greatest timestamp that came by says that their
/// time has come, or until too many are held back. Each goes on as the record that made it.
struct KTableSuppress<K, V> {
    buffer: StoreRef<ChangeBuffer<K, V>>,
    release: Release<K>,
    max_records: Option<usize>,
    max_bytes: Option<usize>,
    when_full: WhenFull,
    /// The greatest timestamp that came by, or up to which time went on without records.
    observed_ms: i64,
    /// Release of changes while no record comes, if there is one.
    idle: Option<Idle>,
}

/// Going on while no record comes.
struct Idle {
    after: Duration,
    buffer: Name,
    /// The time up to which windows have gone on so; -1 if none has.
    closed_ms: i64,
}

impl<K, V> KTableSuppress<K, V>
where
    K: 'static,
    V: Clone + Send + 'static,
{
    /// Time up to which changes have waited long enough at a stream time.
    const fn due_ms(&self, stream_time: i64) -> i64 {
        stream_time.saturating_sub(self.release.wait_ms)
    }

    /// Returns whether the window of a change has gone on while no record came.
    fn is_late(&self, time: i64) -> bool {
        let closed_ms = self.idle.as_ref().map_or(-1, |idle| idle.closed_ms);
        closed_ms >= 0 && time <= self.due_ms(closed_ms)
    }

    /// Lets go on what no longer has to wait.
    fn release_due(&self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        let due_ms = self.due_ms(self.observed_ms);
        while context.store(self.buffer)?.first_time().is_some_and(|time| time <= due_ms) {
            self.emit_first(context)?;
        }
        Ok(())
    }

    fn check_bounds(&self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        while let Some((held, most, what)) = self.excess(context)? {
            if self.when_full == WhenFull::ShutDown {
                let node = context.node_name();
                let text = format!(
                    "node `{node}` holds {held} {what} back, and its buffer may hold {most}: allow it more, or let it \
                     emit early when full"
                );
                return Err(text.into());
            }
            self.emit_first(context)?;
        }
        Ok(())
    }

    /// The exceeded limit of the buffer: amount held, amount allowed, and unit.
    fn excess(
        &self,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<Option<(usize, usize, &'static str)>, BoxError> {
        let buffer = context.store(self.buffer)?;
        let rows = self.max_records.map(|most| (buffer.len(), most, "rows"));
        let bytes = self.max_bytes.map(|most| (buffer.bytes().unwrap_or_default(), most, "bytes"));
        Ok(rows.into_iter().chain(bytes).find(|(held, most, _)| held > most))
    }

    fn emit_first(&self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        let first = context.store(self.buffer)?.pop_first()?;
        let Some(BufferedChange { key, new, old, origin }) = first else { return Ok(()) };
        if new.is_none() && self.release.drop_tombstones {
            return Ok(());
        }
        let change = Change::new(new, old);
        let record_context = context.context_of(&origin);
        context.with_record_context(&record_context, |context, headers| {
            context.forward(Record::new(&key, &change, origin.timestamp, headers))
        })?;
        Ok(())
    }
}

impl<K, V> Processor<K, Change<V>, K, Change<V>> for KTableSuppress<K, V>
where
    K: 'static,
    V: Clone + Send + 'static,
{
    fn init(&mut self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        if let Some(Idle { after, buffer, closed_ms }) = &mut self.idle {
            context.watch_idle(*after);
            *closed_ms = context.emitted_until(buffer).unwrap_or(-1);
            self.observed_ms = *closed_ms;
        }
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        self.observed_ms = self.observed_ms.max(record.timestamp);
        let origin = context.origin();
        let time = (self.release.from)(record.key, origin.timestamp);
        if self.is_late(time) {
            context.drop_record(&format!(
                "its window, which ended at {time}, has gone on while no record came"
            ));
            return Ok(());
        }
        let change = (record.value.old.clone(), record.value.new.clone());
        context.store(self.buffer)?.put(time, record.key, change, origin)?;
        self.release_due(context)?;
        self.check_bounds(context)
    }

    fn would_close(
        &mut self,
        time: i64,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<bool, BoxError> {
        let due_ms = self.due_ms(time.max(self.observed_ms));
        Ok(context.store(self.buffer)?.first_time().is_some_and(|first| first <= due_ms))
    }

    fn idle(&mut self, time: i64, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        self.observed_ms = self.observed_ms.max(time);
        if let Some(idle) = self.idle.as_mut().filter(|_| self.release.drop_tombstones) {
            idle.closed_ms = self.observed_ms;
            context.set_emitted_until(&idle.buffer, self.observed_ms);
        }
        self.release_due(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{BufferConfig, Suppressed, tests::effect};

    #[test]
    fn of_the_changes_of_a_row_the_last_goes_on_when_its_time_has_come() {
        let out = effect(
            |b| {
                let second = Duration::from_secs(1);
                let rows = b.table::<String, String>("in");
                let calm = Suppressed::until_time_limit(second, BufferConfig::unbounded());
                rows.suppress(calm).to_stream().to("out");
            },
            &[("in", "a", "x", 0), ("in", "a", "y", 500), ("in", "b", "z", 1_500)],
        );
        assert_eq!(out, ["a=y@500"]);
    }
}
