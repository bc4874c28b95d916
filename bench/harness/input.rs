//! The inputs, which are the same every time.

use bench::kafka::{Failure, Writing};
use kafka_client::Client;

/// Partitions of each topic.
pub(crate) const PARTITIONS: i32 = 4;
/// Timestamp of the first record of each stream, in milliseconds since 1970.
const FIRST_MS: i64 = 1_760_000_000_000;
/// Largest number of keys of the texts.
const KEYS_MAX: u64 = 100_000;
/// Number of keys of the stream join: with half of the records on each side, one in a thousand
/// milliseconds meets one.
const JOIN_KEYS: u64 = 500;
/// Number of records that look up a restored table.
const PROBES: u64 = 1_000;

/// An input topic of workloads. Records are a millisecond apart; keys and values are texts, values
/// of 100 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Input {
    /// Texts at random keys, beginning with a group of eight bytes.
    Texts,
    /// A tenth as many.
    FewTexts,
    /// A row for each key of the texts, before their time.
    People,
    /// Orders as JSON, by customer.
    Orders,
    /// Their customers as JSON, before their time.
    Customers,
    /// One side of a join of streams.
    Left,
    /// The other.
    Right,
    /// New keys, and then an update of each.
    Rows,
    /// New keys.
    RowsTable,
    /// A thousand of the keys of [`RowsTable`](Input::RowsTable).
    Probe,
}

impl Input {
    /// Name of the topic.
    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Texts => "texts",
            Self::FewTexts => "few-texts",
            Self::People => "people",
            Self::Orders => "orders",
            Self::Customers => "customers",
            Self::Left => "left",
            Self::Right => "right",
            Self::Rows => "rows",
            Self::RowsTable => "rows-table",
            Self::Probe => "probe",
        }
    }

    /// Returns whether it is the table of a join.
    pub(crate) fn is_table(self) -> bool {
        matches!(self, Self::People | Self::Customers | Self::RowsTable)
    }
}

/// Numbers of records, all derived from that of the texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Records of [`Input::Texts`].
    pub(crate) texts: u64,
}

impl Sizes {
    /// Number of records of an input.
    pub(crate) fn of(self, input: Input) -> u64 {
        match input {
            Input::Texts | Input::RowsTable => self.texts,
            Input::FewTexts => self.texts / 10,
            Input::Orders | Input::Left | Input::Right => self.texts / 2,
            Input::Rows => self.texts * 2,
            Input::People | Input::Customers => self.keys(),
            Input::Probe => PROBES.min(self.texts),
        }
    }

    fn keys(self) -> u64 {
        KEYS_MAX.min(self.texts / 10).max(1)
    }
}

/// Writes an input to its topic, which exists and is empty.
pub(crate) async fn write(client: &Client, input: Input, sizes: Sizes) -> Result<(), Failure> {
    let mut writing = Writing::new(client, input.topic(), PARTITIONS);
    for number in 0..sizes.of(input) {
        let (time, key, value) = record(input, sizes, number)?;
        writing.append(time, &key, &value).await?;
    }
    writing.flush().await
}

/// The record with this number: timestamp, key and value.
fn record(input: Input, sizes: Sizes, number: u64) -> Result<(i64, String, String), Failure> {
    let time = FIRST_MS + i64::try_from(number)?;
    let (random, keys) = (random(number), sizes.keys());
    let made = match input {
        Input::Texts | Input::FewTexts => {
            let group = random / keys % keys;
            (time, format!("k{:07}", random % keys), format!("g{group:07}{number:0>92}"))
        }
        Input::People => (FIRST_MS - 1, format!("k{number:07}"), format!("p{number:0>99}")),
        Input::Orders => {
            let (customer, cents) = (format!("c{:07}", random % keys), random / keys % 10_000);
            let amount = f64::from(u32::try_from(cents)?) / 100.0;
            let value = format!(
                r#"{{"order_id":"o{number:09}","customer_id":"{customer}","amount":{amount:?},"items":{},"created_at":"2025-10-09T08:53:20Z"}}"#,
                random % 9 + 1
            );
            (time, customer, value)
        }
        Input::Customers => {
            let customer = format!("c{number:07}");
            let value = format!(
                r#"{{"customer_id":"{customer}","first_purchase":"2020-01-01T00:00:00Z","first_amount":{}.5}}"#,
                random % 100
            );
            (FIRST_MS - 1, customer, value)
        }
        Input::Left => (time + i64::try_from(number)?, join_key(random), format!("l{number:0>99}")),
        Input::Right => {
            let random = self::random(number + sizes.of(Input::Left));
            (time + i64::try_from(number)? + 1, join_key(random), format!("r{number:0>99}"))
        }
        Input::Rows => (time, format!("k{:015}", number % sizes.texts), format!("v{number:0>99}")),
        Input::RowsTable => (time, format!("k{number:015}"), format!("v{number:0>99}")),
        Input::Probe => {
            let behind = time + i64::try_from(sizes.texts)?;
            (behind, format!("k{:015}", random % sizes.texts), format!("p{number}"))
        }
    };
    Ok(made)
}

fn join_key(random: u64) -> String {
    format!("k{:07}", random % JOIN_KEYS)
}

/// A pseudo-random number (splitmix64).
fn random(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_a_hundred_bytes_and_the_people_of_a_join_have_their_keys() {
        let sizes = Sizes { texts: 1_000 };
        let people: Vec<_> = (0..sizes.of(Input::People))
            .map(|number| record(Input::People, sizes, number))
            .collect();
        let keys: Vec<_> = people.into_iter().map(|person| person.unwrap().1).collect();
        for number in 0..sizes.of(Input::Texts) {
            let (time, key, value) = record(Input::Texts, sizes, number).unwrap();
            assert_eq!(value.len(), 100);
            assert!(time >= FIRST_MS && keys.contains(&key));
        }
    }

    #[test]
    fn an_order_is_json_with_the_customer_that_is_its_key() {
        let (_, key, value) = record(Input::Orders, Sizes { texts: 1_000 }, 7).unwrap();
        let order: serde_json::Value = serde_json::from_str(&value).unwrap();
        assert_eq!(order["customer_id"], key);
        assert!(order["amount"].as_f64().unwrap() < 100.0);
    }
}
