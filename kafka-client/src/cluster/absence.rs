//! Patience with a partition that brokers don't know.

use std::time::Duration;

use tokio::time::Instant;

/// Time after which such a partition is taken for gone: brokers learn of one that was just created
/// one after another.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time for which brokers have not known a partition. Only that counts, not how often they were
/// asked or what else failed.
#[derive(Debug, Default)]
pub(crate) struct Absence {
    since: Option<Instant>,
}

impl Absence {
    /// Notes that a broker does not know the partition. Returns whether it is gone.
    pub(crate) fn note(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        now.saturating_duration_since(since) >= PATIENCE
    }

    /// Notes that a broker knows the partition.
    pub(crate) fn end(&mut self) {
        self.since = None;
    }

    /// Returns whether no broker is known to know it.
    pub(crate) fn lasts(&self) -> bool {
        self.since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_gone_once_it_has_been_absent_for_a_while() {
        let (mut absence, now) = (Absence::default(), Instant::now());
        assert!(!absence.note(now) && absence.lasts());
        assert!(!absence.note(now + PATIENCE / 2));
        absence.end();
        assert!(!absence.lasts());
        assert!(!absence.note(now + PATIENCE));
        assert!(absence.note(now + PATIENCE * 2));
    }
}
