//! Counts on one machine whose changelog is deleted now and then: the state on its disk is all that
//! is left.

use streams_core::{
    config::ProcessingGuarantee,
    testing::simulation::{Compare, FaultKind, Faults, SimulationBuilder},
};

use super::{counting_topology, equal, expected_counts, last_counts, varied_with, words};

/// Counts words on one machine that keeps its disk. Each changelog that is deleted is to be written
/// anew from it.
pub fn losing(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    // A crash takes what was not flushed, and a commit whose reply is lost is not on the disk: for
    // both there is the changelog. A log without its beginning counts as lost, too, and is for the
    // scenarios that say what becomes of it.
    let faults = Faults::all()
        .without(FaultKind::Crash)
        .without(FaultKind::LostState)
        .without(FaultKind::LostReply)
        .without(FaultKind::Truncation)
        .with(FaultKind::Deletion);
    let losing = varied_with(
        seed,
        guarantee,
        |_| counting_topology(true),
        |config| config.set("state.changelog.lost", "rewrite"),
    );
    let losing = losing
        .instances(1)
        .topic("in", 4)
        .topic("out", 4)
        .input(|random| words("in", random))
        .faults(faults)
        .output("out", Compare::Records);
    if guarantee == ProcessingGuarantee::AtLeastOnce {
        return losing;
    }
    losing.check(|outcome| equal(&last_counts(&outcome.cluster, "out"), &expected_counts(outcome)))
}
