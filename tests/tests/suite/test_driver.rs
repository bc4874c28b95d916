//! The test driver reports a mistake in a test instead of passing or hanging.

use streams_core::{
    ErrorKind,
    config::StreamsConfig,
    serde::{long, string},
    testing::TopologyTestDriver,
    topology::Topology,
};
use streams_dsl::{Produced, StreamsBuilder};

fn driver(topology: &Topology) -> TopologyTestDriver {
    let config = StreamsConfig::new("app", "unused:9092").set("default.dsl.store", "in_memory");
    TopologyTestDriver::new(topology, config).unwrap()
}

/// `in` and `loop` to `loop`, while values are below `until`; and all of them to `out`.
fn circle(until: i64) -> Topology {
    let builder = StreamsBuilder::new();
    let numbers = builder.stream::<String, i64>("in").merge(&builder.stream("loop"));
    let next = numbers.map_values(|number| number + 1);
    next.filter(move |_, number| *number < until).to("loop");
    next.to("out");
    builder.build().unwrap()
}

/// It continued until the memory was used up.
#[test]
fn a_circle_through_a_topic_is_an_error_that_names_the_topic() {
    let driver = driver(&circle(i64::MAX));
    let mut input = driver.input_topic("in", string(), long());
    let error = input.pipe_input("k".to_owned(), 0, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topology);
    assert!(error.to_string().contains("in a circle through topic loop"), "{error}");
}

#[test]
fn a_circle_that_ends_and_a_record_that_becomes_many_are_no_errors() {
    let looped = driver(&circle(1_000));
    let mut input = looped.input_topic("in", string(), long());
    input.pipe_input("k".to_owned(), 0, 0).unwrap();
    assert_eq!(looped.output_topic("out", string(), long()).len(), 1_000);

    let builder = StreamsBuilder::new();
    let numbers = builder.stream::<String, i64>("in");
    numbers.flat_map_values(|until| 0..*until).to("many");
    builder.stream::<String, i64>("many").to("out");
    let many = driver(&builder.build().unwrap());
    many.input_topic("in", string(), long()).pipe_input("k".to_owned(), 20_000, 0).unwrap();
    assert_eq!(many.output_topic("out", string(), long()).len(), 20_000);
}

/// A misspelt topic was silently empty, and the test passed.
#[test]
fn an_output_topic_that_nobody_writes_to_is_an_error_as_on_the_input_side() {
    let driver = driver(&circle(3));
    let nope = driver.output_topic("nope", string(), long());
    let errors = [
        nope.read_record().unwrap_err(),
        nope.read_value().unwrap_err(),
        nope.read_key_values_to_list().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidState);
        let text = "the topology writes to no topic nope; it writes to: loop, out";
        assert!(error.to_string().contains(text), "{error}");
    }
    assert!(!nope.is_empty(), "`assert!(nope.is_empty())` must not pass");
    let mut input = driver.input_topic("nope", string(), long());
    assert_eq!(input.pipe_input("k".to_owned(), 0, 0).unwrap_err().kind(), ErrorKind::InvalidState);
}

#[test]
fn an_output_topic_may_be_internal_or_chosen_record_by_record() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, i64>("in").group_by_key().count().stored("counts");
    let counts = counts.to_stream().map_values(|count| count.unwrap_or_default());
    counts
        .to(Produced::topic_by("by-key", |record| format!("out-{}", record.key))
            .with(string(), long()));
    let driver = driver(&builder.build().unwrap());
    let none = driver.output_topic("out-a", string(), long());
    assert!(none.is_empty());
    driver.input_topic("in", string(), long()).pipe_input("a".to_owned(), 7, 0).unwrap();
    let changelog = driver.output_topic("app-counts-changelog", string(), long());
    assert_eq!(changelog.len(), 1);

    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, i64>("in").group_by_key().count().stored("counts");
    counts
        .to_stream()
        .map_values(|count| count.unwrap_or_default())
        .to(Produced::topic("out").with(string(), long()));
    let driver = self::driver(&builder.build().unwrap());
    assert!(driver.output_topic("app-counts-changelog", string(), long()).is_empty());
}
