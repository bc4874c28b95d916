//! What came out, against what was expected.
//!
//! An order that comes more often or in another order than in the input, a count that is passed on twice or does not grow,
//! and one that ends elsewhere than at the expected number are problems under exactly-once. At-least-once may repeat, but
//! must not lose.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::orders::Expected;

/// Problems of one kind that a message shows.
const SHOWN: usize = 5;

/// The records of the output topics, as far as they are committed: by key, in the order of their offsets.
#[derive(Debug)]
pub(crate) struct Outcome {
    high_value: BTreeMap<String, Vec<String>>,
    enriched: BTreeMap<String, Vec<String>>,
    per_customer: BTreeMap<String, Vec<i64>>,
    per_hour: BTreeMap<(String, i64), Vec<i64>>,
}

impl Outcome {
    /// Reads what `verify --output` wrote.
    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let file = |topic: &str| directory.join(format!("{topic}.jsonl"));
        Ok(Self {
            high_value: read(&file("high-value-orders"), name, order_id)?,
            enriched: read(&file("enriched-orders"), name, order_id)?,
            per_customer: read(&file("orders-per-customer"), name, Value::as_i64)?,
            per_hour: read(&file("orders-per-hour"), window, Value::as_i64)?,
        })
    }

    /// Leaves out counts below one that came before: what a zombie had in hand comes late.
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

    /// Why this is not what exactly-once must make of the input; none if it is.
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

    /// Why this is not what at-least-once must make of the input; none if it is.
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

/// Customers whose orders did not come as they are in the input.
fn different(
    topic: &str,
    found: &BTreeMap<String, Vec<String>>,
    expected: &BTreeMap<String, Vec<String>>,
) -> Option<String> {
    let compared = expected.iter().map(|(customer, orders)| (orders, found.get(customer)));
    let wrong = compared.filter(|(orders, found)| *found != Some(*orders)).collect();
    problem(topic, "customers (expected, found) differ:", wrong)
}

/// Keys whose values do not ascend, so that one came twice or late.
fn unsorted<K: std::fmt::Debug, V: Ord + std::fmt::Debug>(
    topic: &str,
    found: &BTreeMap<K, Vec<V>>,
) -> Option<String> {
    let ascends = |values: &[V]| values.is_sorted_by(|one, next| one < next);
    let unsorted = found.iter().filter(|(_, values)| !ascends(values)).collect();
    problem(topic, "came twice or late:", unsorted)
}

/// Keys whose last count is below what is expected.
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

/// Keys whose last count is above what is expected, which is 0 for those that should not be there.
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
