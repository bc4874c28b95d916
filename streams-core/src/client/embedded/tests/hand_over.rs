//! Whatever happens, no task runs on two members of a group at once.

use proptest::prelude::*;

use super::*;
use crate::{
    ErrorKind,
    client::embedded::{Fault, FaultInjector, Operation, OperationKind},
};

/// Fails heartbeats with the given fault.
#[derive(Debug)]
struct Heartbeats(Fault);

impl FaultInjector for Heartbeats {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        if operation.kind == OperationKind::Heartbeat { self.0 } else { Fault::None }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Beat(usize, Fault),
    Leave(usize),
    Replace(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let worker = 0_usize..4;
    let step = prop_oneof![
        8 => worker.clone().prop_map(|worker| Step::Beat(worker, Fault::None)),
        2 => worker.clone().prop_map(|worker| Step::Beat(worker, Fault::LostReply)),
        1 => worker.clone().prop_map(|worker| Step::Beat(worker, Fault::Unavailable)),
        1 => worker.clone().prop_map(Step::Leave),
        1 => worker.prop_map(Step::Replace),
        4 => (100_u64..20_000).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..120)
}

struct Group {
    cluster: EmbeddedCluster,
    clock: Arc<ManualClock>,
    workers: Vec<Worker>,
    standbys: usize,
}

impl Group {
    fn new(standbys: usize) -> Self {
        let (cluster, clock) = cluster();
        cluster.create_topic("in", 7).unwrap();
        let mut group = Self { cluster, clock, workers: Vec::new(), standbys };
        group.workers = (0..4).map(|number| group.worker(number)).collect();
        group
    }

    /// Two workers share a process, and the first is a static member.
    fn worker(&self, number: usize) -> Worker {
        let client = format!("w{number}");
        let mut join = join(&client, topology("in", true), self.standbys);
        join.process_id = Uuid::from_u128(number as u128 / 2);
        join.group_instance_id = (number == 0).then_some(client);
        Worker::new(&self.cluster, join)
    }

    fn beat(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        let owned = &worker.owned;
        let open = owned.active.iter().chain(&owned.standby).chain(&owned.warmup);
        worker.offsets.lags = open.map(|&task| (task, 0)).collect();
        match worker.member.heartbeat(&worker.owned, &worker.offsets) {
            Ok(heartbeat) => {
                if let Some(assignment) = heartbeat.assignment {
                    worker.owned = assignment;
                }
            }
            Err(error) if error.kind() == ErrorKind::Fenced => {
                worker.owned = TaskAssignment::default();
            }
            Err(_) => {}
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Beat(number, fault) => {
                self.cluster.set_faults(Some(Box::new(Heartbeats(fault))));
                self.beat(number);
            }
            Step::Leave(number) => {
                self.workers[number].member.leave(false).unwrap();
                self.workers[number].owned = TaskAssignment::default();
            }
            Step::Replace(number) => self.workers[number] = self.worker(number),
            Step::Wait(millis) => self.clock.advance(Duration::from_millis(millis)),
        }
    }

    /// Tasks that members run now. A worker that is no longer a member is stopped by its epoch.
    fn running(&self) -> Vec<String> {
        self.cluster.tick();
        let members = self.cluster.members("app");
        let is_member = |worker: &&Worker| {
            let id = worker.member.group_metadata().member_id;
            members.iter().any(|member| member.member_id == id)
        };
        self.workers.iter().filter(is_member).flat_map(Worker::active).collect()
    }

    fn check(&self) {
        let mut running = self.running();
        let count = running.len();
        running.sort();
        running.dedup();
        assert_eq!(running.len(), count, "a task runs twice: {running:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_task_runs_twice_and_in_the_end_all_run(steps in steps(), standbys in 0_usize..2) {
        let mut group = Group::new(standbys);
        for step in &steps {
            group.step(step);
            group.check();
        }
        group.cluster.set_faults(None);
        for _ in 0..80 {
            for number in 0..4 {
                group.beat(number);
                group.check();
            }
            group.clock.advance(Duration::from_secs(1));
        }
        prop_assert_eq!(group.running().len(), 7);
        let members = group.cluster.members("app");
        prop_assert_eq!(members.len(), 4);
        for member in &members {
            prop_assert_eq!(&member.owned, &member.target);
            prop_assert_eq!(member.member_epoch, members[0].member_epoch);
        }
    }
}
