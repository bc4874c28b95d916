//! Progress of finding a task's start position.
//!
//! It knows the open requests, but not to whom they are made. Invariant: each task waits for its
//! own answers, and never for another's.

use std::collections::BTreeMap;

use super::asked::Asked;
use crate::{
    Error, Result, TaskId, TopicPartition,
    client::{Admin, IsolationLevel, OffsetAndMetadata, PartitionOffsets},
};

/// Time after which a partition without a leader is asked for again, in milliseconds.
const ASK_AGAIN_MS: i64 = 1_000;

/// Interval between two log lines that say what a task waits for, in milliseconds.
const SAY_INTERVAL_MS: i64 = 60_000;

/// Committed offsets of some partitions.
pub(super) type Committed = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// First offsets and ends of some partitions.
pub(super) type KnownBounds = (PartitionOffsets, PartitionOffsets);

/// The next step of finding a task's start position.
pub(super) enum Next {
    /// The cluster has not answered, or it is too early to ask again.
    Wait,
    /// Request the committed offsets of its inputs.
    AskCommitted,
    /// Request the bounds of the logs for which that is not enough.
    AskBounds(Committed),
    /// Everything is known, or was refused.
    Known(Committed, Result<KnownBounds>),
}

/// The way of a restored task to its first record.
#[derive(Default)]
pub(super) struct Starting {
    inputs: Vec<TopicPartition>,
    step: Step,
    said_ms: Option<i64>,
    /// Time of the next request.
    again_ms: i64,
}

#[derive(Default)]
enum Step {
    #[default]
    New,
    Committed(Asked<Committed>),
    Bounds(Committed, Bounds),
}

impl Starting {
    /// Returns the next step. A caller that makes a request passes it to one of the methods below.
    ///
    /// # Errors
    /// The error of the committed offsets: the next call begins again.
    pub(super) fn next(&mut self, now_ms: i64) -> Result<Next> {
        match std::mem::take(&mut self.step) {
            Step::New if now_ms < self.again_ms => Ok(Next::Wait),
            Step::New => Ok(Next::AskCommitted),
            Step::Committed(mut asked) => {
                if let Some(committed) = asked.answer(now_ms) {
                    return Ok(Next::AskBounds(committed?));
                }
                self.step = Step::Committed(asked);
                Ok(Next::Wait)
            }
            Step::Bounds(committed, mut bounds) => {
                if let Some(known) = bounds.answer(now_ms) {
                    return Ok(Next::Known(committed, known));
                }
                self.step = Step::Bounds(committed, bounds);
                Ok(Next::Wait)
            }
        }
    }

    /// Notes the request for the committed offsets of its inputs.
    pub(super) fn asks_committed(&mut self, inputs: Vec<TopicPartition>, asked: Asked<Committed>) {
        self.inputs = inputs;
        self.step = Step::Committed(asked);
    }

    /// Notes the request for bounds of inputs with these committed offsets.
    pub(super) fn asks_bounds(&mut self, committed: Committed, bounds: Bounds) {
        self.step = Step::Bounds(committed, bounds);
    }

    /// The partitions that the task will read.
    pub(super) fn inputs(&self) -> &[TopicPartition] {
        &self.inputs
    }

    /// Notes that a partition has no leader: it is asked for again later. Logs that now and then.
    pub(super) fn put_off(&mut self, task: TaskId, error: &Error, now_ms: i64) {
        self.again_ms = now_ms.saturating_add(ASK_AGAIN_MS);
        if self.said_ms.is_none_or(|said| now_ms - said >= SAY_INTERVAL_MS) {
            self.said_ms = Some(now_ms);
            tracing::warn!(%task, "it waits until it is known where its inputs begin: {error}");
        }
    }
}

/// The request for the bounds of logs.
pub(super) struct Bounds {
    asked: (Asked<PartitionOffsets>, Asked<PartitionOffsets>),
    known: (Option<PartitionOffsets>, Option<PartitionOffsets>),
}

impl Bounds {
    /// Requests the bounds of some partitions, possibly none.
    pub(super) fn ask(admin: &mut dyn Admin, partitions: &[TopicPartition], until_ms: i64) -> Self {
        if partitions.is_empty() {
            let known = (Some(BTreeMap::new()), Some(BTreeMap::new()));
            return Self { asked: Default::default(), known };
        }
        let firsts = admin.earliest_offsets(partitions);
        let ends = admin.latest_offsets(partitions, IsolationLevel::ReadUncommitted);
        let asked = (Asked::new(firsts, until_ms), Asked::new(ends, until_ms));
        Self { asked, known: (None, None) }
    }

    /// Both, once they are answered.
    fn answer(&mut self, now_ms: i64) -> Option<Result<KnownBounds>> {
        for (asked, known) in
            [(&mut self.asked.0, &mut self.known.0), (&mut self.asked.1, &mut self.known.1)]
        {
            match asked.answer(now_ms) {
                Some(Ok(offsets)) => *known = Some(offsets),
                Some(Err(error)) => return Some(Err(error)),
                None => {}
            }
        }
        if self.known.0.is_none() || self.known.1.is_none() {
            return None;
        }
        Some(Ok((self.known.0.take()?, self.known.1.take()?)))
    }
}
