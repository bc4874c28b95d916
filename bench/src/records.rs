//! Records for measurements.

use streams_dsl::{Headers, client::Records};

/// No headers, for records that are pushed by the source node.
pub static HEADERS: Headers = Headers::new();

/// `count` records, a millisecond apart, that cycle through `keys` keys; keys and values are
/// big-endian `i64`s.
pub fn numbers(count: i64, keys: i64) -> Records {
    let mut records = Records::new();
    for number in 0..count {
        let (key, value) = ((number % keys).to_be_bytes(), number.to_be_bytes());
        records.push(number, Some(&key), Some(&value), []);
    }
    records
}

/// Like [`numbers`], but with keys such as `customer-0017`.
pub fn texts(count: i64, keys: i64) -> Records {
    let mut records = Records::new();
    for number in 0..count {
        let key = format!("customer-{:04}", number % keys);
        records.push(number, Some(key.as_bytes()), Some(&number.to_be_bytes()), []);
    }
    records
}
