//! The simulation finds each of the mistakes that can be planted in the runtime, within a thousand
//! seeds.
//!
//! A mistake is searched for seed by seed, in a scenario in which it can do harm. The seed that
//! fails must pass without it.
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

use streams_core::{
    config::ProcessingGuarantee::{AtLeastOnce, ExactlyOnceV2},
    testing::{
        PlantedBug,
        simulation::{SimulationBuilder, seeds},
    },
};
use tests::simulation::{
    calling, counting, market, merging, orders, standing_by, stepping, ticking, ties, warehouse,
};

/// Seeds within which a mistake must be found.
const SEEDS: u64 = 1_000;

/// Seeds of each scenario that must pass without a mistake: more than any mistake takes to be
/// found.
const SOUND_SEEDS: u64 = 100;

type Scenario = fn(u64) -> SimulationBuilder;

const ALL: [Scenario; 11] = [
    call,
    call_at_least_once,
    count,
    count_at_least_once,
    tick,
    ties,
    market_at_least_once,
    merge,
    orders_exactly_once,
    standing_by,
    stepping,
];

fn count(seed: u64) -> SimulationBuilder {
    counting(seed, ExactlyOnceV2)
}

fn count_at_least_once(seed: u64) -> SimulationBuilder {
    counting(seed, AtLeastOnce)
}

fn tick(seed: u64) -> SimulationBuilder {
    ticking(seed, ExactlyOnceV2)
}

fn call(seed: u64) -> SimulationBuilder {
    calling(seed, ExactlyOnceV2)
}

fn call_at_least_once(seed: u64) -> SimulationBuilder {
    calling(seed, AtLeastOnce)
}

fn market_at_least_once(seed: u64) -> SimulationBuilder {
    market(seed, AtLeastOnce)
}

fn market_exactly_once(seed: u64) -> SimulationBuilder {
    market(seed, ExactlyOnceV2)
}

fn merge(seed: u64) -> SimulationBuilder {
    merging(seed, ExactlyOnceV2)
}

fn warehouse_at_least_once(seed: u64) -> SimulationBuilder {
    warehouse(seed, AtLeastOnce)
}

fn orders_exactly_once(seed: u64) -> SimulationBuilder {
    orders(seed, ExactlyOnceV2)
}

/// Looks for `bug` in each of the scenarios, and prints how many seeds that took.
#[expect(clippy::print_stdout, reason = "how many seeds it took is what a reader wants to know")]
fn is_found(bug: PlantedBug, scenarios: &[Scenario]) {
    for scenario in scenarios {
        let failed = seeds(0..SEEDS).find_map(|seed| scenario(seed).plant(bug).run().err());
        let Some(failure) = failed else { panic!("{bug:?} is not found within {SEEDS} seeds") };
        println!("{bug:?} is found at seed {}: {:.120}", failure.seed, failure.what);
        scenario(failure.seed).run().unwrap();
    }
}

#[test]
fn a_commit_before_the_flush_is_found() {
    is_found(PlantedBug::CommitBeforeFlush, &[count_at_least_once]);
}

#[test]
fn a_commit_of_what_is_in_flight_is_found() {
    is_found(PlantedBug::CommitInFlight, &[call, call_at_least_once]);
}

#[test]
fn an_overlay_that_is_kept_after_an_abort_is_found() {
    is_found(PlantedBug::KeepOverlayAfterAbort, &[count, market_at_least_once]);
}

#[test]
fn a_wrong_offset_of_a_changelog_is_found() {
    is_found(PlantedBug::CheckpointWrongOffset, &[count, orders_exactly_once]);
}

#[test]
fn two_owners_of_a_task_are_found() {
    is_found(PlantedBug::TwoOwners, &[count, count_at_least_once]);
}

#[test]
fn a_first_record_that_is_skipped_after_a_restore_is_found() {
    is_found(PlantedBug::SkipFirstRecord, &[count, count_at_least_once]);
}

#[test]
fn punctuations_that_the_transaction_forgets_are_found() {
    is_found(PlantedBug::ForgetPunctuations, &[tick]);
}

#[test]
fn a_lost_order_of_equal_timestamps_is_found() {
    is_found(PlantedBug::LoseTieOrder, &[ties]);
}

