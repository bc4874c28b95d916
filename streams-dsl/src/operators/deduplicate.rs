//! `deduplicate_by_key` and `deduplicate_by_key_value`: KIP-655.

use std::{sync::Arc, time::Duration};

use streams_core::{
    BoxError, Record, RecordMetadata,
    processor::{Context, Processor},
    serde::{SerdeRef, Written, bytes},
    store::{StoreRef, Stores, TimestampedKeyValueStore, ValueAndTimestamp},
    time::duration_ms,
    topology::changelog_topic,
};

use super::fallible::fallible;
use crate::{
    KStream,
    options::StreamStored,
    plan::{Drawn, DrawnStream, Lowering, Name, Operator, Repartition, Role, Sketch, Slot, Step},
};

const PREFIX: &str = "KSTREAM-DEDUPLICATE-";

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Drops the records whose key went on already, at most `interval` of event time before. Java's
    /// `deduplicateByKey` (KIP-655).
    ///
    /// A record is a duplicate if its timestamp is at most `interval` from that of the last record
    /// of its key that went on, before it or after it. What is dropped counts for nothing: it does
    /// not prolong the interval. A record whose key is null always goes on.
    ///
    /// A key is remembered for twice the interval of stream time, so that order does not matter
    /// among records that are out of order by up to the interval. A later one is a duplicate only
    /// of what is still remembered; otherwise it goes on, as in the KIP.
    ///
    /// If the key may have changed since the records were read, the stream is repartitioned first.
    /// The keys are in a store with a changelog, a row per key, and expire there;
    /// [`stored`](Self::stored) names it. A record that is processed again, since its first
    /// processing was not committed, is no duplicate of itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let hour = Duration::from_secs(3_600);
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.deduplicate_by_key(hour).stored("orders-seen").to("orders-once");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("KSTREAM-DEDUPLICATE-0000000001 (stores: [orders-seen])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn deduplicate_by_key(&self, interval: Duration) -> Self {
        Self::of(self.step().then(Deduplicate::<K, V> { interval, id: None }))
    }

    fallible! {
        /// Like [`deduplicate_by_key`](Self::deduplicate_by_key), for records of one key that have
        /// the same `id`. Java's `deduplicateByKeyValue` (KIP-655).
        ///
        /// Records with different keys are no duplicates of each other, whatever their ids are. A
        /// record whose key or id is null always goes on. The id is written with the serde that is
        /// registered for its type.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let payments = builder.stream::<String, String>("payments-per-customer");
        /// let day = Duration::from_secs(24 * 3_600);
        /// payments.deduplicate_by_key_value(day, |_, payment| payment.clone()).to("payments-once");
        /// let text = builder.build()?.describe();
        /// assert!(text.contains("(stores: [KSTREAM-DEDUPLICATE-STATE-STORE-0000000002])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        #[must_use]
        pub fn deduplicate_by_key_value, try_deduplicate_by_key_value [Id: 'static,]
        (&self, interval: Duration) (id: (key: &K, value: &V) -> Id) -> KStream<K, V> {
            let id = Arc::new(id);
            let make = move |lowering: &mut Lowering<'_>, node: &Name| {
                let (id, serde) = (id.clone(), lowering.serde(&Slot::<Id>::unknown(), node, "id"));
                let write = move |topic: &str, key: &K, value: &V, out: &mut Vec<u8>| {
                    serde.serialize(topic, &id(key, value)?, out)
                };
                Arc::new(write) as WriteId<K, V>
            };
            Self::of(self.step().then(Deduplicate { interval, id: Some(Arc::new(make)) }))
        }
    }
}

/// Appends the bytes of a record's id, as of a topic.
type WriteId<K, V> =
    Arc<dyn Fn(&str, &K, &V, &mut Vec<u8>) -> Result<Written, BoxError> + Send + Sync>;

