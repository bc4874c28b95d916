//! Made-up orders, in consecutive portions.

use chrono::{DateTime, SecondsFormat};
use serde_json::json;
use streams_core::time::{Clock, SystemClock};

/// Length of the application's windows.
pub(crate) const HOUR_MS: i64 = 3_600_000;
/// Orders above this amount are of high value to the application.
const HIGH_VALUE: f64 = 1_000.0;
const CUSTOMERS: usize = 40;
const STEP_MS: i64 = 9_000;

/// An order that can be fed.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) created_ms: i64,
    pub(crate) amount: f64,
}

impl Order {
    pub(crate) fn is_of_high_value(&self) -> bool {
        self.amount > HIGH_VALUE
    }

    /// The order as the program `high-value-orders feed` reads it.
    pub(crate) fn line(&self) -> String {
        let time = DateTime::from_timestamp_millis(self.created_ms).unwrap();
        let order = json!({
            "order_id": self.id,
            "customer_id": self.customer,
            "amount": self.amount,
            "items": 1,
            "created_at": time.to_rfc3339_opts(SecondsFormat::Secs, true),
        });
        format!("{order}\n")
    }
}

/// Portions of `size` orders by time.
///
/// They are from today: a broker deletes records, also those of windowed changelogs, whose
/// timestamps are older than the topic's retention.
pub(crate) fn portions(count: usize, size: usize) -> Vec<Vec<Order>> {
    let orders = count * size;
    let span_ms = STEP_MS * i64::try_from(orders).unwrap();
    let end_ms = SystemClock.now_ms() / HOUR_MS * HOUR_MS;
    let order = |number: usize| Order {
        id: format!("order-{number}"),
        customer: format!("customer-{}", number * 7 % CUSTOMERS),
        created_ms: end_ms - span_ms + STEP_MS * i64::try_from(number).unwrap(),
        amount: f64::from(u16::try_from(number * 37 % 1_100).unwrap()) + 0.5,
    };
    let orders: Vec<Order> = (0..orders).map(order).collect();
    orders.chunks(size).map(<[Order]>::to_vec).collect()
}
