//! The topics of a thread, checked every `metadata.max.age.ms`.
//!
//! Sinks use one view of partition counts per instance, which is renewed here; the inputs of tasks
//! come with the assignment. The check also notices that a source topic is gone.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::app::App,
    asked::{ANSWER_MS, Asked},
};
use crate::{
    Error, ErrorKind, Result,
    client::{Admin, TopicDescription},
    time::duration_ms,
};

/// Time to the next check, in milliseconds, if a topic was missing or the cluster did not answer.
const LOOK_AGAIN_MS: i64 = 1_000;

/// Number of checks in a row that must miss a topic: a broker that has just started may not know
/// all of them.
const MISSING_LOOKS: u32 = 3;

/// The schedule of checks, and their misses.
pub(super) struct Topics {
    app: Arc<App>,
    asked: Asked<BTreeMap<String, TopicDescription>>,
    look_at_ms: i64,
    /// Number of checks in a row that missed a topic.
    missed: u32,
}

impl Topics {
    pub(super) fn new(app: &Arc<App>) -> Self {
        let look_at_ms = app.clock.now_ms().saturating_add(max_age_ms(app));
        Self { app: Arc::clone(app), asked: Asked::default(), look_at_ms, missed: 0 }
    }

    /// Checks if it is time to, and takes the result.
    ///
    /// # Errors
    /// `MissingSourceTopic` if a source topic is gone. If the cluster does not answer it is asked
    /// again.
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
                tracing::debug!("topics are looked at again later: {error}");
                Ok(())
            }
        }
    }

    fn saw(&mut self, described: &BTreeMap<String, TopicDescription>, now_ms: i64) -> Result {
        let counts = described.iter().map(|(name, topic)| (name.clone(), topic.partitions));
        self.app.settings.partition_counts.renew(&counts.collect());
        let sources = self.app.all_source_topics();
        // A repartitioning of topics by pattern creates its own topic when one matches.
        let by_pattern = self.app.topology.has_patterns();
        let may_miss = |topic: &str| by_pattern && self.app.is_repartition_topic(topic);
        let is_missing = |topic: &&String| !described.contains_key(*topic) && !may_miss(topic);
        let Some(missing) = sources.iter().find(is_missing) else {
            self.missed = 0;
            self.look_at_ms = now_ms.saturating_add(max_age_ms(&self.app));
            return Ok(());
        };
        self.look_at_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
        self.missed += 1;
        if self.missed < MISSING_LOOKS {
            return Ok(());
        }
        let text = format!(
            "source topic {missing} is not there any more; was it deleted? Create it, then start again: what was committed \
             of it is void"
        );
        Err(Error::new(ErrorKind::MissingSourceTopic, text))
    }
}

fn max_age_ms(app: &App) -> i64 {
    duration_ms(app.config.metadata_max_age()).max(1)
}
