//! The figures of a run, for people.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
};

use serde_json::Value;

use crate::{
    args::{Args, Guarantee, Store},
    instances::Report,
    output::{OutputRecord, OutputTopic},
    topology,
};

/// The results, and the data of the run.
pub(crate) fn summary(args: &Args, outputs: &[OutputTopic], report: &Report) -> String {
    let mut text = figures(outputs, Some(args.application.min_amount));
    // Writing to a String can't fail.
    let _ = run(&mut text, args, report);
    text
}

/// The results, with the limit of high-value orders if it is known.
pub(crate) fn figures(outputs: &[OutputTopic], min_amount: Option<f64>) -> String {
    let mut text = String::new();
    let records = |topic: &str| {
        let output = outputs.iter().find(|output| output.topic == topic);
        output.map_or(&[][..], |output| &output.records)
    };
    // Writing to a String can't fail.
    let _ = high_value(&mut text, min_amount, records(topology::HIGH_VALUE_ORDERS));
    let _ = per_customer(&mut text, records(topology::ORDERS_PER_CUSTOMER));
    let _ = enriched(&mut text, records(topology::ENRICHED_ORDERS));
    let _ = per_hour(&mut text, records(topology::ORDERS_PER_HOUR));
    text
}

fn high_value(
    text: &mut String,
    min_amount: Option<f64>,
    records: &[OutputRecord],
) -> std::fmt::Result {
    write!(text, "high-value orders     {}", records.len())?;
    if let Some(min_amount) = min_amount {
        write!(text, " above {min_amount}")?;
    }
    let mut amounts: Vec<f64> =
        records.iter().filter_map(|record| record.value.get("amount")?.as_f64()).collect();
    amounts.sort_by(f64::total_cmp);
    if amounts.len() <= 10 && !amounts.is_empty() {
        let amounts: Vec<String> = amounts.iter().map(|amount| format!("{amount:.2}")).collect();
        write!(text, ": {}", amounts.join(", "))?;
    }
    repeated(text, records)
}

fn enriched(text: &mut String, records: &[OutputRecord]) -> std::fmt::Result {
    write!(text, "enriched orders       {}", records.len())?;
    repeated(text, records)
}

/// Number of orders that appear more than once: at-least-once allows it, exactly-once does not.
fn repeated(text: &mut String, records: &[OutputRecord]) -> std::fmt::Result {
    let ids: HashSet<&str> =
        records.iter().filter_map(|record| record.value.get("order_id")?.as_str()).collect();
    match records.len() - ids.len() {
        0 => writeln!(text),
        repeated => writeln!(text, ", {repeated} of them repeated"),
    }
}

/// The last count of each window is the final one.
fn per_hour(text: &mut String, records: &[OutputRecord]) -> std::fmt::Result {
    let mut counts: HashMap<String, i64> = HashMap::new();
    for record in records {
        counts.insert(record.key.to_string(), record.value.as_i64().unwrap_or_default());
    }
    let (windows, sum) = (counts.len(), counts.values().sum::<i64>());
    writeln!(text, "orders per hour       {windows} windows of a customer and hour, {sum} orders")
}

/// The last count of each customer is the final one.
fn per_customer(text: &mut String, records: &[OutputRecord]) -> std::fmt::Result {
    let mut counts: HashMap<&Value, i64> = HashMap::new();
    for record in records {
        counts.insert(&record.key, record.value.as_i64().unwrap_or_default());
    }
    let sum: i64 = counts.values().sum();
    writeln!(text, "orders per customer   {} customers, {sum} orders", counts.len())?;
    let mut best: Vec<(i64, &str)> =
        counts.iter().filter_map(|(customer, count)| Some((*count, customer.as_str()?))).collect();
    best.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    let best: Vec<String> =
        best.iter().take(3).map(|(count, customer)| format!("{customer} ({count})")).collect();
    writeln!(text, "                      most: {}", best.join(", "))
}

fn run(text: &mut String, args: &Args, report: &Report) -> std::fmt::Result {
    let sum = |of: fn(&streams_core::runtime::StreamsMetrics) -> u64| {
        report.metrics.iter().map(of).sum::<u64>()
    };
    let (processed, produced) = (sum(|metrics| metrics.processed), sum(|metrics| metrics.produced));
    let seconds = report.elapsed.as_secs_f64();
    let guarantee = match args.application.guarantee {
        Guarantee::AtLeastOnce => "at least once",
        Guarantee::ExactlyOnce => "exactly once",
    };
    let store = match args.application.store {
        Store::Rocksdb => "RocksDB",
        Store::Memory => "memory",
    };
    writeln!(
        text,
        "\n{} instance(s), {} thread(s) each, {} partitions, {guarantee}, stores in {store}",
        args.instances, args.application.threads, args.partitions
    )?;
    writeln!(
        text,
        "{processed} records in, {produced} out, {} dropped, {} restored, {} commits in {seconds:.1} s",
        sum(|metrics| metrics.dropped),
        sum(|metrics| metrics.restored),
        sum(|metrics| metrics.commits),
    )
}