/// Finds the serde of the id.
type MakeWriteId<K, V> = Arc<dyn Fn(&mut Lowering<'_>, &Name) -> WriteId<K, V> + Send + Sync>;

struct Deduplicate<K, V> {
    interval: Duration,
    id: Option<MakeWriteId<K, V>>,
}

impl<K: Send + 'static, V: Send + 'static> Operator for Deduplicate<K, V> {
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let stored: StreamStored = step.options.stored().unwrap_or_default();
        sketch.check_name(step, stored.name.as_ref());
        let name = sketch.name(step, PREFIX);
        let store = sketch.names.store(stored.name.as_ref(), PREFIX);
        let key_serde = Slot::given(step.options.key_serde()).or(&above.key_serde);
        let mut stream = DrawnStream { name, key_serde, ..above };
        if stream.repartition_required {
            stream = through_topic(stream, step, sketch);
        }
        let (key_serde, make_id) = (stream.key_serde.clone(), self.id.clone());
        let (node_name, interval) = (stream.name.clone(), self.interval);
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let key_serde = lowering.serde(&key_serde, &node_name, "key");
            let write_id = make_id.as_ref().map(|make| make(lowering, &node_name));
            let seen = Stores::timestamped_key_value(store.clone(), bytes(), bytes());
            let seen = seen.with_ttl(remembered(interval)).with_caching_disabled();
            let seen = stored.configure(seen, lowering.settings().in_memory_stores);
            let (seen, store) = (lowering.add_store(seen), store.clone());
            let supplier = move || Deduplicator {
                seen,
                id: IdWriter {
                    store: store.clone(),
                    topic: String::new(),
                    key_serde: key_serde.clone(),
                    write_id: write_id.clone(),
                },
                bytes: Vec::new(),
                interval_ms: duration_ms(interval),
                started_ms: -1,
            };
            let node = lowering.processor(&node_name, supplier, &parents);
            lowering.topology().connect(node.id(), seen);
            lowering.forwards::<K, V>(node);
        };
        let node = sketch.add(&stream.name, Role::Other, &[stream.node], step.caller, part);
        Some(DrawnStream { node, ..stream }.of(step))
    }
}

/// The stream behind a repartition topic, which takes records without a key, too.
fn through_topic<K: Send + 'static, V: Send + 'static>(
    stream: DrawnStream<K, V>,
    step: &Step,
    sketch: &mut Sketch<'_>,
) -> DrawnStream<K, V> {
    let (names, _) = sketch.repartition_names(&stream.name);
    let source = names.source.clone();
    let value_serde = Slot::given(step.options.value_serde()).or(&stream.value_serde);
    let topic = Repartition::new(names, stream.key_serde.clone(), value_serde);
    let part = move |lowering: &mut Lowering<'_>| {
        let parents = lowering.parents::<K, V>();
        topic.lower_topic(lowering, &parents);
    };
    let node = sketch.add(&source, Role::Other, &[stream.node], step.caller, part);
    DrawnStream { node, sources: [source].into(), repartition_required: false, ..stream }
}

/// For how long an id is remembered. A record that is late by the interval may be a duplicate of
/// one that is the interval older still, and that row must be there then.
const fn remembered(interval: Duration) -> Duration {
    interval.saturating_mul(2).saturating_add(Duration::from_millis(1))
}

/// What is kept of an id: the greatest timestamp of its records that went on, and the [`Origin`]
/// of that record.
type Seen = ValueAndTimestamp<Vec<u8>>;

/// Origin of a record that went on, and time at which the task that processed it started. It is
/// written, and compared in that form: never read.
///
/// | bytes | |
/// |---|---|
/// | 8 | offset of the record |
/// | 4 | its partition |
/// | 8 | start of the task, in milliseconds since the epoch |
#[derive(Clone, Copy)]
struct Origin([u8; 20]);

impl Origin {
    const RECORD: usize = 12;

    fn of(metadata: &RecordMetadata, started_ms: i64) -> Self {
        let partition = metadata.topic_partition.as_ref().map_or(-1, |place| place.partition);
        let mut bytes = [0; 20];
        let parts = metadata.offset.to_be_bytes().into_iter().chain(partition.to_be_bytes());
        let parts = parts.chain(started_ms.to_be_bytes());
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        Self(bytes)
    }

    /// Returns whether a row was written for this very record by another start of the task: then
    /// that processing was not committed, as the record has come again.
    fn comes_again(&self, row: &[u8]) -> bool {
        let (record, start) = self.0.split_at(Self::RECORD);
        row.split_at_checked(Self::RECORD)
            .is_some_and(|(row_record, row_start)| row_record == record && row_start != start)
    }
}

/// Fate of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Goes on, and is what later ones are compared with.
    Remembered,
    /// Goes on; it is older than what is remembered.
    TooOld,
    Duplicate,
}

