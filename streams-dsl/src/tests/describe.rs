//! The same programs give the same topologies as in Java: names, numbers, sub-topologies, internal
//! topics.
//!
//! The expected texts were printed by Java Kafka Streams 4.3.1. Lists of several successors,
//! predecessors, topics or stores come in the order of Java's hash tables there: they are compared
//! as sets.

use std::{convert::Infallible, time::Duration};

use streams_core::{
    BoxError, Record,
    config::{StreamsConfig, TopologyOptimization},
    processor::Context,
    serde::{long, string},
    store::Stores,
};

use crate::{Consumed, KStream, Materialized, Repartitioned, StreamsBuilder, TimeWindows};

type Text = Option<String>;

fn sorted(list: &str) -> String {
    let mut items: Vec<&str> = list.split(", ").collect();
    items.sort_unstable();
    items.join(", ")
}

/// The text with each list in order.
fn normal(text: &str) -> String {
    let line = |line: &str| match (
        line.split_once('['),
        line.split_once("-- "),
        line.split_once("--> "),
    ) {
        (Some((front, rest)), _, _) => {
            let (list, back) = rest.split_once(']').unwrap();
            format!("{front}[{}]{back}\n", sorted(list))
        }
        (_, Some((front, list)), _) => format!("{front}-- {}\n", sorted(list)),
        (_, _, Some((front, list))) => format!("{front}--> {}\n", sorted(list)),
        _ => format!("{line}\n"),
    };
    text.trim_end().lines().map(line).collect()
}

#[track_caller]
fn assert_described(builder: &StreamsBuilder, java: &str) {
    assert_described_with(builder, &StreamsConfig::new("app", "localhost:9092"), java);
}

#[track_caller]
fn assert_described_with(builder: &StreamsBuilder, config: &StreamsConfig, java: &str) {
    let ours = builder.build_with(config).unwrap().describe();
    assert_eq!(normal(&ours), normal(java), "\n{ours}");
}

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<Text, Text> {
    builder.stream(topic)
}

fn initial(value: &Text) -> Text {
    value.as_ref().and_then(|value| value.get(..1)).map(str::to_uppercase)
}

#[test]
fn branches_are_named_after_the_split_and_go_to_consumers_and_functions() {
    let builder = StreamsBuilder::new();
    let mut branches = stream(&builder, "in")
        .split()
        .branch(|_, v| v.is_some())
        .with_consumer(|branch| branch.to("out"))
        .branch(|_, v| v.is_none())
        .named("n")
        .with_function(|branch| branch.map_values(|_| Some("none".to_owned())))
        .branches();
    let (name, branch) = branches.pop_first().unwrap();
    assert_eq!((name.as_str(), branches.len()), ("n", 0));
    branch.to("out");
    assert_described(&builder, include_str!("golden/branch-consumer.txt"));
}

#[test]
fn each_aggregation_of_an_unnamed_group_has_a_repartition_topic() {
    let builder = StreamsBuilder::new();
    let group = stream(&builder, "in").group_by::<String, _>(|_, v| initial(v));
    group.count::<String>().stored("c").to_stream().to("out");
    group.reduce(|a: String, v: &String| a + "+" + v).stored("r").to_stream().to("out2");
    assert_described(&builder, include_str!("golden/two-aggregates.txt"));
}

#[test]
fn the_aggregations_of_a_named_group_share_its_repartition_topic() {
    let builder = StreamsBuilder::new();
    let group = stream(&builder, "in").group_by::<String, _>(|_, v| initial(v)).named("g");
    group.count::<String>().stored("c").to_stream().to("out");
    group.reduce(|a: String, v: &String| a + "+" + v).stored("r").to_stream().to("out2");
    let text = builder.build().unwrap().describe();
    assert_eq!(text.matches("(topics: [g-repartition])").count(), 1, "{text}");
    assert!(text.contains("--> KSTREAM-AGGREGATE-0000000002, KSTREAM-REDUCE-0000000008"), "{text}");
}

#[test]
fn a_windowed_count_of_a_named_group_has_the_given_names() {
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_and_grace(Duration::from_secs(10), Duration::from_secs(5));
    stream(&builder, "in")
        .group_by::<String, _>(|_, v| initial(v))
        .named("by-initial")
        .windowed_by(windows)
        .count()
        .named("cnt")
        .stored("w")
        .to_stream()
        .to("out");
    assert_described(&builder, include_str!("golden/tumbling-rekeyed.txt"));
}

