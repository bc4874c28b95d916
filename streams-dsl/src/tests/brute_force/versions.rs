//! Tables with versions: a list of what was put, and when.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::{Bed, millis};
use crate::{KTable, Materialized, StreamsBuilder};

/// The changes that a versioned table has taken.
struct Versions {
    history: i64,
    stream_time: i64,
    /// Values by key and the time from which they are valid; `None` is a deletion.
    of_key: BTreeMap<String, BTreeMap<i64, Option<String>>>,
}

impl Versions {
    const fn new(history: i64) -> Self {
        Self { history, stream_time: -1, of_key: BTreeMap::new() }
    }

    /// Returns whether the put was taken and is the latest of its key.
    fn put(&mut self, key: &str, value: Option<String>, time: i64) -> bool {
        if time < self.stream_time - self.history {
            return false;
        }
        self.stream_time = self.stream_time.max(time);
        let versions = self.of_key.entry(key.to_owned()).or_default();
        versions.insert(time, value);
        versions.keys().next_back() == Some(&time)
    }

    fn latest(&self, key: &str) -> Option<&String> {
        self.of_key.get(key)?.values().next_back()?.as_ref()
    }

    /// The value that was valid at a time; of times before the history only the latest is known.
    fn as_of(&self, key: &str, time: i64) -> Option<&String> {
        let versions = self.of_key.get(key)?;
        let (latest, value) = versions.last_key_value()?;
        if *latest <= time {
            return value.as_ref();
        }
        if time < self.stream_time - self.history {
            return None;
        }
        versions.range(..=time).next_back()?.1.as_ref()
    }
}

/// An event: a flag for changes of the (right) table, its key, its time, and a flag for deletions.
type Input = (bool, u8, i64, bool);

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    vec((any::<bool>(), 0..2_u8, 0..60_i64, prop::bool::weighted(0.2)), 0..50)
}

fn table(builder: &StreamsBuilder, name: &str, history: i64) -> KTable<String, String> {
    builder.table(name).stored(Materialized::versioned(name, millis(history)))
}

/// The row that a record joins, as it comes out.
fn line(key: &str, value: &str, row: Option<&String>) -> (String, Option<String>) {
    (key.to_owned(), Some(format!("{value}+{}", row.map_or("", String::as_str))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_stream_joins_with_what_a_table_was_at_the_time_of_its_record(
        history in 0..40_i64,
        keeps_left in any::<bool>(),
        inputs in inputs(),
    ) {
        let bed = Bed::new(|builder| {
            let rows = table(builder, "rows", history);
            let lines = builder.stream::<String, String>("lines");
            let joined = if keeps_left {
                lines.left_join(&rows, |line, row: Option<&String>| {
                    format!("{line}+{}", row.map_or("", String::as_str))
                })
            } else {
                lines.join(&rows, |line, row| format!("{line}+{row}"))
            };
            joined.to("out");
        });
        let mut rows = Versions::new(history);
        for (number, (is_row, key, time, deletes)) in inputs.iter().enumerate() {
            let (key, name) = (format!("k{key}"), number.to_string());
            if *is_row {
                let value = (!deletes).then_some(name);
                rows.put(&key, value.clone(), *time);
                bed.pipe("rows", &key, value, *time);
                prop_assert_eq!(bed.read(), []);
                continue;
            }
            let row = rows.as_of(&key, *time);
            let expected = (row.is_some() || keeps_left).then(|| line(&key, &name, row));
            bed.pipe("lines", &key, Some(name.clone()), *time);
            prop_assert_eq!(bed.read(), Vec::from_iter(expected), "for record {}", number);
        }
    }

    /// A record waits until stream time, which is that of the stream, is its own and the grace
    /// period. One that is late by more joins at once.
    #[test]
    fn a_join_with_a_grace_period_takes_the_table_as_it_is_when_the_time_of_a_record_has_come(
        (history, grace) in (0..40_i64).prop_flat_map(|history| (Just(history), 0..=history)),
        inputs in inputs(),
    ) {
        let bed = Bed::new(|builder| {
            let rows = table(builder, "rows", history);
            let joined = builder.stream::<String, String>("lines");
            let joined = joined.left_join(&rows, |line, row: Option<&String>| {
                format!("{line}+{}", row.map_or("", String::as_str))
            });
            joined.with_grace_period(millis(grace)).to("out");
        });
        let mut rows = Versions::new(history);
        let mut waiting = BTreeSet::<(i64, String, usize)>::new();
        let mut stream_time = -1;
        for (number, (is_row, key, time, deletes)) in inputs.iter().enumerate() {
            let (key, name) = (format!("k{key}"), number.to_string());
            if *is_row {
                let value = (!deletes).then_some(name);
                rows.put(&key, value.clone(), *time);
                bed.pipe("rows", &key, value, *time);
                prop_assert_eq!(bed.read(), []);
                continue;
            }
            stream_time = stream_time.max(*time);
            let mut expected = Vec::new();
            if *time < stream_time - grace {
                expected.push(line(&key, &name, rows.as_of(&key, *time)));
            } else {
                waiting.insert((*time, key.clone(), number));
            }
            while let Some((time, ..)) = waiting.first()
                && *time <= stream_time - grace
            {
                let (time, key, number) = waiting.pop_first().unwrap();
                expected.push(line(&key, &number.to_string(), rows.as_of(&key, time)));
            }
            bed.pipe("lines", &key, Some(name), *time);
            prop_assert_eq!(bed.read(), expected, "for record {}", number);
        }
    }

    /// A change that is older than the latest of its key changes nothing.
    #[test]
    fn two_tables_with_versions_join_by_their_latest_ones(
        history in 0..40_i64,
        keeps_left in any::<bool>(),
        inputs in inputs(),
    ) {
        let bed = Bed::new(|builder| {
            let (left, right) = (table(builder, "left", history), table(builder, "right", history));
            let joined = if keeps_left {
                left.left_join(&right, |one, other: Option<&String>| {
                    format!("{one}+{}", other.map_or("", String::as_str))
                })
            } else {
                left.join(&right, |one, other| format!("{one}+{other}"))
            };
            joined.to_stream().to("out");
        });
        let (mut left, mut right) = (Versions::new(history), Versions::new(history));
        let mut found = BTreeMap::new();
        for (number, (is_right, key, time, deletes)) in inputs.iter().enumerate() {
            let key = format!("k{key}");
            let value = (!deletes).then(|| number.to_string());
            let (topic, versions) =
                if *is_right { ("right", &mut right) } else { ("left", &mut left) };
            let is_latest = versions.put(&key, value.clone(), *time);
            bed.pipe(topic, &key, value, *time);
            let out = bed.read();
            prop_assert!(is_latest || out.is_empty(), "{out:?} for record {number}");
            for (key, value) in out {
                match value {
                    Some(value) => found.insert(key, value),
                    None => found.remove(&key),
                };
            }
            let mut expected = BTreeMap::new();
            for key in ["k0", "k1"] {
                let Some(one) = left.latest(key) else { continue };
                match right.latest(key) {
                    Some(other) => expected.insert(key.to_owned(), format!("{one}+{other}")),
                    None if keeps_left => expected.insert(key.to_owned(), format!("{one}+")),
                    None => None,
                };
            }
            prop_assert_eq!(&found, &expected, "behind record {}", number);
        }
    }
}
