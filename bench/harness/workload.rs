//! The workloads: their inputs and outputs, and the number of records.

use crate::input::{Input, Sizes};

/// Method of comparing the records of an output topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// Each record with its timestamp, in any order: results of a stream.
    Multiset,
    /// The last record of each key with its timestamp: results of a table, some of which caches
    /// hold back.
    LastOfEachKey,
}

/// A workload, which a contender runs in one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    /// Name in the figures.
    pub(crate) name: &'static str,
    /// Name of its topology, on the command line of a contender.
    pub(crate) topology: &'static str,
    /// Topics that it reads.
    pub(crate) inputs: &'static [Input],
    /// Topics that are created for it and that it writes; a name that begins with `-` is that of an
    /// internal topic, without the application id.
    pub(crate) outputs: &'static [(&'static str, Compared)],
    /// Number of times that a record of the first input is processed: once more per repartition
    /// topic.
    pub(crate) passes: u64,
    /// Settings besides those of all workloads.
    pub(crate) settings: &'static [(&'static str, &'static str)],
}

const STREAM: &[(&str, Compared)] = &[("out", Compared::Multiset)];
const TABLE: &[(&str, Compared)] = &[("out", Compared::LastOfEachKey)];

const fn workload(
    name: &'static str,
    inputs: &'static [Input],
    outputs: &'static [(&'static str, Compared)],
) -> Workload {
    Workload { name, topology: name, inputs, outputs, passes: 1, settings: &[] }
}

/// All workloads, in the order in which they run.
pub(crate) const ALL: &[Workload] = &[
    workload("N2", &[Input::Texts], STREAM),
    workload("N1", &[Input::Texts], STREAM),
    workload("W1k", &[Input::Texts], TABLE),
    Workload { passes: 2, ..workload("W1g", &[Input::Texts], TABLE) },
    workload("W1j", &[Input::Texts, Input::People], STREAM),
    workload("WIN", &[Input::Texts], TABLE),
    Workload {
        passes: 2,
        ..workload(
            "W1",
            &[Input::Orders, Input::Customers],
            &[
                ("high-value-orders", Compared::Multiset),
                ("orders-per-customer", Compared::LastOfEachKey),
                ("enriched-orders", Compared::Multiset),
                ("orders-per-hour", Compared::LastOfEachKey),
            ],
        )
    },
    workload("HOP", &[Input::FewTexts], TABLE),
    Workload {
        settings: &[("topology.optimization", "all")],
        ..workload("RST", &[Input::Probe, Input::RowsTable], STREAM)
    },
    workload("LS", &[Input::Rows], &[("-rows-changelog", Compared::LastOfEachKey)]),
    workload("SSJ", &[Input::Left, Input::Right], STREAM),
    Workload {
        topology: "W1k",
        settings: &[("commit.interval.ms", "100")],
        ..workload("W1k-alo-100ms", &[Input::Texts], TABLE)
    },
    Workload {
        topology: "W1k",
        settings: &[("commit.interval.ms", "100"), ("processing.guarantee", "exactly_once_v2")],
        ..workload("W1k-eos-100ms", &[Input::Texts], TABLE)
    },
];

impl Workload {
    /// Returns whether the workload measures the restore of its table, which then has no committed
    /// offsets.
    pub(crate) fn is_restore(&self) -> bool {
        self.name == "RST"
    }

    /// Returns whether the second half of its records are updates of the first.
    pub(crate) fn has_updates(&self) -> bool {
        self.inputs.contains(&Input::Rows)
    }

    /// Number of records by which its figures are divided: those of its inputs other than tables;
    /// for a restore, the restored ones.
    pub(crate) fn records(&self, sizes: Sizes) -> u64 {
        if self.is_restore() {
            return sizes.of(Input::RowsTable);
        }
        let streams = self.inputs.iter().filter(|input| !input.is_table());
        streams.map(|input| sizes.of(*input)).sum()
    }

    /// Number of records that the instance processes in all, including those of internal topics.
    pub(crate) fn processed(&self, sizes: Sizes) -> u64 {
        if self.is_restore() {
            return sizes.of(Input::Probe);
        }
        let tables = self.inputs.iter().filter(|input| input.is_table());
        self.passes * self.records(sizes) + tables.map(|input| sizes.of(*input)).sum::<u64>()
    }
}
