//! One instance closes the whole application.

use streams_core::{
    KafkaStreams, Record,
    config::{ProcessingGuarantee, StreamsConfig},
    processor::Context,
    runtime::{State, UncaughtExceptionResponse},
    serde,
    topology::{SourceOptions, Topology, TopologyBuilder},
};

use crate::harness::{PATIENCE, cluster, config, produce};

/// Fails on the value `bad`.
fn failing_topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::string());
    let source = builder.add_source("source", source);
    let check = || {
        |record: Record<'_, String, String>, _: &mut Context<'_, (), ()>| match record
            .value
            .as_str()
        {
            "bad" => Err("a bad value".into()),
            _ => Ok(()),
        }
    };
    builder.add_processor::<_, _, _, (), ()>("check", check, &[source]);
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_says_so_closes_all_instances_in_error() {
    let cluster = cluster();
    cluster.create_topic("in", 4).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let instance = |name: &str| {
        let directory = directory.path().join(name);
        let config: StreamsConfig = config(&directory, ProcessingGuarantee::AtLeastOnce);
        let streams =
            KafkaStreams::with_client_supplier(failing_topology(), config, cluster.clone())
                .unwrap();
        streams.on_uncaught_exception(|_| UncaughtExceptionResponse::ShutdownApplication);
        streams
    };
    let instances = [instance("a"), instance("b")];
    for streams in &instances {
        streams.start().await.unwrap();
    }
    for streams in &instances {
        assert_eq!(streams.wait_for(&[State::Running], PATIENCE).await, State::Running);
    }
    produce(&cluster, "in", "k", "bad", 0);
    for streams in &instances {
        assert_eq!(streams.wait_for(&[State::Error], PATIENCE).await, State::Error);
    }
    let errors = instances.each_ref().map(|streams| streams.error().unwrap().to_string());
    assert!(errors.iter().any(|error| error.contains("a bad value")), "{errors:?}");
    assert!(errors.iter().any(|error| error.contains("asked all of them to close")), "{errors:?}");
    assert!(cluster.members(crate::harness::APP).is_empty());
}
