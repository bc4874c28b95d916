//! An attempt to process a record, which can be undone for a handler that asks for another one.
//!
//! Records that it sends wait until it has finished; its writes to stores, its schedules and its
//! counts are noted. None of that is done unless the handler may ask for another attempt.
//! Invariant: no commit falls into an attempt.

use std::{ops::Range, sync::Arc, time::Duration};

use super::TaskState;
use crate::{
    Error, ErrorKind, Headers, Result, TopicPartition, client::ProduceRecord, handler::Reaction,
};

/// The current attempt, if it can be undone.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    is_on: bool,
    /// Its number; the first attempt at a record is 1.
    number: u32,
    /// The pause before the next one, once a handler has asked for it.
    again_after: Option<Duration>,
    outbox: Outbox,
    stream_time: i64,
    dropped: u64,
    /// Times up to which windows had been emitted before this attempt moved them.
    emitted_until: Vec<(String, Option<i64>)>,
}

/// Records that wait for the end of their attempt, with their bytes in one buffer.
#[derive(Debug, Default)]
struct Outbox {
    records: Vec<Outgoing>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Outgoing {
    to: TopicPartition,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    timestamp: i64,
    headers: Headers,
    /// The sink; `None` if it is a dead letter.
    sink: Option<Arc<str>>,
}

impl Outbox {
    fn add(&mut self, to: &TopicPartition, record: &ProduceRecord<'_>, sink: Option<&Arc<str>>) {
        let Self { records, bytes } = self;
        let mut keep = |part: Option<&[u8]>| {
            let start = bytes.len();
            bytes.extend_from_slice(part?);
            Some(start..bytes.len())
        };
        let (key, value) = (keep(record.key), keep(record.value));
        let (timestamp, headers) = (record.timestamp, record.headers.clone());
        records.push(Outgoing {
            to: to.clone(),
            key,
            value,
            timestamp,
            headers,
            sink: sink.cloned(),
        });
    }

    fn clear(&mut self) {
        self.records.clear();
        self.bytes.clear();
    }

    fn part(&self, range: Option<&Range<usize>>) -> Option<&[u8]> {
        range.and_then(|range| self.bytes.get(range.clone()))
    }
}

impl Attempt {
    /// Returns whether a handler has asked for another attempt: whatever is done until it begins is
    /// undone.
    #[inline]
    pub(crate) const fn is_given_up(&self) -> bool {
        self.again_after.is_some()
    }

    /// Number of the attempt, for a handler.
    pub(super) fn number(&self) -> u32 {
        self.number.max(1)
    }
}

impl TaskState {
    /// Begins an attempt to process a record.
    #[inline]
    pub(crate) fn begin_attempt(&mut self, number: u32) {
        if self.shared_settings.may_retry {
            self.note_attempt(number);
        }
    }

    fn note_attempt(&mut self, number: u32) {
        let (stream_time, dropped) = (self.stream_time, self.drops.untaken());
        let Attempt { outbox, emitted_until, .. } = std::mem::take(&mut self.attempt);
        self.attempt = Attempt {
            is_on: true,
            number,
            again_after: None,
            outbox,
            stream_time,
            dropped,
            emitted_until,
        };
        self.stores.iter_mut().flatten().for_each(|store| store.begin_attempt());
        self.schedule.begin_attempt();
    }

    /// Returns whether the effects of the attempt so far can be undone.
    pub(super) fn can_undo(&self) -> bool {
        self.attempt.is_on && self.stores.iter().flatten().all(|store| store.can_undo())
    }

    /// Follows the answer of a handler if it is to undo the attempt.
    pub(super) fn give_up_attempt(&mut self, reaction: Reaction, error: &Error) -> Option<Error> {
        let Reaction::Retry { after } = reaction else { return None };
        if !self.can_undo() {
            let text = format!(
                "{error}; and its handler wants to try again what can't be undone: let it ask `can_retry`, and say that it \
                 `may_retry`"
            );
            return Some(Error::new(ErrorKind::Processing, text));
        }
        self.attempt.again_after = Some(after);
        Some(self.given_up())
    }

    /// The error that goes up the nodes of an attempt that is given up.
    pub(super) fn given_up(&self) -> Error {
        let text = format!("{} is going to be tried again", self.record_position());
        Error::new(ErrorKind::Processing, text)
    }

    /// Undoes the attempt, if a handler has asked for that, and returns the pause before the next
    /// one. The caller must tell the processors.
    pub(crate) fn undo_attempt(&mut self) -> Option<Duration> {
        let after = self.attempt.again_after.take()?;
        self.attempt.is_on = false;
        self.attempt.outbox.clear();
        self.stores.iter_mut().flatten().for_each(|store| store.undo_attempt());
        self.schedule.undo_attempt();
        self.stream_time = self.attempt.stream_time;
        self.drops.back_to(self.attempt.dropped);
        while let Some((store, until)) = self.attempt.emitted_until.pop() {
            match until {
                Some(until) => self.emitted_until.insert(store, until),
                None => self.emitted_until.remove(&store),
            };
        }
        Some(after)
    }

    /// Ends the attempt and keeps its effects. Its records are sent, unless the task fails.
    #[inline]
    pub(crate) fn end_attempt(&mut self, processed: Result) -> Result {
        if self.attempt.is_on { self.keep_attempt(processed) } else { processed }
    }

    fn keep_attempt(&mut self, processed: Result) -> Result {
        self.attempt.is_on = false;
        self.attempt.emitted_until.clear();
        self.stores.iter_mut().flatten().for_each(|store| store.end_attempt());
        self.schedule.end_attempt();
        if processed.is_err() {
            self.attempt.outbox.clear();
        }
        processed.and_then(|()| self.send_outbox())
    }

    /// Sends the records that waited for the end of the attempt.
    pub(super) fn send_outbox(&mut self) -> Result {
        let mut outbox = std::mem::take(&mut self.attempt.outbox);
        let sent = outbox.records.iter().try_for_each(|outgoing| {
            let Outgoing { to, timestamp, headers, sink, .. } = outgoing;
            let record = ProduceRecord {
                timestamp: *timestamp,
                key: outbox.part(outgoing.key.as_ref()),
                value: outbox.part(outgoing.value.as_ref()),
                headers,
            };
            let sent = self.collector().and_then(|collector| collector.append_to(to, record));
            match (sent, sink) {
                (Ok(()), _) => Ok(()),
                (Err(error), Some(sink)) => self.production_failed(sink, &to.topic, error),
                (Err(error), None) => {
                    Err(error.in_context(format!("a dead letter can't be written to {to}")))
                }
            }
        });
        outbox.clear();
        self.attempt.outbox = outbox;
        sent
    }

    /// Returns whether a record waits for the end of the attempt: one of a sink, or a dead letter,
    /// which has no sink.
    #[inline]
    pub(crate) fn holds_back(
        &mut self,
        to: &TopicPartition,
        record: &ProduceRecord<'_>,
        sink: Option<&Arc<str>>,
    ) -> bool {
        if self.attempt.is_on {
            self.attempt.outbox.add(to, record, sink);
        }
        self.attempt.is_on
    }

    /// Notes the time up to which windows of a store were emitted, before it changes.
    pub(crate) fn note_emitted(&mut self, store: &str) {
        if self.attempt.is_on {
            let until = self.emitted_until.get(store).copied();
            self.attempt.emitted_until.push((store.to_owned(), until));
        }
    }
}
