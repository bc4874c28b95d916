//! The rows of a store, as scenarios have them.

use serde_json::{Value, json};
use streams_core::{
    BoxError, Direction,
    store::{
        KeyValueStore, SessionStore, SessionWindow, TimestampedKeyValueStore,
        TimestampedWindowStore, ValueAndTimestamp, VersionedKeyValueStore, WindowStore,
    },
    testing::TopologyTestDriver,
};

use super::wire::windowed;

/// The rows of a store of any kind and type that the topologies use, by key, then by window start.
pub(super) fn rows(
    driver: &TopologyTestDriver,
    name: &str,
    window_ms: i64,
) -> Result<Vec<Value>, BoxError> {
    if let Some(rows) = typed::<String>(driver, name, window_ms)? {
        return Ok(rows);
    }
    if let Some(rows) = typed::<i64>(driver, name, window_ms)? {
        return Ok(rows);
    }
    Err(format!("there is no store {name} of a known type").into())
}

/// The rows, if the store holds values of this type.
fn typed<V>(
    driver: &TopologyTestDriver,
    name: &str,
    window_ms: i64,
) -> Result<Option<Vec<Value>>, BoxError>
where
    V: Clone + Send + 'static,
    Value: From<V>,
{
    let mut rows = Vec::new();
    if let Ok(mut store) = driver.state_store::<KeyValueStore<String, V>>(name) {
        for row in store.all(Direction::Forward)? {
            let (key, value) = row?;
            rows.push(json!([key, Value::from(value)]));
        }
        return Ok(Some(rows));
    }
    if let Ok(mut store) = driver.state_store::<TimestampedKeyValueStore<String, V>>(name) {
        for row in store.all(Direction::Forward)? {
            let (key, ValueAndTimestamp { value, timestamp }) = row?;
            rows.push(json!([key, Value::from(value), timestamp]));
        }
        return Ok(Some(rows));
    }
    if let Ok(mut store) = driver.state_store::<VersionedKeyValueStore<String, V>>(name) {
        // Java's store can't be scanned: these are the keys that inputs have.
        for key in ["A", "B", "C", "D", "E", "Z"].map(str::to_owned) {
            if let Some(version) = store.get(&key)? {
                rows.push(json!([key, Value::from(version.value), version.timestamp]));
            }
        }
        return Ok(Some(rows));
    }
    if let Ok(mut store) = driver.state_store::<SessionStore<String, V>>(name) {
        let mut sessions = store.fetch_keys(None, None, Direction::Forward)?;
        sessions.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        let row = |(key, window, value): (String, SessionWindow, V)| {
            json!([windowed(&key, window.start, window.end), Value::from(value)])
        };
        return Ok(Some(sessions.into_iter().map(row).collect()));
    }
    let mut windows = Vec::new();
    if let Ok(mut store) = driver.state_store::<WindowStore<String, V>>(name) {
        for (key, start, value) in store.all(Direction::Forward)? {
            let row = json!([windowed(&key, start, start + window_ms), Value::from(value)]);
            windows.push((key, start, row));
        }
    } else if let Ok(mut store) = driver.state_store::<TimestampedWindowStore<String, V>>(name) {
        for (key, start, row) in store.all(Direction::Forward)? {
            let window = windowed(&key, start, start + window_ms);
            windows.push((key, start, json!([window, Value::from(row.value), row.timestamp])));
        }
    } else {
        return Ok(None);
    }
    windows.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    Ok(Some(windows.into_iter().map(|(_, _, row)| row).collect()))
}