/// The fate of a record with this timestamp and origin, by what is kept of its id.
fn fate(seen: Option<&Seen>, timestamp: i64, origin: Origin, interval_ms: i64) -> Fate {
    let Some(seen) = seen else { return Fate::Remembered };
    if seen.timestamp.abs_diff(timestamp) > interval_ms.unsigned_abs() {
        return if timestamp > seen.timestamp { Fate::Remembered } else { Fate::TooOld };
    }
    let comes_again = timestamp == seen.timestamp && origin.comes_again(&seen.value);
    if comes_again { Fate::Remembered } else { Fate::Duplicate }
}

/// Writes the bytes by which the id of a record is kept: those of its key; if there is an id beside
/// it, the length of the key, four bytes, the key and the id.
struct IdWriter<K, V> {
    store: Name,
    /// Name of the changelog topic, as serdes are told.
    topic: String,
    key_serde: SerdeRef<K>,
    write_id: Option<WriteId<K, V>>,
}

impl<K, V> IdWriter<K, V> {
    /// Writes them in place of what is in `out`. Returns whether the record has an id.
    fn write(&self, record: Record<'_, K, V>, out: &mut Vec<u8>) -> Result<bool, BoxError> {
        out.clear();
        let Some(write_id) = &self.write_id else {
            return Ok(self.key_serde.serialize(&self.topic, record.key, out)? == Written::Bytes);
        };
        out.extend([0; 4]);
        if self.key_serde.serialize(&self.topic, record.key, out)? == Written::Null {
            return Ok(false);
        }
        let key_length = u32::try_from(out.len() - 4)?.to_be_bytes();
        out.iter_mut().zip(key_length).for_each(|(byte, length)| *byte = length);
        Ok(write_id(&self.topic, record.key, record.value, out)? == Written::Bytes)
    }
}

/// Forwards a record unless it is a duplicate of one that went on.
struct Deduplicator<K, V> {
    seen: StoreRef<TimestampedKeyValueStore<Vec<u8>, Vec<u8>>>,
    id: IdWriter<K, V>,
    /// Bytes of the current record's id: their memory serves the next one.
    bytes: Vec<u8>,
    interval_ms: i64,
    started_ms: i64,
}

