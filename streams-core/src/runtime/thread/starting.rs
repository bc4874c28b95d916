//! How far it is known where a task begins.
//!
//! It knows the questions that are open and nothing of whom they are put to. Invariant: each task waits for its own
//! answers, and none for another's.

use std::collections::BTreeMap;

use super::asked::Asked;
use crate::{
    Error, Result, TaskId, TopicPartition,
    client::{Admin, IsolationLevel, OffsetAndMetadata, PartitionOffsets},
};

/// After what time it is asked again for a partition without a leader, in milliseconds.
const ASK_AGAIN_MS: i64 = 1_000;

/// How often it is said for what a task waits, in milliseconds.
const SAY_INTERVAL_MS: i64 = 60_000;

/// Committed offsets of some partitions.
pub(super) type Committed = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// First offsets and ends of some partitions.
pub(super) type KnownBounds = (PartitionOffsets, PartitionOffsets);

/// What is to be done to learn where a task begins.
pub(super) enum Next {
    /// The cluster has not answered, or it is too early to ask again.
    Wait,
    /// Ask for the committed offsets of its inputs.
    AskCommitted,
    /// Ask where the logs of those begin and end for which that is not enough.
    AskBounds(Committed),
    /// All is known, or was refused.
    Known(Committed, Result<KnownBounds>),
}

/// The way of a restored task to its first record.
#[derive(Default)]
pub(super) struct Starting {
    inputs: Vec<TopicPartition>,
    step: Step,
    said_ms: Option<i64>,
    /// When it asks again.
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
    /// What is to be done next. Whoever is told to ask says so with one of the calls below.
    ///
    /// # Errors
    /// That of the committed offsets: it begins anew with the next call.
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

    /// It is asked for the committed offsets of its inputs.
    pub(super) fn asks_committed(&mut self, inputs: Vec<TopicPartition>, asked: Asked<Committed>) {
        self.inputs = inputs;
        self.step = Step::Committed(asked);
    }

    /// It is asked for bounds of inputs that have these committed offsets.
    pub(super) fn asks_bounds(&mut self, committed: Committed, bounds: Bounds) {
        self.step = Step::Bounds(committed, bounds);
    }

    /// The partitions that the task is to read.
    pub(super) fn inputs(&self) -> &[TopicPartition] {
        &self.inputs
    }

    /// A partition has no leader: it is asked again in a while. Says so now and then.
    pub(super) fn put_off(&mut self, task: TaskId, error: &Error, now_ms: i64) {
        self.again_ms = now_ms.saturating_add(ASK_AGAIN_MS);
        if self.said_ms.is_none_or(|said| now_ms - said >= SAY_INTERVAL_MS) {
            self.said_ms = Some(now_ms);
            tracing::warn!(%task, "it waits until it is known where its inputs begin: {error}");
        }
    }
}

/// The question where logs begin and end.
pub(super) struct Bounds {
    asked: (Asked<PartitionOffsets>, Asked<PartitionOffsets>),
    known: (Option<PartitionOffsets>, Option<PartitionOffsets>),
}

impl Bounds {
    /// Asks for some partitions, of which there may be none.
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
