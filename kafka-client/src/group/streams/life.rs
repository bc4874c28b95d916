//! One membership: a heartbeat when it is due, or when there is something to report.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{debug, info};

use super::{
    Tasks,
    coordinator::Coordinator,
    member::{Standing, StreamsSeat},
    messages::{Endpoint, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse, TaskIds},
    task::Task,
    tasks::{from_wire, to_wire},
    topology::KeyValue,
};
use crate::{
    Error, ErrorKind,
    group::{Event, event::Ended, millis_i32, verdict::Verdict},
};

/// The epoch of a member that joins.
const JOINING: i32 = 0;
/// Time between heartbeats if the broker names none.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// The state of one membership.
pub(super) struct Life<'a, C> {
    task: &'a Task<C>,
    incarnation: u64,
    /// [`JOINING`] until the first answer.
    epoch: i32,
    endpoint_epoch: i32,
    /// The broker's last assignment.
    target: Tasks,
    /// The owned tasks in the last answered heartbeat; `None` makes the next one report them in any
    /// case.
    reported: Option<Tasks>,
    /// True if the next heartbeat repeats what seldom changes.
    in_full: bool,
    seen_at: Instant,
    next_beat_at: Instant,
    /// Number of failures in a row.
    failures: u32,
}

impl<'a, C: Coordinator> Life<'a, C> {
    pub(super) fn new(task: &'a Task<C>, incarnation: u64) -> Self {
        let now = Instant::now();
        Self {
            task,
            incarnation,
            epoch: JOINING,
            endpoint_epoch: 0,
            target: Tasks::default(),
            reported: None,
            in_full: true,
            seen_at: now,
            next_beat_at: now,
            failures: 0,
        }
    }

    /// Runs until the membership ends.
    pub(super) async fn live(mut self) -> Ended {
        loop {
            if let Err(ended) = self.beat().await {
                return ended;
            }
        }
    }

    /// Waits until a heartbeat is due, sends it and processes the answer.
    async fn beat(&mut self) -> Result<(), Ended> {
        let seat: Arc<StreamsSeat> = Arc::clone(&self.task.seat);
        if self.epoch == JOINING {
            sleep_until(self.next_beat_at).await;
        } else {
            tokio::select! {
                () = sleep_until(self.next_beat_at) => {}
                () = seat.wait_until(|state| state.own.urgent.then_some(())) => {}
            }
        }
        let (request, claim) = self.request();
        let sent_at = Instant::now();
        let sending = self.task.coordinator.heartbeat(request);
        let answer = if self.epoch == JOINING {
            sending.await
        } else {
            match timeout_at(self.session_end(), sending).await {
                Ok(answer) => answer,
                Err(_) => return Err(self.session_is_over(None)),
            }
        };
        let (verdict, answer) = match answer {
            Ok(answer) => (self.judge(&answer), answer),
            Err(error) => (Verdict::of_error(error), StreamsGroupHeartbeatResponse::default()),
        };
        match verdict {
            Verdict::Done | Verdict::Rejoin => {
                self.take_in(answer, claim, sent_at);
                Ok(())
            }
            Verdict::Lost(error) if self.epoch == JOINING => self.beat_again_after(error).await,
            Verdict::Lost(error) => {
                self.forgotten();
                Err(Ended::Lost(error))
            }
            Verdict::Failed(error) => {
                // A member that has joined stays until it leaves.
                if self.epoch == JOINING {
                    self.forgotten();
                }
                Err(Ended::Failed(error))
            }
            Verdict::Retry(error) => self.beat_again_after(error).await,
            Verdict::Moved(error) => {
                self.task.coordinator.forget();
                self.beat_again_after(error).await
            }
        }
    }

    fn judge(&self, answer: &StreamsGroupHeartbeatResponse) -> Verdict {
        let context = format!("StreamsGroupHeartbeat of group {}", self.task.config.group_id);
        Verdict::of_code(answer.error_code, &context, answer.error_message.as_deref())
    }

    /// Builds a heartbeat, and returns the claim to tasks behind it.
    fn request(&self) -> (StreamsGroupHeartbeatRequest, Tasks) {
        let config = &self.task.config;
        let state = self.task.seat.as_of(self.incarnation, |state| {
            state.own.urgent = false;
            state.own.known = true;
            let claim = claim(&state.own, state.event.as_ref());
            (state.own.member_id.clone(), claim, state.own.shutdown_application)
        });
        // An incarnation that is over is dropped at the next await, before anything is sent.
        let (member_id, claim, shutdown_application) = state.unwrap_or_default();
        let joins = self.epoch == JOINING;
        let mut request = StreamsGroupHeartbeatRequest {
            group_id: config.group_id.clone(),
            member_id,
            member_epoch: self.epoch,
            endpoint_information_epoch: self.endpoint_epoch,
            instance_id: config.group_instance_id.clone(),
            rebalance_timeout_ms: -1,
            shutdown_application,
            ..StreamsGroupHeartbeatRequest::default()
        };
        if joins || self.in_full {
            request.rack_id.clone_from(&config.rack_id);
            request.rebalance_timeout_ms = millis_i32(config.max_poll_interval);
            request.process_id = Some(config.process_id.clone());
            request.user_endpoint =
                config.user_endpoint.clone().map(|(host, port)| Endpoint { host, port });
            let tags = config.client_tags.iter();
            let tags = tags.map(|(key, value)| KeyValue { key: key.clone(), value: value.clone() });
            request.client_tags = Some(tags.collect());
        }
        if joins {
            request.topology = Some(config.topology.clone());
        }
        if joins || self.reported.as_ref() != Some(&claim) {
            request.active_tasks = Some(to_wire(&claim.active));
            request.standby_tasks = Some(to_wire(&claim.standby));
            request.warmup_tasks = Some(to_wire(&claim.warmup));
        }
        (request, claim)
    }

