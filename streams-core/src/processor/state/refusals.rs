//! Records that the cluster refused, remembered so that they are recognised when their input is
//! processed again.
//!
//! The cluster reports a refused record long after the sink has sent it, among other records. So
//! the work since the last commit is dropped and repeated; this time the record is refused in the
//! sink, before it is sent and while everything about it is known, and the handler is asked as for
//! a record that the client itself refuses. Nothing is lost in between, and with exactly-once
//! nothing is written twice.
//!
//! The memory may forget: the cluster then refuses the record once more.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;

use crate::{
    Error, Result, TopicPartition,
    client::{Fingerprint, ProduceRecord, RefusedRecord},
    time::Date,
};

/// Time for which a record is remembered, in milliseconds: until well after its input was processed
/// again.
const KNOWN_MS: i64 = 600_000;

/// The refusals that an instance remembers.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// True if there are any. Read for each record that a sink writes.
    any: AtomicBool,
    known: Mutex<BTreeMap<TopicPartition, Known>>,
}

/// Refusals of one partition.
#[derive(Debug, Default)]
struct Known {
    records: HashMap<u64, Refusal>,
    keys: HashMap<u64, Key>,
}

#[derive(Debug)]
struct Refusal {
    error: Error,
    since_ms: i64,
}

/// Refused records of one key. Records of a punctuation do not come again unchanged: each run has
/// another time.
#[derive(Debug, Default)]
struct Key {
    /// Number of records that have not come again so far.
    missing: usize,
    /// Number of the next records of punctuations that are taken for them.
    expected: usize,
}

impl Refusals {
    /// Returns whether there are any refusals.
    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Learns which records the cluster refused. If others with the same key have not come again,
    /// it expects these from punctuations.
    pub(crate) fn learn(&self, refused: Vec<RefusedRecord>, now_ms: i64) {
        let mut known = self.known.lock();
        for RefusedRecord { topic_partition, fingerprint, .. } in &refused {
            let key =
                known.entry(topic_partition.clone()).or_default().keys.entry(fingerprint.key());
            let key = key.or_default();
            key.expected += usize::from(key.missing > 0);
        }
        for RefusedRecord { topic_partition, fingerprint, error, .. } in refused {
            let known = known.entry(topic_partition).or_default();
            known.keys.entry(fingerprint.key()).or_default().missing += 1;
            known.records.insert(fingerprint.record(), Refusal { error, since_ms: now_ms });
        }
        self.any.store(!known.is_empty(), Ordering::Relaxed);
    }

    /// Forgets old refusals.
    pub(crate) fn forget_old(&self, now_ms: i64) {
        if !self.has_some() {
            return;
        }
        let mut known = self.known.lock();
        known.retain(|_, Known { records, .. }| {
            records.retain(|_, refusal| now_ms.saturating_sub(refusal.since_ms) < KNOWN_MS);
            !records.is_empty()
        });
        self.any.store(!known.is_empty(), Ordering::Relaxed);
    }

    /// Refuses a record that the cluster refused before.
    ///
    /// # Errors
    /// `Production`, with the cluster's reason.
    #[cold]
    pub(crate) fn check(
        &self,
        to: &TopicPartition,
        record: &ProduceRecord<'_>,
        in_punctuation: bool,
    ) -> Result {
        let mut known = self.known.lock();
        let Some(Known { records, keys }) = known.get_mut(to) else { return Ok(()) };
        let fingerprint = Fingerprint::of(record);
        let key = keys.entry(fingerprint.key()).or_default();
        if let Some(refusal) = records.get(&fingerprint.record()) {
            key.missing = key.missing.saturating_sub(1);
            let time = format!("its time is {}", Date(record.timestamp));
            return Err(refusal.error.clone().in_context(time));
        }
        if !in_punctuation || key.expected == 0 {
            return Ok(());
        }
        key.expected -= 1;
        let why = "one with the same key, which has not come again as it was, was refused";
        let latest = records.values().max_by_key(|refusal| refusal.since_ms);
        latest.map_or(Ok(()), |refusal| Err(refusal.error.clone().in_context(why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, Headers};

    fn refused(to: &TopicPartition, record: &ProduceRecord<'_>) -> RefusedRecord {
        RefusedRecord {
            topic_partition: to.clone(),
            fingerprint: Fingerprint::of(record),
            is_named: true,
            error: Error::new(ErrorKind::Production, "too large"),
        }
    }

    #[test]
    fn a_record_is_known_by_all_of_it_for_a_while_and_one_of_a_punctuation_once_by_its_key() {
        let (refusals, headers) = (Refusals::default(), Headers::new());
        let to = TopicPartition::new("out", 0);
        let record =
            ProduceRecord { timestamp: 7, key: Some(b"k"), value: Some(b"v"), headers: &headers };
        let later = ProduceRecord { timestamp: 8, ..record };
        assert!(!refusals.has_some());
        refusals.learn(vec![refused(&to, &record)], 0);
        assert!(refusals.has_some());
        refusals.check(&to, &later, true).unwrap();
        for in_punctuation in [false, true] {
            refusals.check(&to, &record, in_punctuation).unwrap_err();
            refusals.check(&to, &later, in_punctuation).unwrap();
            refusals.check(&TopicPartition::new("out", 1), &record, in_punctuation).unwrap();
        }
        for time in [9, 10] {
            let record = ProduceRecord { timestamp: time, ..record };
            refusals.learn(vec![refused(&to, &record)], 0);
        }
        refusals.check(&to, &later, false).unwrap();
        refusals.check(&to, &later, true).unwrap_err();
        refusals.check(&to, &later, true).unwrap();
        refusals.forget_old(KNOWN_MS - 1);
        refusals.check(&to, &record, false).unwrap_err();
        refusals.forget_old(KNOWN_MS);
        assert!(!refusals.has_some());
    }
}
