//! A task's report on its work to its thread, between runs.

use super::ActiveTask;
use crate::{
    TopicPartition,
    client::Flow,
    processor::{Spread, Tally},
    store::StoreUsage,
};

/// Counts since they were last taken.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    /// Number of dropped records.
    pub(crate) dropped: u64,
    /// Number of records that handlers sent to a dead letter topic.
    pub(crate) dead_letters: u64,
    /// Number of punctuations of both kinds.
    pub(crate) punctuations: u64,
}

/// Totals of a task since it was started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) records: u64,
    pub(crate) counted: Counted,
}

impl ActiveTask {
    /// Notes that the records of a run have been processed.
    pub(crate) fn run_ends(&mut self, now_ms: i64) {
        self.state.tally.through(now_ms);
    }

    /// Counts since the last call.
    pub(crate) fn take_counted(&mut self) -> Counted {
        let dropped = self.take_dropped();
        let Tally { dead_letters, punctuations, .. } = &mut self.state.tally;
        let (dead_letters, punctuations) =
            (std::mem::take(dead_letters), std::mem::take(punctuations));
        let totals = &mut self.totals.counted;
        totals.dropped += dropped;
        totals.dead_letters += dead_letters;
        totals.punctuations += punctuations;
        Counted { dropped, dead_letters, punctuations }
    }

    /// Totals since it was started, as far as they were [taken](Self::take_counted), and the lateness
    /// and latency of records since the last call.
    pub(crate) fn take_measured(&mut self) -> (Totals, Spread, Spread) {
        let Tally { records, lateness, latency, .. } = &mut self.state.tally;
        self.totals.records += std::mem::take(records);
        (self.totals, std::mem::take(lateness), std::mem::take(latency))
    }

    /// Records taken from each input partition, and the number of queued ones.
    pub(crate) fn consumed(&self) -> impl Iterator<Item = (&TopicPartition, Flow, usize)> {
        let consumed = self.state.group.consumed_by_input();
        let inputs = self.buffered_by_input().zip(consumed);
        inputs.map(|((partition, queued), consumed)| (partition, consumed, queued))
    }

    /// Usage of each of its stores.
    pub(crate) fn store_usage(&self) -> impl Iterator<Item = (&str, StoreUsage)> {
        self.state.stores.iter().flatten().map(|store| (store.name(), store.usage()))
    }
}
