use super::*;
use crate::ErrorKind;

#[test]
fn records_come_back_as_they_were_written() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 2).unwrap();
    let mut headers = Headers::new();
    headers.add("trace", Some(b"1"));
    headers.add("trace", None);
    let sent = ProduceRecord { timestamp: 99, key: Some(b"k"), value: None, headers: &headers };
    assert_eq!(cluster.produce("t", Some(1), sent).unwrap(), (1, 0));
    let stored = cluster.read_all("t", IsolationLevel::ReadUncommitted).unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].partition, stored[0].offset, stored[0].timestamp), (1, 0, 99));
    assert_eq!((stored[0].key.as_deref(), stored[0].value.as_deref()), (Some(&b"k"[..]), None));
    assert_eq!(stored[0].headers, headers);
}

#[test]
fn a_key_goes_where_java_would_put_it_and_no_key_goes_around() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 10).unwrap();
    let headers = Headers::new();
    let (partition, _) = cluster.produce("t", None, record("customer-42", "v", &headers)).unwrap();
    assert_eq!(partition, 3);
    let unkeyed = ProduceRecord { timestamp: 0, key: None, value: Some(b"v"), headers: &headers };
    let around: Vec<i32> = (0..3).map(|_| cluster.produce("t", None, unkeyed).unwrap().0).collect();
    assert_eq!(around, [0, 1, 2]);
}

#[test]
fn a_flush_reports_the_base_offset_of_each_batch() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 2).unwrap();
    let mut producer = producer(&cluster, None);
    assert_eq!(producer.partitions("t").unwrap(), 2);
    let headers = Headers::new();
    for base in [0, 3] {
        for value in ["a", "b", "c"] {
            producer.append_to(&partition("t", 1), record("k", value, &headers)).unwrap();
        }
        let reports = producer.flush().unwrap();
        assert_eq!(reports.len(), 1);
        assert_eq!((reports[0].records, *reports[0].result.as_ref().unwrap()), (3, base));
        assert_eq!(reports[0].topic_partition, partition("t", 1));
    }
    assert!(producer.flush().unwrap().is_empty());
    assert_eq!(cluster.end_offset("t", 1).unwrap(), 6);
}

#[test]
fn a_large_batch_is_sent_before_the_flush_and_still_reported() {
    let clock = Arc::new(ManualClock::new(0));
    let settings = ClusterSettings { batch_bytes_max: 10, ..ClusterSettings::for_virtual_time() };
    let cluster = EmbeddedCluster::with_settings(clock, settings);
    cluster.create_topic("t", 1).unwrap();
    let mut producer = producer(&cluster, None);
    append(&mut *producer, "t", &["0123456789", "x"]);
    assert_eq!(cluster.end_offset("t", 0).unwrap(), 1);
    let bases: Vec<i64> =
        producer.flush().unwrap().into_iter().map(|report| report.result.unwrap()).collect();
    assert_eq!(bases, [0, 1]);
}

#[test]
fn a_record_that_is_too_large_is_refused() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = producer(&cluster, None);
    let (headers, value) = (Headers::new(), "x".repeat((1 << 20) + 1));
    let error = producer.append_to(&partition("t", 0), record("k", &value, &headers)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Production);
}

#[test]
fn a_consumer_keeps_order_and_starves_no_partition() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 3).unwrap();
    let headers = Headers::new();
    for number in 0..100 {
        cluster.produce("t", Some(0), record("k", &number.to_string(), &headers)).unwrap();
    }
    for partition in [1, 2] {
        cluster.produce("t", Some(partition), record("k", "late", &headers)).unwrap();
    }
    let mut consumer = consumer(&cluster, IsolationLevel::ReadUncommitted);
    for number in 0..3 {
        consumer.assign(&partition("t", number), 0).unwrap();
    }
    let first = poll(&mut *consumer, 30);
    assert_eq!(first.len(), 30);
    assert_eq!(first.iter().filter(|value| *value == "late").count(), 2);
    let mut of_first: Vec<String> =
        first.into_iter().filter(|value| value.as_str() != "late").collect();
    assert_eq!(consumer.position(&partition("t", 0)), Some(28));
    assert_eq!(consumer.lag(&partition("t", 0)), Some(72));
    of_first.extend(poll(&mut *consumer, 1_000));
    assert_eq!(of_first, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(consumer.lag(&partition("t", 0)), Some(0));
}

