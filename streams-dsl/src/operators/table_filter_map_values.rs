//! `filter_map_values` of a table: `filter` and `map_values` in one. Java has no such operator.

use std::marker::PhantomData;

use streams_core::BoxError;

use super::{fallible::fallible, row_by_row::RowByRow};
use crate::KTable;

const PREFIX: &str = "KTABLE-FILTERMAPVALUES-";

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fallible! {
        /// A table whose values are made of those of this one, without the rows of which `mapper`
        /// makes `None`.
        ///
        /// A row that ceases to have a value is deleted: that is a tombstone downstream. The mapper
        /// sees no deleted rows: they stay deleted. Where this table has no store, it is asked again
        /// when a row is looked up.
        ///
        /// Java has no counterpart: there it takes `mapValues` and `filter`, or `transformValues`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let settings = builder.table::<String, String>("settings");
        /// let limits = settings.filter_map_values(|setting| setting.parse::<i64>().ok());
        /// limits.stored("limits").to_stream().to("limits");
        /// assert!(builder.build()?.describe().contains("(stores: [limits])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn filter_map_values, try_filter_map_values [V2: Clone + Send + 'static,](&self) (mapper: (value: &V) -> Option<V2>) -> KTable<K, V2> {
            self.apply(FilterMapValues { mapper: move |_: &K, value: &V| mapper(value), value: PhantomData })
        }
    }

    fallible! {
        /// Like [`filter_map_values`](Self::filter_map_values), with a mapper that sees the key
        /// too.
        pub fn filter_map_values_with_key, try_filter_map_values_with_key [V2: Clone + Send + 'static,](&self) (mapper: (key: &K, value: &V) -> Option<V2>) -> KTable<K, V2> {
            self.apply(FilterMapValues { mapper, value: PhantomData })
        }
    }
}

struct FilterMapValues<F, V2> {
    mapper: F,
    value: PhantomData<fn() -> V2>,
}

impl<K, V, V2, F> RowByRow<K, V> for FilterMapValues<F, V2>
where
    V2: Clone + Send + 'static,
    F: Fn(&K, &V) -> Result<Option<V2>, BoxError> + Send + Sync + 'static,
{
    type Value = V2;

    const PREFIX: &'static str = PREFIX;
    const LEAVES_OUT: bool = true;

    fn row(&self, key: &K, value: &V) -> Result<Option<V2>, BoxError> {
        (self.mapper)(key, value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};
    use streams_core::{
        config::ProcessingHandlerChoice,
        serde::{long, option, string},
        testing::TopologyTestDriver,
    };

    use crate::{StreamsBuilder, StreamsConfig, tests::effect};

    fn number(line: &str) -> Option<String> {
        line.parse::<i64>().ok().map(|number| (number * 2).to_string())
    }

    #[test]
    fn a_row_that_ceases_to_have_a_value_is_deleted() {
        let out = effect(
            |b| {
                let rows = b.table::<String, String>("in").stored("rows");
                rows.filter_map_values(|line| number(line)).to_stream().to("out");
            },
            &[("in", "a", "1", 1), ("in", "a", "x", 2), ("in", "b", "x", 3), ("in", "a", "-", 4)],
        );
        assert_eq!(out, ["a=2@1", "a=-@2"], "b was never there, and a no more");
    }

    #[test]
    fn a_row_that_is_looked_up_is_made_of_that_of_the_table_above() {
        let out = effect(
            |b| {
                let rows = b.table::<String, String>("rows");
                let keyed = |key: &String, line: &String| number(line).map(|n| format!("{key}{n}"));
                let made = rows.filter_map_values_with_key(keyed);
                let lines = b.stream::<String, String>("in");
                let joined = lines.left_join(&made, |line, row: Option<&String>| {
                    format!("{line} {}", row.map_or("none", String::as_str))
                });
                joined.to("out");
            },
            &[
                ("rows", "a", "1", 1),
                ("in", "a", "x", 2),
                ("rows", "a", "y", 3),
                ("in", "a", "z", 4),
            ],
        );
        assert_eq!(out, ["a=x a2@2", "a=z none@4"]);
    }

    #[test]
    fn a_mapper_that_fails_is_a_case_for_the_handler() {
        let builder = StreamsBuilder::new();
        let rows = builder.table::<String, String>("in");
        let parsed = rows.try_filter_map_values(|line| line.parse::<i64>().map(Some));
        parsed.to_stream().to("out");
        let config = StreamsConfig::new("app", "localhost:9092")
            .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue);
        let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
        let mut lines = driver.input_topic("in", string(), string());
        for line in ["1", "x", "2"] {
            lines.pipe_input("a".to_owned(), line.to_owned(), 0).unwrap();
        }
        let numbers = driver.output_topic("out", string(), option(long()));
        let numbers = numbers.read_key_values_to_list().unwrap();
        assert_eq!(numbers, [("a".to_owned(), Some(1)), ("a".to_owned(), Some(2))]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// With and without a store of its own, the table has the rows that are made of those above.
        #[test]
        fn what_comes_out_is_the_table_of_the_values_that_are_made(
            is_stored in any::<bool>(),
            inputs in vec((0..4_u8, prop_oneof!["[0-9]", "[a-b]", Just("-".to_owned())]), 0..40),
        ) {
            let inputs: Vec<_> = inputs.iter().map(|(key, line)| (format!("k{key}"), line)).collect();
            let records: Vec<_> =
                (1..).zip(&inputs).map(|(time, (key, line))| ("in", &**key, &***line, time)).collect();
            let out = effect(
                |b| {
                    let made = b.table::<String, String>("in").filter_map_values(|line| number(line));
                    let made = if is_stored { made.stored("made") } else { made };
                    made.to_stream().to("out");
                },
                &records,
            );
            let mut found = BTreeMap::new();
            for line in out {
                let (key, row) = line.split_once('=').unwrap();
                let (value, _) = row.rsplit_once('@').unwrap();
                found.insert(key.to_owned(), value.to_owned());
            }
            found.retain(|_, value| value != "-");
            let latest: BTreeMap<_, _> = inputs.into_iter().collect();
            let expected: BTreeMap<_, _> =
                latest.into_iter().filter_map(|(key, line)| Some((key, number(line)?))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
