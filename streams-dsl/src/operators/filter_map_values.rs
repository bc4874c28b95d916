//! `filter_map_values`: `filter` and `map_values` in one. Java has no such operator.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{
    fallible::fallible,
    stateless::{Keeps, Stateless},
};
use crate::KStream;

const PREFIX: &str = "KSTREAM-FILTERMAPVALUES-";

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    fallible! {
        /// Makes a new value of each record's value, and leaves out the records of which `mapper`
        /// makes `None`.
        ///
        /// The key stays, so that nothing below repartitions. The mapper sees the values in the
        /// type of the stream, nulls included: where they are `Option`s,
        /// `filter_map_values(Option::clone)` keeps what is not null.
        ///
        /// Java has no counterpart: there it takes `mapValues` and `filter`. As
        /// `Iterator::filter_map`, for values.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines");
        /// lines.filter_map_values(|line| line.parse::<i64>().ok()).to("numbers");
        /// let text = builder.build()?.describe();
        /// assert!(text.contains("Processor: KSTREAM-FILTERMAPVALUES-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn filter_map_values, try_filter_map_values [V2: Send + 'static,](&self) (mapper: (value: &V) -> Option<V2>) -> KStream<K, V2> {
            let mapper = Arc::new(move |_: &K, value: &V| mapper(value));
            self.apply(move || FilterMapValues(mapper.clone()))
        }
    }

    fallible! {
        /// Like [`filter_map_values`](Self::filter_map_values), with a mapper that sees the key
        /// too.
        pub fn filter_map_values_with_key, try_filter_map_values_with_key [V2: Send + 'static,](&self) (mapper: (key: &K, value: &V) -> Option<V2>) -> KStream<K, V2> {
            let mapper = Arc::new(mapper);
            self.apply(move || FilterMapValues(mapper.clone()))
        }
    }
}

/// Forwards each record of whose value the mapper makes one, with that.
struct FilterMapValues<F>(Arc<F>);

impl<K, V, V2, F> Processor<K, V, K, V2> for FilterMapValues<F>
where
    F: Fn(&K, &V) -> Result<Option<V2>, BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V2>,
    ) -> Result<(), BoxError> {
        if let Some(value) = (self.0)(record.key, record.value)? {
            context.forward(record.with_value(&value))?;
        }
        Ok(())
    }
}

impl<K, V, V2, F> Stateless<K, V, K, V2> for FilterMapValues<F>
where
    F: Fn(&K, &V) -> Result<Option<V2>, BoxError> + Send + Sync + 'static,
{
    const PREFIX: &'static str = PREFIX;
    const KEEPS: Keeps = Keeps::Keys;
}

#[cfg(test)]
mod tests {
    use streams_core::{
        config::ProcessingHandlerChoice,
        serde::{long, string},
        testing::TopologyTestDriver,
    };

    use crate::{StreamsBuilder, StreamsConfig, tests::effect};

    #[test]
    fn records_of_which_no_value_is_made_are_left_out() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                lines.filter_map_values(|line| line.strip_prefix('x').map(str::to_owned)).to("out");
                let keyed = |key: &String, line: &String| (key == "b").then(|| line.to_uppercase());
                lines.filter_map_values_with_key(keyed).to("out");
            },
            &[("in", "a", "xy", 1), ("in", "b", "z", 2), ("in", "b", "x", 3)],
        );
        assert_eq!(out, ["a=y@1", "b=Z@2", "b=@3", "b=X@3"]);
    }

    #[test]
    fn nulls_are_shown_to_the_mapper() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, Option<String>>("in");
                lines.filter_map_values(Option::clone).to("out");
            },
            &[("in", "a", "x", 1), ("in", "a", "-", 2)],
        );
        assert_eq!(out, ["a=x@1"]);
    }

    #[test]
    fn a_mapper_that_fails_is_a_case_for_the_handler() {
        let builder = StreamsBuilder::new();
        let lines = builder.stream::<String, String>("in");
        lines.try_filter_map_values(|line| line.parse::<i64>().map(Some)).to("out");
        let config = StreamsConfig::new("app", "localhost:9092")
            .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue);
        let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
        let mut lines = driver.input_topic("in", string(), string());
        for line in ["1", "x", "2"] {
            lines.pipe_input("a".to_owned(), line.to_owned(), 0).unwrap();
        }
        let numbers = driver.output_topic("out", string(), long());
        let numbers = numbers.read_key_values_to_list().unwrap();
        assert_eq!(numbers, [("a".to_owned(), 1), ("a".to_owned(), 2)]);
    }

    #[test]
    fn the_key_stays_so_that_an_aggregation_repartitions_nothing() {
        let builder = StreamsBuilder::new();
        let lines = builder.stream::<String, String>("in");
        lines.filter_map_values(|line| line.parse::<i64>().ok()).group_by_key().count();
        assert!(!builder.build().unwrap().describe().contains("repartition"));
    }
}
