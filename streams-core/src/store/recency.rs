//! Which rows of a store that keeps a limited number were used last.

use std::collections::BTreeMap;

use hashbrown::HashMap;

/// The keys of a store, in the order in which they were last read or written.
#[derive(Debug, Default)]
pub(super) struct Recency {
    uses: u64,
    of_key: HashMap<Box<[u8]>, u64>,
    keys: BTreeMap<u64, Box<[u8]>>,
}

impl Recency {
    /// A key is used, which has a value.
    pub(super) fn touch(&mut self, key: &[u8]) {
        self.uses += 1;
        let before = if let Some(place) = self.of_key.get_mut(key) {
            self.keys.remove(&std::mem::replace(place, self.uses))
        } else {
            self.of_key.insert(key.into(), self.uses);
            None
        };
        self.keys.insert(self.uses, before.unwrap_or_else(|| key.into()));
    }

    /// A key has no value any more.
    pub(super) fn forget(&mut self, key: &[u8]) {
        if let Some(place) = self.of_key.remove(key) {
            self.keys.remove(&place);
        }
    }

    /// Takes the key out that was used longest ago, if there are more than `most`.
    pub(super) fn take_beyond(&mut self, most: usize) -> Option<Box<[u8]>> {
        if self.keys.len() <= most {
            return None;
        }
        let (_, key) = self.keys.pop_first()?;
        self.of_key.remove(&key);
        Some(key)
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
}
