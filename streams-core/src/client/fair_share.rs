//! A fair share of each poll for each partition.

use crate::Result;

/// The order in which a consumer's partitions are asked for records.
#[derive(Debug, Default)]
pub(super) struct FairShare {
    /// Index of the partition that the next poll begins with.
    next: usize,
}

impl FairShare {
    /// Gives each of `partitions` an equal share of `max_records`, and the rest to those that have
    /// more. `take` takes at most this many records of the partition with this index, and returns
    /// their number.
    ///
    /// # Errors
    /// The first error of `take`; the next poll begins where this one did.
    pub(super) fn share_out(
        &mut self,
        partitions: usize,
        max_records: usize,
        mut take: impl FnMut(usize, usize) -> Result<usize>,
    ) -> Result {
        let mut left = max_records.max(1);
        let share = left.div_ceil(partitions.max(1));
        for most in [share, usize::MAX] {
            for turn in 0..partitions {
                if left == 0 {
                    break;
                }
                let taken = take((self.next + turn) % partitions, most.min(left))?;
                left -= taken.min(left);
            }
        }
        self.next = (self.next + 1) % partitions.max(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(order: &mut FairShare, there: &mut [usize], max_records: usize) -> Vec<(usize, usize)> {
        let mut taken = Vec::new();
        let shared = order.share_out(there.len(), max_records, |at, most| {
            let records = there[at].min(most);
            there[at] -= records;
            taken.extend((records > 0).then_some((at, records)));
            Ok(records)
        });
        shared.unwrap();
        taken
    }

    #[test]
    fn each_partition_gets_its_share_and_the_rest_goes_to_those_with_more() {
        let (mut order, mut there) = (FairShare::default(), [1, 9, 9]);
        assert_eq!(poll(&mut order, &mut there, 6), [(0, 1), (1, 2), (2, 2), (1, 1)]);
        assert_eq!(poll(&mut order, &mut there, 2), [(1, 1), (2, 1)], "it begins with the next");
        assert_eq!(poll(&mut order, &mut [], 5), []);
    }
}