#[test]
fn polled_batches_share_the_memory_of_the_log() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    write(&cluster, "t", "k", Some("v"));
    let bytes = || {
        let mut consumer = consumer(&cluster, IsolationLevel::ReadUncommitted);
        consumer.assign(&partition("t", 0), 0).unwrap();
        let batches = consumer.poll(10, Duration::ZERO).unwrap();
        batches[0].get(0).unwrap().value.unwrap().as_ptr()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_consumer_moves_stops_and_is_told_of_a_position_out_of_range() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    for value in ["a", "b", "c", "d"] {
        write(&cluster, "t", "k", Some(value));
    }
    let mut consumer = consumer(&cluster, IsolationLevel::ReadUncommitted);
    consumer.assign(&partition("t", 0), 3).unwrap();
    assert_eq!(poll(&mut *consumer, 10), ["d"]);
    consumer.assign(&partition("t", 0), 1).unwrap();
    assert_eq!(poll(&mut *consumer, 2), ["b", "c"]);
    consumer.unassign(&partition("t", 0));
    assert_eq!(consumer.position(&partition("t", 0)), None);
    assert!(poll(&mut *consumer, 10).is_empty());
    consumer.assign(&partition("t", 0), 5).unwrap();
    let error = consumer.poll(10, Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    assert!(error.to_string().contains("t-0@5"), "{error}");
    let missing = consumer.assign(&partition("t", 1), 0).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::InvalidTopic);
}

#[test]
fn deleted_records_move_the_start_of_the_log() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    for value in ["a", "b", "c"] {
        write(&cluster, "t", "k", Some(value));
    }
    let mut admin = cluster.admin().unwrap();
    let partition = partition("t", 0);
    admin.delete_records(&[(partition.clone(), 2)]).wait().unwrap();
    let earliest = admin.earliest_offsets(std::slice::from_ref(&partition)).all().wait().unwrap();
    assert_eq!(earliest[&partition], 2);
    assert_eq!(values(&cluster, "t", IsolationLevel::ReadUncommitted), ["c"]);
    let mut consumer = consumer(&cluster, IsolationLevel::ReadUncommitted);
    consumer.assign(&partition, 0).unwrap();
    assert_eq!(consumer.poll(10, Duration::ZERO).unwrap_err().kind(), ErrorKind::InvalidState);
    admin.delete_records(&[(partition.clone(), 99)]).wait().unwrap();
    write(&cluster, "t", "k", Some("d"));
    consumer.assign(&partition, 3).unwrap();
    assert_eq!(poll(&mut *consumer, 10), ["d"]);
}

#[test]
fn topics_are_checked_created_once_and_described() {
    let (cluster, _) = cluster();
    let mut admin = cluster.admin().unwrap();
    admin.create_topics(&[topic_with("t", &[("cleanup.policy", "compact")])]).wait().unwrap();
    admin.create_topics(&[NewTopic { partitions: 9, ..topic_with("t", &[]) }]).wait().unwrap();
    let described = admin.describe_topics(&["t", "missing"]).wait().unwrap();
    assert_eq!(described.len(), 1);
    assert_eq!(described["t"].partitions, 1);
    assert_eq!(described["t"].config["cleanup.policy"], "compact");
    assert_eq!(cluster.topics(), described);
    let refused = [
        topic_with("white space", &[]),
        topic_with("..", &[]),
        NewTopic { partitions: 0, ..topic_with("none", &[]) },
        topic_with("policy", &[("cleanup.policy", "burn")]),
    ];
    for topic in refused {
        let name = topic.name.clone();
        let error = admin.create_topics(&[topic]).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTopic);
        assert!(error.to_string().contains(&name), "{error}");
    }
}
