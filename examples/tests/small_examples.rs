//! Each small example works as described: on the cluster in this process, and on the broker that
//! `KAFKA_STREAMS_TEST_BOOTSTRAP` names, if there is one.
#![allow(clippy::unwrap_used, reason = "an example that fails has failed its test")]

use std::collections::BTreeMap;

use examples::Cluster;

macro_rules! examples {
    ($($path:literal $name:ident)*) => {
        $(#[path = $path]
        #[allow(dead_code, reason = "a test calls what `main` calls")]
        mod $name;)*
    };
}

examples! {
    "../custom_serde.rs" custom_serde
    "../dead_letters.rs" dead_letters
    "../exactly_once.rs" exactly_once
    "../global_table.rs" global_table
    "../joins.rs" joins
    "../page_views.rs" page_views
    "../processor.rs" processor
    "../sessions.rs" sessions
    "../test_driver.rs" test_driver
    "../word_count.rs" word_count
}

#[cfg(feature = "avro")]
#[path = "../avro_registry.rs"]
#[allow(dead_code, reason = "a test calls what `main` calls")]
mod avro_registry;

#[cfg(feature = "metrics")]
#[path = "../metrics.rs"]
#[allow(dead_code, reason = "a test calls what `main` calls")]
mod metrics;

/// The clusters to run on.
fn clusters() -> Vec<Cluster> {
    let mut clusters = vec![Cluster::embedded()];
    let broker = std::env::var("KAFKA_STREAMS_TEST_BOOTSTRAP").ok();
    match broker.filter(|_| cfg!(feature = "rdkafka")) {
        Some(servers) => clusters.push(Cluster::kafka(&servers).unwrap()),
        None => eprintln!("skipped on a broker: KAFKA_STREAMS_TEST_BOOTSTRAP names none"),
    }
    clusters
}

/// The last value of each key.
fn last<K: Ord, V>(records: Vec<(K, V)>) -> BTreeMap<K, V> {
    records.into_iter().collect()
}

