//! `feed`: the topics, the customers and the orders.

use std::{collections::BTreeMap, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use streams_core::{
    ErrorKind, Headers, TopicPartition,
    client::{
        Admin, ClientSupplier, NewTopic, ProduceRecord, Producer, ProducerSettings, clients_for,
    },
    partition_for_key,
    time::{Clock, SystemClock},
};

use super::settings;
use crate::{
    Failure,
    args::FeedArgs,
    input::{self, Customer, Order},
    topology,
};

/// Number of records between two checks of their results.
const FLUSH_RECORDS: u64 = 10_000;

/// Creates the missing topics, writes all customers, then all orders by time.
pub(crate) fn feed(args: &FeedArgs) -> Result<String, Failure> {
    let orders = args.orders.read()?;
    let customers = input::customers_of(&orders);
    let config =
        settings::config("high-value-orders-feed", &args.bootstrap_server, &args.settings)?;
    let clients = clients_for(&config)?;
    create_topics(&mut *clients.admin()?, args.partitions)?;
    let settings = ProducerSettings {
        client_id: "high-value-orders-feed".to_owned(),
        ..ProducerSettings::default()
    };
    let mut feed = Feed {
        producer: clients.producer(&settings)?,
        partitions: args.partitions,
        written: 0,
        pending: 0,
    };
    customers.iter().try_for_each(|customer| feed.customer(customer))?;
    // A customer that is written after the first order would be missing in the join.
    feed.flush()?;
    feed.orders(&orders, args)?;
    Ok(format!("{} customers and {} orders written\n", customers.len(), orders.len()))
}

fn create_topics(admin: &mut dyn Admin, partitions: i32) -> Result<(), Failure> {
    // Purchases are older than any retention.
    let keeps_all = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
    let new = |name: &str| NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: -1,
        config: keeps_all.clone(),
    };
    let topics: Vec<NewTopic> = topology::TOPICS.iter().map(|topic| new(topic)).collect();
    admin.create_topics(&topics).wait()?;
    for (topic, description) in admin.describe_topics(&topology::TOPICS).wait()? {
        if description.partitions != partitions {
            let found = description.partitions;
            let text = format!(
                "topic {topic} has {found} partitions, not {partitions}: say --partitions {found}, or delete the topic"
            );
            return Err(text.into());
        }
    }
    Ok(())
}

struct Feed {
    producer: Box<dyn Producer>,
    partitions: i32,
    written: u64,
    pending: u64,
}

impl Feed {
    fn customer(&mut self, customer: &Customer) -> Result<(), Failure> {
        let value = serde_json::to_vec(customer)?;
        let timestamp = customer.known_since().timestamp_millis();
        self.write(topology::CUSTOMERS, &customer.customer_id, &value, timestamp)
    }

    fn orders(&mut self, orders: &[Order], args: &FeedArgs) -> Result<(), Failure> {
        let clock = SystemClock;
        let started_ms = clock.now_ms();
        let bar = ProgressBar::new(u64::try_from(orders.len())?);
        if let Ok(style) = ProgressStyle::with_template(
            "{elapsed_precise} {bar:30} {pos}/{len} orders written, {per_sec}",
        ) {
            bar.set_style(style);
        }
        for (index, order) in (0_i64..).zip(orders) {
            if let Some(rate) = args.rate {
                let due_ms = started_ms + index * 1_000 / i64::from(rate);
                let wait_ms = u64::try_from(due_ms - clock.now_ms()).unwrap_or(0);
                if wait_ms > 0 {
                    self.flush()?;
                    clock.sleep(Duration::from_millis(wait_ms));
                }
            }
            let value = serde_json::to_vec(order)?;
            let timestamp = order.created_at.timestamp_millis();
            self.write(topology::ORDERS, order.key(args.keyed_by), &value, timestamp)?;
            bar.inc(1);
        }
        self.flush()?;
        bar.finish_and_clear();
        Ok(())
    }

    fn write(
        &mut self,
        topic: &str,
        key: &str,
        value: &[u8],
        timestamp: i64,
    ) -> Result<(), Failure> {
        let place = TopicPartition::new(topic, partition_for_key(key.as_bytes(), self.partitions));
        let (key, value) = (Some(key.as_bytes()), Some(value));
        let record = ProduceRecord { timestamp, key, value, headers: &Headers::new() };
        match self.producer.append_to(&place, record) {
            // There is no room for more until some have been sent.
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                self.flush()?;
                self.producer.append_to(&place, record)?;
            }
            other => other?,
        }
        self.pending += 1;
        if self.pending >= FLUSH_RECORDS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        for report in self.producer.flush()? {
            let place = &report.topic_partition;
            report.result.map_err(|error| error.in_context(format!("writing to {place}")))?;
            self.written += u64::try_from(report.records)?;
        }
        self.pending = 0;
        Ok(())
    }
}
