//! Orders that a client in Python writes, in the forms in which articles on Kafka have them, and the results as it reads
//! them.
//!
//! That client chooses partitions by CRC32 unless it is told to choose them as Java's does. Orders that are re-keyed
//! may be in any partition; records that are joined as they are may not.

use std::{fs, time::Duration};

use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use serde_json::{Value, json};
use streams_core::time::{Clock, SystemClock};
use tests::broker;

use crate::{
    application::Application,
    figures::Figures,
    instance::PATIENCE,
    orders::{Order, portions},
};

/// Orders of each portion.
const ORDERS: usize = 60;
/// How long a client in Python may take, which has to be fetched first where it never ran.
const PYTHON: Duration = Duration::from_secs(300);
/// Setting of the client in Python by which it chooses partitions as Java's does.
const AS_JAVA: [&str; 2] = ["--config", "partitioner=murmur2_random"];
/// Headers of each record, which the producer in Python writes.
const HEADERS: [(&str, &str); 2] = [("event_type", "order_created"), ("source", "python-producer")];

/// Fields of an order and of the program's option that say what orders are keyed by.
#[derive(Clone, Copy)]
enum KeyedBy {
    Customer,
    Order,
}

impl KeyedBy {
    fn field(self) -> &'static str {
        match self {
            Self::Customer => "customer_id",
            Self::Order => "order_id",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Self::Customer => "customer-id",
            Self::Order => "order-id",
        }
    }
}

/// A record of the results, as the client in Python reads it.
#[derive(Debug, Deserialize)]
struct Found {
    key: String,
    value: Value,
    timestamp: i64,
    headers: Vec<(String, String)>,
}

/// The application with a broker of its own, and what the client in Python does there.
struct Shop {
    application: Application,
    keyed_by: KeyedBy,
}

impl Shop {
    /// `None` where tests with brokers are not wanted.
    fn new(keyed_by: KeyedBy) -> Option<Self> {
        let application = Application::new(0, &[])?;
        application.create_topics();
        Some(Self { application, keyed_by })
    }

    fn write_customers(&self, customers: &[Value]) {
        let a_day_ago = (SystemClock.now_ms() - 86_400_000).to_string();
        let time = ["--timestamp", &a_day_ago];
        self.write("customers", "customer_id", customers, &[time, AS_JAVA].concat());
    }

    fn write_orders(&self, orders: &[Value]) {
        let settings = match self.keyed_by {
            KeyedBy::Customer => &AS_JAVA[..],
            KeyedBy::Order => &[],
        };
        self.write("orders", self.keyed_by.field(), orders, settings);
    }

    fn write(&self, topic: &str, key_field: &str, values: &[Value], more: &[&str]) {
        let file = self.application.files().join(format!("{topic}.jsonl"));
        let lines: Vec<String> = values.iter().map(Value::to_string).collect();
        fs::write(&file, lines.join("\n")).unwrap();
        let bootstrap = self.application.bootstrap();
        let mut arguments = vec!["--bootstrap-server", &bootstrap, "--topic", topic];
        arguments.extend(["--key-field", key_field, "--values", file.to_str().unwrap()]);
        arguments.extend(more);
        let producer = broker::python_client("producer.py", &arguments).unwrap();
        producer.succeed(PYTHON).unwrap();
    }

