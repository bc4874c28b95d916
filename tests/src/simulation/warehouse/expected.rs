//! Expected results of the warehouse: every operator by its definition, over all of the input at
//! once.

use std::collections::BTreeMap;

use streams_core::{client::IsolationLevel, partition_for_key, testing::simulation::Outcome};

use super::{
    GAP_MS, JOIN_GRACE_MS, PARTITIONS, PRICE_GRACE_MS, SESSION_GRACE_MS, WINDOW_MS, class_of,
    pair_of, place_of, price_of, shelf_of,
};
use crate::simulation::equal;

/// A record as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: String,
    value: Option<String>,
    time: i64,
}

/// A session: its class, its first and its last time.
type Session = (String, i64, i64);

fn text(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| std::str::from_utf8(bytes).unwrap().to_owned())
}

/// The records of an input topic.
fn input(outcome: &Outcome, topic: &str) -> Vec<Row> {
    let records = outcome.input.iter().filter(|record| record.topic == topic);
    let row = |record: &streams_core::testing::simulation::SimulationRecord| Row {
        key: text(record.key.as_deref()).unwrap(),
        value: text(record.value.as_deref()),
        time: record.timestamp,
    };
    records.map(row).collect()
}

/// Committed records of a topic of texts, in the order of each partition.
fn output(outcome: &Outcome, topic: &str) -> Vec<Row> {
    let records = outcome.cluster.read_all(topic, IsolationLevel::ReadCommitted).unwrap();
    let row = |record: streams_core::client::embedded::StoredRecord| Row {
        key: text(record.key.as_deref()).unwrap(),
        value: text(record.value.as_deref()),
        time: record.timestamp,
    };
    records.into_iter().map(row).collect()
}

/// The sessions that came out, with their counts.
fn sessions(outcome: &Outcome) -> Vec<(Session, i64)> {
    let records = outcome.cluster.read_all("sessions", IsolationLevel::ReadCommitted).unwrap();
    let session = |record: streams_core::client::embedded::StoredRecord| {
        let key = text(record.key.as_deref()).unwrap();
        let [class, start, end] = key.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let session = (class.to_owned(), start.parse().unwrap(), end.parse().unwrap());
        (session, i64::from_be_bytes(record.value.unwrap().try_into().unwrap()))
    };
    records.into_iter().map(session).collect()
}

fn partition_of(key: &str) -> i32 {
    partition_for_key(key.as_bytes(), PARTITIONS)
}

/// The stream time of each partition in the end.
struct StreamTimes(BTreeMap<i32, i64>);

impl StreamTimes {
    fn of<'a>(rows: impl IntoIterator<Item = (&'a str, i64)>) -> Self {
        let mut times = BTreeMap::new();
        for (key, time) in rows {
            let known = times.entry(partition_of(key)).or_insert(time);
            *known = time.max(*known);
        }
        Self(times)
    }

    /// The stream time of the partition of a key.
    fn at(&self, key: &str) -> i64 {
        self.0.get(&partition_of(key)).copied().unwrap_or(-1)
    }
}

fn keyed(rows: &[Row]) -> impl Iterator<Item = (&str, i64)> {
    rows.iter().map(|row| (row.key.as_str(), row.time))
}

/// Each pick with each scan of its item in its window, and what is alone when its window has
/// closed.
fn pairs(outcome: &Outcome) -> Vec<Row> {
    let (picks, scans) = (input(outcome, "picks"), input(outcome, "scans"));
    let times = StreamTimes::of(keyed(&picks).chain(keyed(&scans)));
    let meet =
        |one: &Row, other: &Row| one.key == other.key && (one.time - other.time).abs() <= WINDOW_MS;
    let mut pairs = Vec::new();
    for pick in &picks {
        for scan in scans.iter().filter(|scan| meet(pick, scan)) {
            let value = pair_of(pick.value.as_deref(), scan.value.as_deref());
            let time = pick.time.max(scan.time);
            pairs.push(Row { key: pick.key.clone(), value: Some(value), time });
        }
    }
    let is_alone = |row: &&Row, others: &[Row]| {
        let closes = row.time + WINDOW_MS + JOIN_GRACE_MS;
        !others.iter().any(|other| meet(row, other)) && closes < times.at(&row.key)
    };
    let alone = |row: &Row, pair: String| Row { value: Some(pair), ..row.clone() };
    let picks_alone = picks.iter().filter(|pick| is_alone(pick, &scans));
    pairs.extend(picks_alone.map(|pick| alone(pick, pair_of(pick.value.as_deref(), None))));
    let scans_alone = scans.iter().filter(|scan| is_alone(scan, &picks));
    pairs.extend(scans_alone.map(|scan| alone(scan, pair_of(None, scan.value.as_deref()))));
    pairs.sort();
    pairs
}

