//! `join_on` and `left_join_on`: a table's rows with the rows of another one that they name. Java's
//! joins by foreign key (KIP-213, KIP-1104).
//!
//! A row of the left table subscribes to its foreign key, on a topic that is partitioned as the
//! right table; a row of the right table answers all its subscribers, on a topic that is
//! partitioned as the left table; there the answer is joined with the row as it is now, if it still
//! is the one that asked.

mod answer;
mod draw;
mod resolve;
mod subscribe;

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError,
    serde::{SerdeRef, Written},
};

use self::draw::{ForeignKeyJoin, Functions};
use super::{Nullable, fallible::fallible};
use crate::KTable;

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fallible! {
        /// Joins each row with the row of `other` whose key `extractor` finds in it. Java's inner
        /// `join` with a foreign key extractor.
        ///
        /// A row for which the extractor returns `None` is in no join. A change of either side
        /// updates what was joined: that of a foreign row all rows that name it. Neither side need
        /// be partitioned as the other: both exchange messages over two internal topics, so that a
        /// change of one side is seen a little later, and results in between may be of the row
        /// before. A foreign row is asked for an answer only if something may come of it, as in
        /// Java: a row that loses its partner and changes once more before it is told so keeps what
        /// was joined before. [`left_join_on`](Self::left_join_on) always asks, and in the end is
        /// what the last rows say. Both tables get a store, if they have none, and so do the
        /// subscriptions. Names are given by [`named`](Self::named), partitioners by
        /// [`with_table_joined`](Self::with_table_joined). Where the joiner returns an `Option`,
        /// `None` is no row, and the types must be named.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let pets = builder.table::<String, String>("owners-of-pets");
        /// let owners = builder.table::<String, String>("addresses-of-owners");
        /// let homes = pets.join_on(&owners, |owner| owner.clone(), |_owner, address| address.clone());
        /// homes.named("homes").to_stream().to("addresses-of-pets");
        /// let text = builder.build()?.describe();
        /// assert!(text.contains("(topics: [homes-subscription-registration-topic])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn join_on, try_join_on [KO, VO, VR, FK, J,](&self, other: &KTable<KO, VO>)
        (extractor: (value: &V) -> FK, joiner: (value: &V, other: &VO) -> J) -> KTable<K, VR>
        where [
            KO: Clone + Send + 'static,
            VO: Clone + Send + 'static,
            VR: Clone + Send + 'static,
            FK: Nullable<KO>,
            J: Nullable<VR>,
        ] {
            let extractor = move |_: &K, value: &V| extractor(value).map(Nullable::into_value);
            let joiner = move |value: &V, other: Option<&VO>| {
                let Some(other) = other else { return Ok(None) };
                joiner(value, other).map(Nullable::into_value)
            };
            self.follow(other, extractor, joiner, false)
        }
    }

    fallible! {
        /// Like [`join_on`](Self::join_on), with an extractor that sees the key too.
        pub fn join_on_with_key, try_join_on_with_key [KO, VO, VR, FK, J,](&self, other: &KTable<KO, VO>)
        (extractor: (key: &K, value: &V) -> FK, joiner: (value: &V, other: &VO) -> J) -> KTable<K, VR>
        where [
            KO: Clone + Send + 'static,
            VO: Clone + Send + 'static,
            VR: Clone + Send + 'static,
            FK: Nullable<KO>,
            J: Nullable<VR>,
        ] {
            let extractor =
                move |key: &K, value: &V| extractor(key, value).map(Nullable::into_value);
            let joiner = move |value: &V, other: Option<&VO>| {
                let Some(other) = other else { return Ok(None) };
                joiner(value, other).map(Nullable::into_value)
            };
            self.follow(other, extractor, joiner, false)
        }
    }

    fallible! {
        /// Joins each row with the row of `other` whose key `extractor` finds in it, or with
        /// `None`. Java's `leftJoin` with a foreign key extractor.
        ///
        /// Like [`join_on`](Self::join_on), but there is a row wherever this table has one, also
        /// where the extractor returns `None`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let pets = builder.table::<String, Option<String>>("owners-of-pets");
        /// let owners = builder.table::<String, String>("addresses-of-owners");
        /// let homes = pets.left_join_on(&owners, |owner| owner.clone(), |_owner, address: Option<&String>| {
        ///     address.map_or("stray".to_owned(), String::clone)
        /// });
        /// homes.to_stream().to("addresses-of-pets");
        /// let text = builder.build()?.describe();
        /// assert!(text.contains("KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000006-topic"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn left_join_on, try_left_join_on [KO, VO, VR, FK, J,](&self, other: &KTable<KO, VO>)
        (extractor: (value: &V) -> FK, joiner: (value: &V, other: Option<&VO>) -> J) -> KTable<K, VR>
        where [
            KO: Clone + Send + 'static,
            VO: Clone + Send + 'static,
            VR: Clone + Send + 'static,
            FK: Nullable<KO>,
            J: Nullable<VR>,
        ] {
            let extractor = move |_: &K, value: &V| extractor(value).map(Nullable::into_value);
            let joiner = move |value: &V, other: Option<&VO>| {
                joiner(value, other).map(Nullable::into_value)
            };
            self.follow(other, extractor, joiner, true)
        }
    }

    fallible! {
        /// Like [`left_join_on`](Self::left_join_on), with an extractor that sees the key too.
        pub fn left_join_on_with_key, try_left_join_on_with_key [KO, VO, VR, FK, J,](&self, other: &KTable<KO, VO>)
        (extractor: (key: &K, value: &V) -> FK, joiner: (value: &V, other: Option<&VO>) -> J) -> KTable<K, VR>
        where [
            KO: Clone + Send + 'static,
            VO: Clone + Send + 'static,
            VR: Clone + Send + 'static,
            FK: Nullable<KO>,
            J: Nullable<VR>,
        ] {
            let extractor =
                move |key: &K, value: &V| extractor(key, value).map(Nullable::into_value);
            let joiner = move |value: &V, other: Option<&VO>| {
                joiner(value, other).map(Nullable::into_value)
            };
            self.follow(other, extractor, joiner, true)
        }
    }

    /// The joiner says with `None` that there is no row.
    #[track_caller]
    fn follow<KO, VO, VR, E, F>(
        &self,
        other: &KTable<KO, VO>,
        extractor: E,
        joiner: F,
        left: bool,
    ) -> KTable<K, VR>
    where
        KO: Clone + Send + 'static,
        VO: Clone + Send + 'static,
        VR: Clone + Send + 'static,
        E: Fn(&K, &V) -> Result<Option<KO>, BoxError> + Send + Sync + 'static,
        F: Fn(&V, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
    {
        let functions =
            Functions { extractor: Arc::new(extractor), joiner: Arc::new(joiner), left };
        let join = ForeignKeyJoin { functions, types: PhantomData };
        let what = "a table can't be joined with one";
        KTable::of(self.step().then_with(other.step(), what, join))
    }
}

