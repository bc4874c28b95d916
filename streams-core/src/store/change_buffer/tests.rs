use std::sync::Arc;

use state_store::{MemoryBudget, MemoryDatabase, StoreId, WriteBatch};

use super::*;
use crate::{
    TopicPartition,
    client::{
        ClientSupplier, Collector, IsolationLevel, ProducerSettings, embedded::EmbeddedCluster,
    },
    serde,
    store::LogOrder,
    time::SystemClock,
};

fn buffer(database: &Arc<MemoryDatabase>) -> ChangeBuffer<String, String> {
    opened(ChangeBuffer::new("held".into(), serde::string(), serde::string()), database)
}

fn measured(database: &Arc<MemoryDatabase>) -> ChangeBuffer<String, String> {
    opened(ChangeBuffer::new("held".into(), serde::string(), serde::string()).measured(), database)
}

fn opened(
    mut buffer: ChangeBuffer<String, String>,
    database: &Arc<MemoryDatabase>,
) -> ChangeBuffer<String, String> {
    let context = StoreContext {
        database: database.clone(),
        id: StoreId(0),
        budget: MemoryBudget::new(0, 0),
        topic: "app-held-changelog".into(),
        caching: false,
    };
    buffer.open(context).unwrap();
    buffer
}

fn origin(timestamp: i64) -> Origin {
    let place = TopicPartition::new("in", 3);
    let metadata = RecordMetadata { topic_partition: Some(place), offset: timestamp * 10 };
    Origin { timestamp, metadata, headers: None }
}

fn put(buffer: &mut ChangeBuffer<String, String>, time: i64, key: &str, old: &str, new: &str) {
    let value = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    buffer.put(time, &key.to_owned(), (value(old), value(new)), origin(time)).unwrap();
}

fn commit(buffer: &mut ChangeBuffer<String, String>, database: &Arc<MemoryDatabase>) {
    let mut batch = WriteBatch::new();
    buffer
        .stage(&mut ChangelogWriter {
            batch: &mut batch,
            changelog: None,
            position: None,
            order: LogOrder::default(),
        })
        .unwrap();
    database.write(batch).unwrap();
    buffer.committed();
    assert!(!buffer.is_dirty());
}

use state_store::Database;

#[test]
fn a_change_keeps_the_place_of_the_one_that_it_replaces() {
    let database = Arc::new(MemoryDatabase::new(1));
    let mut buffer = buffer(&database);
    put(&mut buffer, 10, "a", "0", "1");
    put(&mut buffer, 11, "b", "", "1");
    put(&mut buffer, 12, "a", "1", "2");
    assert_eq!((buffer.len(), buffer.first_time()), (2, Some(10)));
    assert_eq!(buffer.prior_value(&"a".to_owned()).unwrap(), Some(Some(&"0".to_owned())));
    assert_eq!(buffer.prior_value(&"b".to_owned()).unwrap(), Some(None));
    assert_eq!(buffer.prior_value(&"c".to_owned()).unwrap(), None);
    let first = buffer.pop_first().unwrap().unwrap();
    assert_eq!((first.key.as_str(), first.old.as_deref()), ("a", Some("1")));
    assert_eq!((first.new.as_deref(), first.origin.timestamp), (Some("2"), 12));
    assert_eq!(buffer.first_time(), Some(11));
}

#[test]
fn changes_of_one_time_leave_in_the_order_of_their_keys() {
    let database = Arc::new(MemoryDatabase::new(1));
    let mut buffer = buffer(&database);
    for key in ["b", "c", "a"] {
        put(&mut buffer, 5, key, "", "1");
    }
    let mut keys = Vec::new();
    while let Some(change) = buffer.pop_first().unwrap() {
        keys.push(change.key);
    }
    assert_eq!(keys, ["a", "b", "c"]);
}

#[test]
fn what_was_committed_is_held_back_again_after_a_restart() {
    let database = Arc::new(MemoryDatabase::new(1));
    let mut first = buffer(&database);
    put(&mut first, 10, "a", "0", "1");
    put(&mut first, 20, "b", "", "2");
    put(&mut first, 30, "c", "x", "");
    commit(&mut first, &database);
    first.pop_first().unwrap();
    put(&mut first, 40, "b", "2", "3");
    commit(&mut first, &database);
    put(&mut first, 50, "d", "", "lost with the crash");
    let mut again = buffer(&database);
    let b = again.pop_first().unwrap().unwrap();
    assert_eq!((b.key.as_str(), b.old.as_deref(), b.new.as_deref()), ("b", Some("2"), Some("3")));
    assert_eq!(b.origin, origin(40));
    let c = again.pop_first().unwrap().unwrap();
    assert_eq!((c.key.as_str(), c.old.as_deref(), c.new), ("c", Some("x"), None));
    assert!(again.is_empty());
}

#[test]
fn rows_are_read_as_they_were_written() {
    let mut headers = Headers::new();
    headers.add("h", Some(b"1"));
    headers.add("h", None);
    let mut of = origin(7);
    of.headers = Some(Arc::new(headers));
    let values = [None, Some(&b"one"[..]), Some(&b""[..])];
    for prior in values {
        for old in values {
            for new in values {
                let row = Row { time: -1, origin: of.clone(), prior, old, new };
                let bytes = row.write();
                assert_eq!(Row::read(&bytes).unwrap(), row);
                for end in 0..bytes.len() {
                    assert!(Row::read(&bytes[..end]).is_err(), "cut off at {end}");
                }
            }
        }
    }
}

