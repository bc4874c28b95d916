//! An order as it is in a record, whoever has written it.
//!
//! `feed` writes the orders of a file; other producers may write `items` as the names of the things
//! ordered, `created_at` in milliseconds, or none. Results keep each field in its original form.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The value of an order's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON fields")]
pub(crate) struct Order {
    order_id: String,
    pub(crate) customer_id: String,
    /// The amount paid, in dollars.
    pub(crate) amount: f64,
    items: Items,
    /// Time of the order; if it is missing, the record's time counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<CreatedAt>,
}

impl Order {
    /// Time of the order, in milliseconds since the epoch, if it is given.
    pub(crate) fn created_at_ms(&self) -> Option<i64> {
        match self.created_at.as_ref()? {
            CreatedAt::Milliseconds(time) => Some(*time),
            CreatedAt::Text(time) => Some(time.timestamp_millis()),
        }
    }
}

/// The things ordered: their number, or their names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Items {
    Count(u32),
    Names(Vec<String>),
}

/// A time, in milliseconds since the epoch or as RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum CreatedAt {
    Milliseconds(i64),
    Text(DateTime<Utc>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> serde_json::Result<Order> {
        serde_json::from_str(json)
    }

    #[test]
    fn orders_of_all_forms_are_read_and_are_written_as_they_came() {
        for (fields, time) in [
            (r#""items":2,"created_at":"1997-01-01T00:00:00Z"}"#, Some(852_076_800_000)),
            (r#""items":["pen","ink"],"created_at":852076800000}"#, Some(852_076_800_000)),
            (r#""items":["pen"]}"#, None),
        ] {
            let text = format!(r#"{{"order_id":"o1","customer_id":"c1","amount":11.77,{fields}"#);
            let order = read(&text).unwrap();
            assert_eq!(order.created_at_ms(), time);
            assert_eq!(serde_json::to_string(&order).unwrap(), text);
        }
    }

    #[test]
    fn an_order_of_another_form_is_an_error() {
        for fields in [r#""items":-1}"#, r#""items":1,"created_at":"yesterday"}"#, "}"] {
            let text = format!(r#"{{"order_id":"o1","customer_id":"c1","amount":1.5,{fields}"#);
            assert!(read(&text).is_err(), "{text}");
        }
    }
}
