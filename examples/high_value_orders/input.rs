//! The example's orders, as they are in a file, and the customers that follow from them.
//!
//! A file is CSV with a header, or JSON with one order per line. It is read completely and checked
//! before the first order goes anywhere: every fault is reported with file and line, not as a
//! failed record in the middle of a run. Nothing here knows Kafka Streams.
//!
//! Invariant: orders leave sorted by `created_at`; each amount is finite and not negative; each
//! time lies at least a day after the epoch, so that neither it nor the day before is a negative
//! timestamp.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::args::KeyedBy;

/// An order: a customer, an amount, a number of items, and a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the columns and of the JSON fields"
)]
pub(crate) struct Order {
    /// The order's own name, unique in the file.
    pub(crate) order_id: String,
    /// The customer who ordered.
    pub(crate) customer_id: String,
    /// The amount paid, in dollars: finite, at least 0.
    pub(crate) amount: f64,
    /// Number of items.
    pub(crate) items: u32,
    /// Time of the order: the timestamp of its record.
    pub(crate) created_at: DateTime<Utc>,
}

impl Order {
    /// Key of the order's record.
    pub(crate) fn key(&self, keyed_by: KeyedBy) -> &str {
        match keyed_by {
            KeyedBy::CustomerId => &self.customer_id,
            KeyedBy::OrderId => &self.order_id,
        }
    }
}

/// A customer, with the data of the first purchase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the columns and of the JSON fields"
)]
pub(crate) struct Customer {
    /// The key of the customers table.
    pub(crate) customer_id: String,
    /// Time of the customer's first purchase.
    pub(crate) first_purchase: DateTime<Utc>,
    /// The amount paid then, in dollars.
    pub(crate) first_amount: f64,
}

impl Customer {
    /// Timestamp of the customer's record: a day before the first purchase, so that the table holds
    /// each customer before an order asks for it.
    pub(crate) fn known_since(&self) -> DateTime<Utc> {
        self.first_purchase - TimeDelta::days(1)
    }
}

/// Reason why a file of orders can't be used. The message names the location, and what was found
/// and expected there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// The file can't be opened or read. Correct the path or the file's permissions.
    #[error("{}: {cause}; expected a file of orders, as CSV or as JSON lines", path.display())]
    Unreadable {
        /// The path as it was given.
        path: PathBuf,
        /// Error of the operating system.
        cause: io::Error,
    },
    /// The file holds something that is not an order. Correct the line.
    #[error("{}:{line}: {found}; expected {expected}", path.display())]
    Malformed {
        /// The path as it was given.
        path: PathBuf,
        /// The line of the file, the first being 1.
        line: usize,
        /// The text found there, shortened.
        found: String,
        /// The text expected there.
        expected: String,
    },
}

/// Reads the orders of a file and sorts them by time; orders of the same time keep the file's
/// order.
///
/// A file named `.csv` is read as CSV, one named `.jsonl`, `.ndjson` or `.json` as one JSON object
/// per line; in any other, a first character `{` means JSON. Blank lines, a byte order mark and
/// CRLF are accepted, as are columns in any order and additional ones.
///
/// # Errors
///
/// [`InputError::Unreadable`] if the file can't be read, [`InputError::Malformed`] for the first
/// line that is not an order, and for a file without any text.
pub(crate) fn read_orders(path: &Path) -> Result<Vec<Order>, InputError> {
    let bytes = fs::read(path)
        .map_err(|cause| InputError::Unreadable { path: path.to_path_buf(), cause })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        Source { path, text: "" }.malformed(line, "not UTF-8".to_owned(), "text in UTF-8")
    })?;
    let source = Source { path, text: text.trim_start_matches('\u{feff}') };
    let mut orders = if source.is_json()? { source.json_lines() } else { source.csv() }?;
    orders.sort_by_key(|order| order.created_at);
    Ok(orders)
}

/// The customers of orders that are sorted by time, in the order in which they first bought.
pub(crate) fn customers_of(orders: &[Order]) -> Vec<Customer> {
    let mut seen = HashSet::new();
    orders
        .iter()
        .filter(|order| seen.insert(order.customer_id.as_str()))
        .map(|order| Customer {
            customer_id: order.customer_id.clone(),
            first_purchase: order.created_at,
            first_amount: order.amount,
        })
        .collect()
}

