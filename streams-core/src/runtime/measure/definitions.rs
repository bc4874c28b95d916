//! Definitions of all metrics, by Java's group and name where Java has them.

use super::metric::MetricKind::{self, Counter, Gauge};

/// A metric without tags and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition {
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: MetricKind,
    pub(super) description: &'static str,
}

macro_rules! definitions {
    ($($group:literal { $($constant:ident $kind:ident $name:literal $description:literal)* })*) => {
        $($(
            pub(super) const $constant: Definition =
                Definition { group: $group, name: $name, kind: $kind, description: $description };
        )*)*

        /// All of them, group by group.
        #[cfg(test)]
        pub(super) const ALL: &[Definition] = &[$($($constant),*),*];
    };
}

definitions! {
    "stream-metrics" {
        CLIENT_STATE Gauge "client-state"
            "State of the instance: 0 created, 1 rebalancing, 2 running, 3 pending shutdown, 4 not running, 5 pending error, 6 error."
        ALIVE_THREADS Gauge "alive-stream-threads" "Stream threads that are alive."
        FAILED_THREADS Gauge "failed-stream-threads" "Failures that ended a stream thread's work."
        DEAD_LETTERS Counter "dead-letter-records-total" "Records that handlers sent to a dead letter topic."
        OVERLAY_BYTES Gauge "cache-size-bytes" "Memory of rows that are not committed or kept for the next read, in bytes, of all tasks."
        OVERLAY_LIMIT Gauge "cache-size-bytes-max" "Memory that those rows may take, in bytes."
    }
    "stream-state-updater-metrics" {
        RESTORED Counter "restore-records-total" "Changelog records read to restore active tasks."
        STANDBY_UPDATES Counter "standby-update-records-total" "Changelog records read for standby and warm-up tasks."
        CORRUPT_ROWS Counter "corrupt-rows-total" "Rows of changelogs left out of stores because they can't be read."
    }
    "stream-thread-metrics" {
        THREAD_START Gauge "thread-start-time" "When the thread began, in milliseconds since the epoch."
        PROCESS_RATE Gauge "process-rate" "Records that the thread processed per second."
        PROCESS_TOTAL Counter "process-total" "Records that the thread processed."
        PROCESS_LATENCY_AVG Gauge "process-latency-avg" "Mean time for a record, in milliseconds."
        PROCESS_LATENCY_MAX Gauge "process-latency-max" "Longest time for a record as the mean of a turn, in milliseconds."
        PROCESS_RATIO Gauge "process-ratio" "Part of the time that the thread processes, 0 to 1."
        PROCESS_RECORDS_AVG Gauge "process-records-avg" "Mean number of records of a turn that processed."
        PROCESS_RECORDS_MAX Gauge "process-records-max" "Most records of a turn."
        POLL_RATE Gauge "poll-rate" "Polls per second."
        POLL_TOTAL Counter "poll-total" "Polls."
        POLL_LATENCY_AVG Gauge "poll-latency-avg" "Mean time of a poll, waiting included, in milliseconds."
        POLL_LATENCY_MAX Gauge "poll-latency-max" "Longest poll, waiting included, in milliseconds."
        POLL_RATIO Gauge "poll-ratio" "Part of the time that the thread polls or waits for records, 0 to 1."
        POLL_RECORDS_AVG Gauge "poll-records-avg" "Mean number of records of a poll."
        POLL_RECORDS_MAX Gauge "poll-records-max" "Most records of a poll."
        COMMIT_RATE Gauge "commit-rate" "Commits per second."
        COMMIT_TOTAL Counter "commit-total" "Commits."
        COMMIT_LATENCY_AVG Gauge "commit-latency-avg" "Mean time from the beginning of a commit to its end on the cluster, in milliseconds."
        COMMIT_LATENCY_MAX Gauge "commit-latency-max" "Longest commit, in milliseconds."
        COMMIT_RATIO Gauge "commit-ratio" "Part of the time that a commit is under way, 0 to 1."
        PUNCTUATE_RATE Gauge "punctuate-rate" "Punctuations per second."
        PUNCTUATE_TOTAL Counter "punctuate-total" "Punctuations."
        PUNCTUATE_LATENCY_AVG Gauge "punctuate-latency-avg" "Mean time of a wall-clock punctuation, in milliseconds."
        PUNCTUATE_LATENCY_MAX Gauge "punctuate-latency-max" "Longest wall-clock punctuation as the mean of a turn, in milliseconds."
        PUNCTUATE_RATIO Gauge "punctuate-ratio" "Part of the time that the thread punctuates by the wall clock, 0 to 1."
        TASKS_CREATED Counter "task-created-total" "Tasks that began to process."
        TASKS_CLOSED Counter "task-closed-total" "Tasks that ended, for whatever reason."
        REBALANCES Counter "rebalance-total" "Assignments that the group gave to the thread."
        STANDING_STILL Gauge "standing-still-partitions" "Partitions without progress for a minute although records wait."
    }
    "stream-task-metrics" {
        TASK_PROCESS_TOTAL Counter "process-total" "Records that the task processed."
        TASK_DROPPED Counter "dropped-records-total" "Records that the task dropped: late, unreadable, or as a handler decided."
        TASK_PUNCTUATIONS Counter "punctuate-total" "Punctuations of the task."
        TASK_LATENESS_AVG Gauge "record-lateness-avg" "Mean time by which records are behind stream time, in milliseconds."
        TASK_LATENESS_MAX Gauge "record-lateness-max" "Longest time by which a record is behind stream time, in milliseconds."
        TASK_LATENCY_AVG Gauge "record-e2e-latency-avg" "Mean time from a record's timestamp to when the task is through with it, in milliseconds."
        TASK_LATENCY_MIN Gauge "record-e2e-latency-min" "Shortest such time, in milliseconds."
        TASK_LATENCY_MAX Gauge "record-e2e-latency-max" "Longest such time, in milliseconds."
        TASK_BUFFERED Gauge "active-buffer-count" "Records that are queued in the task."
        TASK_CACHE_BYTES Gauge "cache-size-bytes-total" "Memory of the task's rows that are not committed or kept for the next read, in bytes."
        TASK_RESTORE_REMAINING Gauge "restore-remaining-records-total" "Changelog records that are left to restore."
    }
    "stream-topic-metrics" {
        RECORDS_CONSUMED Counter "records-consumed-total" "Records that the task took from the partition."
        BYTES_CONSUMED Counter "bytes-consumed-total" "Bytes of those records: keys, values, headers."
        RECORDS_PRODUCED Counter "records-produced-total" "Records that the thread wrote to the topic, changelogs and aborted transactions included."
        BYTES_PRODUCED Counter "bytes-produced-total" "Bytes of those records: keys, values, headers."
    }
    "stream-state-metrics" {
        STORE_GETS Counter "get-total" "Reads of single rows of the store."
        STORE_MISSES Counter "cache-miss-total" "Reads of single rows that had to ask the database."
        STORE_PUTS Counter "put-total" "Writes and deletions of rows."
        STORE_RANGES Counter "range-total" "Reads of ranges of rows."
        STORE_FLUSHES Counter "flush-total" "Commits that the store was part of."
        STORE_ENTRIES Gauge "num-entries" "Rows of the store in the database, about."
        STORE_CACHE_BYTES Gauge "cache-size-bytes" "Memory of the store's rows that are not committed or kept for the next read, in bytes."
    }
    "consumer-fetch-manager-metrics" {
        RECORDS_LAG Gauge "records-lag" "Records of the partition that are not processed: queued, or on the cluster as of the last fetch."
    }
    "consumer-metrics" {
        CONSUMER_CONNECTIONS Gauge "connection-count" "Open connections of the consumer."
        CONSUMER_REQUESTS Counter "request-total" "Requests that the consumer sent."
        CONSUMER_BYTES_OUT Counter "outgoing-byte-total" "Bytes that the consumer sent."
        CONSUMER_BYTES_IN Counter "incoming-byte-total" "Bytes that the consumer received."
        CONSUMER_RETRIES Counter "request-retry-total" "Requests that the consumer sent again."
        CONSUMER_TIMEOUTS Counter "request-timeout-total" "Requests of the consumer without an answer in time."
        CONSUMER_LATENCY_AVG Gauge "request-latency-avg" "Mean time from a request of the consumer to its answer, in milliseconds."
        CONSUMER_LATENCY_MAX Gauge "request-latency-max" "Longest such time, in milliseconds."
        CONSUMER_THROTTLE Gauge "throttle-time-avg" "Mean time for which brokers throttled the consumer, in milliseconds."
        CONSUMER_QUEUED Gauge "queued-records" "Records that the consumer has fetched ahead."
        CONSUMER_QUEUED_BYTES Gauge "queued-bytes" "Bytes of those records."
    }
    "producer-metrics" {
        PRODUCER_CONNECTIONS Gauge "connection-count" "Open connections of the producer."
        PRODUCER_REQUESTS Counter "request-total" "Requests that the producer sent."
        PRODUCER_BYTES_OUT Counter "outgoing-byte-total" "Bytes that the producer sent."
        PRODUCER_BYTES_IN Counter "incoming-byte-total" "Bytes that the producer received."
        PRODUCER_RETRIES Counter "request-retry-total" "Requests that the producer sent again."
        PRODUCER_TIMEOUTS Counter "request-timeout-total" "Requests of the producer without an answer in time."
        PRODUCER_LATENCY_AVG Gauge "request-latency-avg" "Mean time from a request of the producer to its answer, in milliseconds."
        PRODUCER_LATENCY_MAX Gauge "request-latency-max" "Longest such time, in milliseconds."
        PRODUCER_THROTTLE Gauge "throttle-time-avg" "Mean time for which brokers throttled the producer, in milliseconds."
        PRODUCER_QUEUED Gauge "queued-records" "Records of the producer that are not on the cluster yet."
        PRODUCER_QUEUED_BYTES Gauge "queued-bytes" "Bytes of those records."
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::runtime::Metric;

    fn prometheus_name(of: &Definition) -> String {
        let Definition { group, name, kind, description } = *of;
        Metric { group, name, description, kind, tags: Vec::new(), value: 0.0 }.prometheus_name()
    }

    /// Prometheus adds `_total` to the name of a counter that lacks it: the name would differ from
    /// the documented one.
    #[test]
    fn counters_are_named_as_such_and_no_name_is_there_twice() {
        let mut names = BTreeSet::new();
        for definition in ALL {
            let name = prometheus_name(definition);
            assert!(definition.kind == Gauge || name.ends_with("_total"), "{name}");
            assert!(definition.description.ends_with('.'), "{name}");
            assert!(names.insert(name.clone()), "{name}");
        }
    }

    #[test]
    fn the_chapter_on_monitoring_has_a_row_for_each_metric_and_no_other() {
        let chapter = include_str!("../../../../docs/OPERATIONS.md");
        let rows = chapter.lines().filter_map(|line| line.strip_prefix("| `kafka_"));
        let documented: BTreeSet<String> =
            rows.filter_map(|row| Some(format!("kafka_{}", row.split_once('`')?.0))).collect();
        let exported: BTreeSet<String> = ALL.iter().map(prometheus_name).collect();
        assert_eq!(documented, exported);
    }
}
