//! The settings as they were given, and the lookup of a key's effective value.
//!
//! Invariant: reading never fails. `check`, which runs first, decides whether a value is well
//! formed; a malformed one reads as the kind's zero.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::choice::Choice;
use super::entry::DefaultValue;
use super::kind::split_list;
use super::table;

/// Text shown in place of a secret.
pub(super) const HIDDEN: &str = "[hidden]";

/// Returns whether the value of `key` must not be printed.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "jaas", "passphrase", "private.key", "keystore.key", "key.pem"]
        .iter()
        .any(|word| key.contains(word))
}

/// Keys and values as given, trimmed; the last value of a key counts.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.trim().to_owned(), value.trim().to_owned());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The value that was set for exactly this key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The value set for a key of the table, by its current name or else by an old one. An empty
    /// value counts as unset if the key has no default.
    pub(super) fn explicit(&self, key: &str) -> Option<&str> {
        let Some(entry) = table::by_key(key) else { return self.get(key) };
        let given = self.get(key).or_else(|| entry.old_names.iter().find_map(|old| self.get(old)));
        given.filter(|value| !(value.is_empty() && entry.default == DefaultValue::Null))
    }

    /// The effective value: the one that was set, or the table's default.
    pub(super) fn effective(&self, key: &str) -> Option<&str> {
        self.explicit(key).or_else(|| match table::by_key(key)?.default {
            DefaultValue::Value(value) => Some(value),
            DefaultValue::Required | DefaultValue::Null | DefaultValue::Computed(_) => None,
        })
    }

    /// The main consumer's value of a client's `key`, with the key as it was set. The narrower
    /// prefix wins, as in Java.
    pub(super) fn main_consumer(&self, key: &str) -> Option<(String, &str)> {
        self.first_of(&["main.consumer.", "consumer.", ""], key)
    }

    /// The producer's value of a client's `key`, with the key as it was set.
    pub(super) fn producer(&self, key: &str) -> Option<(String, &str)> {
        self.first_of(&["producer.", ""], key)
    }

    fn first_of(&self, prefixes: &[&str], key: &str) -> Option<(String, &str)> {
        prefixes.iter().find_map(|prefix| {
            let prefixed = format!("{prefix}{key}");
            let value = self.get(&prefixed)?;
            Some((prefixed, value))
        })
    }

    /// All settings under a prefix, with the prefix removed.
    pub(super) fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.iter().filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value)))
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.effective(key).unwrap_or_default().to_owned()
    }

    /// The text, or `None` where it is unset or empty.
    pub(super) fn optional_text(&self, key: &str) -> Option<String> {
        self.effective(key).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.effective(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn number(&self, key: &str) -> i64 {
        parse_number(self.effective(key))
    }

    /// A number that the table keeps non-negative.
    pub(super) fn count(&self, key: &str) -> usize {
        as_count(self.number(key))
    }

    /// A duration in milliseconds that the table keeps non-negative.
    pub(super) fn span(&self, key: &str) -> Duration {
        as_span(self.number(key))
    }

    /// The items of a comma-separated list.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        split_list(self.effective(key).unwrap_or_default()).map(str::to_owned).collect()
    }

    pub(super) fn choice<T: Choice>(&self, key: &str) -> T {
        self.effective(key).and_then(T::from_name).unwrap_or_default()
    }
}

pub(super) fn parse_number(text: Option<&str>) -> i64 {
    text.and_then(|value| value.parse().ok()).unwrap_or_default()
}

pub(super) fn as_count(number: i64) -> usize {
    usize::try_from(number.max(0)).unwrap_or(usize::MAX)
}

pub(super) fn as_span(millis: i64) -> Duration {
    Duration::from_millis(millis.max(0).unsigned_abs())
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            self.iter().map(|(key, value)| (key, if is_secret(key) { HIDDEN } else { value }));
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_secrets() {
        let mut settings = Settings::default();
        settings.set("producer.sasl.jaas.config", "user and hunter2");
        settings.set("producer.linger.ms", "5");
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("\"producer.linger.ms\": \"5\""), "{shown}");
    }

    #[test]
    fn an_old_name_counts_until_the_new_one_is_set() {
        let mut settings = Settings::default();
        settings.set("cache.max.bytes.buffering", "1");
        assert_eq!(settings.number("statestore.cache.max.bytes"), 1);
        settings.set("statestore.cache.max.bytes", "2");
        assert_eq!(settings.number("statestore.cache.max.bytes"), 2);
    }

    #[test]
    fn the_narrower_prefix_wins() {
        let mut settings = Settings::default();
        let mut expect = |key: &str, value: &str| {
            settings.set(key, value);
            let found = settings.main_consumer("session.timeout.ms");
            assert_eq!(found, Some((key.to_owned(), value)));
        };
        expect("session.timeout.ms", "1");
        expect("consumer.session.timeout.ms", "2");
        expect("main.consumer.session.timeout.ms", "3");
    }
}
