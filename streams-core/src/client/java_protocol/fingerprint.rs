//! Fingerprints of topologies, by which the leader recognises members that have another one.

use crate::membership::GroupTopology;

/// A number that differs, almost certainly, between topologies whose members can't share a group:
/// it is computed from the input and output of each sub-topology. Settings of internal topics may
/// differ while instances are replaced.
///
/// It is sent to other members, so it must not depend on the version of this library or of the
/// compiler.
pub(in super::super) fn fingerprint(topology: &GroupTopology) -> u64 {
    let mut hash = Fnv::new();
    for (number, part) in &topology.subtopologies {
        hash.add(&number.to_be_bytes());
        hash.add_all(&part.source_topics);
        hash.add_all(part.repartition_source_topics.keys());
        hash.add_all(&part.repartition_sink_topics);
        hash.add_all(part.changelog_topics.keys());
        for group in &part.copartition_groups {
            hash.add_all(group);
        }
        for (pattern, _) in &part.source_patterns {
            hash.add(b"pattern");
            hash.add(pattern.as_str().as_bytes());
        }
    }
    hash.0
}

/// The hash of Fowler, Noll and Vo (FNV-1a) with 64 bits, of parts whose boundaries count.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, part: &[u8]) {
        // No text has this byte.
        for byte in part.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn add_all<'a>(&mut self, parts: impl IntoIterator<Item = &'a String>) {
        parts.into_iter().for_each(|part| self.add(part.as_bytes()));
        self.add(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::{InternalTopic, Subtopology};

    fn topology(sources: &[&str], changelog: &str) -> GroupTopology {
        let part = Subtopology {
            source_topics: sources.iter().map(|topic| (*topic).to_owned()).collect(),
            changelog_topics: [(changelog.to_owned(), InternalTopic::default())].into(),
            stateful: true,
            ..Subtopology::default()
        };
        GroupTopology { subtopologies: [(0, part)].into() }
    }

    #[test]
    fn a_fingerprint_tells_topologies_apart_and_is_the_same_in_each_version() {
        let known = fingerprint(&topology(&["orders"], "app-counts-changelog"));
        // Members of other versions of this library compute the same value.
        assert_eq!(known, KNOWN);
        assert_ne!(known, fingerprint(&topology(&["orders"], "app-sums-changelog")));
        assert_ne!(known, fingerprint(&topology(&["orders", "app-counts-changelog"], "x")));
        assert_ne!(known, fingerprint(&GroupTopology::default()));
        let mut tuned = topology(&["orders"], "app-counts-changelog");
        for part in tuned.subtopologies.values_mut() {
            for topic in part.changelog_topics.values_mut() {
                topic.config.insert("retention.ms".to_owned(), "1000".to_owned());
            }
        }
        assert_eq!(known, fingerprint(&tuned));
    }

    /// Computed by another program of the same function.
    const KNOWN: u64 = 0xa0b0_4b52_ccff_6684;
}
