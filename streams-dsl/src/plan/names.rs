//! Names of nodes, stores and internal topics, with Java's numbers.
//!
//! One counter serves all names of a builder. An operator takes a number even where the user names
//! it, because Java's does.

use super::Name;
use crate::options::Named;

/// Prefixes of generated names.
pub(crate) mod prefix {
    pub(crate) const SOURCE: &str = "KSTREAM-SOURCE-";
    pub(crate) const SINK: &str = "KSTREAM-SINK-";
    pub(crate) const FILTER: &str = "KSTREAM-FILTER-";
    pub(crate) const PEEK: &str = "KSTREAM-PEEK-";
    pub(crate) const PRINTER: &str = "KSTREAM-PRINTER-";
    pub(crate) const FOR_EACH: &str = "KSTREAM-FOREACH-";
    pub(crate) const MAP: &str = "KSTREAM-MAP-";
    pub(crate) const MAP_ASYNC: &str = "KSTREAM-MAPASYNC-";
    pub(crate) const MAP_VALUES_ASYNC: &str = "KSTREAM-MAPVALUESASYNC-";
    pub(crate) const FOR_EACH_ASYNC: &str = "KSTREAM-FOREACHASYNC-";
    pub(crate) const MAP_VALUES: &str = "KSTREAM-MAPVALUES-";
    pub(crate) const FLAT_MAP: &str = "KSTREAM-FLATMAP-";
    pub(crate) const FLAT_MAP_VALUES: &str = "KSTREAM-FLATMAPVALUES-";
    pub(crate) const KEY_SELECT: &str = "KSTREAM-KEY-SELECT-";
    pub(crate) const BRANCH: &str = "KSTREAM-BRANCH-";
    pub(crate) const MERGE: &str = "KSTREAM-MERGE-";
    pub(crate) const REPARTITION: &str = "KSTREAM-REPARTITION-";
    pub(crate) const TO_TABLE: &str = "KSTREAM-TOTABLE-";
    pub(crate) const PROCESSOR: &str = "KSTREAM-PROCESSOR-";
    pub(crate) const PROCESS_VALUES: &str = "KSTREAM-PROCESSVALUES-";
    pub(crate) const JOIN: &str = "KSTREAM-JOIN-";
    pub(crate) const LEFT_JOIN: &str = "KSTREAM-LEFTJOIN-";
    pub(crate) const WINDOWED: &str = "KSTREAM-WINDOWED-";
    pub(crate) const JOIN_THIS: &str = "KSTREAM-JOINTHIS-";
    pub(crate) const JOIN_OTHER: &str = "KSTREAM-JOINOTHER-";
    pub(crate) const OUTER_THIS: &str = "KSTREAM-OUTERTHIS-";
    pub(crate) const OUTER_OTHER: &str = "KSTREAM-OUTEROTHER-";
    pub(crate) const OUTER_SHARED: &str = "KSTREAM-OUTERSHARED-";
    pub(crate) const AGGREGATE: &str = "KSTREAM-AGGREGATE-";
    pub(crate) const REDUCE: &str = "KSTREAM-REDUCE-";
    pub(crate) const COGROUP_AGGREGATE: &str = "COGROUPKSTREAM-AGGREGATE-";
    pub(crate) const COGROUP_MERGE: &str = "COGROUPKSTREAM-MERGE-";
    pub(crate) const TABLE_SOURCE: &str = "KTABLE-SOURCE-";
    pub(crate) const TABLE_FILTER: &str = "KTABLE-FILTER-";
    pub(crate) const TABLE_MAP_VALUES: &str = "KTABLE-MAPVALUES-";
    pub(crate) const TABLE_TRANSFORM_VALUES: &str = "KTABLE-TRANSFORMVALUES-";
    pub(crate) const TABLE_TO_STREAM: &str = "KTABLE-TOSTREAM-";
    pub(crate) const TABLE_SELECT: &str = "KTABLE-SELECT-";
    pub(crate) const TABLE_AGGREGATE: &str = "KTABLE-AGGREGATE-";
    pub(crate) const TABLE_REDUCE: &str = "KTABLE-REDUCE-";
    pub(crate) const TABLE_JOIN_MERGE: &str = "KTABLE-MERGE-";
    pub(crate) const TABLE_JOIN_THIS: &str = "KTABLE-JOINTHIS-";
    pub(crate) const TABLE_JOIN_OTHER: &str = "KTABLE-JOINOTHER-";
    pub(crate) const TABLE_SINK: &str = "KTABLE-SINK-";
    pub(crate) const FK_SUBSCRIBE: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-";
    pub(crate) const FK_STORE: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-";
    pub(crate) const FK_PROCESSOR: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-PROCESSOR-";
    pub(crate) const FK_RESPONSE: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-";
    pub(crate) const FK_RESOLVER: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-";
    pub(crate) const FK_OUTPUT: &str = "KTABLE-FK-JOIN-OUTPUT-";
    pub(crate) const TABLE_SUPPRESS: &str = "KTABLE-SUPPRESS-";
}

