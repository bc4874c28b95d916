//! Records that the cluster refuses: work is dropped and done again, until the handler can be asked about each of them.

use super::super::app::App;
use crate::{Error, ErrorKind, Result, client::RefusedRecord};

/// What is done about records that the cluster refuses.
#[derive(Debug, Default)]
pub(super) struct RefusedRounds {
    /// How often in a row work was dropped for such.
    rounds: usize,
    /// Whether the next producer sends each record in a batch of its own.
    one_by_one: bool,
    /// Whether the producer does.
    is_one_by_one: bool,
    /// Whether all records that were refused are known one by one.
    are_named: bool,
    /// What can't be gone on from, found while work was dropped.
    failure: Option<Error>,
}

/// How often in a row work is dropped for records that the cluster refuses. Each round finds those that were on their
/// way together, but where user code makes others each time, there would be no end to it.
const ROUNDS_MAX: usize = 1_000;

impl RefusedRounds {
    /// Whether no work was dropped for such since the last commit.
    pub(super) fn is_clean(&self) -> bool {
        self.rounds == 0
    }

    /// Keeps what can't be gone on from, if `error` is such, for the next [`check`](Self::check).
    pub(super) fn fail(&mut self, error: Option<Error>) {
        let failure = error.filter(|error| error.kind() == ErrorKind::Production);
        self.failure = failure.or_else(|| self.failure.take());
    }

    /// Whether it can be gone on.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&mut self) -> Result {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Whether the producer that is made now sends each record in a batch of its own.
    pub(super) fn next_producer(&mut self) -> bool {
        self.is_one_by_one = self.one_by_one;
        self.one_by_one
    }

    /// Everything is committed. Returns whether another producer is to go on: where it was sent record by record because of
    /// some that are known now, batches may do again.
    pub(super) fn committed(&mut self) -> bool {
        self.rounds = 0;
        let is_over = self.is_one_by_one && self.are_named;
        if is_over {
            *self = Self::default();
        }
        is_over
    }

    /// Learns which records the cluster refused, so that they are known when their input is processed again.
    ///
    /// # Errors
    /// `Timeout` if there are some: what is not committed is to be dropped and done again. `Production` if that does not
    /// help.
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