fn owned<V: Clone>(rows: &[(&str, V)]) -> BTreeMap<String, V> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn texts(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn sorted<T: Ord>(mut records: Vec<T>) -> Vec<T> {
    records.sort();
    records
}

#[tokio::test]
async fn words_are_counted() {
    let expected = [("be", 2), ("is", 1), ("not", 1), ("or", 1), ("question", 1), ("that", 1)];
    let expected = [&expected[..], &[("the", 1), ("to", 2)]].concat();
    for cluster in clusters() {
        assert_eq!(last(word_count::run(&cluster).await.unwrap()), owned(&expected));
    }
}

/// Two lines, and their ten words.
#[cfg(feature = "metrics")]
#[tokio::test]
async fn metrics_count_the_records_and_the_puts() {
    // Values are written as floats.
    let value = |line: &String| line.rsplit_once(' ')?.1.strip_suffix(".0")?.parse::<u64>().ok();
    let sum = |lines: &[String], name: &str| -> u64 {
        lines.iter().filter(|line| line.contains(name)).filter_map(value).sum()
    };
    for cluster in clusters() {
        let lines = metrics::run(&cluster).await.unwrap();
        assert_eq!(sum(&lines, "process_total"), 12, "{lines:#?}");
        assert_eq!(sum(&lines, "put_total"), 10, "{lines:#?}");
    }
}

/// Views at minutes 10, 10.5 and 12; a window of five minutes begins every minute.
#[tokio::test]
async fn a_view_counts_in_each_window_that_it_falls_into() {
    let starts_and_counts = [(6, 2), (7, 2), (8, 3), (9, 3), (10, 3), (11, 1), (12, 1)];
    for cluster in clusters() {
        let counts = last(page_views::run(&cluster).await.unwrap());
        let counts = counts.into_iter().map(|(page, count)| {
            assert_eq!(page.key, "/home");
            (page.window.start / 60_000, count)
        });
        assert_eq!(counts.collect::<Vec<_>>(), starts_and_counts);
    }
}

#[tokio::test]
async fn clicks_less_than_the_gap_apart_are_of_one_session() {
    for cluster in clusters() {
        let sessions = last(sessions::run(&cluster).await.unwrap());
        let sessions = sessions.into_iter().filter_map(|(session, clicks)| {
            Some((session.window.start / 60_000, session.window.end / 60_000, clicks?))
        });
        assert_eq!(sessions.collect::<Vec<_>>(), [(0, 50, 3)]);
    }
}

#[tokio::test]
async fn orders_find_their_customer_and_a_payment_in_time() {
    let expected = [
        ("c1", "5 left to pay"),
        ("c1", "Ann ordered for 50"),
        ("c2", "Bob ordered for 20"),
        ("c3", "somebody ordered for 10"),
    ];
    for cluster in clusters() {
        assert_eq!(sorted(joins::run(&cluster).await.unwrap()), texts(&expected));
    }
}

#[tokio::test]
async fn visits_of_known_pages_get_their_title() {
    let expected = [("ann", "Apples"), ("ann", "Pears"), ("bob", "Pears")];
    for cluster in clusters() {
        assert_eq!(sorted(global_table::run(&cluster).await.unwrap()), texts(&expected));
    }
}

/// The number of times that a minute ends depends on how many records are processed between two
/// checks of stream time.
#[tokio::test]
async fn the_highest_reading_is_forwarded_when_the_minute_is_over() {
    for cluster in clusters() {
        let mut highest = BTreeMap::new();
        for (sensor, value) in processor::run(&cluster).await.unwrap() {
            let found = highest.entry(sensor).or_insert(value);
            *found = value.max(*found);
        }
        let [a, b] = ["a", "b"].map(|sensor| highest.get(sensor).copied());
        assert_eq!(a, Some(25));
        assert!(b.is_some_and(|b| b == 17 || b == 18), "{b:?}");
    }
}

#[tokio::test]
async fn what_cant_be_processed_is_among_the_dead_letters() {
    for cluster in clusters() {
        let (amounts, dead) = dead_letters::run(&cluster).await.unwrap();
        assert_eq!(last(amounts), owned(&[("o1", 10), ("o3", 12)]));
        assert_eq!(dead, texts(&[("o2", "ten")]));
    }
}

#[tokio::test]
async fn balances_are_the_sums_of_transfers() {
    for cluster in clusters() {
        let balances = last(exactly_once::run(&cluster).await.unwrap());
        assert_eq!(balances, owned(&[("ann", -95), ("bob", 70), ("cid", 25)]));
    }
}

#[tokio::test]
async fn a_serde_of_ones_own_is_used_wherever_its_type_is() {
    let highest = [("cellar", -50), ("kitchen", 2_225)];
    let highest = highest.map(|(room, hundredths)| (room, custom_serde::Temperature(hundredths)));
    for cluster in clusters() {
        assert_eq!(last(custom_serde::run(&cluster).await.unwrap()), owned(&highest));
    }
}

#[test]
fn the_driver_shows_what_a_window_gives_when_it_closes() {
    let counts = test_driver::run().unwrap();
    let counts = counts.iter().map(|(window, count)| (window.to_string(), *count));
    assert_eq!(counts.collect::<Vec<_>>(), [("[ann@0/3600000]".to_owned(), 2)]);
}

#[cfg(feature = "avro")]
#[tokio::test]
async fn orders_in_avro_fill_baskets_in_avro() {
    let Ok(url) = std::env::var("KAFKA_STREAMS_TEST_REGISTRY") else {
        eprintln!("skipped: KAFKA_STREAMS_TEST_REGISTRY names no schema registry");
        return;
    };
    let expected = [("ann", 849, &["tea", "cake"][..]), ("bob", 120, &["milk"])];
    let expected = expected.map(|(customer, cents, items)| {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        (customer, avro_registry::Basket { cents, items })
    });
    for cluster in clusters() {
        let baskets = last(avro_registry::run(&cluster, &url).await.unwrap());
        assert_eq!(baskets, owned(&expected));
    }
}
