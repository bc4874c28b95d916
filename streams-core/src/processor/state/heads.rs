//! The order of the queues' heads.

use crate::planted::{PlantedBug, is_planted};

/// The inputs that have a decoded head, least timestamp first.
///
/// A binary heap that moves its entries exactly as Java's `PriorityQueue` does: that decides which
/// of several heads with equal timestamps comes first, and results can depend on it.
#[derive(Debug, Default)]
pub(super) struct Heads(Vec<Head>);

#[derive(Clone, Copy, Debug)]
struct Head {
    timestamp: i64,
    input: usize,
}

impl Heads {
    /// The input whose head comes next, and its timestamp.
    pub(super) fn first(&self) -> Option<(usize, i64)> {
        self.0.first().map(|head| (head.input, head.timestamp))
    }

    /// Adds an input that now has a head.
    pub(super) fn push(&mut self, input: usize, timestamp: i64) {
        self.0.push(Head { timestamp, input });
        let mut at = self.0.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.is_less(at, parent) {
                return;
            }
            self.0.swap(at, parent);
            at = parent;
        }
    }

    /// Removes the input whose head comes next.
    pub(super) fn pop(&mut self) {
        if self.0.is_empty() {
            return;
        }
        self.0.swap_remove(0);
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let child = if self.is_less(right, left) { right } else { left };
            if !self.is_less(child, at) {
                return;
            }
            self.0.swap(at, child);
            at = child;
        }
    }

    /// Returns whether the entry at `one` exists and is earlier than the one at `other`.
    fn is_less(&self, one: usize, other: usize) -> bool {
        match (self.0.get(one), self.0.get(other)) {
            (Some(one), Some(other)) => {
                one.timestamp < other.timestamp
                    || (is_planted(PlantedBug::LoseTieOrder) && one.timestamp == other.timestamp)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(heads: &mut Heads) -> Vec<usize> {
        std::iter::from_fn(|| {
            let first = heads.first().map(|(input, _)| input);
            heads.pop();
            first
        })
        .collect()
    }

    #[test]
    fn the_least_timestamp_comes_first() {
        let mut heads = Heads::default();
        for (input, timestamp) in [5, 3, 9, 1, 7, 2].into_iter().enumerate() {
            heads.push(input, timestamp);
        }
        assert_eq!(drain(&mut heads), [3, 5, 1, 0, 4, 2]);
        assert_eq!(heads.first(), None);
        heads.pop();
    }

    #[test]
    fn equal_timestamps_come_in_the_order_of_javas_heap() {
        let mut heads = Heads::default();
        for input in 0..5 {
            heads.push(input, 7);
        }
        assert_eq!(drain(&mut heads), [0, 4, 3, 2, 1]);
    }
}
