//! `build` reports all mistakes at once, each with the line that made it.

use std::{convert::Infallible, time::Duration};

use streams_core::{
    Record,
    client::OffsetReset,
    config::{StreamsConfig, TopologyOptimization},
    processor::Context,
    serde::string,
    store::Stores,
    testing::TopologyTestDriver,
};

use crate::{
    BufferConfig, Consumed, Materialized, Repartitioned, StreamsBuilder, Suppressed, TimeWindows,
    Windowed, time_windowed,
};

#[derive(Clone)]
struct Order;

/// The message of `build`.
fn mistakes(builder: &StreamsBuilder) -> String {
    builder.build().unwrap_err().to_string()
}

#[test]
fn all_missing_serdes_are_reported_with_node_type_and_line() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, Order>("orders");
    let line = line!() - 1;
    orders.group_by_key().reduce(|_, order| order.clone()).to_stream().to("latest");
    let text = mistakes(&builder);
    let here = file!();
    let source = "node `KSTREAM-SOURCE-0000000000` needs a serde for its value";
    assert!(text.contains(source) && text.contains("::Order`"), "{text}");
    assert!(text.contains(&format!("{here}:{line}:")), "{text}");
    assert!(text.contains(&format!("{here}:{}:", line + 2)), "{text}");
    for node in ["KSTREAM-REDUCE-0000000002", "KSTREAM-SINK-0000000004"] {
        assert!(text.contains(&format!("node `{node}` needs a serde for its value")), "{text}");
    }
    assert!(!text.contains("needs a serde for its key"), "{text}");
}

/// The compiler takes a `Result` for a value, so it is `build` that notices.
#[test]
fn a_closure_that_can_fail_is_told_of_the_form_of_its_operator_that_takes_it() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    lines.map_values(|line| line.parse::<i64>()).to("numbers");
    let text = mistakes(&builder);
    assert!(text.contains("there is none for `core::result::Result<i64"), "{text}");
    assert!(text.contains("the `try_` form of its operator"), "{text}");
}

#[test]
fn each_mistake_is_there_by_itself_with_its_line() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    lines.filter(|_, _| true).named("no spaces").to("out");
    let line = line!() - 1;
    let error = builder.build().unwrap_err();
    let [problem] = error.topology_problems() else { panic!("{error}") };
    assert!(problem.wrong().starts_with("name `no spaces` has ` ` in it"), "{problem}");
    let caller = problem.caller().unwrap();
    assert_eq!((caller.file(), caller.line()), (file!(), line));
}

#[test]
fn an_option_that_is_said_twice_or_of_nothing_is_reported() {
    let builder = StreamsBuilder::new();
    let until = Suppressed::until_time_limit(Duration::from_secs(1), BufferConfig::unbounded());
    let rows = builder.table::<String, String>("rows").stored("a").stored("b");
    rows.suppress(until).stored("nowhere").to_stream().to("out");
    let text = mistakes(&builder);
    assert!(text.contains("`stored` is said twice here"), "{text}");
    assert!(text.contains("`stored` is said of something that has no store"), "{text}");
}

#[test]
fn names_and_topics_that_are_used_twice_are_reported() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    lines.filter(|_, _| true).named("twice").peek(|_, _| ()).named("twice").to("out");
    builder.table::<String, String>("lines");
    lines.group_by_key().count().stored("counts");
    lines.group_by_key().count().stored("counts");
    let text = mistakes(&builder);
    assert!(text.contains("a node named `twice` exists already"), "{text}");
    assert!(
        text.contains("topic lines is read by source `KSTREAM-SOURCE-0000000000` already"),
        "{text}"
    );
    assert!(text.contains("a store named `counts` exists already"), "{text}");
    assert_eq!(text.matches(file!()).count(), 3, "{text}");
}

#[test]
fn a_topic_is_not_read_as_two_types() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("lines").to("a");
    builder.stream::<String, i64>("lines").to("b");
    let text = mistakes(&builder);
    assert!(text.contains("reads as other types already; make both alike"), "{text}");
}

#[test]
fn names_that_no_topic_can_have_are_reported() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("in").named("the source");
    lines.to("out topic");
    lines.group_by_key().count().stored("");
    builder.stream::<String, String>(Consumed::topics(Vec::<String>::new())).to("nowhere");
    let text = mistakes(&builder);
    for problem in
        ["name `the source`", "name `out topic`", "a name is empty", "at least one topic"]
    {
        assert!(text.contains(problem), "{text}");
    }
}

#[test]
fn versions_do_not_expire_by_a_time_to_live() {
    let builder = StreamsBuilder::new();
    let second = Duration::from_secs(1);
    let versions = Materialized::versioned("versions", second).with_ttl(second);
    builder.table::<String, String>("lines").stored(versions).to_stream().to("out");
    let line = line!() - 1;
    let text = mistakes(&builder);
    assert!(text.contains("store `versions` keeps versions"), "{text}");
    assert!(text.contains(&format!("{}:{line}:", file!())), "{text}");
}

