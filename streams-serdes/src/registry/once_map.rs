//! A map that only grows, read without a lock.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::OnceLock,
};

const BUCKETS: usize = 64;

/// Map of what serdes know by schema id or topic, written a few times, then read with each record.
/// An entry is never changed or removed, so a reader follows a short chain of cells and takes no
/// lock.
pub(crate) struct OnceMap<K, V> {
    buckets: [OnceLock<Box<Entry<K, V>>>; BUCKETS],
    hasher: RandomState,
}

struct Entry<K, V> {
    key: K,
    value: V,
    next: OnceLock<Box<Entry<K, V>>>,
}

impl<K, V> Default for OnceMap<K, V> {
    fn default() -> Self {
        Self { buckets: [const { OnceLock::new() }; BUCKETS], hasher: RandomState::new() }
    }
}

impl<K: Hash + Eq, V> OnceMap<K, V> {
    /// The value of `key`, made by `make` of the first caller. Callers at the same time may each
    /// make one; the first stays.
    pub(crate) fn get_or_try_insert<Q, E>(
        &self,
        key: &Q,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<&V, E>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut cell = self.bucket(key);
        let mut make = Some(make);
        let mut entry = None;
        loop {
            if let Some(found) = cell.get() {
                if found.key.borrow() == key {
                    return Ok(&found.value);
                }
                cell = &found.next;
                continue;
            }
            if let Some(make) = make.take() {
                entry = Some(Box::new(Entry {
                    key: key.to_owned(),
                    value: make()?,
                    next: OnceLock::new(),
                }));
            }
            if let Some(new) = entry.take() {
                // Another caller was faster: the entry waits for the next free cell, unless this is
                // its key.
                entry = cell.set(new).err();
            }
        }
    }

    fn bucket<Q: Hash + ?Sized>(&self, key: &Q) -> &OnceLock<Box<Entry<K, V>>> {
        let hash = usize::try_from(self.hasher.hash_one(key) % BUCKETS as u64).unwrap_or_default();
        let [first, ..] = &self.buckets;
        self.buckets.get(hash).unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn a_value_is_made_once_however_many_keys_there_are() {
        let map = OnceMap::<u32, u32>::default();
        let made = AtomicUsize::new(0);
        for key in (0..1_000).chain(0..1_000) {
            let value = map.get_or_try_insert::<_, Infallible>(&key, || {
                made.fetch_add(1, Ordering::Relaxed);
                Ok(key * 2)
            });
            assert_eq!(value, Ok(&(key * 2)));
        }
        assert_eq!(made.into_inner(), 1_000);
    }

    #[test]
    fn what_could_not_be_made_is_tried_again() {
        let map = OnceMap::<String, u32>::default();
        assert_eq!(map.get_or_try_insert("a", || Err("down")), Err("down"));
        assert_eq!(map.get_or_try_insert("a", || Ok::<_, &str>(7)), Ok(&7));
        assert_eq!(map.get_or_try_insert("a", || Err("down")), Ok(&7));
    }

    #[test]
    fn callers_at_the_same_time_see_one_value() {
        let map = OnceMap::<u32, usize>::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    let map = &map;
                    scope.spawn(move || {
                        (0..500)
                            .map(|key| {
                                *map.get_or_try_insert(&key, || Ok::<_, ()>(thread)).unwrap()
                            })
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            let seen: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(seen.iter().all(|values| *values == seen[0]));
        });
    }
}
