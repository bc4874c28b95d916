//! A partition that is being read: its fetched and unread records.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

use super::aborted::AbortedTransaction;
use crate::{Error, Meter, TopicPartition};

/// Complete batches of one answer.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) records: usize,
    /// With read-committed, the aborted transactions to which the batches may belong.
    pub(super) aborted: Vec<AbortedTransaction>,
}

/// Ends of a partition's log at the last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogEnds {
    pub(super) high_watermark: i64,
    pub(super) last_stable_offset: i64,
}

/// Shared by a reader and the task. A partition that is read again gets a new one.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) name: TopicPartition,
    /// Counts the chunks.
    meter: Arc<Meter>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Start of the next fetch.
    fetch_offset: i64,
    /// Epoch of the last fetched batch.
    last_epoch: Option<i32>,
    chunks: VecDeque<Chunk>,
    /// Bytes of chunks that have not been read to their end.
    bytes: usize,
    ends: Option<LogEnds>,
    failure: Option<Error>,
    is_closed: bool,
}

impl Partition {
    pub(super) fn new(name: TopicPartition, offset: i64, meter: Arc<Meter>) -> Self {
        let state = State {
            fetch_offset: offset,
            last_epoch: None,
            chunks: VecDeque::new(),
            bytes: 0,
            ends: None,
            failure: None,
            is_closed: false,
        };
        Self { name, meter, state: Mutex::new(state) }
    }

    /// Offset and epoch of the next fetch, if there is room for more.
    pub(super) fn wants(&self, bytes_max: usize) -> Option<(i64, Option<i32>)> {
        let state = self.state.lock();
        let wants = !state.is_closed && state.failure.is_none() && state.bytes < bytes_max;
        wants.then_some((state.fetch_offset, state.last_epoch))
    }

    /// Enters the answer for the partition.
    pub(super) fn fetched(&self, ends: LogEnds, chunk: Option<(Chunk, i64, i32)>) {
        let mut state = self.state.lock();
        state.ends = Some(ends);
        if let Some((chunk, next_offset, epoch)) = chunk.filter(|_| !state.is_closed) {
            self.meter.queued(chunk.records, chunk.bytes.len());
            state.bytes += chunk.bytes.len();
            state.chunks.push_back(chunk);
            state.fetch_offset = next_offset;
            state.last_epoch = Some(epoch).filter(|epoch| *epoch >= 0);
        }
    }

    /// Ends the reading: records fetched before are still read.
    pub(super) fn fail(&self, error: Error) {
        self.state.lock().failure.get_or_insert(error);
    }

    /// Notes that a chunk of this many bytes was read to its end.
    pub(super) fn release(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.bytes -= bytes.min(state.bytes);
    }

    /// The next chunk; after the last one the failure.
    pub(super) fn next_chunk(&self) -> Result<Option<Chunk>, Error> {
        let mut state = self.state.lock();
        match (state.chunks.pop_front(), &state.failure) {
            (Some(chunk), _) => {
                self.meter.unqueued(chunk.records, chunk.bytes.len());
                Ok(Some(chunk))
            }
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn has_chunks(&self) -> bool {
        let state = self.state.lock();
        !state.chunks.is_empty() || state.failure.is_some()
    }

    pub(super) fn ends(&self) -> Option<LogEnds> {
        self.state.lock().ends
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        for chunk in state.chunks.drain(..) {
            self.meter.unqueued(chunk.records, chunk.bytes.len());
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    pub(super) fn has_failed(&self) -> bool {
        self.state.lock().failure.is_some()
    }
}