#[test]
fn windows_and_partitions_that_make_no_sense_are_reported() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    let none = TimeWindows::of_size_with_no_grace(Duration::ZERO);
    lines.group_by_key().windowed_by(none).count();
    let hour = TimeWindows::of_size_with_no_grace(Duration::from_secs(3_600));
    let short = Materialized::named("short").with_retention(Duration::from_secs(60));
    lines.group_by_key().windowed_by(hour).count().stored(short);
    lines.repartition(Repartitioned::partitions(0)).named("r").to("out");
    let text = mistakes(&builder);
    assert!(text.contains("the size of time windows must be greater than zero"), "{text}");
    assert!(text.contains("store `short` keeps rows for 60s"), "{text}");
    assert!(text.contains("repartition topic `r` needs at least one partition"), "{text}");
}

#[test]
fn streams_of_two_builders_do_not_mix() {
    let (here, there) = (StreamsBuilder::new(), StreamsBuilder::new());
    let lines = here.stream::<String, String>("lines");
    lines.merge(&there.stream("lines")).to("out");
    lines.join(&there.table::<String, String>("names"), |l, n| format!("{l}{n}")).to("joined");
    let text = mistakes(&here);
    assert!(text.contains("merged with one of another builder"), "{text}");
    assert!(text.contains("joined with a table of another builder"), "{text}");
}

#[test]
fn only_windows_can_be_waited_for_until_they_close() {
    let builder = StreamsBuilder::new();
    let key = time_windowed(streams_core::serde::string(), Duration::from_secs(60));
    let consumed = Consumed::topic("counts").with(key, streams_core::serde::long());
    let counts = builder.table::<Windowed<String>, i64>(consumed);
    let until = Suppressed::until_window_closes(BufferConfig::unbounded());
    counts.suppress(until).to_stream().for_each(|_, _| ());
    let text = mistakes(&builder);
    assert!(text.contains("waits until windows close"), "{text}");
    assert!(text.contains("no windowed aggregation above it"), "{text}");
    assert!(text.contains(file!()), "{text}");
}

#[test]
fn tables_of_two_builders_are_not_joined() {
    let (one, other) = (StreamsBuilder::new(), StreamsBuilder::new());
    let names = one.table::<String, String>("names");
    let towns = other.table::<String, String>("towns");
    names.join(&towns, |name, town| format!("{name} of {town}")).to_stream().for_each(|_, _| ());
    let text = mistakes(&one);
    assert!(text.contains("can't be joined with one of another builder"), "{text}");
}

#[test]
fn generated_names_of_internal_topics_and_stores_can_be_refused() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    lines.group_by(|_, line| line.clone()).count();
    lines.group_by(|_, line| line.clone()).named("by-line").count().stored("counts");
    builder.table::<String, String>("names").filter(|_, _| true).to_stream().to("all-names");
    let config = crate::StreamsConfig::new("app", "localhost:9092");
    let named = config.clone().set("ensure.explicit.internal.resource.naming", true);
    assert!(builder.build_with(&config).is_ok());
    let text = builder.build_with(&named).unwrap_err().to_string();
    assert!(text.contains("KSTREAM-AGGREGATE-STATE-STORE-0000000002"), "{text}");
    assert!(text.contains("KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition"), "{text}");
    assert!(!text.contains("by-line") && !text.contains("counts"), "{text}");
}

#[test]
fn mistakes_with_global_tables_are_reported_with_node_and_line() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("lines").to("out");
    builder.global_table::<String, String>("lines");
    builder.global_table::<String, Order>("orders");
    let line = line!() - 1;
    builder.global_table::<String, String>("a").stored("twice");
    builder.global_table::<String, String>("b").stored("twice");
    builder.global_table::<String, String>(Consumed::topics(["c", "d"]));
    builder.global_table::<String, String>("e").named("one name");
    let text = mistakes(&builder);
    for mistake in [
        "topic lines is read by source `KSTREAM-SOURCE-0000000000` already",
        "node `KSTREAM-SOURCE-0000000006` needs a serde for its value",
        "node `KTABLE-SOURCE-0000000007` needs a serde for its value",
        "a store named `twice` exists already",
        "a table reads one topic, not c, d",
        "name `one name` has ` ` in it",
    ] {
        assert!(text.contains(mistake), "{mistake}: {text}");
    }
    assert!(text.contains(&format!("{}:{line}:", file!())), "{text}");
}