#[test]
fn a_grouped_table_is_repartitioned_without_a_filter() {
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("in").stored("t");
    table.group_by(|k, v| (v.clone(), k.clone())).count().stored("c").to_stream().to("out");
    assert_described(&builder, include_str!("golden/table-group-count.txt"));
}

#[test]
fn a_join_with_a_derived_table_is_connected_to_the_store_that_it_derives_from() {
    let builder = StreamsBuilder::new();
    let left = stream(&builder, "left");
    let right = builder.table::<String, String>("right");
    let right = right.filter(|_, v| v != "r1").map_values(|v| v.to_uppercase());
    left.left_join(&right, |l: &String, r| format!("{l}|{r:?}")).to("out");
    assert_described(&builder, include_str!("golden/stream-table-filtered.txt"));
}

#[test]
fn a_merged_stream_is_repartitioned_if_the_key_of_one_side_has_changed() {
    let builder = StreamsBuilder::new();
    let left = stream(&builder, "in").select_key(|_, v| initial(v));
    let merged = left.merge(&stream(&builder, "in2"));
    let table = builder.table::<String, String>("tab");
    merged.left_join(&table, |l: &String, r| format!("{l}|{r:?}")).to("out");
    assert_described(&builder, include_str!("golden/select-key-merge-join.txt"));
}

#[test]
fn the_joins_of_a_stream_share_its_repartition_topic() {
    let builder = StreamsBuilder::new();
    let left = stream(&builder, "in").select_key(|_, v| initial(v));
    let (a, b) = (builder.table::<String, String>("a"), builder.table::<String, String>("b"));
    left.join(&a, |l: &String, r| format!("{l}|{r}")).to("out-a");
    left.join(&b, |l: &String, r| format!("{l}|{r}")).to("out-b");
    let text = builder.build().unwrap().describe();
    assert_eq!(text.matches("Sub-topology").count(), 2, "{text}");
}

#[test]
fn a_table_of_a_rekeyed_stream_is_repartitioned() {
    let builder = StreamsBuilder::new();
    let rekeyed = stream(&builder, "in").select_key(|_, v| initial(v));
    rekeyed.to_table::<String, String>().named("tab").stored("t").to_stream().to("out");
    assert_described(&builder, include_str!("golden/to-table-rekeyed.txt"));
}

#[test]
fn repartitions_may_follow_each_other() {
    let builder = StreamsBuilder::new();
    stream(&builder, "in")
        .group_by::<String, _>(|_, v| initial(v))
        .count::<String>()
        .stored("c1")
        .to_stream()
        .select_key(|_, n| format!("{n:?}"))
        .group_by_key()
        .with_serdes(string(), streams_core::serde::option(long()))
        .count::<i64>()
        .stored("c2")
        .to_stream()
        .to("out");
    assert_described(&builder, include_str!("golden/chained-repartitions.txt"));
}

#[test]
fn a_processor_may_change_the_key() {
    let builder = StreamsBuilder::new();
    let counts = Stores::key_value("n", string(), long());
    let counts = builder.add_state_store(counts);
    let supplier = |(store,)| {
        move |record: Record<'_, Text, Text>, context: &mut Context<'_, Text, Text>| {
            context.store(store)?;
            context.forward(record).map_err(BoxError::from)
        }
    };
    let counted = stream(&builder, "in").process_with((&counts,), supplier);
    counted.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    assert_described(&builder, include_str!("golden/process-then-count.txt"));
}

#[test]
fn a_derived_table_may_have_a_store_of_its_own() {
    let builder = StreamsBuilder::new();
    let counts = stream(&builder, "in").group_by_key::<String>().count::<String>().stored("c");
    counts.filter(|_, n| n % 2 == 0).stored(Materialized::named("even")).to_stream().to("out");
    assert_described(&builder, include_str!("golden/count-filter-store.txt"));
}

#[test]
fn the_orders_program_has_the_topology_of_its_java_twin() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<Text, Text>("orders");
    let customers = builder.table::<String, String>("customers");
    let customer = |_: &Text, order: &Text| order.clone();
    orders.filter(|_, order| order.is_some()).to("high-value-orders");
    let per_customer = orders.group_by::<String, _>(customer);
    per_customer
        .count::<String>()
        .stored("orders-per-customer")
        .to_stream()
        .to("orders-per-customer");
    let by_customer = orders.select_key(customer);
    by_customer.join(&customers, |o: &String, c| format!("{o} {c}")).to("enriched-orders");
    let hours = TimeWindows::of_size_with_no_grace(Duration::from_secs(3_600));
    let per_hour = orders.group_by::<String, _>(customer).windowed_by(hours).count();
    per_hour.to_stream().to("orders-per-hour");
    assert_described(&builder, include_str!("golden/orders.txt"));
}

