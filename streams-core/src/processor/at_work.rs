//! The node and record that a task is working on, for other threads to read.
//!
//! The task updates it for each record and node with plain stores, whose cost can't be measured; a
//! reader may see parts of two moments, which is good enough for a message.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed},
    },
};

use crate::{TaskId, TopicPartition, store::RecordContext, time::Date};

/// Means that no node runs.
const NONE: usize = usize::MAX;
/// Means that there is no input: a punctuation.
const PUNCTUATION: usize = usize::MAX;
/// Means that there is no input: the task has not had a record yet.
const START: usize = usize::MAX - 1;

/// Names of a topology's nodes and stores, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) nodes: Vec<Arc<str>>,
    pub(crate) stores: Vec<Arc<str>>,
}

/// The node that runs and the record that it runs for.
#[derive(Debug)]
pub(crate) struct AtWork {
    node: AtomicUsize,
    input: AtomicUsize,
    /// Offset of the record, or the time of a punctuation.
    offset: AtomicI64,
}

impl Default for AtWork {
    fn default() -> Self {
        let (node, input) = (AtomicUsize::new(NONE), AtomicUsize::new(START));
        Self { node, input, offset: AtomicI64::new(0) }
    }
}

impl AtWork {
    /// Notes that a node begins. Returns the node above it, for [`leave`](Self::leave).
    #[inline]
    pub(crate) fn enter(&self, node: usize) -> usize {
        let above = self.node.load(Relaxed);
        self.node.store(node, Relaxed);
        above
    }

    /// Notes that a node has finished.
    #[inline]
    pub(crate) fn leave(&self, above: usize) {
        self.node.store(above, Relaxed);
    }

    /// Notes the record of an input that comes next.
    #[inline]
    pub(crate) fn record(&self, input: usize, offset: i64) {
        self.input.store(input, Relaxed);
        self.offset.store(offset, Relaxed);
    }

    /// Notes the record or punctuation of a context that comes next.
    #[inline]
    pub(crate) fn context(&self, context: &RecordContext) {
        match context.input {
            Some(input) => self.record(input, context.offset),
            None => self.record(PUNCTUATION, context.timestamp),
        }
    }
}

/// A handle by which any thread can look at a task.
#[derive(Clone, Debug)]
pub(crate) struct TaskWatch {
    pub(crate) task: TaskId,
    pub(crate) inputs: Vec<TopicPartition>,
    pub(crate) names: Arc<Names>,
    pub(crate) at_work: Arc<AtWork>,
}

impl TaskWatch {
    /// The task's current node and record; `None` if no node of it runs. If two looks agree, the
    /// task has most likely been there in between.
    pub(crate) fn whereabouts(&self) -> Option<Whereabouts> {
        let node = self.names.nodes.get(self.at_work.node.load(Relaxed))?.clone();
        let offset = self.at_work.offset.load(Relaxed);
        let at = match self.at_work.input.load(Relaxed) {
            START => At::Start,
            PUNCTUATION => At::Punctuation(offset),
            input => At::Record(self.inputs.get(input)?.clone(), offset),
        };
        Some(Whereabouts { task: self.task, node, at })
    }
}

/// The node of a task that ran at some moment, and its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    task: TaskId,
    node: Arc<str>,
    at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Record(TopicPartition, i64),
    Punctuation(i64),
    Start,
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node `{}` of task {} at ", self.node, self.task)?;
        match &self.at {
            At::Record(topic_partition, offset) => write!(f, "{topic_partition}@{offset}"),
            At::Punctuation(time) => write!(f, "a punctuation at {}", Date(*time)),
            At::Start => f.write_str("its start"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_names_the_node_that_runs_and_its_record() {
        let names = Names { nodes: ["source".into(), "sum".into()].into(), stores: Vec::new() };
        let watch = TaskWatch {
            task: TaskId::new(0, 1),
            inputs: vec![TopicPartition::new("in", 1)],
            names: Arc::new(names),
            at_work: Arc::default(),
        };
        let seen = || watch.whereabouts().map(|seen| seen.to_string());
        assert_eq!(seen(), None);
        let task = watch.at_work.enter(0);
        assert_eq!(seen().unwrap(), "node `source` of task 0_1 at its start");
        watch.at_work.record(0, 7);
        let source = watch.at_work.enter(1);
        assert_eq!(seen().unwrap(), "node `sum` of task 0_1 at in-1@7");
        watch.at_work.leave(source);
        assert_eq!(seen().unwrap(), "node `source` of task 0_1 at in-1@7");
        let timestamp = 1_795_880_506_514;
        watch.at_work.context(&RecordContext { timestamp, ..RecordContext::default() });
        let text = "node `source` of task 0_1 at a punctuation at 2026-11-28T15:41:46.514Z";
        assert_eq!(seen().unwrap(), text);
        watch.at_work.leave(task);
        assert_eq!(seen(), None);
    }
}
