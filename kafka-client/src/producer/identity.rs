//! A producer's identity for the brokers.

/// A producer id with its epoch. Sequence numbers count from 0 under each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
}

/// The sequence number `records` after another: the greatest is followed by 0.
pub(super) fn sequence_after(sequence: i32, records: i32) -> i32 {
    match sequence.checked_add(records) {
        Some(next) => next,
        None => records - (i32::MAX - sequence) - 1,
    }
}

/// The sequence number `records` before another.
pub(super) fn sequence_before(sequence: i32, records: i32) -> i32 {
    if sequence >= records { sequence - records } else { i32::MAX - (records - sequence) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_begin_anew_behind_the_greatest() {
        for (sequence, records, next) in
            [(0, 5, 5), (i32::MAX, 1, 0), (i32::MAX - 2, 5, 2), (i32::MAX - 1, 1, i32::MAX)]
        {
            assert_eq!(sequence_after(sequence, records), next);
            assert_eq!(sequence_before(next, records), sequence);
        }
    }
}