#[test]
fn repartition_topics_below_one_change_of_key_are_merged_if_that_is_configured() {
    let builder = StreamsBuilder::new();
    let s = stream(&builder, "in").select_key(|_, v| initial(v)).named("key");
    let first = s.group_by_key::<String>().named("first");
    first.count::<String>().stored("c").to_stream().to("out");
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(10));
    let second = s.group_by_key::<String>().named("second").windowed_by(windows);
    second.count().stored("w").to_stream().to("out2");
    let table = builder.table::<String, String>("tab");
    s.join(&table, |l: &String, r| format!("{l}|{r}")).named("third").to("out3");
    let config = StreamsConfig::new("app", "localhost:9092")
        .topology_optimization([TopologyOptimization::MergeRepartitionTopics]);
    assert_described_with(&builder, &config, include_str!("golden/opt-merge-named.txt"));
    let plain = builder.build().unwrap().describe();
    assert_eq!(plain.matches("-repartition])").count(), 3, "{plain}");
}

#[test]
fn repartition_topics_are_not_merged_over_a_change_of_the_values() {
    let builder = StreamsBuilder::new();
    let s = stream(&builder, "in").select_key(|_, v| initial(v));
    s.group_by_key::<String>().count::<String>().stored("a");
    s.map_values(Clone::clone).group_by_key::<String>().count::<String>().stored("b");
    let config = StreamsConfig::new("app", "localhost:9092")
        .topology_optimization([TopologyOptimization::MergeRepartitionTopics]);
    let text = builder.build_with(&config).unwrap().describe();
    assert_eq!(text.matches("-repartition])").count(), 2, "{text}");
}

#[test]
fn the_sides_of_a_merge_go_through_one_merged_repartition_topic() {
    let builder = StreamsBuilder::new();
    let rekeyed = stream(&builder, "in").select_key(|_, v| initial(v));
    let merged = rekeyed.merge(&stream(&builder, "in2"));
    merged.group_by_key::<String>().count::<String>().stored("a");
    merged.group_by_key::<String>().count::<String>().stored("b");
    let config = StreamsConfig::new("app", "localhost:9092")
        .topology_optimization([TopologyOptimization::MergeRepartitionTopics]);
    let text = builder.build_with(&config).unwrap().describe();
    assert_eq!(text.matches("-repartition])").count(), 1, "{text}");
    let above = "<-- KSTREAM-MERGE-0000000003\n    Sink: a-repartition-sink";
    assert!(text.contains(above), "{text}");
}

#[test]
fn streams_of_the_same_topics_are_one_source() {
    let builder = StreamsBuilder::new();
    stream(&builder, "in").to("out-a");
    stream(&builder, "in").to("out-b");
    let text = builder.build().unwrap().describe();
    assert_eq!(text.matches("Source: ").count(), 1, "{text}");
    assert!(text.contains("--> KSTREAM-SINK-0000000001, KSTREAM-SINK-0000000003"), "{text}");
}

#[test]
fn a_builder_can_be_built_again_after_more_was_added() {
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("customers");
    table.to_stream().to("out");
    let text = builder.build().unwrap().describe();
    assert_eq!(builder.build().unwrap().describe(), text);
    assert!(text.contains("KTABLE-SOURCE-0000000002 (stores: [])"), "{text}");
    builder.stream::<String, String>("in").join(&table, |l, r| format!("{l}{r}")).to("joined");
    let text = builder.build().unwrap().describe();
    assert!(
        text.contains("KTABLE-SOURCE-0000000002 (stores: [customers-STATE-STORE-0000000000])"),
        "{text}"
    );
}

#[test]
fn the_nodes_of_global_tables_and_stores_take_the_names_of_what_they_read() {
    let builder = StreamsBuilder::new();
    let names =
        builder.global_table::<String, String>("names").named("names-in").stored("names-store");
    let kept = Stores::key_value("kept", string(), string());
    let nothing =
        |_| |_: Record<'_, Text, Text>, _: &mut Context<'_, Infallible, Infallible>| Ok(());
    builder.add_global_store(kept, "limits", nothing).named("limits-in");
    let lines = builder.stream::<String, String>("in");
    let joined = lines.join_global(&names, |_, v| v.clone(), |v, w| format!("{v}{w}"));
    joined.named("named-join").to("out");
    assert_described(&builder, include_str!("golden/global-named.txt"));
}

