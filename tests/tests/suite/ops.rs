//! The dashboard and the alerts of `ops/` name existing metrics. `docs/OPERATIONS.md` lists those,
//! and a test of the library compares the list with its exports.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The words of a file that are names of metrics.
fn metrics_of(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let words = words
        .filter(|word| word.starts_with("kafka_streams_") || word.starts_with("kafka_consumer_"));
    words.map(str::to_owned).collect()
}

#[test]
fn dashboard_and_alerts_name_metrics_that_there_are() {
    let known = metrics_of("docs/OPERATIONS.md");
    for (file, least) in [
        ("ops/grafana/kafka-streams.json", 20),
        ("ops/prometheus/alerts.yml", 5),
        ("ops/prometheus/alerts-test.yml", 4),
    ] {
        let named = metrics_of(file);
        assert!(named.len() >= least, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
}

#[test]
fn each_panel_of_the_dashboard_asks_something() {
    let text = fs::read_to_string(root().join("ops/grafana/kafka-streams.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array();
        let asks = targets.is_some_and(|targets| targets.iter().all(|to| to["expr"].is_string()));
        assert!(asks || panel["type"] == "row", "{panel}");
    }
}

/// Metrics with alerts must exist from the start: an alert on a missing metric never fires.
#[test]
fn lag_state_standstill_and_dead_letters_are_alerted_on() {
    let alerts = fs::read_to_string(root().join("ops/prometheus/alerts.yml")).unwrap();
    let alerts: BTreeSet<&str> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: KafkaStreams"))
        .collect();
    for alert in ["Lag", "LagGrows", "NotRunning", "Rebalancing", "Standstill", "DeadLetters"] {
        assert!(alerts.contains(alert), "{alert} is not among {alerts:?}");
    }
}
