//! The partitions of the topics that a thread works with.
//!
//! All threads go by one view of the instance. It is looked at anew for each assignment, which may count on partitions that
//! nobody here has seen, and every `metadata.max.age.ms`. So is it noticed that a topic is gone.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::app::App,
    asked::{ANSWER_MS, Asked},
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{Admin, TopicDescription},
    time::duration_ms,
};

/// After what time it is looked again, in milliseconds, if a topic was missing or the cluster did not say.
const LOOK_AGAIN_MS: i64 = 1_000;

/// Looks in a row that must miss a topic: a broker that has just been started may not know all.
const MISSING_LOOKS: u32 = 3;

/// What a thread knows of the view.
pub(super) struct Topics {
    app: Arc<App>,
    asked: Asked<BTreeMap<String, TopicDescription>>,
    /// Whether it was looked since the last assignment.
    is_fresh: bool,
    look_at_ms: i64,
    /// Looks in a row that missed a topic.
    missed: u32,
    /// The version of the view that inputs were compared with.
    compared: u64,
}

impl Topics {
    pub(super) fn new(app: &Arc<App>) -> Self {
        Self {
            app: Arc::clone(app),
            asked: Asked::default(),
            is_fresh: false,
            look_at_ms: i64::MAX,
            missed: 0,
            compared: 0,
        }
    }

    /// An assignment has come: it may count on partitions that were not there before.
    pub(super) fn expire(&mut self) {
        self.is_fresh = false;
        self.look_at_ms = i64::MIN;
        self.asked = Asked::default();
    }

    /// Whether it looks just now.
    pub(super) fn is_looking(&self) -> bool {
        self.asked.is_open()
    }

    /// Whether tasks may begin by what is known.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Looks if it is time to, and takes what was found.
    ///
    /// # Errors
    /// `MissingSourceTopic` if a source topic is gone while this thread works. Those of the cluster are for who waits for
    /// the look; it is repeated.
    pub(super) fn look(&mut self, admin: &mut dyn Admin, now_ms: i64) -> Result {
        if !self.asked.is_open() && now_ms >= self.look_at_ms {
            let mut names = self.app.settings.partition_counts.topics();
            names.extend(self.app.all_source_topics());
            names.sort_unstable();
            names.dedup();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.asked.ask(admin.describe_topics(&names), now_ms.saturating_add(ANSWER_MS));
        }
        match self.asked.answer(now_ms) {
            None => Ok(()),
            Some(Ok(described)) => self.saw(&described, now_ms),
            Some(Err(error)) => {
                self.look_at_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
                if self.is_fresh { Ok(()) } else { Err(error) }
            }
        }
    }

    fn saw(&mut self, described: &BTreeMap<String, TopicDescription>, now_ms: i64) -> Result {
        let counts = described.iter().map(|(name, topic)| (name.clone(), topic.partitions));
        self.app.settings.partition_counts.renew(&counts.collect());
        let sources = self.app.all_source_topics();
        let missing = sources.iter().find(|topic| !described.contains_key(*topic));
        let Some(missing) = missing else {
            self.is_fresh = true;
            self.missed = 0;
            let max_age_ms = duration_ms(self.app.config.metadata_max_age()).max(1);
            self.look_at_ms = now_ms.saturating_add(max_age_ms);
            return Ok(());
        };
        self.look_at_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
        self.missed += 1;
        let text = format!("source topic {missing} is not known to the cluster; was it deleted?");
        if !self.is_fresh {
            // The coordinator saw it, or there would be no task: a broker may hear of a new topic a moment later.
            return Err(Error::new(ErrorKind::Unavailable, text));
        }
        if self.missed < MISSING_LOOKS {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::MissingSourceTopic,
            format!("{text} create it, then start again; what was committed of it is void"),
        ))
    }

    /// The input partitions of a task.
    pub(super) fn inputs_of(&self, task: TaskId) -> Vec<TopicPartition> {
        let topics = self.app.source_topics(task.subtopology).into_iter();
        let has = |topic: &String| {
            self.app.settings.partition_counts.of(topic).is_some_and(|count| task.partition < count)
        };
        topics.filter(has).map(|topic| TopicPartition::new(topic, task.partition)).collect()
    }

    /// Whether the view has changed since this was asked last.
    pub(super) fn has_changed(&mut self) -> bool {
        let version = self.app.settings.partition_counts.version();
        std::mem::replace(&mut self.compared, version) != version
    }
}
