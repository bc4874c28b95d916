//! Records that are held back, through commits, aborts and restores.

use super::{
    bed::Bed,
    engine::{Memory, STORE},
};
use crate::{
    Headers, Record, RecordMetadata, TopicPartition,
    serde::string,
    store::{Origin, RecordBuffer, Stores},
};

type Texts = RecordBuffer<String, String>;

fn put(buffer: &mut Texts, value: &str, timestamp: i64) {
    let place = Some(TopicPartition::new("in", 0));
    let metadata = RecordMetadata { topic_partition: place, offset: 7 };
    let origin = Origin { timestamp, metadata, headers: None };
    let (key, value, headers) = ("k".to_owned(), value.to_owned(), Headers::new());
    buffer.put(Record::new(&key, &value, timestamp, &headers), origin).unwrap();
}

fn pop(buffer: &mut Texts, until: i64) -> Vec<String> {
    std::iter::from_fn(|| buffer.pop_until(until).unwrap())
        .map(|record| format!("{}@{}", record.value, record.origin.timestamp))
        .collect()
}

#[test]
fn records_leave_in_order_of_time_and_of_their_puts_behind_commits_aborts_and_restores() {
    let builder = Stores::record_buffer(STORE, string(), string());
    let mut bed = Bed::<Memory, Texts>::new(builder, false, 0);
    for (value, time) in [("b", 20), ("a", 10), ("c", 20), ("d", 30)] {
        put(bed.store(), value, time);
    }
    bed.commit();
    assert_eq!(pop(bed.store(), 20), ["a@10", "b@20", "c@20"]);
    bed.abort();
    assert_eq!(pop(bed.store(), 10), ["a@10"]);
    bed.commit();
    bed.restore_anew(true, 1_000);
    // Its number follows those of the existing rows.
    put(bed.store(), "e", 20);
    assert_eq!(pop(bed.store(), 40), ["b@20", "c@20", "e@20", "d@30"]);
    assert_eq!(pop(bed.store(), i64::MAX), [""; 0]);
}