#[test]
fn mistakes_with_global_stores_are_reported() {
    let builder = StreamsBuilder::new();
    let store = |name: &str| Stores::key_value(name, string(), string());
    let nothing =
        |_| |_: Record<'_, String, Order>, _: &mut Context<'_, Infallible, Infallible>| Ok(());
    builder.add_global_store(store("several"), Consumed::topics(["a", "b"]), nothing);
    builder.add_global_store(store("kept"), "c", nothing).named("twice");
    builder.add_state_store(store("kept"));
    builder.stream::<String, String>("in").filter(|_, _| true).named("twice").to("out");
    let text = mistakes(&builder);
    for mistake in [
        "a global store reads one topic, not a, b",
        "node `twice-source` needs a serde for its value",
        "a store named `kept` exists already",
        "a node named `twice` exists already",
    ] {
        assert!(text.contains(mistake), "{mistake}: {text}");
    }
}

#[test]
fn global_tables_of_another_builder_are_not_joined() {
    let (here, there) = (StreamsBuilder::new(), StreamsBuilder::new());
    let names = there.global_table::<String, String>("names");
    let lines = here.stream::<String, String>("lines");
    lines.join_global(&names, |k, _| k.clone(), |v, w| format!("{v}{w}")).to("out");
    let text = mistakes(&here);
    assert!(text.contains("can't be joined with a global table of another builder"), "{text}");
}

#[test]
fn the_generated_name_of_a_global_tables_store_can_be_refused() {
    let builder = StreamsBuilder::new();
    builder.global_table::<String, String>("names");
    let config = crate::StreamsConfig::new("app", "localhost:9092")
        .set("ensure.explicit.internal.resource.naming", true);
    let text = builder.build_with(&config).unwrap_err().to_string();
    assert!(text.contains("names-STATE-STORE-0000000000"), "{text}");
}

#[test]
fn an_instance_whose_configuration_asks_for_another_topology_is_refused() {
    let builder = StreamsBuilder::new();
    builder.table::<String, i64>("rows").to_stream().to("copy");
    let config = StreamsConfig::new("app", "localhost:9092")
        .topology_optimization(TopologyOptimization::ALL)
        .set("ensure.explicit.internal.resource.naming", true);
    let error = TopologyTestDriver::new(&builder.build().unwrap(), config.clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the topology was not built for what the configuration says of topology.optimization, \
         ensure.explicit.internal.resource.naming: build it with `StreamsBuilder::build_with` and this configuration"
    );
    let built = builder.build_with(&config).unwrap();
    assert!(TopologyTestDriver::new(&built, config).is_ok());
    let plain = StreamsConfig::new("app", "localhost:9092");
    assert!(TopologyTestDriver::new(&built, plain).is_err());
}

/// As Java, which refuses the same with texts that name neither the topic nor the sources.
#[test]
fn topics_of_patterns_and_of_others_must_not_overlap() {
    let read = |consumed: [Consumed<String, String>; 2]| {
        let builder = StreamsBuilder::new();
        for consumed in consumed {
            builder.stream(consumed).to("out");
        }
        builder.build().map(|_| ()).map_err(|error| error.to_string())
    };
    let (topic, pattern) = (|| Consumed::topic("ab"), || Consumed::pattern("a.*"));
    let text = read([pattern(), topic()]).unwrap_err();
    assert!(
        text.contains("topic ab matches the pattern `a.*` of source `KSTREAM-SOURCE-0000000000`"),
        "{text}"
    );
    let text = read([topic(), pattern()]).unwrap_err();
    assert!(text.contains("pattern `a.*` matches topic ab, which is read by source"), "{text}");
    assert_eq!(text.matches(file!()).count(), 1, "{text}");
    let earliest = || pattern().with_offset_reset_policy(OffsetReset::Earliest);
    let text = read([pattern(), earliest()]).unwrap_err();
    assert!(
        text.contains("reads with another offset-reset policy already; make both alike"),
        "{text}"
    );
    assert!(read([pattern(), pattern()]).is_ok(), "they are one source");
    assert!(read([pattern(), Consumed::pattern("ab*")]).is_ok(), "no topic need match both");
    assert!(read([earliest(), earliest()]).is_ok());
    assert!(read([Consumed::pattern("abc"), topic()]).is_ok());
}

#[test]
fn a_pattern_that_is_none_and_one_for_a_table_are_reported() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(Consumed::pattern("in-(")).to("out");
    builder.table::<String, String>(Consumed::pattern("rows-.*"));
    let text = mistakes(&builder);
    assert!(text.contains("`in-(` is no pattern of topics"), "{text}");
    assert!(
        text.contains("a table reads one topic, not all that match the pattern `rows-.*`"),
        "{text}"
    );
    assert_eq!(text.matches(file!()).count(), 2, "{text}");
}

/// Java refuses a pattern that matches a repartition topic of the topology.
#[test]
fn a_pattern_does_not_match_internal_topics() {
    let builder = StreamsBuilder::new();
    let all = builder.stream::<String, String>(Consumed::pattern(".*"));
    all.group_by(|_, value| value.clone()).count().stored("counts");
    assert!(builder.build().is_ok());
}
