//! The keys of high importance: those that every application should decide on.

use super::super::entry::{DefaultValue, Entry, Importance};
use super::super::kind::Kind;

const fn high(key: &'static str, default: &'static str, kind: Kind, doc: &'static str) -> Entry {
    Entry::new(Importance::High, key, default, kind, doc)
}

pub(super) const ENTRIES: &[Entry] = &[
    high(
        "application.id",
        "",
        Kind::TopicName,
        "Names the application: its group, the prefix of its internal topics' names and its state \
         directory. All instances that share it share the work.",
    )
    .defaulting(DefaultValue::Required),
    high(
        "bootstrap.servers",
        "",
        Kind::Servers,
        "Brokers from which the clients learn the whole cluster.",
    )
    .defaulting(DefaultValue::Required),
    high(
        "ensure.explicit.internal.resource.naming",
        "false",
        Kind::Bool,
        "Refuses a topology in which a store, a changelog or a repartition topic has a generated \
         name, since such names change with the topology and lose their state.",
    ),
    high(
        "num.standby.replicas",
        "0",
        Kind::int_from(0),
        "Copies of each store that other instances keep up to date, so that they take over \
         without restoring.",
    ),
    high(
        "state.dir",
        "",
        Kind::Path,
        "Directory of the local stores; each application id has its own directory beneath it. The \
         default is lost with the machine's temporary files and is then restored from the \
         changelogs.",
    )
    .defaulting(DefaultValue::Computed("<temp dir>/kafka-streams")),
];
