//! The table of all keys that this library reads, one file per importance.
//!
//! A new setting is one entry here and one getter in `valid`; checks, suggestions and documentation
//! follow from the entry.

mod high;
mod low;
mod medium;

use super::entry::Entry;

/// All entries, the most important first.
pub(super) fn all() -> impl Iterator<Item = &'static Entry> {
    high::ENTRIES.iter().chain(medium::ENTRIES).chain(low::ENTRIES)
}

/// The entry of a key by its current name.
pub(super) fn by_key(key: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.key == key)
}

/// The entry of a key by its current name or an old one.
pub(super) fn by_any_name(key: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.key == key || entry.old_names.contains(&key))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::client_keys;
    use super::super::entry::{DefaultValue, Importance, Scope};
    use super::super::unsupported;
    use super::*;

    #[test]
    fn every_key_is_documented_in_sentences() {
        for entry in all() {
            assert!(entry.doc.len() > 20, "{} needs a doc", entry.key);
            assert!(entry.doc.ends_with('.'), "the doc of {} ends without a stop", entry.key);
            assert!(!entry.doc.contains('\n'), "the doc of {} breaks its table row", entry.key);
        }
    }

    #[test]
    fn every_default_passes_its_own_check() {
        for entry in all() {
            if let DefaultValue::Value(value) = entry.default {
                assert_eq!(entry.kind.check(value), Ok(()), "{} = {value}", entry.key);
            }
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        let mut seen = BTreeSet::new();
        let names = all()
            .flat_map(|entry| std::iter::once(&entry.key).chain(entry.old_names))
            .copied()
            .chain(unsupported::ALL.iter().map(|key| key.key));
        for name in names {
            assert!(seen.insert(name), "{name} is listed twice");
        }
    }

    #[test]
    fn no_key_looks_like_a_prefixed_one() {
        for entry in all() {
            assert!(client_keys::split_prefix(entry.key).is_none(), "{}", entry.key);
        }
    }

    #[test]
    fn keys_for_the_clients_are_keys_that_clients_know() {
        for entry in all().filter(|entry| entry.scope == Scope::Clients) {
            assert!(client_keys::is_client_key(entry.key), "{}", entry.key);
        }
    }

    #[test]
    fn each_file_holds_its_own_importance() {
        assert!(high::ENTRIES.iter().all(|entry| entry.importance == Importance::High));
        assert!(medium::ENTRIES.iter().all(|entry| entry.importance == Importance::Medium));
        assert!(low::ENTRIES.iter().all(|entry| entry.importance == Importance::Low));
    }
}
