//! Detection of partitions that stand still although there are records to read.
//!
//! A stuck reader looks like one that has no work. This tells the two apart, by what the cluster is
//! known to hold, and logs it once, by name. It changes nothing.

use std::collections::HashMap;

use super::{
    super::app::App,
    asked::{ANSWER_MS, Asked},
    input::Input,
    restores::Restores,
    tasks::Tasks,
};
use crate::{
    TopicPartition,
    client::{Admin, PartitionOffsets},
};

/// Time for which a partition may stand still before it is reported, in milliseconds.
const PATIENCE_MS: i64 = 60_000;
/// Interval between checks, in milliseconds.
const INTERVAL_MS: i64 = 5_000;

/// Current state of a partition.
#[derive(Clone, Debug)]
pub(in super::super) struct Reading {
    pub(in super::super) partition: TopicPartition,
    /// The next offset to be processed or restored.
    pub(in super::super) position: i64,
    /// Number of records after it that are queued or known to be on the cluster.
    pub(in super::super) waiting: i64,
}

/// A partition that has stood still for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standstill {
    pub(super) partition: TopicPartition,
    pub(super) position: i64,
    pub(super) waiting: i64,
    /// Duration of the standstill, in milliseconds.
    pub(super) since_ms: i64,
}

#[derive(Debug)]
struct Seen {
    position: i64,
    at_ms: i64,
    reported: bool,
}

/// Remembers the position of each partition.
#[derive(Debug, Default)]
pub(super) struct Standstills {
    seen: HashMap<TopicPartition, Seen>,
    next_ms: i64,
}

impl Standstills {
    /// The number of partitions that were reported, and still stand still.
    fn reported(&self) -> usize {
        self.seen.values().filter(|seen| seen.reported).count()
    }

    /// Returns whether it is time to check.
    pub(super) fn is_due(&self, now_ms: i64) -> bool {
        now_ms >= self.next_ms
    }

    /// Takes the current state of all partitions; returns those that have just stood still for too
    /// long.
    pub(super) fn look(&mut self, readings: Vec<Reading>, now_ms: i64) -> Vec<Standstill> {
        self.next_ms = now_ms.saturating_add(INTERVAL_MS);
        let mut before = std::mem::take(&mut self.seen);
        let mut found = Vec::new();
        for Reading { partition, position, waiting } in readings {
            let known = before.remove(&partition).filter(|seen| seen.position == position);
            let mut seen = match known {
                Some(seen) if waiting > 0 => seen,
                _ => Seen { position, at_ms: now_ms, reported: false },
            };
            let since_ms = now_ms.saturating_sub(seen.at_ms);
            if since_ms >= PATIENCE_MS && !seen.reported {
                seen.reported = true;
                let partition = partition.clone();
                found.push(Standstill { partition, position, waiting, since_ms });
            }
            self.seen.insert(partition, seen);
        }
        found
    }
}

/// Looks for standstills, and logs them.
#[derive(Default)]
pub(super) struct Watch {
    standstills: Standstills,
    /// The ends of partitions from which nothing was fetched yet, which may be the fault.
    asked: Asked<PartitionOffsets>,
}

impl Watch {
    /// The number of partitions that stand still.
    pub(super) fn standing_still(&self) -> usize {
        self.standstills.reported()
    }

    /// Reports standstills, in processing or in restore. There are none while the instance is
    /// paused.
    pub(super) fn look(
        &mut self,
        thread: &str,
        (tasks, input, restores): (&Tasks, &Input, &Restores),
        admin: &mut dyn Admin,
        app: &App,
        now_ms: i64,
    ) {
        if !self.standstills.is_due(now_ms) {
            return;
        }
        let (mut readings, mut unknown) = (Vec::new(), Vec::new());
        if !app.is_paused() {
            readings = restores.readings();
            unknown = readings_of_tasks(tasks, input, &mut readings);
        }
        if !unknown.is_empty() {
            if !self.asked.is_open() {
                let partitions: Vec<_> =
                    unknown.iter().map(|(partition, _)| partition.clone()).collect();
                let ends = admin.latest_offsets(&partitions, app.isolation());
                self.asked.ask(ends, now_ms.saturating_add(ANSWER_MS));
            }
            // A cluster that does not answer is reported elsewhere.
            let Some(ends) = self.asked.answer(now_ms) else { return };
            let ends = ends.unwrap_or_default();
            readings.extend(unknown.into_iter().map(|(partition, position)| {
                let end = ends.get(&partition).and_then(|end| end.as_ref().ok().copied());
                let waiting = (end.unwrap_or(position) - position).max(0);
                Reading { partition, position, waiting }
            }));
        }
        for Standstill { partition, position, waiting, since_ms } in
            self.standstills.look(readings, now_ms)
        {
            let seconds = since_ms / 1_000;
            tracing::warn!(
                thread, %partition, position, waiting,
                "no progress for {seconds} s, although {waiting} records wait: an open transaction may hold them back, \
                 another input of the task may be without records (max.task.idle.ms), or user code is stuck"
            );
        }
    }
}

/// Adds the progress of each task. Returns the partitions from which nothing was fetched yet, with
/// their positions.
fn readings_of_tasks(
    tasks: &Tasks,
    input: &Input,
    readings: &mut Vec<Reading>,
) -> Vec<(TopicPartition, i64)> {
    let mut unknown = Vec::new();
    for (_, task) in tasks.running() {
        for (partition, position, queued) in task.positions() {
            let behind = input.lag(partition);
            if behind.is_none() && queued == 0 {
                unknown.push((partition.clone(), position));
                continue;
            }
            let queued = i64::try_from(queued).unwrap_or(i64::MAX);
            let waiting = behind.unwrap_or(0).saturating_add(queued);
            readings.push(Reading { partition: partition.clone(), position, waiting });
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(position: i64, waiting: i64) -> Vec<Reading> {
        vec![Reading { partition: TopicPartition::new("orders", 1), position, waiting }]
    }

    #[test]
    fn a_partition_with_data_that_stands_still_for_a_minute_is_reported_once() {
        let mut standstills = Standstills::default();
        assert_eq!(standstills.look(reading(7, 3), 0), []);
        assert_eq!(standstills.look(reading(7, 4), 59_999), []);
        let found = standstills.look(reading(7, 5), 60_000);
        let partition = TopicPartition::new("orders", 1);
        let since_ms = 60_000;
        assert_eq!(found, [Standstill { partition, position: 7, waiting: 5, since_ms }]);
        assert_eq!(standstills.look(reading(7, 5), 180_000), []);
    }

    #[test]
    fn progress_and_an_empty_partition_begin_the_minute_anew() {
        let mut standstills = Standstills::default();
        standstills.look(reading(7, 3), 0);
        standstills.look(reading(8, 2), 50_000);
        assert_eq!(standstills.look(reading(8, 2), 70_000), []);
        standstills.look(reading(8, 0), 100_000);
        assert_eq!(standstills.look(reading(8, 9), 159_999), []);
        assert_eq!(standstills.look(reading(8, 9), 160_000).len(), 1);
    }

    #[test]
    fn it_is_looked_every_five_seconds() {
        let mut standstills = Standstills::default();
        assert!(standstills.is_due(0));
        standstills.look(Vec::new(), 1_000);
        assert!(!standstills.is_due(5_999));
        assert!(standstills.is_due(6_000));
    }
}
