//! Comparison of the output with the expected results.
//!
//! An order that appears more often or in another order than in the input, a count that is
//! forwarded twice or does not grow, and one that does not end at the expected number are problems
//! under exactly-once. At-least-once may repeat, but must not lose.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::orders::Expected;

/// Number of problems of one kind that a message shows.
const SHOWN: usize = 5;

/// The committed records of the output topics: by key, in the order of their offsets.
#[derive(Debug)]
pub(crate) struct Outcome {
    high_value: BTreeMap<String, Vec<String>>,
    enriched: BTreeMap<String, Vec<String>>,
    per_customer: BTreeMap<String, Vec<i64>>,
    per_hour: BTreeMap<(String, i64), Vec<i64>>,
}

impl Outcome {
    /// Reads the files written by `verify --output`.
    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let file = |topic: &str| directory.join(format!("{topic}.jsonl"));
        Ok(Self {
            high_value: read(&file("high-value-orders"), name, order_id)?,
            enriched: read(&file("enriched-orders"), name, order_id)?,
            per_customer: read(&file("orders-per-customer"), name, Value::as_i64)?,
            per_hour: read(&file("orders-per-hour"), window, Value::as_i64)?,
        })
    }

    /// Removes counts below an earlier one: records that a zombie wrote late.
    pub(crate) fn forget_late_counts(&mut self) {
        fn ascending(counts: &mut Vec<i64>) {
            let mut highest = i64::MIN;
            counts.retain(|count| {
                let ascends = *count >= highest;
                highest = highest.max(*count);
                ascends
            });
        }
        self.per_customer.values_mut().for_each(ascending);
        self.per_hour.values_mut().for_each(ascending);
    }

    /// Violations of exactly-once for this input.
    pub(crate) fn problems_exactly_once(&self, expected: &Expected) -> Vec<String> {
        let mut problems = self.problems_at_least_once(expected);
        problems.extend(different("high-value-orders", &self.high_value, &expected.high_value));
        problems.extend(different("enriched-orders", &self.enriched, &expected.enriched));
        problems.extend(unsorted("orders-per-customer", &self.per_customer));
        problems.extend(unsorted("orders-per-hour", &self.per_hour));
        problems.extend(too_much(
            "orders-per-customer",
            &self.per_customer,
            &expected.per_customer,
        ));
        problems.extend(too_much("orders-per-hour", &self.per_hour, &expected.per_hour));
        problems
    }

    /// Violations of at-least-once for this input.
    pub(crate) fn problems_at_least_once(&self, expected: &Expected) -> Vec<String> {
        let mut problems = Vec::new();
        for (topic, found, expected) in [
            ("high-value-orders", &self.high_value, &expected.high_value),
            ("enriched-orders", &self.enriched, &expected.enriched),
        ] {
            let found: BTreeSet<_> = found.values().flatten().collect();
            let expected: BTreeSet<_> = expected.values().flatten().collect();
            let missing = expected.difference(&found).collect();
            problems.extend(problem(topic, "lost", missing));
            let foreign = found.difference(&expected).collect();
            problems.extend(problem(topic, "came from nowhere:", foreign));
        }
        problems.extend(too_little(
            "orders-per-customer",
            &self.per_customer,
            &expected.per_customer,
        ));
        problems.extend(too_little("orders-per-hour", &self.per_hour, &expected.per_hour));
        problems
    }
}

fn name(key: &Value) -> Option<String> {
    key.as_str().map(str::to_owned)
}

fn window(key: &Value) -> Option<(String, i64)> {
    Some((name(key.get("key")?)?, key.get("start")?.as_i64()?))
}

fn order_id(value: &Value) -> Option<String> {
    name(value.get("order_id")?)
}

fn read<K: Ord, V>(
    file: &PathBuf,
    key: impl Fn(&Value) -> Option<K>,
    value: impl Fn(&Value) -> Option<V>,
) -> io::Result<BTreeMap<K, Vec<V>>> {
    let mut records: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for line in fs::read_to_string(file)?.lines() {
        let record: Value = serde_json::from_str(line)?;
        let parts = || Some((key(record.get("key")?)?, value(record.get("value")?)?));
        let (key, value) =
            parts().ok_or_else(|| io::Error::other(format!("{}: {line}", file.display())))?;
        records.entry(key).or_default().push(value);
    }
    Ok(records)
}

/// Customers whose orders differ from those of the input.
fn different(
    topic: &str,
    found: &BTreeMap<String, Vec<String>>,
    expected: &BTreeMap<String, Vec<String>>,
) -> Option<String> {
    let compared = expected.iter().map(|(customer, orders)| (orders, found.get(customer)));
    let wrong = compared.filter(|(orders, found)| *found != Some(*orders)).collect();
    problem(topic, "customers (expected, found) differ:", wrong)
}

/// Keys whose values do not ascend, so that one was repeated or late.
fn unsorted<K: std::fmt::Debug, V: Ord + std::fmt::Debug>(
    topic: &str,
    found: &BTreeMap<K, Vec<V>>,
) -> Option<String> {
    let ascends = |values: &[V]| values.is_sorted_by(|one, next| one < next);
    let unsorted = found.iter().filter(|(_, values)| !ascends(values)).collect();
    problem(topic, "came twice or late:", unsorted)
}

/// Keys whose last count is below the expected one.
fn too_little<K: Ord + std::fmt::Debug>(
    topic: &str,
    found: &BTreeMap<K, Vec<i64>>,
    expected: &BTreeMap<K, i64>,
) -> Option<String> {
    let counts = |key| found.get(key).map_or(&[][..], Vec::as_slice);
    let compared = expected.iter().map(|(key, expected)| (key, counts(key), *expected));
    let too_low = |counts: &[i64], expected| counts.last().is_none_or(|last| *last < expected);
    let wrong = compared.filter(|(_, counts, expected)| too_low(counts, *expected)).collect();
    problem(topic, "(key, counts, expected) too low:", wrong)
}

/// Keys whose last count is above the expected one, which is 0 for keys that should not exist.
fn too_much<K: Ord + std::fmt::Debug>(
    topic: &str,
    found: &BTreeMap<K, Vec<i64>>,
    expected: &BTreeMap<K, i64>,
) -> Option<String> {
    let limit = |key| expected.get(key).copied().unwrap_or(0);
    let compared = found.iter().map(|(key, counts)| (key, counts, limit(key)));
    let too_high = |counts: &[i64], limit| counts.last().is_some_and(|last| *last > limit);
    let wrong = compared.filter(|(_, counts, limit)| too_high(counts, *limit)).collect();
    problem(topic, "(key, counts, expected) too high:", wrong)
}

fn problem<T: std::fmt::Debug>(topic: &str, what: &str, wrong: Vec<T>) -> Option<String> {
    let count = wrong.len();
    let shown: Vec<T> = wrong.into_iter().take(SHOWN).collect();
    (count > 0).then(|| format!("{topic}: {count} {what} {shown:?}"))
}