const COLUMNS: [&str; 5] = ["order_id", "customer_id", "amount", "items", "created_at"];
const JSON_ORDER: &str = r#"one object a line, as {"order_id":"order-1","customer_id":"00001","amount":11.77,"items":1,"created_at":"1997-01-01T00:00:00Z"}"#;
const SHOWN_CHARS_MAX: usize = 60;

/// An order whose values have the right type, but may still be out of range.
#[derive(Deserialize)]
struct RawOrder {
    order_id: String,
    customer_id: String,
    amount: f64,
    items: u32,
    created_at: String,
}

/// The fault of a value: the text found and the text expected.
struct Fault {
    found: String,
    expected: &'static str,
}

impl Fault {
    fn new(column: &str, value: &str, expected: &'static str) -> Self {
        Self { found: format!("{column} is {}", shown(value)), expected }
    }
}

impl RawOrder {
    fn from_csv(record: &csv::StringRecord, columns: [usize; 5]) -> Result<Self, Fault> {
        let [order_id, customer_id, amount, items, created_at] =
            columns.map(|column| record.get(column).unwrap_or_default());
        Ok(Self {
            order_id: order_id.to_owned(),
            customer_id: customer_id.to_owned(),
            amount: amount.parse().map_err(|_| Fault::new("amount", amount, AMOUNT))?,
            items: items.parse().map_err(|_| Fault::new("items", items, ITEMS))?,
            created_at: created_at.to_owned(),
        })
    }

    fn check(self) -> Result<Order, Fault> {
        for (column, value) in [("order_id", &self.order_id), ("customer_id", &self.customer_id)] {
            if value.is_empty() {
                return Err(Fault::new(column, value, "a text that is not empty"));
            }
        }
        if !self.amount.is_finite() || self.amount < 0.0 {
            return Err(Fault::new("amount", &self.amount.to_string(), AMOUNT));
        }
        let created_at = DateTime::parse_from_rfc3339(&self.created_at)
            .map(|time| time.with_timezone(&Utc))
            .ok()
            .filter(|time| *time >= DateTime::UNIX_EPOCH + TimeDelta::days(1))
            .ok_or_else(|| Fault::new("created_at", &self.created_at, CREATED_AT))?;
        Ok(Order {
            order_id: self.order_id,
            customer_id: self.customer_id,
            amount: self.amount,
            items: self.items,
            created_at,
        })
    }
}

const AMOUNT: &str = "a finite number of at least 0, as 11.77";
const ITEMS: &str = "a whole number of at least 0, as 1";
const CREATED_AT: &str = "a time as 1997-01-01T00:00:00Z (RFC 3339), not before 1970-01-02";

