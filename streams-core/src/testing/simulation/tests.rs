use super::*;
use crate::{
    BoxError, Record,
    processor::{Context, Processor},
    serde,
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

/// Numbers records without a store: a mistake that shows as soon as a task moves.
#[derive(Default)]
struct Forgetful(i64);

impl Processor<String, String, String, i64> for Forgetful {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        self.0 += 1;
        Ok(context.forward(record.with_value(&self.0))?)
    }
}

fn forgetful_topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::string());
    let source = builder.add_source("source", source);
    let numbers = builder.add_processor("number", Forgetful::default, &[source]);
    builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::long()), &[numbers]);
    builder.build().unwrap()
}

fn forgetful(faults: Faults) -> SimulationBuilder {
    let records = |_: &mut Random| {
        (0..50).map(|n| SimulationRecord::new("in", "k", "v", n)).collect::<Vec<_>>()
    };
    Simulation::builder(forgetful_topology)
        .config(|config| config.set("processing.guarantee", "exactly_once_v2"))
        .topic("in", 1)
        .topic("out", 1)
        .input(records)
        .faults(faults)
        .output("out", Compare::Records)
}

#[test]
fn state_outside_of_stores_is_found_out_and_the_failure_says_how_to_see_it_again() {
    forgetful(Faults::none()).run().unwrap();
    let crashes = Faults::none().with(FaultKind::Crash).with(FaultKind::Close);
    let failed = seeds(0..20).find_map(|seed| forgetful(crashes.clone()).seed(seed).run().err());
    let failure = failed.unwrap();
    let text = failure.to_string();
    assert!(failure.what.starts_with("in topic out key \"k\" has the values"), "{text}");
    assert!(text.contains(&format!("SIMULATION_SEED={} cargo test", failure.seed)), "{text}");
    assert!(text.contains("instance-0"), "{text}");
}

#[test]
fn random_numbers_follow_from_their_seed_alone() {
    let draw = |seed| {
        let mut random = Random::new(seed);
        (random.next_u64(), random.between(-2, 2), random.fork().below(10))
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    // The first output of the published algorithm for the seed 0.
    assert_eq!(Random::new(0).next_u64(), 0xE220_A839_7B1D_CDAF);
}