/// Java's bound on the length of names and topics.
const LENGTH_MAX: usize = 249;

/// The one counter behind all generated names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    next: u32,
}

impl Names {
    /// The next generated name.
    pub(crate) fn new_name(&mut self, prefix: &str) -> Name {
        let index = self.next;
        self.next += 1;
        format!("{prefix}{index:010}").into()
    }

    /// The next generated name of a store.
    pub(crate) fn new_store_name(&mut self, prefix: &str) -> Name {
        self.new_name(&format!("{prefix}STATE-STORE-"))
    }

    /// The user's name, else a generated one; a number is taken in both cases.
    pub(crate) fn given_or_new(&mut self, name: Option<&Named>, prefix: &str) -> Name {
        let generated = self.new_name(prefix);
        name.map_or(generated, Named::shared)
    }

    /// The user's name and a suffix, else a generated one; a number is taken in both cases.
    pub(crate) fn suffixed_or_new(
        &mut self,
        name: Option<&Named>,
        suffix: &str,
        prefix: &str,
    ) -> Name {
        let generated = self.new_name(prefix);
        name.map_or(generated, |name| format!("{name}{suffix}").into())
    }

    /// The user's name of a store, else a generated one, for which alone a number is taken.
    pub(crate) fn store(&mut self, name: Option<&Named>, prefix: &str) -> Name {
        name.map_or_else(|| self.new_store_name(prefix), Named::shared)
    }
}

/// Describes the mistake in a name, if there is one: Java's `Named.validate`.
pub(super) fn problem_of(name: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        Some("a name is empty".to_owned())
    } else if name == "." || name == ".." {
        Some(format!("`{name}` can't be a name"))
    } else if name.len() > LENGTH_MAX {
        Some(format!("name `{name}` has {} characters, more than {LENGTH_MAX}", name.len()))
    } else {
        let wrong = name.chars().find(|c| !known(*c))?;
        Some(format!(
            "name `{name}` has `{wrong}` in it; letters, digits, `.`, `_` and `-` are allowed"
        ))
    }
}

/// Returns whether a name ends like a generated one: Java's pattern `KSTREAM.*-[0-9]{10}`.
pub(super) fn is_generated(name: &str) -> bool {
    let digits = 10;
    let Some(split) = name.len().checked_sub(digits) else { return false };
    let (Some(front), Some(end)) = (name.get(..split), name.get(split..)) else { return false };
    front.starts_with("KSTREAM") && front.ends_with('-') && end.chars().all(|c| c.is_ascii_digit())
}

/// Returns whether a name of a store or a repartition topic has a number of the builder in it,
/// which changes with the topology: ten digits behind the prefix of a node or store.
pub(super) fn has_number(name: &str) -> bool {
    let suffixes = ["-repartition", "-topic", "-store"];
    let name = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let Some((front, end)) = name.rsplit_once('-') else { return false };
    let of_node = ["KSTREAM-", "KTABLE-", "COGROUPKSTREAM-"].iter().any(|of| front.starts_with(of));
    let is_number = end.len() == 10 && end.chars().all(|c| c.is_ascii_digit());
    is_number && (of_node || front.ends_with("-STATE-STORE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_operator_takes_a_number_too() {
        let mut names = Names::default();
        assert_eq!(&*names.given_or_new(Some(&"mine".into()), prefix::FILTER), "mine");
        assert_eq!(
            &*names.new_store_name(prefix::AGGREGATE),
            "KSTREAM-AGGREGATE-STATE-STORE-0000000001"
        );
        assert_eq!(&*names.given_or_new(None, prefix::MAP), "KSTREAM-MAP-0000000002");
    }

    #[test]
    fn only_names_of_streams_count_as_generated() {
        assert!(is_generated("KSTREAM-AGGREGATE-STATE-STORE-0000000003"));
        assert!(is_generated("KSTREAM-MERGE-0000000003"));
        assert!(!is_generated("KTABLE-SOURCE-0000000003"));
        assert!(!is_generated("KSTREAM-MERGE-003"));
        assert!(!is_generated("orders"));
    }

    #[test]
    fn the_stores_of_a_join_of_streams_have_numbers() {
        assert!(has_number("KSTREAM-JOINTHIS-0000000004-store"));
        assert!(has_number("KSTREAM-OUTERSHARED-0000000004-store"));
        assert!(!has_number("orders-this-join-store"));
    }

    #[test]
    fn names_have_the_characters_of_topics() {
        assert_eq!(problem_of("by-customer_1.a"), None);
        assert!(problem_of("two words").is_some_and(|text| text.contains("` `")));
        assert!(problem_of("").is_some() && problem_of("..").is_some());
        assert!(problem_of(&"x".repeat(250)).is_some());
    }
}
