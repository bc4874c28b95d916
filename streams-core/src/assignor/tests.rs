use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::*;

type Members = BTreeMap<MemberId, AssignorMember>;
type Assignments = BTreeMap<MemberId, TaskAssignment>;

fn settings(standbys: usize) -> StandbySettings {
    StandbySettings {
        num_standby_replicas: standbys,
        acceptable_recovery_lag: 100,
        max_warmup_replicas: 2,
        probing_rebalance_interval: Duration::from_secs(90),
        replication_factor: -1,
    }
}

fn member(process: u128) -> AssignorMember {
    AssignorMember { process_id: Uuid::from_u128(process), ..AssignorMember::default() }
}

fn id(number: usize) -> MemberId {
    format!("m{number:03}")
}

/// One member per entry, in the process that the entry names.
fn members(processes: &[u128]) -> Members {
    processes.iter().enumerate().map(|(n, &process)| (id(n), member(process))).collect()
}

/// Sub-topologies of these sizes; if `mixed`, every second one has state, otherwise all have.
fn tasks(sizes: &[i32], mixed: bool) -> AssignorTasks {
    let mut tasks = AssignorTasks::default();
    for (number, &size) in (0..).zip(sizes) {
        let class =
            if mixed && number % 2 == 1 { &mut tasks.stateless } else { &mut tasks.stateful };
        class.extend((0..size).map(|partition| TaskId::new(number, partition)));
    }
    tasks
}

fn set(names: &[&str]) -> BTreeSet<TaskId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn follow(members: &mut Members, assignments: &Assignments) {
    for (id, member) in members {
        member.previous = assignments[id].clone();
    }
}

fn report_lags(members: &mut Members, tasks: &BTreeSet<TaskId>, lag: i64) {
    for member in members.values_mut() {
        member.offsets.lags.extend(tasks.iter().map(|&task| (task, lag)));
    }
}

/// Gives every member the state of its active tasks.
fn run(members: &mut Members) {
    for member in members.values_mut() {
        let active: Vec<TaskId> = member.previous.active.iter().copied().collect();
        member.offsets.lags.extend(active.into_iter().map(|task| (task, 0)));
    }
}

fn owners(assignments: &Assignments) -> BTreeMap<TaskId, MemberId> {
    let pairs = assignments
        .iter()
        .flat_map(|(id, assignment)| assignment.active.iter().map(move |&task| (task, id.clone())));
    pairs.collect()
}

fn moved(before: &Assignments, after: &Assignments) -> usize {
    let after = owners(after);
    owners(before).iter().filter(|(task, owner)| after.get(task) != Some(*owner)).count()
}

fn check_complete(assignments: &Assignments, tasks: &AssignorTasks) {
    let active: Vec<TaskId> =
        assignments.values().flat_map(|assignment| assignment.active.iter().copied()).collect();
    assert_eq!(
        active.len(),
        tasks.stateful.len() + tasks.stateless.len(),
        "a task is active twice"
    );
    let active: BTreeSet<TaskId> = active.into_iter().collect();
    assert_eq!(active, tasks.stateful.union(&tasks.stateless).copied().collect());
}

fn check_even(loads: impl Iterator<Item = usize> + Clone, what: &str) {
    let (least, most) = (loads.clone().min().unwrap(), loads.clone().max().unwrap());
    assert!(most - least <= 1, "{what}: {:?}", loads.collect::<Vec<_>>());
}

fn check_balanced(assignments: &Assignments, members: &Members, tasks: &AssignorTasks) {
    check_even(assignments.values().map(|assignment| assignment.active.len()), "active tasks");
    let stateful =
        |assignment: &TaskAssignment| assignment.active.intersection(&tasks.stateful).count();
    check_even(assignments.values().map(stateful), "stateful tasks");
    // Not so the sum: the tasks without state can't always make up for a process that has the
    // smaller number of tasks with state, and none of those moves for that.
    check_shares(assignments, members, &tasks.stateful);
}

/// Checks that each process has its share of `tasks`, by its number of members, rounded up or down.
fn check_shares(assignments: &Assignments, members: &Members, tasks: &BTreeSet<TaskId>) {
    let mut processes: BTreeMap<Uuid, (usize, usize)> = BTreeMap::new();
    for (id, member) in members {
        let entry = processes.entry(member.process_id).or_default();
        let load = assignments[id].active.intersection(tasks).count();
        *entry = (entry.0 + 1, entry.1 + load);
    }
    for (threads, load) in processes.values() {
        let share = tasks.len() * threads;
        let (floor, ceil) = (share / members.len(), share.div_ceil(members.len()));
        assert!(
            (floor..=ceil).contains(load),
            "{load} tasks on {threads} of {} members",
            members.len()
        );
    }
}

fn check_replicas(assignments: &Assignments, members: &Members) {
    let mut copies = BTreeSet::new();
    for (id, assignment) in assignments {
        let process = members[id].process_id;
        for role in [&assignment.active, &assignment.standby, &assignment.warmup] {
            for &task in role {
                assert!(copies.insert((process, task)), "{task} is twice on one process");
            }
        }
    }
}

