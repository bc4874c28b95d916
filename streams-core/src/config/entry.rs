//! One row of the table of keys.

use super::kind::Kind;

/// Importance of a key, in Java's three steps. The documentation is ordered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Importance {
    High,
    Medium,
    Low,
}

/// Value of a key that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultValue {
    /// The key must be set.
    Required,
    /// No value; Java's null.
    Null,
    /// This value.
    Value(&'static str),
    /// A value that depends on the machine, described here for the documentation.
    Computed(&'static str),
}

/// Reader of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Kafka Streams.
    Streams,
    /// Every Kafka client that Kafka Streams makes, where the key is set.
    Clients,
}

/// A key and all facts about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) default: DefaultValue,
    pub(super) kind: Kind,
    pub(super) importance: Importance,
    pub(super) scope: Scope,
    /// Names that Java once had for this key. They work, with a warning.
    pub(super) old_names: &'static [&'static str],
    /// Effect of the key: full sentences, as Markdown.
    pub(super) doc: &'static str,
}

impl Entry {
    /// A key of Kafka Streams with a default.
    pub(super) const fn new(
        importance: Importance,
        key: &'static str,
        default: &'static str,
        kind: Kind,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            default: DefaultValue::Value(default),
            kind,
            importance,
            scope: Scope::Streams,
            old_names: &[],
            doc,
        }
    }

    /// The same with another default.
    pub(super) const fn defaulting(self, default: DefaultValue) -> Self {
        Self { default, ..self }
    }

    /// The same, passed on to the clients.
    pub(super) const fn for_clients(self) -> Self {
        Self { scope: Scope::Clients, ..self }
    }

    /// The same, with old names.
    pub(super) const fn formerly(self, old_names: &'static [&'static str]) -> Self {
        Self { old_names, ..self }
    }
}
