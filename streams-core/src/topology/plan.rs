//! Effects of an upgrade from one topology to another on stores and topics.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use state_store::StoreFormat;

use super::Topology;

/// Kinds of things whose names outlive an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// A store, with its changelog topic.
    Store,
    /// A repartition topic.
    RepartitionTopic,
    /// A topic that is read, or the pattern of such topics.
    SourceTopic,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "store",
            Self::RepartitionTopic => "repartition topic",
            Self::SourceTopic => "source topic",
        })
    }
}

/// Fate of a store or topic in an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It continues unchanged.
    Kept,
    /// It continues in another sub-topology: a store is restored from its changelog there.
    Moved,
    /// Its successor has this name, and its contents are not found. Most often a generated name
    /// whose number has changed.
    Renamed(String),
    /// It is new.
    Added,
    /// It is no longer used: it stays on the cluster, and may be deleted.
    Orphaned,
    /// Something of another kind has its name: it can't be read, and must be reset or renamed.
    Incompatible,
}

/// One store or topic, and its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyChange {
    resource: Resource,
    name: String,
    fate: Fate,
}

impl TopologyChange {
    /// Kind of the store or topic.
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// Its name, without the application id; the new one if it is added.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its fate.
    pub fn fate(&self) -> &Fate {
        &self.fate
    }

    /// Returns whether the change loses nothing.
    pub fn is_safe(&self) -> bool {
        match self.fate {
            Fate::Kept | Fate::Moved | Fate::Added => true,
            // Records in a repartition topic have been read from the input, and nobody would
            // process them.
            Fate::Orphaned => self.resource != Resource::RepartitionTopic,
            Fate::Renamed(_) | Fate::Incompatible => false,
        }
    }
}

impl fmt::Display for TopologyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, name, fate } = self;
        write!(f, "{resource} `{name}` ")?;
        match (fate, resource) {
            (Fate::Kept, _) => f.write_str("is kept"),
            (Fate::Moved, Resource::Store) => {
                f.write_str("moves to another sub-topology, and is restored there from its changelog")
            }
            (Fate::Moved, _) => f.write_str("moves to another sub-topology"),
            (Fate::Renamed(new), Resource::Store) => write!(
                f,
                "becomes `{new}`, which begins empty: name it `{name}` with `stored`, or reset the application"
            ),
            (Fate::Renamed(new), _) => write!(
                f,
                "becomes `{new}`, and records that are still in it are not read: name it as it was with `named`, or let \
                 the old version read it to its end"
            ),
            (Fate::Added, Resource::SourceTopic) => {
                f.write_str("is new, and read from where `auto.offset.reset` says")
            }
            (Fate::Added, _) => f.write_str("is new"),
            (Fate::Orphaned, Resource::RepartitionTopic) => f.write_str(
                "is used no more, and records that are still in it are not read: let the old version read it to its end",
            ),
            (Fate::Orphaned, _) => f.write_str("is used no more"),
            (Fate::Incompatible, _) => f.write_str(
                "has another format under the same name: give the new one another name, or reset the application",
            ),
        }
    }
}

/// Effects of an upgrade from one topology to another: the stores and topics that are kept, renamed
/// or no longer used, and whether anything is lost.
///
/// ```
/// # use streams_core::{serde::{long, string}, store::Stores, topology::{SourceOptions, Topology, TopologyBuilder, TopologyPlan}};
/// # use streams_core::{processor::Context, Record, BoxError};
/// # fn topology(store: &str) -> Topology {
/// #     let mut builder = TopologyBuilder::new();
/// #     let source = builder.add_source("source", SourceOptions::new(["in"], string(), string()));
/// #     let store = builder.add_state_store(Stores::key_value(store, string(), long()));
/// #     let process = || |_: Record<'_, String, String>, _: &mut Context<'_, (), ()>| Ok::<(), BoxError>(());
/// #     let node = builder.add_processor("node", process, &[source]);
/// #     builder.connect(node.id(), store);
/// #     builder.build().unwrap()
/// # }
/// let (old, new) = (topology("counts-0000000001"), topology("counts-0000000002"));
/// let plan = TopologyPlan::between(&old, &new);
/// assert!(!plan.is_safe());
/// assert!(plan.to_string().contains("store `counts-0000000001` becomes `counts-0000000002`, which begins empty"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyPlan {
    changes: Vec<TopologyChange>,
    same_groups: bool,
}