#[test]
fn a_join_with_a_global_table_repartitions_nothing_and_leaves_that_to_what_follows() {
    let builder = StreamsBuilder::new();
    let rekeyed = stream(&builder, "in").select_key(|_, v| v.clone());
    let a = builder.global_table::<String, String>("a");
    let b = builder.global_table::<String, String>("b");
    let joined = rekeyed
        .left_join_global(&a, |_, v: &String| v.clone(), |v, w| format!("{v}{w:?}"))
        .join_global(&b, |k, _| k.clone(), |v, w| format!("{v}{w}"));
    joined.group_by_key::<String>().count::<String>().to_stream().to("counts");
    let table = builder.table::<String, String>("t");
    joined.join(&table, |v, w| format!("{v}{w}")).to("out");
    assert_described(&builder, include_str!("golden/global-rekeyed.txt"));
}

#[test]
fn records_without_a_key_reach_a_left_join_with_a_global_table_through_a_repartition() {
    let builder = StreamsBuilder::new();
    let rekeyed = stream(&builder, "in")
        .select_key(|_, v| v.clone())
        .repartition::<String>(Repartitioned::default());
    let names = builder.global_table::<String, String>("a");
    rekeyed
        .left_join_global(&names, |_, v: &String| v.clone(), |v, w| format!("{v}{w:?}"))
        .to("out");
    assert_described(&builder, include_str!("golden/global-left-repartitioned.txt"));
}

#[test]
fn repartition_topics_are_not_merged_over_a_join_with_a_global_table() {
    let builder = StreamsBuilder::new();
    let rekeyed = stream(&builder, "in").select_key(|_, v| initial(v));
    let names = builder.global_table::<String, String>("names");
    let joined = rekeyed.join_global(&names, |_, v: &String| v.clone(), |v, w| format!("{v}{w}"));
    joined.group_by_key::<String>().count::<String>().stored("a");
    joined.group_by_key::<String>().count::<String>().stored("b");
    let config = StreamsConfig::new("app", "localhost:9092")
        .topology_optimization([TopologyOptimization::MergeRepartitionTopics]);
    let text = builder.build_with(&config).unwrap().describe();
    assert_eq!(text.matches("-repartition])").count(), 2, "{text}");
}

/// Java 4.3.1 printed this.
#[test]
fn sources_by_pattern_are_described_by_the_text_of_the_pattern() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, String>(Consumed::pattern("orders-.*"));
    let again = builder.stream::<String, String>(Consumed::pattern("orders-.*"));
    again.filter(|_, _| true).to("filtered");
    orders.group_by(|_, v| v.clone()).count().stored("counts");
    let customers = builder.table::<String, String>("customers");
    orders.join(&customers, |order, customer| format!("{order}{customer}")).to("enriched");
    builder.stream::<String, String>(Consumed::pattern("other")).named("named").for_each(|_, _| ());
    let java = "Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: orders-.*)
      --> KSTREAM-KEY-SELECT-0000000004, KSTREAM-FILTER-0000000002, KSTREAM-JOIN-0000000012
    Processor: KSTREAM-KEY-SELECT-0000000004 (stores: [])
      --> counts-repartition-filter
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-FILTER-0000000002 (stores: [])
      --> KSTREAM-SINK-0000000003
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-JOIN-0000000012 (stores: [customers-STATE-STORE-0000000009])
      --> KSTREAM-SINK-0000000013
      <-- KSTREAM-SOURCE-0000000000
    Source: KSTREAM-SOURCE-0000000010 (topics: [customers])
      --> KTABLE-SOURCE-0000000011
    Processor: counts-repartition-filter (stores: [])
      --> counts-repartition-sink
      <-- KSTREAM-KEY-SELECT-0000000004
    Sink: KSTREAM-SINK-0000000003 (topic: filtered)
      <-- KSTREAM-FILTER-0000000002
    Sink: KSTREAM-SINK-0000000013 (topic: enriched)
      <-- KSTREAM-JOIN-0000000012
    Processor: KTABLE-SOURCE-0000000011 (stores: [customers-STATE-STORE-0000000009])
      --> none
      <-- KSTREAM-SOURCE-0000000010
    Sink: counts-repartition-sink (topic: counts-repartition)
      <-- counts-repartition-filter

  Sub-topology: 1
    Source: counts-repartition-source (topics: [counts-repartition])
      --> KSTREAM-AGGREGATE-0000000005
    Processor: KSTREAM-AGGREGATE-0000000005 (stores: [counts])
      --> none
      <-- counts-repartition-source

  Sub-topology: 2
    Source: named (topics: other)
      --> KSTREAM-FOREACH-0000000015
    Processor: KSTREAM-FOREACH-0000000015 (stores: [])
      --> none
      <-- named

";
    assert_described(&builder, java);
}