#[test]
fn a_row_without_a_place_comes_from_a_punctuation() {
    let origin = Origin { timestamp: 3, metadata: RecordMetadata::none(), headers: None };
    let row = Row { time: 9, origin, prior: None, old: None, new: Some(b"v") };
    assert_eq!(Row::read(&row.write()).unwrap(), row);
}

/// Size of a row besides its key, its values and its headers: 28 for numbers, and the topic `in`.
const REST: usize = 28 + 2;

#[test]
fn a_row_counts_for_what_java_counts() {
    // Java's `computeRecordSize` with `BufferValue` and `ProcessorRecordContext`: its old value is
    // left out if it is the prior one, and a null has no length.
    let row = |prior, old, new| Row { time: 1, origin: origin(7), prior, old, new };
    let (a, b, c) = (Some(&b"a"[..]), Some(&b"bb"[..]), Some(&b"cccc"[..]));
    assert_eq!(row(None, None, c).size(3), 3 + 4 + REST);
    assert_eq!(row(a, a, c).size(3), 3 + 1 + 4 + REST);
    assert_eq!(row(a, b, c).size(3), 3 + 1 + 2 + 4 + REST);
    assert_eq!(row(None, b, None).size(3), 3 + 2 + REST);
    assert_eq!(row(b, None, c).size(0), 2 + 4 + REST);

    let mut headers = Headers::new();
    headers.add("name", Some(b"value"));
    headers.add("none", None);
    // One character of two bytes, and one of four that Java counts as two.
    headers.add("\u{e9}\u{1f600}", Some(b""));
    let of = Origin { headers: Some(Arc::new(headers)), ..origin(7) };
    let with_headers = Row { origin: of, ..row(None, None, c) };
    assert_eq!(with_headers.size(3), 3 + 4 + REST + 9 + 4 + 3);

    let nowhere = Origin { metadata: RecordMetadata::none(), ..origin(7) };
    assert_eq!(Row { origin: nowhere, ..row(None, None, c) }.size(3), 3 + 4 + 28);
}

#[test]
fn a_measured_buffer_counts_what_it_holds_now() {
    let database = Arc::new(MemoryDatabase::new(1));
    let mut held = measured(&database);
    assert_eq!(held.bytes(), Some(0));
    put(&mut held, 10, "a", "", "1");
    assert_eq!(held.bytes(), Some(2 + REST));
    put(&mut held, 11, "bb", "0", "1");
    assert_eq!(held.bytes(), Some(2 + REST + 4 + REST));
    put(&mut held, 12, "bb", "1", "22");
    let two = 2 + REST + 6 + REST;
    assert_eq!(held.bytes(), Some(two), "of the replaced change nothing but the prior value");
    commit(&mut held, &database);

    let mut again = measured(&database);
    assert_eq!(again.bytes(), Some(two), "after a restart");
    again.pop_first().unwrap();
    assert_eq!(again.bytes(), Some(6 + REST));
    again.pop_first().unwrap();
    again.pop_first().unwrap();
    assert_eq!(again.bytes(), Some(0));
}

#[test]
fn a_buffer_that_is_not_measured_has_no_size() {
    let mut held = buffer(&Arc::new(MemoryDatabase::new(1)));
    put(&mut held, 10, "a", "", "1");
    assert_eq!((held.len(), held.bytes()), (1, None));
}

#[test]
fn what_is_logged_again_is_what_was_logged_last() {
    let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
    cluster.create_topic("app-held-changelog", 1).unwrap();
    let producer = cluster.producer(&ProducerSettings::default()).unwrap();
    let mut collector = Collector::new(producer);
    let (database, to) =
        (Arc::new(MemoryDatabase::new(1)), TopicPartition::new("app-held-changelog", 0));
    let mut buffer = buffer(&database);
    put(&mut buffer, 10, "left", "", "1");
    put(&mut buffer, 11, "held", "0", "1");
    buffer.pop_first().unwrap();
    let (mut batch, slot) = (WriteBatch::new(), collector.slot(&to).unwrap());
    let mut writer = ChangelogWriter {
        batch: &mut batch,
        changelog: Some((slot, &mut collector)),
        position: None,
        order: LogOrder::default(),
    };
    buffer.stage(&mut writer).unwrap();
    let staged = writer.batch.len();
    buffer.log_again(b"held", 7, &mut writer).unwrap();
    buffer.log_again(b"left", 11, &mut writer).unwrap();
    assert_eq!(writer.batch.len(), staged);
    collector.flush().unwrap();
    let logged = cluster.read_all(&to.topic, IsolationLevel::ReadCommitted).unwrap();
    let logged: Vec<_> = logged
        .into_iter()
        .map(|record| (record.key, record.value, record.timestamp, record.headers))
        .collect();
    assert_eq!(logged.len(), 4);
    assert_eq!(logged[..2], logged[2..]);
}
