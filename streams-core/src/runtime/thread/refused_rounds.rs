//! Records that the cluster refuses: work is dropped and repeated, until the handler can be asked
//! about each of them.

use super::super::app::App;
use crate::{Error, ErrorKind, Result, client::RefusedRecord};

/// Handling of records that the cluster refuses.
#[derive(Debug, Default)]
pub(super) struct RefusedRounds {
    /// Number of times in a row that work was dropped for them.
    rounds: usize,
    /// True if the next producer sends each record in its own batch.
    one_by_one: bool,
    /// True if the current producer does.
    is_one_by_one: bool,
    /// True if all refused records are known one by one.
    are_named: bool,
    /// An unrecoverable error, found while work was dropped.
    failure: Option<Error>,
}

/// Limit on the times in a row that work is dropped for refused records. Each round finds those
/// that were in transit together, but if user code makes other records each time, there would be no
/// end to it.
const ROUNDS_MAX: usize = 1_000;

impl RefusedRounds {
    /// Returns whether no work was dropped for them since the last commit.
    pub(super) fn is_clean(&self) -> bool {
        self.rounds == 0
    }

    /// Keeps `error`, if it is unrecoverable, for the next [`check`](Self::check).
    pub(super) fn fail(&mut self, error: Option<Error>) {
        let failure = error.filter(|error| error.kind() == ErrorKind::Production);
        self.failure = failure.or_else(|| self.failure.take());
    }

    /// Checks that there is no unrecoverable error.
    ///
    /// # Errors
    /// The unrecoverable error.
    pub(super) fn check(&mut self) -> Result {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Returns whether the producer that is being made sends each record in its own batch.
    pub(super) fn next_producer(&mut self) -> bool {
        self.is_one_by_one = self.one_by_one;
        self.one_by_one
    }

    /// Notes that everything is committed. Returns whether another producer should continue: if
    /// records were sent one by one because of some that are known now, batches may be used again.
    pub(super) fn committed(&mut self) -> bool {
        self.rounds = 0;
        let is_over = self.is_one_by_one && self.are_named;
        if is_over {
            *self = Self::default();
        }
        is_over
    }

    /// Learns which records the cluster refused, so that they are known when their input is
    /// processed again.
    ///
    /// # Errors
    /// `Timeout` if there are some: uncommitted work must be dropped and repeated. `Production` if
    /// that does not help.
    pub(super) fn learn(&mut self, app: &App, refused: Vec<RefusedRecord>) -> Result {
        let Some(first) = refused.first().cloned() else { return Ok(()) };
        let RefusedRecord { topic_partition: to, error, .. } = first;
        let RefusedRounds { rounds, one_by_one, is_one_by_one, are_named, .. } = self;
        *rounds += 1;
        if *rounds > ROUNDS_MAX {
            let text = format!(
                "{ROUNDS_MAX} times in a row input was processed again, and another record refused"
            );
            return Err(error.in_context(text));
        }
        let (named, unnamed): (Vec<_>, Vec<_>) =
            refused.into_iter().partition(|refused| refused.is_named);
        for RefusedRecord { topic_partition, error, .. } in &named {
            if let Some((task, store)) = app.owner_of_changelog(topic_partition) {
                return Err(error.clone().in_context(format!(
                    "a row of store `{store}` of task {task} can't be written to its changelog, without which it would \
                     be lost"
                )));
            }
        }
        *are_named |= !named.is_empty() && *is_one_by_one;
        if named.is_empty() && !*one_by_one {
            *one_by_one = true;
            tracing::warn!(
                "a batch for {to} is refused: its records are sent one by one until the one at fault is known; if there \
                 is none, lower producer.batch.size: {error}"
            );
        }
        let what = match (named.len(), unnamed.len()) {
            (0, records) => format!("a batch of {records} records is refused"),
            (records, _) => format!("{records} records are refused"),
        };
        let text = format!(
            "{what}: what is not committed is done again, so that production.exception.handler is asked about each"
        );
        let now_ms = app.clock.now_ms();
        app.settings.refusals.learn(named, now_ms);
        Err(Error::with_source(ErrorKind::Timeout, text, error))
    }
}
