//! The statistics of librdkafka's clients.
//!
//! librdkafka makes a report once per interval, as JSON, and hands it over when its client is
//! served; it is read only if somebody asks. Without an interval nothing is made.

use rdkafka::statistics::{Broker, Statistics, Window};

use super::events::ClientEvents;
use crate::client::{ClientKind, ClientStatistics};

/// The setting by which librdkafka makes reports; 0, its default, is for none.
pub(super) const INTERVAL_KEY: &str = "statistics.interval.ms";

/// Its value where the application has its metrics served and sets none itself.
pub(super) const INTERVAL_MS: &str = "10000";

/// The last report of a client, if it has made one.
pub(super) fn last_report(kind: ClientKind, events: &ClientEvents) -> Option<ClientStatistics> {
    match serde_json::from_str(&events.report()?) {
        Ok(report) => Some(figures(events.client_id(), kind, &report)),
        Err(error) => {
            let client = events.client_id();
            tracing::debug!(%client, "librdkafka's statistics can't be read: {error}");
            None
        }
    }
}

fn figures(client_id: &str, kind: ClientKind, report: &Statistics) -> ClientStatistics {
    // Bootstrap servers are listed besides the brokers that they turn out to be.
    let brokers = || report.brokers.values();
    let sum = |of: fn(&Broker) -> u64| brokers().map(of).sum();
    let (latency_avg_ms, latency_max_ms) =
        spread_ms(brokers().filter_map(|broker| broker.rtt.as_ref()), 1_000.0);
    let (throttle_avg_ms, _) =
        spread_ms(brokers().filter_map(|broker| broker.throttle.as_ref()), 1.0);
    let (queued_records, queued_bytes) = match kind {
        ClientKind::Producer => (report.msg_cnt, report.msg_size),
        ClientKind::Consumer => {
            let partitions = || report.topics.values().flat_map(|topic| topic.partitions.values());
            let records = partitions().map(|partition| count(partition.fetchq_cnt)).sum();
            let bytes = partitions().map(|partition| partition.fetchq_size).sum();
            (records, bytes)
        }
    };
    let connected = brokers().filter(|broker| broker.state == "UP").count();
    ClientStatistics {
        client_id: client_id.to_owned(),
        kind,
        connections: u64::try_from(connected).unwrap_or(u64::MAX),
        requests: count(report.tx),
        bytes_out: count(report.tx_bytes),
        bytes_in: count(report.rx_bytes),
        retries: sum(|broker| broker.txretries),
        timeouts: sum(|broker| broker.req_timeouts),
        latency_avg_ms,
        latency_max_ms,
        throttle_avg_ms,
        queued_records,
        queued_bytes,
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Mean and maximum over all `windows`, whose unit is a `per_ms`th of a millisecond.
fn spread_ms<'w>(windows: impl Iterator<Item = &'w Window>, per_ms: f64) -> (f64, f64) {
    let (mut sum, mut values, mut max) = (0.0, 0.0, f64::NAN);
    for window in windows.filter(|window| window.cnt > 0) {
        sum += float(window.sum);
        values += float(window.cnt);
        max = max.max(float(window.max));
    }
    // Without values both are NaN.
    (sum / values / per_ms, max / per_ms)
}

#[expect(clippy::cast_precision_loss, reason = "a figure that is shown")]
fn float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::statistics::Reporters;

    fn broker(state: &str, txretries: u64, rtt: Window) -> Broker {
        Broker { state: state.to_owned(), txretries, rtt: Some(rtt), ..Broker::default() }
    }

    fn report() -> Statistics {
        let brokers = [
            broker("UP", 2, Window { sum: 9_000, cnt: 3, max: 5_000, ..Window::default() }),
            broker("UP", 1, Window { sum: 1_000, cnt: 1, max: 1_000, ..Window::default() }),
            broker("INIT", 0, Window::default()),
        ];
        let brokers = brokers.into_iter().enumerate();
        Statistics {
            tx: 7,
            tx_bytes: 700,
            rx_bytes: 70,
            msg_cnt: 5,
            msg_size: 50,
            brokers: brokers.map(|(id, broker)| (id.to_string(), broker)).collect(),
            ..Statistics::default()
        }
    }

    #[test]
    fn figures_are_those_of_all_brokers() {
        let figures = figures("app-1", ClientKind::Producer, &report());
        assert_eq!((figures.connections, figures.requests, figures.retries), (2, 7, 3));
        assert_eq!((figures.bytes_out, figures.bytes_in), (700, 70));
        assert_eq!((figures.latency_avg_ms, figures.latency_max_ms), (2.5, 5.0));
        assert!(figures.throttle_avg_ms.is_nan(), "{figures:?}");
        assert_eq!((figures.queued_records, figures.queued_bytes), (5, 50));
    }

    #[test]
    fn the_newest_client_with_a_name_counts_and_one_that_is_gone_does_not() {
        let reporters = Reporters::new();
        let clients: Vec<_> = (1..=3).map(|_| ClientEvents::new("app-1", None)).collect();
        for (requests, events) in (1..).zip(&clients) {
            reporters.add(ClientKind::Consumer, events);
            let report = Statistics { tx: requests, ..report() };
            events.reported(&serde_json::to_string(&report).unwrap());
        }
        let requests = || -> Vec<u64> {
            reporters.statistics(last_report).iter().map(|figures| figures.requests).collect()
        };
        assert_eq!(requests(), [3]);
        drop(clients.into_iter().nth(2));
        assert!(requests().is_empty(), "all are gone");
    }

    #[test]
    fn a_client_without_a_report_or_with_an_unknown_one_has_no_figures() {
        let reporters = Reporters::new();
        let events = ClientEvents::new("app-1", None);
        reporters.add(ClientKind::Producer, &events);
        assert_eq!(reporters.statistics(last_report), []);
        events.reported("{}");
        assert_eq!(reporters.statistics(last_report), []);
    }
}