/// A file of orders: its path, for messages, and all of its text.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn is_json(&self) -> Result<bool, InputError> {
        let Some(first) = self.text.trim_start().chars().next() else {
            return Err(self.malformed(1, "no text".to_owned(), "orders, as CSV or as JSON lines"));
        };
        let extension = self.path.extension().and_then(|extension| extension.to_str());
        Ok(match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => false,
            Some("jsonl" | "ndjson" | "json") => true,
            _ => first == '{',
        })
    }

    fn json_lines(&self) -> Result<Vec<Order>, InputError> {
        let mut orders = Vec::new();
        for (line, text) in (1..).zip(self.text.lines()) {
            if text.trim().is_empty() {
                continue;
            }
            if !text.trim_start().starts_with('{') {
                return Err(self.malformed(line, shown(text), JSON_ORDER));
            }
            let raw: RawOrder = serde_json::from_str(text).map_err(|error| {
                let message = error.to_string();
                let what = message.split(" at line ").next().unwrap_or_default();
                let column = error.column();
                self.malformed(
                    line,
                    format!("{what} (column {column}) in {}", shown(text)),
                    JSON_ORDER,
                )
            })?;
            orders.push(raw.check().map_err(|fault| self.fault(line, fault))?);
        }
        Ok(orders)
    }

    fn csv(&self) -> Result<Vec<Order>, InputError> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(self.text.as_bytes());
        let mut lines = Lines { text: self.text, byte: 0, line: 1 };
        let header = reader.headers().map_err(|error| self.broken(1, &error))?.clone();
        let header_line = lines.line_of(&header);
        let mut columns = [0; COLUMNS.len()];
        for (column, name) in columns.iter_mut().zip(COLUMNS) {
            *column = header.iter().position(|field| field == name).ok_or_else(|| {
                let found = format!("no column {name} in {}", shown(self.line(header_line)));
                self.malformed(header_line, found, &format!("the header {}", COLUMNS.join(",")))
            })?;
        }
        let mut orders = Vec::new();
        let mut record = csv::StringRecord::new();
        while reader
            .read_record(&mut record)
            .map_err(|error| self.broken(lines.line_of(&record), &error))?
        {
            let line = lines.line_of(&record);
            if record.len() != header.len() {
                let found = format!("{} fields in {}", record.len(), shown(self.line(line)));
                let expected = format!("{} fields, as in the header", header.len());
                return Err(self.malformed(line, found, &expected));
            }
            let order = RawOrder::from_csv(&record, columns).and_then(RawOrder::check);
            orders.push(order.map_err(|fault| self.fault(line, fault))?);
        }
        Ok(orders)
    }

    /// The text of a line, without its end.
    fn line(&self, line: usize) -> &str {
        self.text.lines().nth(line - 1).unwrap_or_default()
    }

    fn broken(&self, line: usize, error: &csv::Error) -> InputError {
        self.malformed(line, error.to_string(), "a line of comma-separated values")
    }

    fn fault(&self, line: usize, fault: Fault) -> InputError {
        self.malformed(line, fault.found, fault.expected)
    }

    fn malformed(&self, line: usize, found: String, expected: &str) -> InputError {
        let path = self.path.to_path_buf();
        InputError::Malformed { path, line, found, expected: expected.to_owned() }
    }
}

/// Counts lines up to a record. The reader's own count is the line where it stopped after the
/// previous record, before blank lines and the second half of CRLF.
struct Lines<'a> {
    text: &'a str,
    byte: usize,
    line: usize,
}

impl Lines<'_> {
    fn line_of(&mut self, record: &csv::StringRecord) -> usize {
        let stopped = record.position().and_then(|at| usize::try_from(at.byte()).ok());
        let rest = self.text.get(self.byte..).unwrap_or_default().as_bytes();
        let gone = stopped.unwrap_or_default().saturating_sub(self.byte);
        let ends = rest.iter().skip(gone).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = rest.iter().take(gone + ends);
        self.line += passed.filter(|byte| **byte == b'\n').count();
        self.byte += gone + ends;
        self.line
    }
}

