//! Waiting for brokers to hear of new topics and partitions.

use std::time::Duration;

use crate::{
    Error, ErrorKind, Result,
    time::{Clock, SystemClock, duration_ms},
};

/// Longest wait for a topic that the asked broker does not know. Names of topics may come from
/// records, so a wrong one must not hold up the thread for long.
const TOPIC: Duration = Duration::from_secs(1);
/// Longest wait for a partition of a topic that the asked broker knows with fewer.
const PARTITION: Duration = Duration::from_secs(5);
/// Pause between two look-ups.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks up the number of partitions of a topic by `ask`, which knows no topic by `None`, again and
/// again until it is `needed` or more, or the wait is over.
///
/// # Errors
/// `InvalidTopic` if the topic does not exist, and those of `ask`.
pub(super) fn partition_count(
    topic: &str,
    needed: i32,
    mut ask: impl FnMut() -> Result<Option<i32>>,
) -> Result<i32> {
    let began_ms = SystemClock.now_ms();
    loop {
        let found = ask()?;
        let wait = match found {
            Some(partitions) if partitions >= needed => return Ok(partitions),
            Some(_) => PARTITION,
            None => TOPIC,
        };
        if SystemClock.now_ms().saturating_sub(began_ms) >= duration_ms(wait) {
            return found.ok_or_else(|| {
                Error::new(ErrorKind::InvalidTopic, format!("topic {topic} does not exist"))
            });
        }
        SystemClock.sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_enough_is_asked_for_again() {
        let mut answers = [None, Some(1), Some(2), Some(3)].into_iter();
        let found = partition_count("t", 2, || Ok(answers.next().flatten())).unwrap();
        assert_eq!((found, answers.next()), (2, Some(Some(3))));
    }

    #[test]
    fn an_unknown_topic_is_named() {
        let error = partition_count("t", 1, || Ok(None)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTopic);
        assert_eq!(error.to_string(), "topic t does not exist");
    }
}