impl<K: 'static, V: 'static> Processor<K, V, K, V> for Deduplicator<K, V> {
    fn init(&mut self, context: &mut Context<'_, K, V>) -> Result<(), BoxError> {
        self.id.topic = changelog_topic(context.application_id(), &self.id.store);
        self.started_ms = context.current_system_time_ms();
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        if self.id.write(record, &mut self.bytes)? {
            let origin = Origin::of(&context.record_metadata(), self.started_ms);
            let store = context.store(self.seen)?;
            match fate(store.get(&self.bytes)?, record.timestamp, origin, self.interval_ms) {
                Fate::Duplicate => return Ok(()),
                Fate::TooOld => {}
                Fate::Remembered => {
                    let (value, timestamp) = (origin.0.to_vec(), record.timestamp);
                    store.put(&self.bytes, Some(Seen { value, timestamp }))?;
                }
            }
        }
        Ok(context.forward(record)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::{collection::vec, prelude::*};
    use streams_core::TopicPartition;

    use super::*;
    use crate::{StreamsBuilder, tests::effect};

    const TEN: Duration = Duration::from_millis(10);

    fn by_key(records: &[(&str, &str, &str, i64)]) -> Vec<String> {
        effect(
            |b| {
                b.stream::<Option<String>, String>("in").deduplicate_by_key(TEN).to("out");
            },
            records,
        )
    }

    #[test]
    fn a_record_of_a_key_that_went_on_within_the_interval_is_dropped() {
        let records = [("a", 0), ("a", 8), ("b", 8), ("a", 10), ("a", 11), ("a", 20)];
        let records = records.map(|(key, time)| ("in", key, "x", time));
        assert_eq!(
            by_key(&records),
            ["a=x@0", "b=x@8", "a=x@11"],
            "and that at 8 prolongs nothing"
        );
    }

    #[test]
    fn a_record_that_comes_out_of_order_is_compared_too() {
        let out = by_key(&[("in", "a", "x", 20), ("in", "a", "x", 12), ("in", "b", "x", 12)]);
        assert_eq!(out, ["a=x@20", "b=x@12"]);
    }

    #[test]
    fn a_record_later_than_the_interval_goes_on_unless_it_is_a_duplicate_of_one_remembered() {
        let out = by_key(&[
            ("in", "a", "forgotten", 0),
            ("in", "b", "x", 100),
            ("in", "a", "again", 5),
            ("in", "b", "older", 89),
            ("in", "b", "duplicate", 90),
        ]);
        assert_eq!(out, ["a=forgotten@0", "b=x@100", "a=again@5", "b=older@89"]);
    }

    #[test]
    fn records_without_a_key_go_on() {
        assert_eq!(by_key(&[("in", "-", "x", 0), ("in", "-", "x", 1)]), ["-=x@0", "-=x@1"]);
    }

    #[test]
    fn by_an_id_records_of_one_key_are_compared() {
        let records = [("a", "1"), ("a", "2"), ("a", "1"), ("b", "1"), ("a", "-"), ("a", "-")];
        let records = records.map(|(key, id)| ("in", key, id, 0));
        let out = effect(
            |b| {
                let ids = b.stream::<String, Option<String>>("in");
                ids.deduplicate_by_key_value(TEN, |_, id| id.clone()).to("out");
            },
            &records,
        );
        assert_eq!(out, ["a=1@0", "a=2@0", "b=1@0", "a=-@0", "a=-@0"], "a null is no id");
    }

    #[test]
    fn a_record_whose_key_may_have_changed_goes_through_a_topic_first() {
        let rekeyed = |b: &StreamsBuilder| {
            let lines = b.stream::<String, Option<String>>("in").select_key(|_, line| line.clone());
            lines.deduplicate_by_key(TEN).named("once").to("out");
        };
        let records = [("a", "x", 1), ("b", "x", 2), ("a", "-", 3), ("b", "-", 4)];
        let out = effect(rekeyed, &records.map(|(key, line, time)| ("in", key, line, time)));
        assert_eq!(out, ["x=x@1", "-=-@3", "-=-@4"]);
        let builder = StreamsBuilder::new();
        rekeyed(&builder);
        assert!(builder.build().unwrap().describe().contains("(topic: once-repartition)"));
    }

    #[test]
    fn a_record_that_comes_again_is_no_duplicate_of_itself() {
        let place = TopicPartition::new("in", 3);
        let origin = |offset, started_ms| {
            let topic_partition = Some(place.clone());
            Origin::of(&RecordMetadata { topic_partition, offset }, started_ms)
        };
        let seen = Seen { value: origin(7, 1_000).0.to_vec(), timestamp: 50 };
        let fate = |timestamp, origin| fate(Some(&seen), timestamp, origin, 10);
        assert_eq!(fate(50, origin(7, 2_000)), Fate::Remembered, "that start committed nothing");
        assert_eq!(fate(50, origin(7, 1_000)), Fate::Duplicate, "one record made two");
        assert_eq!(fate(50, origin(8, 2_000)), Fate::Duplicate);
        assert_eq!(fate(51, origin(7, 2_000)), Fate::Duplicate);
    }

    #[test]
    fn an_id_is_kept_behind_the_length_of_the_key() {
        let write_id: WriteId<String, Vec<u8>> =
            Arc::new(|topic, _, value, out| bytes().serialize(topic, value, out));
        let mut writer = IdWriter {
            store: "seen".into(),
            topic: String::new(),
            key_serde: streams_core::serde::string(),
            write_id: None,
        };
        let (key, value, headers) = ("ab".to_owned(), vec![7_u8, 9], streams_core::Headers::new());
        let record = Record::new(&key, &value, 0, &headers);
        let mut out = vec![1];
        assert!(writer.write(record, &mut out).unwrap());
        assert_eq!(out, b"ab");
        writer.write_id = Some(write_id);
        assert!(writer.write(record, &mut out).unwrap());
        assert_eq!(out, [0, 0, 0, 2, b'a', b'b', 7, 9]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Compared with all that ever went on, where records are late by the interval at most.
        #[test]
        fn no_record_goes_on_within_the_interval_of_another_of_its_key_and_all_others_do(
            steps in vec((0..3_u8, 0..12_i64, 0..=10_i64), 0..60),
        ) {
            let mut now = 10;
            let mut went_on: Vec<(u8, i64)> = Vec::new();
            let mut records = Vec::new();
            for (key, ahead, behind) in steps {
                now += ahead;
                let time = now - behind;
                records.push((format!("{key}"), time));
                if went_on.iter().all(|(other, then)| *other != key || (then - time).abs() > 10) {
                    went_on.push((key, time));
                }
            }
            let records: Vec<_> =
                records.iter().map(|(key, time)| ("in", &**key, "x", *time)).collect();
            let expected: Vec<_> =
                went_on.iter().map(|(key, time)| format!("{key}=x@{time}")).collect();
            prop_assert_eq!(by_key(&records), expected);
        }
    }
}
