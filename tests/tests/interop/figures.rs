//! The results of the application.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::orders::{HOUR_MS, Order};

/// The last count of each key, and the ids of all orders in the output, including repeated ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    per_customer: BTreeMap<String, i64>,
    per_hour: BTreeMap<(String, i64), i64>,
    enriched: Vec<String>,
    high_value: Vec<String>,
}

impl Figures {
    /// The expected output for all of these orders.
    pub(crate) fn expected<'a>(orders: impl IntoIterator<Item = &'a Order>) -> Self {
        let mut figures = Self::default();
        for order in orders {
            *figures.per_customer.entry(order.customer.clone()).or_default() += 1;
            let window = order.created_ms / HOUR_MS * HOUR_MS;
            *figures.per_hour.entry((order.customer.clone(), window)).or_default() += 1;
            figures.enriched.push(order.id.clone());
            if order.is_of_high_value() {
                figures.high_value.push(order.id.clone());
            }
        }
        figures.sorted()
    }

    /// The actual output, from the files that `high-value-orders verify` wrote to `directory`.
    pub(crate) fn read(directory: &Path) -> Self {
        let mut figures = Self::default();
        for record in records(directory, "orders-per-customer") {
            figures.per_customer.insert(text(&record["key"]), number(&record["value"]));
        }
        for record in records(directory, "orders-per-hour") {
            let key = (text(&record["key"]["key"]), number(&record["key"]["start"]));
            figures.per_hour.insert(key, number(&record["value"]));
        }
        let ids = |topic| {
            records(directory, topic).map(|record| text(&record["value"]["order_id"])).collect()
        };
        figures.enriched = ids("enriched-orders");
        figures.high_value = ids("high-value-orders");
        figures.sorted()
    }

    /// Returns whether something was counted or written more than once, which no more waiting will
    /// mend.
    pub(crate) fn exceeds(&self, expected: &Self) -> bool {
        fn more<K: Ord>(found: &BTreeMap<K, i64>, expected: &BTreeMap<K, i64>) -> bool {
            found.iter().any(|(key, count)| *count > expected.get(key).copied().unwrap_or(0))
        }
        more(&self.per_customer, &expected.per_customer)
            || more(&self.per_hour, &expected.per_hour)
            || self.enriched.len() > expected.enriched.len()
            || self.high_value.len() > expected.high_value.len()
    }

    /// The sums, for messages.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} orders of {} customers, {} in {} windows, {} enriched, {} of high value",
            self.per_customer.values().sum::<i64>(),
            self.per_customer.len(),
            self.per_hour.values().sum::<i64>(),
            self.per_hour.len(),
            self.enriched.len(),
            self.high_value.len()
        )
    }

    fn sorted(mut self) -> Self {
        self.enriched.sort_unstable();
        self.high_value.sort_unstable();
        self
    }
}

fn records(directory: &Path, topic: &str) -> impl Iterator<Item = Value> {
    let text = fs::read_to_string(directory.join(format!("{topic}.jsonl"))).unwrap();
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.into_iter()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap()
}