impl TopologyPlan {
    /// Compares the running topology with its successor.
    pub fn between(old: &Topology, new: &Topology) -> Self {
        let (before, after) = (traits(old), traits(new));
        let mut gone: Vec<_> = before.iter().filter(|(key, _)| !after.contains_key(*key)).collect();
        let mut come: Vec<_> = after.iter().filter(|(key, _)| !before.contains_key(*key)).collect();
        let mut changes = Vec::new();
        for (key, is) in &after {
            let Some(was) = before.get(key) else { continue };
            let fate = match () {
                () if was.format != is.format => Fate::Incompatible,
                () if was.subtopology != is.subtopology => Fate::Moved,
                () => Fate::Kept,
            };
            changes.push(change(key, fate));
        }
        while let Some((key, was)) = gone.pop() {
            let (resource, name) = key;
            let fits = |(new_key, is): &&(&Key, &Traits)| {
                new_key.0 == *resource && *resource != Resource::SourceTopic && is.could_be(was)
            };
            let same_stem = come.iter().position(|new| fits(&new) && stem(&new.0.1) == stem(name));
            let only = come.iter().filter(fits).count() == 1;
            let found = same_stem.or_else(|| come.iter().position(|new| only && fits(&new)));
            let fate = match found {
                Some(at) => Fate::Renamed(come.remove(at).0.1.clone()),
                None => Fate::Orphaned,
            };
            changes.push(change(key, fate));
        }
        changes.extend(come.into_iter().map(|(key, _)| change(key, Fate::Added)));
        changes.sort_by(|a, b| (a.resource, &a.name).cmp(&(b.resource, &b.name)));
        Self { changes, same_groups: groups(old) == groups(new) }
    }

    /// Fate of each store and topic of both, by kind and name.
    pub fn changes(&self) -> &[TopologyChange] {
        &self.changes
    }

    /// Returns whether the upgrade loses nothing.
    pub fn is_safe(&self) -> bool {
        self.changes.iter().all(TopologyChange::is_safe)
    }

    /// Returns whether instances may be replaced one by one: the sub-topologies read and write the
    /// same topics and have the same stores. Otherwise stop all of them before the first new one
    /// starts, which would be refused.
    pub fn is_rolling(&self) -> bool {
        self.same_groups
    }
}

impl fmt::Display for TopologyPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = if self.is_safe() { "nothing is lost" } else { "something is lost" };
        let how = if self.is_rolling() { "one by one" } else { "all stopped first" };
        write!(f, "{safe}; instances are replaced {how}")?;
        self.changes.iter().try_for_each(|change| write!(f, "\n  {change}"))
    }
}

type Key = (Resource, String);

/// Traits by which two topologies are compared.
struct Traits {
    format: Option<StoreFormat>,
    subtopology: u32,
    /// The topics from which records come here.
    topics: BTreeSet<String>,
}

impl Traits {
    /// Returns whether these traits may be another version of `other`.
    fn could_be(&self, other: &Self) -> bool {
        self.format == other.format && self.topics == other.topics
    }
}

fn change((resource, name): &Key, fate: Fate) -> TopologyChange {
    TopologyChange { resource: *resource, name: name.clone(), fate }
}

