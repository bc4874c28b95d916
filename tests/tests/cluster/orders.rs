//! The input of the scenarios and its expected results.
//!
//! Invariant: the same count and seed give the same orders, and the expected results are computed
//! from the orders alone, by plain counting.

use std::{collections::BTreeMap, fmt::Write};

use chrono::DateTime;
use serde_json::Value;

/// Orders above this amount are of high value; the example's own default, in cents.
const HIGH_VALUE_CENTS: u64 = 100_000;
/// All orders are made within this many hours of one day.
const HOURS: u64 = 12;
const HOUR_MS: u64 = 3_600_000;
/// 2024-01-01T00:00:00Z.
const START_MS: u64 = 1_704_067_200_000;

/// Pseudo-random numbers that depend on the seed only: xorshift, good enough for a test.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number from 0 to `bound`, exclusive.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// An order as it is written to the input file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) customer: String,
    cents: u64,
    /// Milliseconds since the beginning of the day.
    at_ms: u64,
}

impl Order {
    /// The order as the program reads it, and as it appears in the topic.
    pub(crate) fn json(&self) -> String {
        let Self { id, customer, cents, at_ms } = self;
        let (whole, rest) = (cents / 100, cents % 100);
        let (hour, minute) = (at_ms / HOUR_MS, at_ms / 60_000 % 60);
        let (second, milli) = (at_ms / 1_000 % 60, at_ms % 1_000);
        format!(
            r#"{{"order_id":"{id}","customer_id":"{customer}","amount":{whole}.{rest:02},"items":1,"created_at":"2024-01-01T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"}}"#
        )
    }

    /// Parses an order as [`json`](Self::json) or the program writes it.
    fn parse(json: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(json).ok()?;
        let text = |field: &str| value.get(field)?.as_str().map(str::to_owned);
        let amount = value.get("amount")?.to_string();
        let (whole, rest) = amount.split_once('.').unwrap_or((&amount, ""));
        let made_at = DateTime::parse_from_rfc3339(&text("created_at")?).ok()?;
        Some(Self {
            id: text("order_id")?,
            customer: text("customer_id")?,
            cents: format!("{whole}{rest:0<2}").parse().ok()?,
            at_ms: u64::try_from(made_at.timestamp_millis()).ok()?.checked_sub(START_MS)?,
        })
    }

    /// Its time, in milliseconds since the epoch.
    pub(crate) fn timestamp(&self) -> i64 {
        i64::try_from(START_MS + self.at_ms).unwrap()
    }

    /// The start of its hour, in milliseconds since the epoch.
    fn hour(&self) -> i64 {
        i64::try_from(START_MS + self.at_ms / HOUR_MS * HOUR_MS).unwrap()
    }
}

/// Orders by time. Their ids ascend.
#[derive(Clone, Debug)]
pub(crate) struct Orders(Vec<Order>);

impl Orders {
    /// Makes `count` orders of about a tenth as many customers.
    pub(crate) fn new(count: u64, seed: u64) -> Self {
        Self::of_customers(count, count / 10, seed)
    }

    /// Makes `count` orders of at most this many customers.
    pub(crate) fn of_customers(count: u64, customers: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let order = |number: u64| Order {
            id: format!("order-{number:07}"),
            customer: format!("customer-{:05}", random.below(customers.max(1))),
            cents: random.below(HIGH_VALUE_CENTS * 11 / 10),
            at_ms: number * HOURS * HOUR_MS / count,
        };
        Self((0..count).map(order).collect())
    }

    /// Reads the orders of a topic, whose records are in order within a partition.
    pub(crate) fn of_topic(lines: &str) -> Self {
        Self(lines.lines().filter_map(Order::parse).collect())
    }

    /// The first `count` orders, and the others.
    pub(crate) fn split(mut self, count: usize) -> (Self, Self) {
        let rest = self.0.split_off(count);
        (self, Self(rest))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The orders as a file, one per line.
    pub(crate) fn json_lines(&self) -> String {
        let mut text = String::new();
        for order in &self.0 {
            writeln!(text, "{}", order.json()).unwrap();
        }
        text
    }

    /// The expected results.
    pub(crate) fn expected(&self) -> Expected {
        let mut expected = Expected::default();
        for order in &self.0 {
            let Order { id, customer, .. } = order;
            if order.cents > HIGH_VALUE_CENTS {
                expected.high_value.entry(customer.clone()).or_default().push(id.clone());
            }
            expected.enriched.entry(customer.clone()).or_default().push(id.clone());
            *expected.per_customer.entry(order.customer.clone()).or_default() += 1;
            *expected.per_hour.entry((order.customer.clone(), order.hour())).or_default() += 1;
        }
        expected
    }
}

/// The expected results of some orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Ids by customer, in the order of the input.
    pub(crate) high_value: BTreeMap<String, Vec<String>>,
    pub(crate) enriched: BTreeMap<String, Vec<String>>,
    pub(crate) per_customer: BTreeMap<String, i64>,
    pub(crate) per_hour: BTreeMap<(String, i64), i64>,
}

/// The program leaves out the milliseconds of a full second.
#[test]
fn an_order_is_read_as_the_program_writes_it() {
    for order in Orders::new(1_000, 1).iter() {
        let json = order.json();
        assert_eq!(Order::parse(&json).as_ref(), Some(order), "{json}");
        let short = json.replace(".000Z", "Z");
        assert_eq!(Order::parse(&short).as_ref(), Some(order), "{short}");
    }
}