    /// Processes an answer and tells the owner about a new target.
    fn take_in(&mut self, answer: StreamsGroupHeartbeatResponse, claim: Tasks, sent_at: Instant) {
        if self.epoch != answer.member_epoch {
            let (group, epoch) = (&self.task.config.group_id, answer.member_epoch);
            info!(group, epoch, "member epoch");
        }
        self.epoch = answer.member_epoch;
        self.endpoint_epoch = answer.endpoint_information_epoch;
        self.in_full = false;
        self.reported = Some(claim);
        self.seen_at = sent_at;
        self.next_beat_at = sent_at + interval(answer.heartbeat_interval_ms);
        self.failures = 0;
        let is_news = take_lists(
            &mut self.target,
            [answer.active_tasks, answer.standby_tasks, answer.warmup_tasks],
        );
        if is_news {
            // A new target is acknowledged by reporting the owned tasks, even if they have not
            // changed.
            self.reported = None;
        }
        self.task.seat.session_ends(self.incarnation, Some(self.session_end()));
        let statuses = answer.status.unwrap_or_default();
        let hosts = answer.partitions_by_user_endpoint;
        self.task.seat.as_of(self.incarnation, |state| {
            state.last_error = None;
            state.own.epoch = Some(self.epoch);
            state.own.statuses = statuses.into_iter().map(Into::into).collect();
            if let Some(hosts) = hosts {
                state.own.hosts = Some(hosts.into_iter().map(Into::into).collect());
            }
            if is_news {
                state.event = Some(Event::Assigned(self.target.clone()));
            }
        });
    }

    /// Sends everything again after a failure: the broker may have missed it, or be another one.
    async fn beat_again_after(&mut self, error: Error) -> Result<(), Ended> {
        let group = &self.task.config.group_id;
        debug!(group, %error, "trying again");
        self.in_full = true;
        self.reported = None;
        self.next_beat_at = Instant::now();
        self.task.seat.as_of(self.incarnation, |state| state.last_error = Some(error.clone()));
        self.failures += 1;
        let pause = self.task.client_config.backoff(self.failures);
        if self.epoch == JOINING {
            sleep(pause).await;
            return Ok(());
        }
        sleep_until(self.session_end().min(Instant::now() + pause)).await;
        if Instant::now() < self.session_end() {
            return Ok(());
        }
        Err(self.session_is_over(Some(error)))
    }

    /// Notes that the coordinator does not have the member: it need not leave.
    fn forgotten(&self) {
        self.task.seat.as_of(self.incarnation, |state| state.own.known = false);
    }

    fn session_end(&self) -> Instant {
        self.seen_at + self.task.config.session_timeout
    }

    /// The end of a membership by our own clock.
    fn session_is_over(&self, cause: Option<Error>) -> Ended {
        let context = format!(
            "group {}: no heartbeat got through for the session timeout of {} ms",
            self.task.config.group_id,
            self.task.config.session_timeout.as_millis()
        );
        Ended::Lost(match cause {
            Some(cause) => Error::with_source(ErrorKind::Fenced, context, cause),
            None => Error::new(ErrorKind::Fenced, context),
        })
    }
}

/// All tasks that the owner may be working on: those it reported, those it was told since, and
/// those it may be told before the answer to this heartbeat comes. If less were claimed, a task
/// might go to another member while the owner starts it.
fn claim(standing: &Standing, event: Option<&Event<Tasks>>) -> Tasks {
    let mut claim = standing.owned.clone();
    if let Some(told) = &standing.told {
        claim.add(told);
    }
    if let Some(Event::Assigned(tasks)) = event {
        claim.add(tasks);
    }
    claim
}

/// Enters the lists of an answer into the target; returns whether there were any.
fn take_lists(target: &mut Tasks, lists: [Option<Vec<TaskIds>>; 3]) -> bool {
    let [active, standby, warmup] = lists;
    let is_news = active.is_some() || standby.is_some() || warmup.is_some();
    for (tasks, list) in
        [(&mut target.active, active), (&mut target.standby, standby), (&mut target.warmup, warmup)]
    {
        if let Some(list) = list {
            *tasks = from_wire(list);
        }
    }
    is_news
}

fn interval(millis: i32) -> Duration {
    match u64::try_from(millis) {
        Ok(millis) if millis > 0 => Duration::from_millis(millis),
        _ => DEFAULT_INTERVAL,
    }
}
