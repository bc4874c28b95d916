//! The order in which the rows of a store with a limited number of rows were last used.

use std::collections::BTreeMap;

use hashbrown::HashMap;

/// A key, and its number in the order of uses; `None` if it had none.
type NumberBefore = (Box<[u8]>, Option<u64>);

/// The keys of a store, in the order in which they were last read or written.
#[derive(Debug, Default)]
pub(super) struct Recency {
    uses: u64,
    of_key: HashMap<Box<[u8]>, u64>,
    keys: BTreeMap<u64, Box<[u8]>>,
    /// During an attempt: the keys whose numbers changed, with their previous numbers.
    before: Option<Vec<NumberBefore>>,
}

impl Recency {
    /// Notes the use of a key that has a value.
    pub(super) fn touch(&mut self, key: &[u8]) {
        self.note(key);
        self.uses += 1;
        let before = if let Some(number) = self.of_key.get_mut(key) {
            self.keys.remove(&std::mem::replace(number, self.uses))
        } else {
            self.of_key.insert(key.into(), self.uses);
            None
        };
        self.keys.insert(self.uses, before.unwrap_or_else(|| key.into()));
    }

    /// Removes a key that has no value any more.
    pub(super) fn forget(&mut self, key: &[u8]) {
        self.note(key);
        self.remove(key);
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(number) = self.of_key.remove(key) {
            self.keys.remove(&number);
        }
    }

    /// Removes and returns the least recently used key, if there are more than `most`.
    pub(super) fn take_beyond(&mut self, most: usize) -> Option<Box<[u8]>> {
        if self.keys.len() <= most {
            return None;
        }
        let key = self.keys.first_key_value()?.1.clone();
        self.forget(&key);
        Some(key)
    }

    fn note(&mut self, key: &[u8]) {
        if let Some(before) = &mut self.before {
            before.push((key.into(), self.of_key.get(key).copied()));
        }
    }

    /// Starts to note the numbers that uses replace.
    pub(super) fn begin_attempt(&mut self) {
        self.before = Some(Vec::new());
    }

    /// Takes back the uses since the attempt began.
    pub(super) fn undo_attempt(&mut self) {
        for (key, number) in self.before.take().into_iter().flatten().rev() {
            self.remove(&key);
            if let Some(number) = number {
                self.of_key.insert(key.clone(), number);
                self.keys.insert(number, key);
            }
        }
    }

    pub(super) fn end_attempt(&mut self) {
        self.before = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_used_longest_ago_goes_first() {
        let mut recency = Recency::default();
        for key in [b"a", b"b", b"c", b"a"] {
            recency.touch(key);
        }
        recency.forget(b"c");
        recency.forget(b"never");
        assert_eq!(recency.take_beyond(2), None);
        assert_eq!(recency.take_beyond(1).as_deref(), Some(&b"b"[..]));
        assert_eq!(recency.take_beyond(0).as_deref(), Some(&b"a"[..]));
        assert_eq!(recency.take_beyond(0), None);
    }

    #[test]
    fn uses_of_an_attempt_that_is_undone_do_not_count() {
        let mut recency = Recency::default();
        for key in [b"a", b"b", b"c"] {
            recency.touch(key);
        }
        recency.begin_attempt();
        recency.touch(b"d");
        assert_eq!(recency.take_beyond(3).as_deref(), Some(&b"a"[..]));
        recency.forget(b"c");
        recency.touch(b"b");
        recency.undo_attempt();
        let order: Vec<_> = std::iter::from_fn(|| recency.take_beyond(0)).collect();
        assert_eq!(order.concat(), b"abc");
    }
}