/// Writes and reads data under a name that only its serde sees: Java's pseudo-topics, of which a
/// registry of schemas may know.
struct Pseudonym<T> {
    serde: SerdeRef<T>,
    /// The name, without the application id before `init`.
    topic: String,
}

impl<T> Pseudonym<T> {
    fn new(serde: SerdeRef<T>, topic: &str, suffix: &str) -> Self {
        Self { serde, topic: format!("{topic}-{suffix}") }
    }

    /// Learns the application id.
    fn init(&mut self, application_id: &str) {
        self.topic = format!("{application_id}-{}", self.topic);
    }

    /// The bytes of `data`, in place of what `out` has; whether there are any.
    fn write(&self, data: &T, out: &mut Vec<u8>) -> Result<bool, BoxError> {
        out.clear();
        Ok(self.serde.serialize(&self.topic, data, out)? == Written::Bytes)
    }

    fn read(&self, bytes: &[u8]) -> Result<T, BoxError> {
        self.serde.deserialize(&self.topic, Some(bytes))
    }
}

impl<T> Clone for Pseudonym<T> {
    fn clone(&self) -> Self {
        Self { serde: self.serde.clone(), topic: self.topic.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::{KTable, StreamsBuilder, tests::effect};

    type Step = (&'static str, String, String, i64);

    fn joined(left: bool) -> impl FnOnce(&StreamsBuilder) {
        move |b: &StreamsBuilder| {
            let pets = b.table::<String, String>("pets");
            let owners = b.table::<String, String>("owners");
            let owner = |owner: &String| (owner != "stray").then(|| owner.clone());
            let both = |owner: &String, home: Option<&String>| {
                format!("{owner} {}", home.map_or("-", String::as_str))
            };
            let homes: KTable<String, String> = if left {
                pets.left_join_on(&owners, owner, both)
            } else {
                pets.join_on(&owners, owner, move |owner, home| both(owner, Some(home)))
            };
            homes.to_stream().to("out");
        }
    }

    fn effect_of(left: bool, steps: &[Step]) -> Vec<String> {
        let records: Vec<_> =
            steps.iter().map(|(topic, key, value, at)| (*topic, &**key, &**value, *at)).collect();
        effect(joined(left), &records)
    }

    #[test]
    fn a_row_is_joined_with_the_row_that_it_names() {
        let out = effect(
            joined(false),
            &[
                ("pets", "rex", "ann", 1),
                ("owners", "ann", "oslo", 2),
                ("owners", "anna", "bonn", 3),
                ("pets", "rex", "stray", 4),
            ],
        );
        assert_eq!(out, ["rex=ann oslo@2", "rex=-@4"]);
    }

    /// More rows than are read from the store at a time, and others beside them whose keys begin
    /// alike.
    #[test]
    fn a_foreign_row_reaches_all_rows_that_name_it_and_no_others() {
        let pets = |owner: &'static str| {
            (0..600).map(move |pet| ("pets", format!("{owner}-{pet:03}"), owner.to_owned(), pet))
        };
        let mut steps: Vec<Step> = pets("ann").chain(pets("anna")).chain(pets("am")).collect();
        steps.push(("owners", "ann".to_owned(), "oslo".to_owned(), 1_000));
        let wanted: Vec<_> = (0..600).map(|pet| format!("ann-{pet:03}=ann oslo@1000")).collect();
        assert_eq!(effect_of(false, &steps), wanted);
    }

    /// In the end the result is that of both tables, whatever the order in which changes came.
    #[test]
    fn the_last_rows_are_those_of_a_join_by_brute_force() {
        let mut random = 7_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(random >> 33).unwrap() % below
        };
        for round in 0..40 {
            let (mut pets, mut owners) = (BTreeMap::new(), BTreeMap::new());
            let mut steps: Vec<Step> = Vec::new();
            for at in 0..30 {
                let owner = ["ann", "bob", "stray", "-"][next(4)];
                if next(2) == 0 {
                    let pet = ["rex", "tom", "leo"][next(3)];
                    pets.insert(pet, owner);
                    steps.push(("pets", pet.to_owned(), owner.to_owned(), at));
                } else {
                    let (person, home) = (["ann", "bob"][next(2)], ["oslo", "bonn", "-"][next(3)]);
                    owners.insert(person, home);
                    steps.push(("owners", person.to_owned(), home.to_owned(), at));
                }
            }
            for left in [false, true] {
                let mut last = BTreeMap::new();
                for line in effect_of(left, &steps) {
                    let (row, _) = line.split_once('@').unwrap();
                    let (pet, joined) = row.split_once('=').unwrap();
                    last.insert(pet.to_owned(), joined.to_owned());
                }
                last.retain(|_, joined| joined != "-");
                let wanted =
                    pets.iter().filter(|(_, owner)| **owner != "-").filter_map(|(pet, owner)| {
                        let home = owners.get(owner).filter(|home| **home != "-");
                        let home = if left { home.or(Some(&"-")) } else { home };
                        home.map(|home| ((*pet).to_owned(), format!("{owner} {home}")))
                    });
                assert_eq!(last, wanted.collect(), "round {round}, left: {left}: {steps:?}");
            }
        }
    }
}
