use std::sync::Arc;

use state_store::{MemoryBudget, MemoryDatabase, StoreId, WriteBatch};

use super::*;
use crate::{TopicPartition, serde};

fn buffer(database: &Arc<MemoryDatabase>) -> ChangeBuffer<String, String> {
    let mut buffer = ChangeBuffer::new("held".into(), serde::string(), serde::string());
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
    buffer.stage(&mut ChangelogWriter { batch: &mut batch, changelog: None }).unwrap();
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