/// Sessions of the classes of pairs that have closed, with the number of pairs in each.
fn closed_sessions(pairs: &[Row]) -> Vec<(Session, i64)> {
    let mut classes: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for pair in pairs {
        let class = class_of(pair.value.as_deref().unwrap());
        classes.entry(class).or_default().push(pair.time);
    }
    let all = classes.iter().flat_map(|(class, times)| times.iter().map(|time| (&**class, *time)));
    let stream_times = StreamTimes::of(all);
    let mut sessions: Vec<(Session, i64)> = Vec::new();
    for (class, mut times) in classes {
        times.sort_unstable();
        for time in times {
            match sessions.last_mut() {
                Some(((of, _, end), count)) if *of == class && time - *end <= GAP_MS => {
                    *end = time;
                    *count += 1;
                }
                _ => sessions.push(((class.clone(), time, time), 1)),
            }
        }
    }
    let is_closed = |((class, _, end), _): &(Session, i64)| {
        end + GAP_MS + SESSION_GRACE_MS < stream_times.at(class)
    };
    sessions.retain(is_closed);
    sessions
}

/// Each pick that no longer waits, with the price that its item had at its time; of each item in
/// order of time.
fn priced(outcome: &Outcome) -> BTreeMap<String, Vec<Row>> {
    let (picks, prices) = (input(outcome, "picks"), input(outcome, "prices"));
    let times = StreamTimes::of(keyed(&picks));
    let mut priced: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for pick in picks {
        if pick.time + PRICE_GRACE_MS > times.at(&pick.key) {
            continue;
        }
        let before = prices.iter().filter(|row| row.key == pick.key && row.time <= pick.time);
        let price = before.max_by_key(|row| row.time).and_then(|row| row.value.as_deref());
        let value = price_of(pick.value.as_deref().unwrap(), price);
        let row = Row { value: Some(value), ..pick };
        priced.entry(row.key.clone()).or_default().push(row);
    }
    for rows in priced.values_mut() {
        rows.sort_by_key(|row| row.time);
    }
    priced
}

/// Final location of each item.
fn placed(outcome: &Outcome) -> BTreeMap<String, String> {
    let last = |topic: &str| {
        let rows = input(outcome, topic).into_iter();
        rows.map(|row| (row.key, row.value)).collect::<BTreeMap<_, _>>()
    };
    let (items, shelves) = (last("items"), last("shelves"));
    let place = |(key, item): (String, Option<String>)| {
        let item = item?;
        let shelf = shelf_of(&item).and_then(|shelf| shelves.get(&shelf)?.as_deref());
        Some((key, place_of(&item, shelf)))
    };
    items.into_iter().filter_map(place).collect()
}

/// Location of each item by the last output.
fn last_placed(outcome: &Outcome) -> BTreeMap<String, String> {
    let rows = output(outcome, "placed").into_iter().map(|row| (row.key, row.value));
    let last: BTreeMap<String, Option<String>> = rows.collect();
    last.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn by_key(rows: Vec<Row>) -> BTreeMap<String, Vec<Row>> {
    let mut keys: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        keys.entry(row.key.clone()).or_default().push(row);
    }
    keys
}

fn in_topic(topic: &str, result: Result<(), String>) -> Result<(), String> {
    result.map_err(|text| format!("in topic {topic} there is {text}"))
}

/// The first difference between two sorted lists.
fn same<T: Ord + std::fmt::Debug>(mut actual: Vec<T>, mut expected: Vec<T>) -> Result<(), String> {
    actual.sort();
    expected.sort();
    let differs = actual.iter().zip(&expected).position(|(actual, expected)| actual != expected);
    let at = differs.unwrap_or_else(|| actual.len().min(expected.len()));
    match (actual.get(at), expected.get(at)) {
        (None, None) => Ok(()),
        (Some(actual), None) => Err(format!("also {actual:?}")),
        (None, Some(expected)) => Err(format!("no {expected:?}")),
        (Some(actual), Some(expected)) => Err(format!("{actual:?} instead of {expected:?}")),
    }
}

/// Everything came out once, and nothing else did.
pub(super) fn is_exact(outcome: &Outcome) -> Result<(), String> {
    let pairs = pairs(outcome);
    in_topic("checked", same(output(outcome, "checked"), pairs.clone()))?;
    in_topic("sessions", same(sessions(outcome), closed_sessions(&pairs)))?;
    in_topic("priced", equal(&by_key(output(outcome, "priced")), &priced(outcome)))?;
    in_topic("placed", equal(&last_placed(outcome), &placed(outcome)))
}

/// Everything came out, be it twice; a session may have more in it than there was.
pub(super) fn is_complete(outcome: &Outcome) -> Result<(), String> {
    let pairs = pairs(outcome);
    let has_all = |topic: &str, expected: Vec<&Row>| {
        let actual = output(outcome, topic);
        let missing = expected.into_iter().find(|row| !actual.contains(row));
        missing.map_or(Ok(()), |row| Err(format!("in topic {topic} there is no {row:?}")))
    };
    has_all("checked", pairs.iter().collect())?;
    has_all("priced", priced(outcome).values().flatten().collect())?;
    let actual = sessions(outcome);
    for ((class, start, end), count) in closed_sessions(&pairs) {
        let covers = |((of, from, to), has): &(Session, i64)| {
            *of == class && *from <= start && *to >= end && *has >= count
        };
        if !actual.iter().any(covers) {
            return Err(format!(
                "no session of {class} has the {count} pairs from {start} to {end}: {actual:?}"
            ));
        }
    }
    in_topic("placed", equal(&last_placed(outcome), &placed(outcome)))
}