    fn read(&self, topic: &str) -> Vec<Found> {
        let bootstrap = self.application.bootstrap();
        let consumer = broker::python_client("consumer.py", &[&bootstrap, topic]).unwrap();
        let printed = consumer.succeed(PYTHON).unwrap();
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs the application until no more comes.
    fn run(&self) {
        let bootstrap = self.application.bootstrap();
        let mut arguments = vec!["run", "--bootstrap-server", &bootstrap, "--until-idle", "5"];
        arguments.extend(["--store", "memory", "--guarantee", "exactly-once"]);
        arguments.extend(["--keyed-by", self.keyed_by.option()]);
        broker::high_value_orders(&arguments).unwrap().succeed(PATIENCE).unwrap();
    }
}

/// An order as a producer in Python has it: with names of what was ordered or their number, and a time in milliseconds
/// or as text, or none.
fn order_in_python(number: usize, order: &Order, has_time: bool) -> Value {
    let time = DateTime::from_timestamp_millis(order.created_ms).unwrap();
    let text = time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let items = if number.is_multiple_of(2) { json!(["laptop", "mouse"]) } else { json!(2) };
    let mut value = json!({
        "order_id": order.id, "customer_id": order.customer, "amount": order.amount, "items": items,
    });
    if has_time {
        value["created_at"] =
            if number.is_multiple_of(3) { json!(text) } else { json!(order.created_ms) };
    }
    value
}

fn in_python(orders: &[Order], has_time: bool) -> Vec<Value> {
    let numbered = orders.iter().enumerate();
    numbered.map(|(number, order)| order_in_python(number, order, has_time)).collect()
}

/// The customers of these orders.
fn customers(orders: &[Order]) -> Vec<Value> {
    let mut ids: Vec<&str> = orders.iter().map(|order| order.customer.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let first_purchase = "2024-01-01T00:00:00Z";
    let customer =
        |id| json!({ "customer_id": id, "first_purchase": first_purchase, "first_amount": 10.0 });
    ids.into_iter().map(customer).collect()
}

/// Checks that each order was found once, as it was written but for what `without` names, keyed by its customer, with the
/// headers of its record.
fn check(topic: &str, mut found: Vec<Found>, mut written: Vec<Value>, without: &str) {
    let id = |value: &Value| value["order_id"].as_str().unwrap_or_default().to_owned();
    found.sort_by_key(|record| id(&record.value));
    written.sort_by_key(id);
    let ids: Vec<String> = found.iter().map(|record| id(&record.value)).collect();
    assert_eq!(ids, written.iter().map(id).collect::<Vec<_>>(), "{topic}");
    for (mut record, written) in found.into_iter().zip(written) {
        record.value.as_object_mut().unwrap().remove(without);
        assert_eq!(record.value, written, "{topic}");
        assert_eq!(written["customer_id"], json!(record.key), "{topic}: key of {written}");
        let headers: Vec<(&str, &str)> =
            record.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(headers, HEADERS, "{topic}: headers of {written}");
    }
}

/// Orders with a time are those of an earlier hour, so that the others, which are of now, come behind them in all
/// partitions.
fn orders_of_python_are_processed(keyed_by: KeyedBy) {
    let Some(shop) = Shop::new(keyed_by) else { return };
    let [timed, mut untimed] = <[Vec<Order>; 2]>::try_from(portions(2, ORDERS)).unwrap();
    shop.write_customers(&customers(&[&timed[..], &untimed].concat()));
    shop.write_orders(&in_python(&timed, true));
    shop.run();
    let begin_ms = SystemClock.now_ms();
    shop.write_orders(&in_python(&untimed, false));
    let end_ms = SystemClock.now_ms();
    shop.run();

    let enriched = shop.read("enriched-orders");
    for order in &mut untimed {
        let record = enriched.iter().find(|record| record.value["order_id"] == order.id);
        order.created_ms = record.unwrap_or_else(|| panic!("{order:?} did not come out")).timestamp;
        assert!(
            (begin_ms..=end_ms).contains(&order.created_ms),
            "not {begin_ms} to {end_ms}: {order:?}"
        );
    }
    let expected = Figures::expected(timed.iter().chain(&untimed));
    let found = shop.application.figures();
    assert_eq!(found, expected, "{}, expected {}", found.summary(), expected.summary());

    let written = [in_python(&timed, true), in_python(&untimed, false)].concat();
    check("enriched-orders", enriched, written.clone(), "customer");
    let of_high_value = |value: &Value| value["amount"].as_f64() > Some(1_000.0);
    let of_high_value: Vec<Value> = written.into_iter().filter(of_high_value).collect();
    assert!(!of_high_value.is_empty());
    check("high-value-orders", shop.read("high-value-orders"), of_high_value, "nothing");
}

#[test]
fn orders_of_python_keyed_by_customer_are_processed() {
    orders_of_python_are_processed(KeyedBy::Customer);
}

#[test]
fn orders_of_python_keyed_by_themselves_are_processed() {
    orders_of_python_are_processed(KeyedBy::Order);
}
