//! Buffers of changes and of records against ordered maps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    turn,
};
use crate::{
    Headers, Record, RecordMetadata, TopicPartition,
    serde::{long, string},
    store::{ChangeBuffer, Origin, RecordBuffer, StoreBuilder, Stores},
};

fn origin(timestamp: i64) -> Origin {
    let topic_partition = Some(TopicPartition::new("in", 0));
    let metadata = RecordMetadata { topic_partition, offset: timestamp };
    Origin { timestamp, metadata, headers: None }
}

fn key() -> impl Strategy<Value = String> {
    (0..4_u8).prop_map(|key| format!("k{key}"))
}

mod changes {
    use super::*;

    type Buffer = ChangeBuffer<String, i64>;

    #[derive(Clone, Debug)]
    enum Step {
        Put(i64, String, Option<i64>, Option<i64>),
        Pop,
        Turn(Turn),
    }

    fn step() -> impl Strategy<Value = Step> {
        let value = || proptest::option::of(0..9_i64);
        prop_oneof![
            6 => (0..6_i64, key(), value(), value())
                .prop_map(|(time, key, old, new)| Step::Put(time, key, old, new)),
            2 => Just(Step::Pop),
            2 => turn().prop_map(Step::Turn),
        ]
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Held {
        prior: Option<i64>,
        old: Option<i64>,
        new: Option<i64>,
        timestamp: i64,
    }

    /// By time and key.
    type Model = BTreeMap<(i64, String), Held>;

    fn put(model: &mut Model, time: i64, key: String, (old, new): (Option<i64>, Option<i64>)) {
        let held = model.iter().find(|((_, held), _)| *held == key);
        let held = held.map(|((time, _), held)| (*time, held.prior));
        let (position, prior) = held.unwrap_or((time, old));
        model.insert((position, key), Held { prior, old, new, timestamp: time });
    }

    fn pop(buffer: &mut Buffer) -> Option<(String, Option<i64>, Option<i64>, i64)> {
        let change = buffer.pop_first().unwrap()?;
        Some((change.key, change.old, change.new, change.origin.timestamp))
    }

    fn pop_from(model: &mut Model) -> Option<(String, Option<i64>, Option<i64>, i64)> {
        let ((_, key), held) = model.pop_first()?;
        Some((key, held.old, held.new, held.timestamp))
    }

    fn compare(buffer: &Buffer, model: &Model) {
        assert_eq!((buffer.len(), buffer.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(buffer.first_time(), model.keys().next().map(|(time, _)| *time));
        for ((_, key), held) in model {
            let prior = buffer.prior_value(key).unwrap();
            assert_eq!(prior.map(Option::<&i64>::copied), Some(held.prior));
        }
    }

    fn leaves_like_a_map<E: Engine>(cases: u32, builder: &StoreBuilder<Buffer>) {
        check(cases, &proptest::collection::vec(step(), 1..60), |steps| {
            let mut bed = Bed::<E, Buffer>::new(builder.clone(), false, 1_000);
            let (mut live, mut committed) = (Model::new(), Model::new());
            for step in steps {
                match step {
                    Step::Put(time, key, old, new) => {
                        bed.store().put(time, &key, (old, new), origin(time)).unwrap();
                        put(&mut live, time, key, (old, new));
                    }
                    Step::Pop => assert_eq!(pop(bed.store()), pop_from(&mut live)),
                    Step::Turn(turn) => {
                        live = bed.turned(turn, live, committed);
                        committed = live.clone();
                    }
                }
                compare(bed.store(), &live);
            }
            while let Some(first) = pop_from(&mut live) {
                assert_eq!(pop(bed.store()), Some(first));
            }
            assert_eq!(pop(bed.store()), None);
        });
    }

    #[test]
    fn changes_leave_a_buffer_as_they_leave_a_map() {
        leaves_like_a_map::<Memory>(256, &Stores::change_buffer(STORE, string(), long()));
    }

    #[cfg(feature = "rocksdb")]
    #[test]
    fn changes_leave_a_buffer_in_rocksdb_as_they_leave_a_map() {
        use super::super::engine::Rocks;
        leaves_like_a_map::<Rocks>(8, &Stores::change_buffer(STORE, string(), long()));
    }
}

mod records {
    use super::*;

    type Buffer = RecordBuffer<String, i64>;

    #[derive(Clone, Debug)]
    enum Step {
        Put(i64, String, i64),
        PopUntil(i64),
        Turn(Turn),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..6_i64, key(), 0..9_i64)
                .prop_map(|(time, key, value)| Step::Put(time, key, value)),
            3 => (0..7_i64).prop_map(Step::PopUntil),
            2 => turn().prop_map(Step::Turn),
        ]
    }

    /// Values by time, key and order of the puts.
    type Model = BTreeMap<(i64, String, usize), i64>;

    fn pop_until(buffer: &mut Buffer, time: i64) -> Option<(i64, String, i64)> {
        let record = buffer.pop_until(time).unwrap()?;
        Some((record.origin.timestamp, record.key, record.value))
    }

    fn pop_from(model: &mut Model, until: i64) -> Option<(i64, String, i64)> {
        let first = model.first_entry().filter(|first| first.key().0 <= until)?;
        let ((time, key, _), value) = first.remove_entry();
        Some((time, key, value))
    }

    fn leaves_like_a_map<E: Engine>(cases: u32, builder: &StoreBuilder<Buffer>) {
        check(cases, &proptest::collection::vec(step(), 1..60), |steps| {
            let mut bed = Bed::<E, Buffer>::new(builder.clone(), false, 1_000);
            let (mut live, mut committed) = (Model::new(), Model::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Put(time, key, value) => {
                        let headers = Headers::new();
                        let record = Record::new(&key, &value, time, &headers);
                        bed.begin_record(time);
                        bed.store().put(record, origin(time)).unwrap();
                        live.insert((time, key, number), value);
                    }
                    Step::PopUntil(time) => {
                        assert_eq!(pop_until(bed.store(), time), pop_from(&mut live, time));
                    }
                    Step::Turn(turn) => {
                        live = bed.turned(turn, live, committed);
                        committed = live.clone();
                    }
                }
            }
            while let Some(first) = pop_from(&mut live, i64::MAX) {
                assert_eq!(pop_until(bed.store(), i64::MAX), Some(first));
            }
            assert_eq!(pop_until(bed.store(), i64::MAX), None);
        });
    }

    #[test]
    fn records_leave_a_buffer_as_they_leave_a_map() {
        leaves_like_a_map::<Memory>(256, &Stores::record_buffer(STORE, string(), long()));
    }

    #[cfg(feature = "rocksdb")]
    #[test]
    fn records_leave_a_buffer_in_rocksdb_as_they_leave_a_map() {
        use super::super::engine::Rocks;
        leaves_like_a_map::<Rocks>(8, &Stores::record_buffer(STORE, string(), long()));
    }
}