/// A name without its generated number.
fn stem(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn traits(topology: &Topology) -> BTreeMap<Key, Traits> {
    let mut traits = BTreeMap::new();
    for subtopology in topology.subtopology_ids() {
        for node in topology.nodes_of(subtopology) {
            for topic in topology.read_names(node) {
                let is_internal = topology.repartition.contains_key(&topic);
                let resource =
                    if is_internal { Resource::RepartitionTopic } else { Resource::SourceTopic };
                let topics =
                    if is_internal { written_from(topology, &topic) } else { BTreeSet::new() };
                let these = Traits { format: None, subtopology, topics };
                traits.insert((resource, topic), these);
            }
        }
        for store in topology.stores_of(subtopology) {
            let Some(def) = topology.stores.get(store) else { continue };
            let users = topology.nodes_of(subtopology).into_iter();
            let users = users.filter(|node| topology.uses(*node, store));
            let topics = users.flat_map(|node| external_topics(topology, node)).collect();
            let these = Traits { format: Some(def.spec.format), subtopology, topics };
            traits.insert((Resource::Store, def.spec.name.to_string()), these);
        }
    }
    traits
}

/// The topics from which records reach a node, through the repartition topics in between.
fn external_topics(topology: &Topology, node: usize) -> BTreeSet<String> {
    let sources = topology.sources_above(node).into_iter();
    let mut topics = BTreeSet::new();
    for topic in sources.flat_map(|source| topology.read_names(source)) {
        if topology.repartition.contains_key(&topic) {
            topics.extend(written_from(topology, &topic));
        } else {
            topics.insert(topic);
        }
    }
    topics
}

/// The topics from which records reach a repartition topic.
fn written_from(topology: &Topology, topic: &str) -> BTreeSet<String> {
    let nodes = topology.nodes.iter().enumerate();
    let writes = |node: &super::NodeDef| matches!(&node.kind, super::NodeKind::Sink { topic: Some(to), .. } if to == topic);
    let sinks = nodes.filter(|(_, node)| writes(node)).map(|(index, _)| index);
    let read = sinks.flat_map(|sink| topology.sources_above(sink)).collect::<BTreeSet<_>>();
    let read = read.into_iter().flat_map(|source| topology.read_names(source));
    read.filter(|from| from != topic).collect()
}

/// The part of a topology on which the members of a group must agree.
fn groups(topology: &Topology) -> impl PartialEq + use<> {
    let groups = topology.group_topology("", 0, &BTreeMap::new()).subtopologies.into_iter();
    let groups = groups.map(|(id, group)| {
        let written = group.repartition_sink_topics;
        let read = (group.source_topics, group.source_patterns);
        let internal: Vec<_> = group.repartition_source_topics.into_keys().collect();
        let changelogs: Vec<_> = group.changelog_topics.into_keys().collect();
        (id, read, internal, written, changelogs)
    });
    groups.collect::<Vec<_>>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BoxError, Record,
        processor::Context,
        serde::{long, string},
        store::Stores,
        topology::{SinkOptions, SourceOptions, TopologyBuilder},
    };

    /// Counts `in` by value, through a repartition topic, in a store.
    fn counting(input: &str, topic: &str, store: &str, windows: bool) -> Topology {
        let pass = || {
            |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
                context.forward(record).map_err(BoxError::from)
            }
        };
        let mut builder = TopologyBuilder::new();
        let source = builder.add_source("in", SourceOptions::new([input], string(), string()));
        builder.add_repartition_topic(topic, None);
        builder.add_sink("sink", SinkOptions::topic(topic, string(), string()), &[source]);
        let again = builder.add_source("again", SourceOptions::new([topic], string(), string()));
        let node = builder.add_processor::<_, _, _, String, String>("count", pass, &[again]);
        if windows {
            let minute = std::time::Duration::from_secs(60);
            let store = builder.add_state_store(Stores::timestamped_window(
                store,
                minute,
                string(),
                long(),
            ));
            builder.connect(node.id(), store);
        } else {
            let store =
                builder.add_state_store(Stores::timestamped_key_value(store, string(), long()));
            builder.connect(node.id(), store);
        }
        builder.build().unwrap()
    }

    fn fates(plan: &TopologyPlan) -> Vec<(&str, Fate)> {
        plan.changes().iter().map(|change| (change.name(), change.fate().clone())).collect()
    }

    #[test]
    fn the_same_topology_changes_nothing() {
        let topology = || counting("in", "by-value-repartition", "counts", false);
        let plan = TopologyPlan::between(&topology(), &topology());
        assert!(plan.is_safe() && plan.is_rolling(), "{plan}");
        assert!(fates(&plan).iter().all(|(_, fate)| *fate == Fate::Kept), "{plan}");
    }

    #[test]
    fn numbers_that_change_lose_a_store_and_what_is_on_its_way() {
        let old = counting("in", "KSTREAM-X-0000000003-repartition", "KSTREAM-X-0000000003", false);
        let new = counting("in", "KSTREAM-X-0000000004-repartition", "KSTREAM-X-0000000004", false);
        let plan = TopologyPlan::between(&old, &new);
        assert!(!plan.is_safe() && !plan.is_rolling());
        let renamed = |name: &str| Fate::Renamed(name.to_owned());
        assert_eq!(
            fates(&plan),
            [
                ("KSTREAM-X-0000000003", renamed("KSTREAM-X-0000000004")),
                ("KSTREAM-X-0000000003-repartition", renamed("KSTREAM-X-0000000004-repartition")),
                ("in", Fate::Kept),
            ]
        );
    }

    #[test]
    fn another_format_under_the_same_name_is_incompatible() {
        let old = counting("in", "t-repartition", "counts", false);
        let new = counting("in", "t-repartition", "counts", true);
        let plan = TopologyPlan::between(&old, &new);
        assert_eq!(fates(&plan)[0], ("counts", Fate::Incompatible));
        assert!(!plan.is_safe(), "{plan}");
    }

    #[test]
    fn another_input_is_new_and_the_old_one_is_used_no_more() {
        let old = counting("a", "t-repartition", "counts", false);
        let new = counting("b", "t-repartition", "counts", false);
        let plan = TopologyPlan::between(&old, &new);
        assert!(plan.is_safe() && !plan.is_rolling(), "{plan}");
        assert_eq!(fates(&plan)[2..], [("a", Fate::Orphaned), ("b", Fate::Added)]);
    }
}