fn processes() -> impl Strategy<Value = Vec<u128>> {
    (1_u128..12).prop_flat_map(|processes| vec(0..processes, 1..50))
}

fn sizes() -> impl Strategy<Value = Vec<i32>> {
    vec(0..250, 1..5)
}

/// Arbitrary histories: tasks scattered over roles and members, with random lags.
fn histories() -> impl Strategy<Value = (Members, AssignorTasks)> {
    let sizes = vec(1..12, 1..4);
    let processes = (1_u128..6).prop_flat_map(|processes| vec(0..processes, 1..9));
    (processes, sizes, any::<bool>(), any::<u64>()).prop_map(|(processes, sizes, mixed, seed)| {
        let tasks = tasks(&sizes, mixed);
        let mut members = members(&processes);
        let mut random = seed;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % bound
        };
        for member in members.values_mut() {
            let rack = if member.process_id.as_u128() % 2 == 0 { "a" } else { "b" };
            member.client_tags.insert("rack".to_owned(), rack.to_owned());
            for &task in tasks.stateful.union(&tasks.stateless) {
                match next(6) {
                    0 => _ = member.previous.active.insert(task),
                    1 => _ = member.previous.standby.insert(task),
                    2 => _ = member.previous.warmup.insert(task),
                    _ => {}
                }
                if next(3) == 0 {
                    member.offsets.lags.insert(task, i64::try_from(next(400)).unwrap());
                }
            }
        }
        (members, tasks)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_first_assignment_is_complete_and_even_and_nothing_moves_afterwards(
        processes in processes(), sizes in sizes(), mixed: bool, standbys in 0_usize..3,
    ) {
        let tasks = tasks(&sizes, mixed);
        let mut members = members(&processes);
        let first = assign(&members, &tasks, &settings(standbys));
        check_complete(&first, &tasks);
        check_balanced(&first, &members, &tasks);
        check_replicas(&first, &members);
        follow(&mut members, &first);
        run(&mut members);
        prop_assert_eq!(&assign(&members, &tasks, &settings(standbys)), &first);
    }

    #[test]
    fn a_new_member_takes_no_more_than_its_share(
        processes in processes(), sizes in sizes(), mixed: bool, own_process: bool,
    ) {
        let tasks = tasks(&sizes, mixed);
        let mut members = members(&processes);
        let first = assign(&members, &tasks, &settings(0));
        follow(&mut members, &first);
        let process = if own_process { 1_000 } else { processes[0] };
        members.insert(id(processes.len()), member(process));
        report_lags(&mut members, &tasks.stateful, 0);
        let second = assign(&members, &tasks, &settings(0));
        check_complete(&second, &tasks);
        check_balanced(&second, &members, &tasks);
        // The two classes are balanced in turn: the second may have to undo the first's effect on
        // the sum, by one task per rounding.
        let slack = if mixed { 2 } else { 0 };
        let share = owners(&first).len().div_ceil(members.len()) + slack;
        let moved = moved(&first, &second);
        prop_assert!(moved <= share, "{} tasks moved, the share is {}", moved, share);
    }

    #[test]
    fn when_a_member_of_its_own_process_leaves_only_its_tasks_move(
        count in 2_usize..30, sizes in sizes(), left in 0_usize..30,
    ) {
        let tasks = tasks(&sizes, false);
        let processes: Vec<u128> = (0..30).take(count).collect();
        let mut members = members(&processes);
        let first = assign(&members, &tasks, &settings(0));
        follow(&mut members, &first);
        let left = id(left % count);
        members.remove(&left);
        let second = assign(&members, &tasks, &settings(0));
        check_complete(&second, &tasks);
        check_balanced(&second, &members, &tasks);
        prop_assert_eq!(moved(&first, &second), first[&left].active.len());
    }

    #[test]
    fn any_history_converges_at_once_and_keeps_replicas_apart(
        (mut members, tasks) in histories(), standbys in 0_usize..3,
    ) {
        let first = assign(&members, &tasks, &settings(standbys));
        check_complete(&first, &tasks);
        check_replicas(&first, &members);
        let warmups: usize = first.values().map(|assignment| assignment.warmup.len()).sum();
        prop_assert!(warmups <= 2);
        follow(&mut members, &first);
        prop_assert_eq!(&assign(&members, &tasks, &settings(standbys)), &first);
    }

    #[test]
    fn warm_ups_that_catch_up_lead_to_balance(
        (mut members, tasks) in histories(), standbys in 0_usize..2,
    ) {
        let rounds = tasks.stateful.len() + 4;
        for _ in 0..rounds {
            let next = assign(&members, &tasks, &settings(standbys));
            follow(&mut members, &next);
            run(&mut members);
            for member in members.values_mut() {
                let warm: Vec<TaskId> = member.previous.warmup.iter().copied().collect();
                member.offsets.lags.extend(warm.into_iter().map(|task| (task, 0)));
            }
        }
        let last = assign(&members, &tasks, &settings(standbys));
        prop_assert!(last.values().all(|assignment| assignment.warmup.is_empty()));
        check_balanced(&last, &members, &tasks);
        follow(&mut members, &last);
        prop_assert_eq!(&assign(&members, &tasks, &settings(standbys)), &last);
    }
}

#[test]
fn no_members_get_nothing() {
    assert!(assign(&Members::new(), &tasks(&[3], false), &settings(1)).is_empty());
}

#[test]
fn the_tasks_of_a_sub_topology_are_spread_over_members() {
    let assigned = assign(&members(&[0, 1]), &tasks(&[2, 2, 2], false), &settings(0));
    for assignment in assigned.values() {
        let of =
            |number| assignment.active.iter().filter(|task| task.subtopology == number).count();
        assert_eq!((of(0), of(1), of(2)), (1, 1, 1));
    }
}

#[test]
fn processes_share_by_their_number_of_threads() {
    let assigned = assign(&members(&[0, 0, 0, 1]), &tasks(&[8], false), &settings(0));
    assert!(assigned.values().all(|assignment| assignment.active.len() == 2));
    let few = assign(&members(&[0, 0, 1, 1]), &tasks(&[2], false), &settings(0));
    assert_eq!(few["m000"].active.len() + few["m001"].active.len(), 1);
}

#[test]
fn a_task_without_state_anywhere_moves_at_once() {
    let mut members = members(&[0]);
    let tasks = tasks(&[4], false);
    let first = assign(&members, &tasks, &settings(0));
    follow(&mut members, &first);
    members.insert(id(1), member(1));
    let second = assign(&members, &tasks, &settings(0));
    assert_eq!(second["m001"].active.len(), 2);
    assert!(second["m001"].warmup.is_empty());
}

#[test]
fn a_task_stays_with_its_state_until_the_warm_up_has_caught_up() {
    let mut members = members(&[0]);
    let tasks = tasks(&[8], false);
    let first = assign(&members, &tasks, &settings(0));
    follow(&mut members, &first);
    run(&mut members);
    members.insert(id(1), member(1));
    let second = assign(&members, &tasks, &settings(0));
    assert_eq!(second["m000"].active.len(), 8);
    assert_eq!(second["m001"].warmup.len(), 2, "two warm-ups at once, by max.warmup.replicas");

    let warm = second["m001"].warmup.first().copied().unwrap();
    follow(&mut members, &second);
    members.get_mut("m001").unwrap().offsets.lags.insert(warm, 100);
    let third = assign(&members, &tasks, &settings(0));
    assert!(third["m001"].active.contains(&warm), "caught up to the acceptable lag");
    assert_eq!(third["m001"].warmup.len(), 2, "the next one warms up");
}

#[test]
fn a_caught_up_standby_takes_over_when_the_active_member_is_gone() {
    let mut members = members(&[0, 1, 2]);
    let tasks = tasks(&[6], false);
    let first = assign(&members, &tasks, &settings(1));
    follow(&mut members, &first);
    run(&mut members);
    for (id, member) in &mut members {
        member.offsets.lags.extend(first[id].standby.iter().map(|&task| (task, 5)));
    }
    members.remove("m000");
    let second = assign(&members, &tasks, &settings(1));
    for task in &first["m000"].active {
        let standby =
            first.iter().find(|(_, assignment)| assignment.standby.contains(task)).unwrap();
        assert!(second[standby.0].active.contains(task), "{task} goes to {}", standby.0);
    }
    check_replicas(&second, &members);
}

#[test]
fn standbys_prefer_another_rack() {
    let mut members = members(&[0, 1, 2, 3]);
    for (number, member) in members.values_mut().enumerate() {
        let rack = if number < 2 { "a" } else { "b" };
        member.client_tags.insert("rack".to_owned(), rack.to_owned());
    }
    let assigned = assign(&members, &tasks(&[12], false), &settings(1));
    for (task, owner) in owners(&assigned) {
        let standby = assigned.iter().find(|(_, other)| other.standby.contains(&task)).unwrap().0;
        assert_ne!(members[&owner].client_tags, members[standby].client_tags, "{task}");
    }
    check_even(assigned.values().map(|assignment| assignment.standby.len()), "standbys");
}

#[test]
fn a_single_process_has_no_standbys() {
    let assigned = assign(&members(&[0, 0]), &tasks(&[4], false), &settings(1));
    assert!(assigned.values().all(|assignment| assignment.standby.is_empty()));
}

#[test]
fn a_state_that_is_only_a_little_better_does_not_stop_a_move() {
    let mut members = members(&[0, 1]);
    let task: TaskId = "0_0".parse().unwrap();
    members.get_mut("m000").unwrap().previous.warmup = set(&["0_0"]);
    members.get_mut("m000").unwrap().offsets.lags.insert(task, 1_050);
    members.get_mut("m001").unwrap().offsets.lags.insert(task, 1_000);
    let assigned = assign(&members, &tasks(&[1], false), &settings(0));
    assert!(assigned["m000"].active.contains(&task));
}