#[test]
fn a_batch_that_is_applied_twice_is_found() {
    is_found(PlantedBug::ApplyBatchTwice, &[count, market_at_least_once]);
}

#[test]
fn a_restore_of_what_is_not_committed_is_found() {
    is_found(PlantedBug::RestoreUncommitted, &[count, orders_exactly_once]);
}

#[test]
fn a_zombie_that_commits_is_found() {
    is_found(PlantedBug::ZombieCommits, &[count, market_at_least_once]);
}

#[test]
fn rows_of_others_that_are_not_written_anew_are_found() {
    is_found(PlantedBug::ForgetForeignRows, &[market_at_least_once]);
}

#[test]
fn a_restore_beyond_the_committed_time_is_found() {
    is_found(PlantedBug::RestoreBeyondCommittedTime, &[standing_by]);
}

#[test]
fn changelogs_that_are_written_before_results_are_found() {
    is_found(PlantedBug::LogBeforeResults, &[warehouse_at_least_once]);
}

#[test]
fn a_restore_that_ends_too_early_is_found() {
    is_found(PlantedBug::RestoreShortOfEnd, &[orders_exactly_once]);
}

#[test]
fn a_task_that_is_given_up_before_the_commit_is_found() {
    is_found(PlantedBug::HandOverBeforeCommit, &[count, orders_exactly_once]);
}

#[test]
fn a_producer_that_goes_on_after_its_transaction_took_too_long_is_found() {
    is_found(PlantedBug::TransactionOutlivesTimeout, &[count, merge]);
}

#[test]
fn offsets_of_an_open_transaction_that_are_overlooked_are_found() {
    is_found(PlantedBug::OverlookPendingOffsets, &[merge]);
}

#[test]
fn a_restore_that_waits_for_no_open_transaction_is_found() {
    is_found(PlantedBug::RestoreStablePart, &[orders_exactly_once]);
}

#[test]
fn a_restored_offset_that_is_ahead_of_its_rows_is_found() {
    is_found(PlantedBug::RestoreOffsetAhead, &[count, standing_by]);
}

#[test]
fn a_producer_that_is_used_again_after_a_failed_abort_is_found() {
    is_found(PlantedBug::ReuseProducerAfterFailedAbort, &[count]);
}

#[test]
fn a_transaction_without_its_offsets_is_found() {
    is_found(PlantedBug::CommitWithoutOffsets, &[count, merge]);
}

#[test]
fn a_sink_that_does_not_see_its_topic_grow_is_found() {
    is_found(PlantedBug::StaleSinkCount, &[merge]);
}

#[test]
fn a_purge_of_what_is_not_committed_is_found() {
    is_found(PlantedBug::PurgeUncommitted, &[market_exactly_once, orders_exactly_once]);
}

#[test]
fn a_store_that_forgets_what_it_forwarded_in_the_same_commit_is_found() {
    is_found(PlantedBug::ForgetForwarded, &[stepping]);
}

#[test]
fn a_record_that_a_full_producer_did_not_take_is_found_to_be_missing() {
    is_found(PlantedBug::ForgetWhenFull, &[count, market_at_least_once]);
}

#[test]
fn records_that_overtake_those_that_wait_for_room_are_found() {
    is_found(PlantedBug::OvertakeWhenFull, &[stepping]);
}

#[test]
fn records_that_get_into_a_transaction_that_is_ending_are_found() {
    is_found(PlantedBug::WriteIntoEndingTransaction, &[count, orders_exactly_once]);
}

#[test]
fn a_commit_of_positions_behind_what_is_staged_is_found() {
    is_found(PlantedBug::CommitLaterPositions, &[count, count_at_least_once]);
}

#[test]
fn what_waits_for_room_when_its_transaction_is_given_up_is_found_in_the_next() {
    is_found(PlantedBug::KeepWaitingAfterAbort, &[count]);
}

#[test]
fn without_a_mistake_the_same_seeds_pass() {
    // One test has one thread, and this is the longest by far.
    std::thread::scope(|threads| {
        for scenario in ALL {
            threads.spawn(move || {
                seeds(0..SOUND_SEEDS).for_each(|seed| drop(scenario(seed).run().unwrap()));
            });
        }
    });
}
