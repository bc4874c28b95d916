//! Contents of the input topics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::Builder,
};

use streams_core::{
    Headers,
    client::{ProduceRecord, embedded::EmbeddedCluster},
};

use crate::{
    Failure,
    args::KeyedBy,
    input::{Customer, Order},
    topology,
};

/// Progress of feeding the orders.
#[derive(Debug, Default)]
pub(crate) struct Fed {
    /// Orders written so far.
    pub(crate) orders: AtomicU64,
    /// Total number of orders to write.
    pub(crate) total: u64,
    /// True if all orders are written.
    pub(crate) done: AtomicBool,
}

impl Fed {
    /// Checks that all orders were written, once feeding is over.
    pub(crate) fn check_complete(&self) -> Result<(), Failure> {
        let (orders, total) = (self.orders.load(Ordering::SeqCst), self.total);
        if orders == total {
            return Ok(());
        }
        Err(format!("only {orders} of {total} orders were fed, so that the figures are not whole")
            .into())
    }
}

/// Creates the input and output topics.
pub(crate) fn create_topics(cluster: &EmbeddedCluster, partitions: i32) -> Result<(), Failure> {
    for topic in topology::TOPICS {
        cluster.create_topic(topic, partitions)?;
    }
    Ok(())
}

/// Writes all customers, each with a timestamp on the day before the first purchase.
pub(crate) fn customers(cluster: &EmbeddedCluster, customers: &[Customer]) -> Result<(), Failure> {
    for customer in customers {
        let value = serde_json::to_vec(customer)?;
        let timestamp = customer.known_since().timestamp_millis();
        write(cluster, topology::CUSTOMERS, &customer.customer_id, &value, timestamp)?;
    }
    Ok(())
}

/// Writes the orders from a separate thread, by time, each with the time at which it was made.
pub(crate) fn spawn_orders(
    cluster: EmbeddedCluster,
    orders: Vec<Order>,
    keyed_by: KeyedBy,
) -> Result<Arc<Fed>, Failure> {
    let total = u64::try_from(orders.len())?;
    let fed = Arc::new(Fed { total, ..Fed::default() });
    let progress = fed.clone();
    Builder::new().name("feed".to_owned()).spawn(move || {
        for order in &orders {
            if let Err(error) = feed_order(&cluster, order, keyed_by) {
                eprintln!("error: order {} is not fed: {error}", order.order_id);
                break;
            }
            progress.orders.fetch_add(1, Ordering::Relaxed);
        }
        progress.done.store(true, Ordering::SeqCst);
    })?;
    Ok(fed)
}

fn feed_order(cluster: &EmbeddedCluster, order: &Order, keyed_by: KeyedBy) -> Result<(), Failure> {
    let value = serde_json::to_vec(order)?;
    let timestamp = order.created_at.timestamp_millis();
    write(cluster, topology::ORDERS, order.key(keyed_by), &value, timestamp)
}

fn write(
    cluster: &EmbeddedCluster,
    topic: &str,
    key: &str,
    value: &[u8],
    timestamp: i64,
) -> Result<(), Failure> {
    let (key, value) = (Some(key.as_bytes()), Some(value));
    let record = ProduceRecord { timestamp, key, value, headers: &Headers::new() };
    cluster.produce(topic, None, record)?;
    Ok(())
}
