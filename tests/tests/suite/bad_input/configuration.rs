//! Configurations that can't be used.

use streams_core::{ErrorKind, KafkaStreams, config::StreamsConfig};

use super::{assert_says, one_partition, summing_topology};

#[test]
fn all_problems_of_a_configuration_are_told_at_once_before_anything_is_started() {
    let config = StreamsConfig::new("app", "embedded:9092")
        .set("comit.interval.ms", 100)
        .set("num.stream.threads", 0)
        .set("processing.guarantee", "exactly_twice")
        .set("state.dir", "");
    let error = KafkaStreams::with_client_supplier(summing_topology(Ok), config, one_partition())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_says(
        &error,
        &[
            "wrong configuration: the configuration has 4 problems:",
            "unknown configuration key `comit.interval.ms` (did you mean `commit.interval.ms`?)",
            "`num.stream.threads` = `0`: ",
            "`processing.guarantee` = `exactly_twice`: ",
            "exactly_once_v2",
            "`state.dir` = ``: ",
        ],
    );
}

#[test]
fn an_application_without_a_name_is_told_to_set_one() {
    let config = StreamsConfig::new("", "embedded:9092");
    let error = KafkaStreams::with_client_supplier(summing_topology(Ok), config, one_partition())
        .unwrap_err();
    assert_says(&error, &["`application.id`", "it is required; set it"]);
}
