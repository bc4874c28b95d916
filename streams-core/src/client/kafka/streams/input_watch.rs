//! The partitions that the assigned tasks read.
//!
//! The broker names tasks, not partitions, and says nothing when a topic grows without adding
//! tasks. So the member looks up the topics itself: after each assignment, and every
//! `metadata.max.age.ms`. Invariant: inputs come from a look-up that began after the assignment to
//! which they belong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    task::Waker,
};

use crate::{
    TaskId,
    client::Answer,
    membership::{GroupTopology, TaskInputs, task_inputs},
};

/// Pause before the look-up is repeated because it showed too little: brokers learn of new topics
/// one by one.
const LOOK_AGAIN_MS: i64 = 200;

type Counts = BTreeMap<String, i32>;

/// State of the look-ups of the topics that the tasks read.
#[derive(Debug)]
pub(super) struct InputWatch {
    topology: Arc<GroupTopology>,
    max_age_ms: i64,
    counts: Option<Counts>,
    look: Option<Answer<Counts>>,
    due_ms: i64,
}

impl InputWatch {
    pub(super) fn new(topology: Arc<GroupTopology>, max_age_ms: i64) -> Self {
        Self { topology, max_age_ms, counts: None, look: None, due_ms: 0 }
    }

    /// Forgets the last look-up: tasks were assigned, and their topics may be new.
    pub(super) fn look_anew(&mut self) {
        self.counts = None;
        self.look = None;
        self.due_ms = 0;
    }

    /// Topics that the tasks read.
    fn topics(&self) -> BTreeSet<&str> {
        let parts = self.topology.subtopologies.values();
        let topics = parts.flat_map(|part| {
            part.source_topics.iter().chain(part.repartition_source_topics.keys())
        });
        topics.map(String::as_str).collect()
    }

    /// The partitions that these tasks read; `None` until they are known. `ask` begins a look-up of
    /// partition counts.
    pub(super) fn inputs(
        &mut self,
        tasks: &BTreeSet<TaskId>,
        now_ms: i64,
        ask: impl FnOnce(Vec<String>) -> Answer<Counts>,
    ) -> Option<TaskInputs> {
        if self.look.is_none() && now_ms >= self.due_ms && !tasks.is_empty() {
            self.look = Some(ask(self.topics().into_iter().map(str::to_owned).collect()));
        }
        // The owner of the member comes back soon enough without being woken.
        if let Some(seen) = self.look.as_mut().and_then(|look| look.poll_with(Waker::noop())) {
            self.look = None;
            self.take_in(seen, tasks, now_ms);
        }
        if tasks.is_empty() {
            return Some(TaskInputs::new());
        }
        let counts = self.counts.as_ref()?;
        Some(task_inputs(&self.topology, tasks.iter().copied(), counts))
    }

    fn take_in(&mut self, seen: crate::Result<Counts>, tasks: &BTreeSet<TaskId>, now_ms: i64) {
        self.due_ms = now_ms.saturating_add(LOOK_AGAIN_MS.min(self.max_age_ms));
        match seen {
            Ok(counts) => {
                let inputs = task_inputs(&self.topology, tasks.iter().copied(), &counts);
                let is_whole = self.topics().iter().all(|topic| counts.contains_key(*topic));
                if is_whole && inputs.values().all(|inputs| !inputs.is_empty()) {
                    self.due_ms = now_ms.saturating_add(self.max_age_ms);
                    self.counts = Some(counts);
                }
            }
            Err(error) => tracing::debug!("the partitions of source topics are not known: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind, TopicPartition, membership::Subtopology};

    fn watch() -> InputWatch {
        let part = Subtopology {
            source_topics: ["a".to_owned(), "b".to_owned()].into(),
            ..Subtopology::default()
        };
        InputWatch::new(Arc::new(GroupTopology { subtopologies: [(0, part)].into() }), 1_000)
    }

    fn counts(a: i32, b: i32) -> Answer<Counts> {
        Answer::ready(Ok([("a".to_owned(), a), ("b".to_owned(), b)].into()))
    }

    /// The smaller of two merged topics grew: the broker saw no other tasks, and so nobody read the
    /// new partitions.
    #[test]
    fn growth_of_the_smaller_of_two_topics_is_seen_within_the_age_of_the_metadata() {
        let mut watch = watch();
        let tasks = [TaskId::new(0, 1)].into();
        let [a, b] = ["a", "b"].map(|topic| TopicPartition::new(topic, 1));
        let inputs = watch.inputs(&tasks, 0, |_| counts(2, 1)).unwrap();
        assert_eq!(inputs[&TaskId::new(0, 1)], [a.clone()].into());
        let inputs = watch.inputs(&tasks, 999, |_| unreachable!("not looked at so soon")).unwrap();
        assert_eq!(inputs[&TaskId::new(0, 1)].len(), 1);
        let inputs = watch.inputs(&tasks, 1_000, |_| counts(2, 2)).unwrap();
        assert_eq!(inputs[&TaskId::new(0, 1)], [a, b].into());
    }

    #[test]
    fn inputs_of_an_assignment_are_told_when_all_its_topics_are_seen() {
        let mut watch = watch();
        let tasks = [TaskId::new(0, 0)].into();
        let unavailable = || Err(Error::new(ErrorKind::Unavailable, "no broker"));
        assert_eq!(watch.inputs(&tasks, 0, |_| Answer::ready(unavailable())), None);
        let partly = || Answer::ready(Ok([("a".to_owned(), 1)].into()));
        assert_eq!(watch.inputs(&tasks, 200, |_| partly()), None);
        assert!(watch.inputs(&tasks, 400, |_| counts(1, 1)).is_some());
        watch.look_anew();
        assert_eq!(watch.inputs(&tasks, 401, |_| partly()), None, "of an assignment before");
    }
}