/// A quoted text, cut to the length of a message, with control characters escaped.
fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(SHOWN_CHARS_MAX).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("\"{}{more}\"", head.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "order_id,customer_id,amount,items,created_at\n";

    fn read(name: &str, text: impl AsRef<[u8]>) -> Result<Vec<Order>, InputError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        read_orders(&path)
    }

    fn message(name: &str, text: impl AsRef<[u8]>) -> String {
        let error = read(name, text).unwrap_err().to_string();
        error.rsplit('/').next().unwrap().to_owned()
    }

    fn order(id: &str, customer: &str, amount: f64, items: u32, day: &str) -> Order {
        let created_at = format!("{day}T00:00:00Z").parse().unwrap();
        Order { order_id: id.into(), customer_id: customer.into(), amount, items, created_at }
    }

    #[test]
    fn csv_and_json_lines_give_the_same_orders() {
        let csv = format!("{HEADER}o1,c1,11.77,1,1997-01-01T00:00:00Z\n");
        let json = r#"{"order_id":"o1","customer_id":"c1","amount":11.77,"items":1,"created_at":"1997-01-01T00:00:00Z"}"#;
        let expected = vec![order("o1", "c1", 11.77, 1, "1997-01-01")];
        for (name, text) in
            [("a.csv", csv.as_str()), ("a.jsonl", json), ("a", csv.as_str()), ("b", json)]
        {
            assert_eq!(read(name, text).unwrap(), expected, "{name}");
        }
        assert_eq!(serde_json::to_string(&expected[0]).unwrap(), json);
    }

    #[test]
    fn a_byte_order_mark_crlf_blank_lines_spaces_and_other_columns_are_accepted() {
        let text = "\u{feff}created_at, amount,note,items,customer_id,order_id\r\n\r\n\
                    1997-01-02T01:00:00+01:00, 2.50 ,\"a, b\",3,c1,o1\r\n\r\n";
        assert_eq!(read("a.csv", text).unwrap(), [order("o1", "c1", 2.5, 3, "1997-01-02")]);
        let json = "\u{feff}\r\n{\"order_id\":\"o1\",\"customer_id\":\"c1\",\"amount\":2.5,\"items\":3,\
                    \"created_at\":\"1997-01-02T00:00:00Z\",\"note\":null}\r\n\r\n";
        assert_eq!(read("a.txt", json).unwrap(), [order("o1", "c1", 2.5, 3, "1997-01-02")]);
    }

    #[test]
    fn orders_are_sorted_by_time_and_those_of_one_time_keep_the_order_of_the_file() {
        let rows = "o1,c1,1,1,1997-01-02T00:00:00Z\no2,c1,1,1,1997-01-01T00:00:00Z\n\
                    o3,c1,1,1,1997-01-02T00:00:00Z\no4,c1,1,1,1997-01-01T00:00:00Z\n";
        let orders = read("a.csv", format!("{HEADER}{rows}")).unwrap();
        let ids: Vec<&str> = orders.iter().map(|order| order.order_id.as_str()).collect();
        assert_eq!(ids, ["o2", "o4", "o1", "o3"]);
    }

    #[test]
    fn a_customer_is_known_a_day_before_the_first_purchase() {
        let orders = [
            order("o1", "c2", 5.0, 1, "1997-03-01"),
            order("o2", "c1", 7.0, 1, "1997-03-02"),
            order("o3", "c2", 9.0, 1, "1997-03-03"),
        ];
        let customers = customers_of(&orders);
        assert_eq!(customers.len(), 2);
        assert_eq!((customers[0].customer_id.as_str(), customers[0].first_amount), ("c2", 5.0));
        assert_eq!(customers[0].first_purchase, orders[0].created_at);
        assert_eq!(customers[0].known_since().to_rfc3339(), "1997-02-28T00:00:00+00:00");
        assert_eq!((customers[1].customer_id.as_str(), customers[1].first_amount), ("c1", 7.0));
    }

    #[test]
    fn a_missing_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none.csv");
        let message = read_orders(&path).unwrap_err().to_string();
        assert!(message.starts_with(&path.display().to_string()), "{message}");
        assert!(
            message.ends_with("expected a file of orders, as CSV or as JSON lines"),
            "{message}"
        );
    }

    #[test]
    fn a_bad_value_is_reported_with_its_line_in_the_file() {
        let good = "o1,c1,1,1,1997-01-01T00:00:00Z\n";
        for (row, expected) in [
            ("o2,c1,-3,1,1997-01-01T00:00:00Z", format!("amount is \"-3\"; expected {AMOUNT}")),
            ("o2,c1,inf,1,1997-01-01T00:00:00Z", format!("amount is \"inf\"; expected {AMOUNT}")),
            ("o2,c1,NaN,1,1997-01-01T00:00:00Z", format!("amount is \"NaN\"; expected {AMOUNT}")),
            ("o2,c1,x,1,1997-01-01T00:00:00Z", format!("amount is \"x\"; expected {AMOUNT}")),
            ("o2,c1,1,-1,1997-01-01T00:00:00Z", format!("items is \"-1\"; expected {ITEMS}")),
            (
                "o2,c1,1,1,1997-13-01",
                format!("created_at is \"1997-13-01\"; expected {CREATED_AT}"),
            ),
            (
                "o2,c1,1,1,1970-01-01T23:59:59Z",
                format!("created_at is \"1970-01-01T23:59:59Z\"; expected {CREATED_AT}"),
            ),
            (
                "o2,,1,1,1997-01-01T00:00:00Z",
                "customer_id is \"\"; expected a text that is not empty".to_owned(),
            ),
            ("o2,c1,1", "3 fields in \"o2,c1,1\"; expected 5 fields, as in the header".to_owned()),
        ] {
            let unix = format!("{HEADER}{good}\n{row}\n{good}");
            assert_eq!(message("a.csv", &unix), format!("a.csv:4: {expected}"));
            assert_eq!(
                message("a.csv", unix.replace('\n', "\r\n")),
                format!("a.csv:4: {expected}")
            );
        }
    }

    #[test]
    fn a_missing_column_is_named_with_the_header_that_is_expected() {
        assert_eq!(
            message("a.csv", "\norder_id,amount,items,created_at\n"),
            "a.csv:2: no column customer_id in \"order_id,amount,items,created_at\"; \
             expected the header order_id,customer_id,amount,items,created_at"
        );
    }

    #[test]
    fn a_json_line_that_is_no_order_is_reported_with_line_and_column() {
        let good = r#"{"order_id":"o1","customer_id":"c1","amount":1,"items":1,"created_at":"1997-01-01T00:00:00Z"}"#;
        let bad = [
            (r#"{"order_id":"o2""#, "EOF while parsing an object (column 16)"),
            (r#"{"order_id":"o2"}"#, "missing field `customer_id` (column 17)"),
        ];
        for (line, expected) in bad {
            let message = message("a.jsonl", format!("{good}\n\n{line}\n"));
            assert!(message.starts_with(&format!("a.jsonl:3: {expected} in \"")), "{message}");
            assert!(message.ends_with(JSON_ORDER), "{message}");
        }
        let array = r#"["o2","c1",1,1,"1997-01-01T00:00:00Z"]"#;
        assert_eq!(
            message("a.jsonl", array),
            format!("a.jsonl:1: {}; expected {JSON_ORDER}", shown(array))
        );
        let negative = good.replace(":1,", ":-2.5,").replace("\"items\":-2.5", "\"items\":1");
        assert_eq!(
            message("a.jsonl", negative),
            format!("a.jsonl:1: amount is \"-2.5\"; expected {AMOUNT}")
        );
    }

    #[test]
    fn the_offending_text_is_shortened_and_its_control_characters_are_escaped() {
        let row = format!("o1,c1,\u{1b}[31m{},1,1997-01-01T00:00:00Z\n", "ä".repeat(200));
        let found = format!("amount is \"\\u{{1b}}[31m{}…\"", "ä".repeat(55));
        assert_eq!(
            message("a.csv", format!("{HEADER}{row}")),
            format!("a.csv:2: {found}; expected {AMOUNT}")
        );
    }

    #[test]
    fn an_empty_file_and_bytes_that_are_not_utf8_are_refused_and_a_header_alone_is_not() {
        let orders = "orders, as CSV or as JSON lines";
        assert_eq!(message("a.csv", " \n"), format!("a.csv:1: no text; expected {orders}"));
        let bytes = [HEADER.as_bytes(), b"o1,\xff\n"].concat();
        assert_eq!(message("a.csv", bytes), "a.csv:2: not UTF-8; expected text in UTF-8");
        assert_eq!(read("a.csv", HEADER).unwrap(), []);
    }

    #[test]
    fn the_orders_that_come_with_the_example_hold_what_their_readme_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/orders.csv");
        let orders = read_orders(&path).unwrap();
        assert_eq!(orders.len(), 69_659);
        assert_eq!(customers_of(&orders).len(), 23_570);
        let high: Vec<f64> = orders.iter().map(|o| o.amount).filter(|a| *a > 1000.0).collect();
        assert_eq!(high, [1028.51, 1119.68, 1286.01]);
        let days: HashSet<_> = orders.iter().map(|o| (&o.customer_id, o.created_at)).collect();
        assert_eq!(days.len(), 67_591);
    }
}
